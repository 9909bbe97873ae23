//! What every command takes, and how it becomes settings.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use tracing_subscriber::filter::LevelFilter;

use super::exit::Failure;
use super::terminal::{self, Color};
use crate::clock::Clock;
use crate::config::{Overrides, Settings};
use crate::telemetry::{self, Format};

/// What to do about settings that cannot be used.
const NEXT: &str = "correct that; `evenkeel check` says when all is valid";

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Configuration file [default: /etc/evenkeel/evenkeel.yaml, if there is one]
    #[arg(long, global = true, value_name = "FILE", env = "EVENKEEL_CONFIG")]
    pub config: Option<PathBuf>,
    /// Form of the log on standard error: text, json or journal [default: journal where systemd's
    /// journal reads it, else text]
    #[arg(long, global = true, value_name = "FORMAT")]
    pub log_format: Option<Format>,
    /// Least important level to log: error, warn, info, debug, trace
    #[arg(long, global = true, value_name = "LEVEL", default_value = "info", env = "EVENKEEL_LOG")]
    pub log_level: LevelFilter,
    /// Colours: on a terminal unless NO_COLOR is set, always, or never
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t)]
    pub color: Color,
}

/// What commands that read the configuration take besides: each stands over the configuration file.
#[derive(Debug, Clone, Default, Args)]
pub struct Settable {
    /// Desired file
    #[arg(long, value_name = "FILE", env = "EVENKEEL_DESIRED")]
    pub desired: Option<PathBuf>,
    /// Base URL of the Deployment Management API; ends in /public_api/v1
    #[arg(long, value_name = "URL", env = "EVENKEEL_API_URL")]
    pub api_url: Option<String>,
    /// Address of the HTTP endpoint
    #[arg(long, value_name = "ADDR", env = "EVENKEEL_LISTEN")]
    pub listen: Option<String>,
    /// Web configuration: TLS, passwords and headers of the HTTP endpoint, in the format of
    /// Prometheus' exporter-toolkit
    #[arg(long, value_name = "FILE", env = "EVENKEEL_WEB_CONFIG")]
    pub web_config: Option<PathBuf>,
    /// Directory of the ledger
    #[arg(long, value_name = "DIR", env = "EVENKEEL_STATE_DIR")]
    pub state_dir: Option<PathBuf>,
}

impl Global {
    /// Starts the log on standard error.
    ///
    /// # Errors
    /// When the clock cannot be read.
    pub fn start_log(&self) -> Result<(), Failure> {
        self.start_log_at(self.log_level)
    }

    /// As [`Global::start_log`], from warnings up: for commands whose answer is not the log.
    ///
    /// # Errors
    /// When the clock cannot be read.
    pub fn start_quiet_log(&self) -> Result<(), Failure> {
        self.start_log_at(self.log_level.min(LevelFilter::WARN))
    }

    fn start_log_at(&self, level: LevelFilter) -> Result<(), Failure> {
        let failed = "cannot start the log";
        let clock = Clock::new().map_err(|error| Failure::because(failed, error))?;
        let now = Arc::new(move || clock.now().wall);
        let colour = terminal::log_in_colour();
        let usual = || if journal_reads() { Format::Journal } else { Format::Text };
        let format = self.log_format.unwrap_or_else(usual);
        telemetry::init(format, level, colour, now, terminal::progress::AboveFoot)
            .map_err(|error| Failure::because(failed, error))
    }

    /// What the flags say.
    pub fn overrides(&self, settable: &Settable) -> Overrides {
        Overrides {
            config: self.config.clone(),
            desired: settable.desired.clone(),
            api_url: settable.api_url.clone(),
            listen: settable.listen.clone(),
            web_config: settable.web_config.clone(),
            state_dir: settable.state_dir.clone(),
        }
    }

    /// The settings by flags, environment, file and defaults, in this order.
    ///
    /// # Errors
    /// All faults of the configuration, in one report.
    pub fn settings(&self, settable: &Settable) -> Result<Settings, Failure> {
        Settings::load(&self.overrides(settable), &|name| std::env::var(name).ok()).map_err(
            |report| Failure::because("the configuration cannot be used", report).next(NEXT),
        )
    }
}

/// Whether standard error goes to systemd's journal: `JOURNAL_STREAM` names its device and inode,
/// and is inherited by programs whose standard error is something else.
fn journal_reads() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    let error = rustix::fs::fstat(std::io::stderr());
    error.is_ok_and(|error| stream == format!("{}:{}", error.st_dev, error.st_ino))
}
