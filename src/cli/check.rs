//! `evenkeel check`: validates the configuration and the desired file, without network.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::exit::{Exit, Failure};
use super::global::{Global, Settable};
use super::output::{self, Format};
use crate::clock::Clock;
use crate::config::Settings;
use crate::keel::deployment::AccountId;
use crate::keel::notice::chain;
use crate::manifest;

/// Validate the configuration and the desired file, without network
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: evenkeel check desired.yaml\n\n\
    With FILE, only this desired file is validated, and no configuration is needed.\n\
    Exit code: 0 valid, 1 invalid, 2 a file could not be read.")]
pub struct CheckArgs {
    /// A desired file
    pub file: Option<PathBuf>,
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
    match &args.file {
        Some(file) => desired(file, None, &mut findings)?,
        None => match Settings::load(&global.overrides(&args.settable), &environment) {
            Ok(settings) => {
                findings.warnings.extend(settings.warnings.iter().cloned());
                for (id, account) in &settings.accounts {
                    if let Err(error) = account.credentials() {
                        let text = format!("account `{id}`: {}", chain(&error));
                        findings.warnings.push(text);
                    }
                }
                desired(&settings.desired, Some(&settings.policy.accounts), &mut findings)?;
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
    file: &Path,
    accounts: Option<&[AccountId]>,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let name = file.display().to_string();
    let bytes = std::fs::read(file)
        .map_err(|error| Failure::because(format!("cannot read {name}"), error))?;
    match manifest::parse_beside(&name, &bytes, accounts, &manifest::on_disk(file)) {
        Ok((manifest, warnings)) => {
            findings.deployments = manifest.intents.len();
            findings.warnings.extend(warnings);
            let clock =
                Clock::new().map_err(|error| Failure::because("cannot read the clock", error))?;
            findings.warnings.extend(manifest::expired(&manifest, clock.now().wall));
        }
        Err(report) => findings.faults.push(report.to_string()),
    }
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
    output::line(&format!("valid; {} deployments", findings.deployments))
}
