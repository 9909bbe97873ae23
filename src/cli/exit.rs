//! How a command ends.

use std::process::ExitCode;

use super::output;
use super::terminal::style::{BAD, HEAD, paint};
use crate::keel::notice::chain;

/// The answer that an exit code gives to a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Yes: valid, in sync, nothing to do.
    Yes,
    /// No: invalid, not in sync, something to do.
    No,
    /// None: a signal ended it before.
    Signal(u8),
}

impl From<bool> for Exit {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

/// The exit code of a job that could not be done.
const FAILED: u8 = 2;

/// The exit code of a process that led until another one did.
const DEPOSED: u8 = 3;

/// The job could not be done.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct Failure {
    what: String,
    #[source]
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
    /// What to do about it.
    next: Option<String>,
    code: u8,
}

impl Failure {
    /// A failure that needs no cause: says what is wrong, and perhaps what to do next.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), cause: None, next: None, code: FAILED }
    }

    /// A step that failed because of something below.
    pub fn because(
        what: impl Into<String>,
        cause: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self { what: what.into(), cause: Some(Box::new(cause)), next: None, code: FAILED }
    }

    /// Another process leads now: a supervisor is to start this one again, as a follower.
    #[must_use]
    pub fn deposed(self) -> Self {
        Self { code: DEPOSED, ..self }
    }

    /// What to do about it, where the failure itself does not say so: on a line of its own.
    #[must_use]
    pub fn next(self, step: impl Into<String>) -> Self {
        Self { next: Some(step.into()), ..self }
    }
}

/// Prints a failure, and gives the exit code: the one place for both.
pub fn conclude(result: &Result<Exit, Failure>) -> ExitCode {
    match result {
        Ok(Exit::Yes) => ExitCode::SUCCESS,
        Ok(Exit::No) => ExitCode::from(1),
        Ok(Exit::Signal(number)) => ExitCode::from(128 + (number & 127)),
        Err(failure) => {
            output::aside(&format!("{} {}", paint(BAD, "error:"), chain(failure)));
            if let Some(next) = &failure.next {
                output::aside(&format!("{} {next}", paint(HEAD, "next:")));
            }
            ExitCode::from(failure.code)
        }
    }
}
