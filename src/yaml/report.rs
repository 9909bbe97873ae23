//! Problems, collected and shown.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::node::{Node, Place};
use super::source::Source;
use super::suggest::closest;

/// Problems shown of one file. Who has more has one cause.
const SHOWN_MAX: usize = 100;

/// Where a problem is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum At {
    /// Outside the file: a flag or a variable, by its name.
    Setting(Arc<str>),
    /// The file as a whole.
    File,
    /// A place in the file.
    Place(Place),
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where.
    pub at: At,
    /// What is wrong, what was expected, and what to do.
    pub message: String,
    /// The line with a caret, if it may be shown.
    pub excerpt: Option<String>,
}

impl Problem {
    /// A problem of the file as a whole.
    pub fn whole(message: impl Into<String>) -> Self {
        Self { at: At::File, message: message.into(), excerpt: None }
    }

    /// The line, from 1; 0 if the problem has no place.
    pub const fn line(&self) -> u32 {
        match &self.at {
            At::Place(place) => place.line,
            At::Setting(_) | At::File => 0,
        }
    }

    /// The column, from 1; 0 if the problem has no place.
    pub const fn column(&self) -> u32 {
        match &self.at {
            At::Place(place) => place.column,
            At::Setting(_) | At::File => 0,
        }
    }

    /// `file:line:column: message`, without the excerpt.
    pub fn headline(&self, file: &str) -> String {
        let Self { at, message, .. } = self;
        match at {
            At::Setting(name) => format!("{name}: {message}"),
            At::File => format!("{file}: {message}"),
            At::Place(place) => format!("{file}:{}:{}: {message}", place.line, place.column),
        }
    }
}

/// Everything that is wrong with a file: never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// As people know the file.
    pub file: Arc<str>,
    /// In the order of the file.
    pub problems: Vec<Problem>,
}

impl Report {
    /// A report of one problem.
    pub fn one(file: &str, problem: Problem) -> Self {
        Self { file: file.into(), problems: vec![problem] }
    }
}

/// `file:line:column: message` and the line with a caret, problem by problem.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().take(SHOWN_MAX).enumerate() {
            let gap = if index == 0 { "" } else { "\n" };
            write!(f, "{gap}{}", problem.headline(&self.file))?;
            if let Some(excerpt) = &problem.excerpt {
                write!(f, "\n{excerpt}")?;
            }
        }
        match self.problems.len().saturating_sub(SHOWN_MAX) {
            0 => Ok(()),
            more => write!(f, "\n{}: {more} more problems", self.file),
        }
    }
}

impl std::error::Error for Report {}

/// What has been found so far.
#[derive(Debug, Default)]
pub struct Faults {
    problems: BTreeSet<(At, String)>,
    warnings: BTreeSet<(At, String)>,
    known: Option<BTreeSet<String>>,
}

impl Faults {
    /// Remembers which keys are asked for, too: see [`Faults::known`].
    pub fn recording() -> Self {
        Self { known: Some(BTreeSet::new()), ..Self::default() }
    }

    /// Something is wrong at `place`.
    pub fn problem(&mut self, place: Place, message: impl Into<String>) {
        self.problems.insert((At::Place(place), message.into()));
    }

    /// Something is wrong elsewhere.
    pub fn problem_at(&mut self, at: At, message: impl Into<String>) {
        self.problems.insert((at, message.into()));
    }

    /// Something is allowed, and most likely not meant.
    pub fn warning(&mut self, at: At, message: impl Into<String>) {
        self.warnings.insert((at, message.into()));
    }

    /// The value, or a problem at `node`.
    pub fn check<T>(&mut self, node: &Node, result: Result<T, String>) -> Option<T> {
        result.map_err(|message| self.problem(node.place, message)).ok()
    }

    /// The value of one of the words `choices`, or a problem that lists them.
    pub fn choice<T: Copy>(&mut self, node: &Node, choices: &[(&str, T)]) -> Option<T> {
        let found = node.word().ok();
        if let Some((_, value)) = choices.iter().find(|(word, _)| Some(*word) == found) {
            return Some(*value);
        }
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let meant = found.and_then(|word| closest(word, &words));
        let message = format!("expected {}, found {node}{}", listed(&words), did_you_mean(meant));
        self.problem(node.place, message);
        None
    }

    /// Whether nothing is wrong so far.
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// Remembers a key that was asked for, by its path, if anybody wants to know.
    pub(super) fn asked_for(&mut self, path: impl FnOnce() -> String) {
        if let Some(known) = &mut self.known {
            known.insert(path());
        }
    }

    /// Every key that was asked for since [`Faults::recording`], as a path: `limits.start.per`.
    pub fn known(self) -> BTreeSet<String> {
        self.known.unwrap_or_default()
    }

    /// The warnings as lines, or the report if anything is wrong.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn finish(self, file: &str, source: Option<&Source>) -> Result<Vec<String>, Report> {
        let problem = |(at, message): (At, String)| {
            let excerpt = match (&at, source) {
                (At::Place(place), Some(source)) => source.excerpt(*place),
                (At::Place(_), None) | (At::File | At::Setting(_), _) => None,
            };
            Problem { at, message, excerpt }
        };
        if self.problems.is_empty() {
            let lines = self.warnings.into_iter().map(|warning| problem(warning).headline(file));
            return Ok(lines.collect());
        }
        // Who shows a hundred problems needs no line for the rest.
        let problems = self.problems.into_iter().enumerate().map(|(index, (at, message))| {
            if index < SHOWN_MAX {
                problem((at, message))
            } else {
                Problem { at, message, excerpt: None }
            }
        });
        Err(Report { file: file.into(), problems: problems.collect() })
    }
}

/// `a`, `b` or `c`.
pub(crate) fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => "nothing".to_owned(),
    }
}

/// `; did you mean …?`, or nothing.
pub(crate) fn did_you_mean(meant: Option<&str>) -> String {
    meant.map(|word| format!("; did you mean `{word}`?")).unwrap_or_default()
}
