//! `evenkeel check`: validates the configuration and the desired file, without network.

use std::path::PathBuf;

use serde::Serialize;

use super::exit::{Exit, Failure};
use super::global::{Global, Settable};
use super::output::{self, Format};
use crate::clock::Clock;
use crate::config::Settings;
use crate::keel::deployment::AccountId;
use crate::keel::notice::chain;
use crate::manifest::{self, Options, Picture, Seen, Set};

/// Validate the configuration and the desired file, without network
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples: evenkeel check desired.yaml\n          \
    evenkeel check teams/\n\n\
    With FILE, only these desired files are validated, together, and no configuration is needed.\n\
    Exit code: 0 valid, 1 invalid, 2 a file could not be read.")]
pub struct CheckArgs {
    /// A desired file, a directory of them, or a pattern such as 'teams/*.yaml'
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Settings that stand over the configuration file
    #[command(flatten)]
    pub settable: Settable,
    /// Form of the output
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: Format,
}

/// What was found.
#[derive(Debug, Default, Serialize)]
struct Findings {
    valid: bool,
    files: usize,
    deployments: usize,
    faults: Vec<String>,
    warnings: Vec<String>,
}

/// Reads both files and says what is wrong with them.
///
/// # Errors
/// When a file cannot be read.
pub fn run(global: &Global, args: &CheckArgs) -> Result<Exit, Failure> {
    let mut findings = Findings::default();
    match &*args.files {
        files @ [_, ..] => desired(files, None, &mut findings)?,
        [] => match Settings::load(&global.overrides(&args.settable), &environment) {
            Ok(settings) => {
                findings.warnings.extend(settings.warnings.iter().cloned());
                for (id, account) in &settings.accounts {
                    if let Err(error) = account.credentials() {
                        let text = format!("account `{id}`: {}", chain(&error));
                        findings.warnings.push(text);
                    }
                }
                let accounts = Some(&*settings.policy.accounts);
                desired(&[settings.desired], accounts, &mut findings)?;
            }
            Err(report) => findings.faults.push(report.to_string()),
        },
    }
    findings.valid = findings.faults.is_empty();
    show(&findings, args.output)?;
    Ok(findings.valid.into())
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn desired(
    paths: &[PathBuf],
    accounts: Option<&[AccountId]>,
    findings: &mut Findings,
) -> Result<(), Failure> {
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
    findings.files = files.len();
    let taken = Set::new(accounts).take(&Picture { files, commit: None });
    let clock = Clock::new().map_err(|error| Failure::because("cannot read the clock", error))?;
    let now = clock.now().wall;
    for valid in &taken.fresh {
        findings.deployments += valid.manifest.intents.len();
        findings.warnings.extend(valid.warnings.iter().cloned());
        findings.warnings.extend(manifest::expired(&valid.manifest, now));
    }
    findings.faults.extend(taken.refused.iter().map(|one| one.report.to_string()));
    Ok(())
}

fn show(findings: &Findings, format: Format) -> Result<Exit, Failure> {
    if format == Format::Json {
        return output::json(findings);
    }
    for warning in &findings.warnings {
        output::line(&format!("warning: {warning}"))?;
    }
    for fault in &findings.faults {
        output::line(fault)?;
    }
    if !findings.valid {
        return output::line("not valid");
    }
    let of = match findings.files {
        0 | 1 => String::new(),
        files => format!(" in {files} files"),
    };
    output::line(&format!("valid; {} deployments{of}", findings.deployments))
}
