//! `evenkeel check`: validates the configuration and the desired file, without network.

use std::path::PathBuf;

use serde::Serialize;

use super::desired;
use super::exit::{Exit, Failure};
use super::global::{Global, Settable};
use super::output::{self, Format};
use super::terminal::style::{self, paint};
use super::word;
use crate::config::{Settings, exposure};
use crate::keel::deployment::AccountId;
use crate::keel::finding;
use crate::keel::message::counted;
use crate::keel::notice::chain;
use crate::keel::policy::{Limits, Policy};
use crate::keel::time::Wall;
use crate::manifest;
use crate::web::Rules;

/// Validate the configuration and the desired file, without network
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples: evenkeel check desired.yaml\n          \
    evenkeel check teams/\n          \
    evenkeel check desired.yaml --from 2026-12-20        will it do over the holidays?\n\n\
    With FILE, only these desired files are validated, together, and no configuration is needed.\n\
    Exit code: 0 valid, 1 invalid, 2 a file could not be read.")]
pub struct CheckArgs {
    /// A desired file, a directory of them, or a pattern such as 'teams/*.yaml'
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// As of when: a time with an offset, or a date for its midnight UTC [default: now]
    #[arg(long, value_name = "T", value_parser = desired::instant)]
    pub from: Option<Wall>,
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
    let from = args.from.map_or_else(desired::now, Ok)?;
    match &*args.files {
        files @ [_, ..] => {
            let settings = desired::settings(global, &args.settable)?;
            let Policy { limits, .. } = desired::policy(settings.as_ref());
            look(files, None, &limits, from, &mut findings)?;
        }
        [] => match Settings::load(&global.overrides(&args.settable), &environment) {
            Ok(settings) => {
                findings.warnings.extend(settings.warnings.iter().cloned());
                findings.warnings.extend(settings.exposures());
                for (id, account) in &settings.accounts {
                    if let Err(error) = account.credentials() {
                        let text = format!("account `{id}`: {}", chain(&error));
                        findings.warnings.push(text);
                    }
                }
                findings.warnings.extend(word::warnings(&settings));
                if let Some(path) = &settings.web_config {
                    match Rules::read(path) {
                        Ok(rules) => {
                            findings.warnings.extend(rules.warnings().iter().cloned());
                            findings.warnings.extend(rules.key_file().and_then(exposure));
                        }
                        Err(report) => findings.faults.push(report.to_string()),
                    }
                }
                let Policy { accounts, limits, .. } = &settings.policy;
                look(&[settings.desired], Some(accounts), limits, from, &mut findings)?;
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

fn look(
    paths: &[PathBuf],
    accounts: Option<&[AccountId]>,
    limits: &Limits,
    from: Wall,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let desired::Files { count, taken } = desired::files(paths, accounts)?;
    findings.files = count;
    for valid in &taken.fresh {
        findings.deployments += valid.manifest.intents.len();
        findings.warnings.extend(valid.warnings.iter().cloned());
        findings.warnings.extend(manifest::expired(&valid.manifest, from));
    }
    if let (Some(manifest), true) = (&taken.manifest, taken.refused.is_empty()) {
        findings.warnings.extend(finding::warnings(manifest, limits, from));
    }
    findings.faults.extend(taken.refused.iter().map(|one| one.report.to_string()));
    Ok(())
}

fn show(findings: &Findings, format: Format) -> Result<Exit, Failure> {
    if format == Format::Json {
        return output::json(findings);
    }
    for warning in &findings.warnings {
        output::prose(&style::warning(warning), 2)?;
    }
    for fault in &findings.faults {
        output::prose(fault, 2)?;
    }
    if !findings.valid {
        return output::line(&paint(style::BAD, "not valid"));
    }
    let of = match findings.files {
        0 | 1 => String::new(),
        files => format!(" in {files} files"),
    };
    let valid = paint(style::GOOD, "valid");
    output::line(&format!("{valid}; {}{of}", counted(findings.deployments, "deployment")))
}
