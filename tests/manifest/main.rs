//! Desired files, and exactly what is said about them.
//!
//! `cases/NAME.yaml` is a desired file; `NAME.expected` beside it is what comes out. So with the
//! `timelines` of schedules and the `calendars` of holidays. With `BLESS=1` in the environment the
//! expectations are written instead of compared: read the difference before you commit it.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod calendars;
mod desired;
mod golden;
mod timelines;
