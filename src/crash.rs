//! Named points at which a test may kill this process, to see what a crash there leaves behind.
//!
//! A testing aid: nothing happens unless the environment variable [`VARIABLE`] names a point when
//! the process first passes one. The process dies by SIGKILL, so nothing is flushed or cleaned up.
//! With [`PANIC`] in its place, what is under way panics there, as a defect would make it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Signal, getpid, kill_process};

/// `NAME`, or `NAME:N` for the N-th passage (the first is 1). Read once.
pub const VARIABLE: &str = "EVENKEEL_CRASH_AT";

/// The same, for a panic. Read if the other is not set.
pub const PANIC: &str = "EVENKEEL_PANIC_AT";

/// Every point there is, in the order in which one call passes them.
pub const POINTS: [&str; 9] = [
    "ledger:before-write",
    "ledger:half-write",
    "ledger:before-sync",
    "ledger:after-sync",
    "api:before-send",
    "api:after-send",
    "api:after-answer",
    "compact:before-rename",
    "compact:after-rename",
];

/// Where to die.
#[derive(Debug)]
struct Plan {
    point: String,
    panics: bool,
    passages_left: AtomicU32,
}

static PLAN: OnceLock<Option<Plan>> = OnceLock::new();

/// Dies here, if this is the point and the passage.
pub fn point(name: &str) {
    if due(name) {
        die();
    }
}

/// Whether to die at this passage of `name`; for points that do something first.
pub fn due(name: &str) -> bool {
    match plan() {
        Some(plan) if plan.point == name => plan.passages_left.fetch_sub(1, Ordering::Relaxed) == 1,
        Some(_) | None => false,
    }
}

/// Ends as planned.
///
/// # Panics
/// If the plan is to panic.
pub fn die() -> ! {
    assert!(!plan().is_some_and(|plan| plan.panics), "as {PANIC} says");
    // If the kernel will not kill us, abort is the next best end without clean-up.
    let _ = kill_process(getpid(), Signal::KILL);
    std::process::abort()
}

fn plan() -> Option<&'static Plan> {
    let read = |variable| std::env::var(variable).ok().and_then(|text| parse(&text));
    let plan = PLAN.get_or_init(|| {
        read(VARIABLE).or_else(|| read(PANIC).map(|plan| Plan { panics: true, ..plan }))
    });
    plan.as_ref()
}

/// Names hold a colon themselves, so a count is what follows the last one, if it is a number.
fn parse(text: &str) -> Option<Plan> {
    let counted = text.rsplit_once(':').and_then(|(point, n)| Some((point, n.parse().ok()?)));
    let (point, passages) = counted.unwrap_or((text, 1));
    let known = POINTS.contains(&point) && passages > 0;
    let passages_left = AtomicU32::new(passages);
    known.then(|| Plan { point: point.to_owned(), panics: false, passages_left })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<(String, u32)> {
        parse(text).map(|plan| (plan.point, plan.passages_left.into_inner()))
    }

    #[test]
    fn a_plan_is_a_point_and_a_passage() {
        assert_eq!(parsed("ledger:before-sync"), Some(("ledger:before-sync".to_owned(), 1)));
        assert_eq!(parsed("api:before-send:3"), Some(("api:before-send".to_owned(), 3)));
        for unknown in ["", "ledger", "ledger:nowhere", "api:before-send:0", "api:before-send:x"] {
            assert_eq!(parsed(unknown), None, "{unknown}");
        }
    }
}
