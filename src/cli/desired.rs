//! Desired files for the commands that only look at them: no network, no ledger, no watch.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::exit::Failure;
use super::global::{Global, Settable};
use crate::clock::Clock;
use crate::config::Settings;
use crate::keel::deployment::AccountId;
use crate::keel::intent::Manifest;
use crate::keel::policy::Policy;
use crate::keel::time::Wall;
use crate::manifest::{self, Options, Picture, Seen, Set, Taken};

/// What Git calls a file that is not there yet, or not any more.
const NOTHING: &str = "/dev/null";

/// Desired files as they are now.
#[derive(Debug)]
pub struct Files {
    /// How many there are.
    pub count: usize,
    /// What they hold, and what is wrong with them.
    pub taken: Taken,
}

/// Reads desired files, directories of them or patterns, all together.
///
/// # Errors
/// When one cannot be read.
pub fn files(paths: &[PathBuf], accounts: Option<&[AccountId]>) -> Result<Files, Failure> {
    let mut files = Vec::new();
    for path in paths {
        match manifest::look(&Options::new(path)) {
            Seen::Picture(picture) => files.extend(picture.files),
            Seen::Fault(fault) => return Err(Failure::new(fault.to_string())),
        }
    }
    // A file that is named twice is one file.
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files.dedup_by(|a, b| a.name == b.name);
    let count = files.len();
    Ok(Files { count, taken: Set::new(accounts).take(&Picture { files, commit: None }) })
}

/// The desired state that `path` holds, whole; `/dev/null` is an empty fleet.
///
/// # Errors
/// When it cannot be read, or anything in it is wrong.
pub fn whole(path: &Path, accounts: Option<&[AccountId]>) -> Result<Arc<Manifest>, Failure> {
    if path == Path::new(NOTHING) {
        return Ok(Arc::new(Manifest::new(manifest::revision(b""), [])));
    }
    let Files { taken, .. } = files(&[path.to_owned()], accounts)?;
    let report = taken.report();
    match (taken.manifest, report) {
        (Some(manifest), None) => Ok(manifest),
        (_, report) => Err(Failure::new(format!("not valid\n{}", report.unwrap_or_default()))),
    }
}

/// The settings of a command that can do without: `None` where no configuration is named, and
/// there is none at the usual place that can be used.
///
/// # Errors
/// When the configuration that is named cannot be used.
pub fn settings(global: &Global, settable: &Settable) -> Result<Option<Settings>, Failure> {
    match global.settings(settable) {
        Ok(settings) => Ok(Some(settings)),
        Err(_) if global.config.is_none() => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// The operator's rules of these settings, or else the documented ones.
pub fn policy(settings: Option<&Settings>) -> Policy {
    settings.map(|settings| settings.policy.clone()).unwrap_or_default()
}

/// The present.
///
/// # Errors
/// When the clock cannot be read.
pub fn now() -> Result<Wall, Failure> {
    let clock = Clock::new().map_err(|error| Failure::because("cannot read the clock", error))?;
    Ok(clock.now().wall)
}

/// Reads an instant of the command line: RFC 3339 with an offset, or a date for its midnight UTC.
///
/// # Errors
/// Says what is missing.
pub fn instant(text: &str) -> Result<Wall, String> {
    match text.parse::<jiff::civil::Date>() {
        Ok(_) if !text.contains(['T', 't', ' ']) => manifest::instant(&format!("{text}T00:00:00Z")),
        Ok(_) | Err(_) => manifest::instant(text),
    }
}
