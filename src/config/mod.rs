//! The configuration: flags over environment over file over defaults, to each adapter's options.

mod account;
mod admin;
mod credential;
mod file;
mod ledger;
mod notify;
mod secrets;

pub use account::Account;
pub use admin::{Admin, token};
pub use credential::{CredentialsError, SecretSource, exposure};
pub use ledger::{Engine, Etcd, Kubernetes, Ledger};
pub use notify::{Address, Notify, Receiver};

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::keel::deployment::AccountId;
use crate::keel::policy::Policy;
use crate::yaml::{At, Faults, Problem, Report, Source};

/// Where the configuration is looked for when nothing names it.
const USUAL_FILE: &str = "/etc/evenkeel/evenkeel.yaml";

/// Where the ledger is kept when nothing says otherwise.
pub const USUAL_STATE_DIR: &str = "/var/lib/evenkeel";

/// The desired file, beside the configuration, when nothing says otherwise.
const USUAL_DESIRED: &str = "desired.yaml";

/// The endpoint's address when nothing says otherwise: not to be reached from outside.
pub const USUAL_LISTEN: &str = "127.0.0.1:9464";

/// How long a call may take when nothing says otherwise.
const USUAL_TIMEOUT: Duration = Duration::from_secs(30);

/// What the command line says; it stands over everything else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// The configuration file.
    pub config: Option<PathBuf>,
    /// The desired file.
    pub desired: Option<PathBuf>,
    /// The base URL of the default account.
    pub api_url: Option<String>,
    /// The address of the HTTP endpoint.
    pub listen: Option<String>,
    /// The web configuration: who may reach the endpoint, and how.
    pub web_config: Option<PathBuf>,
    /// The directory of the ledger.
    pub state_dir: Option<PathBuf>,
}

/// All that was decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The desired file, a directory of them, or a pattern.
    pub desired: PathBuf,
    /// What the desired files are a state of, if somebody says so.
    pub revision: Option<Arc<str>>,
    /// The directory of the ledger file, and of the last good desired files.
    pub state_dir: PathBuf,
    /// Where the ledger is kept.
    pub ledger: Ledger,
    /// The address of the HTTP endpoint, as `host:port`.
    pub listen: String,
    /// The file that says who may reach the endpoint, and how, if there is one.
    pub web_config: Option<PathBuf>,
    /// The accounts.
    pub accounts: BTreeMap<AccountId, Account>,
    /// Who may change something in the running daemon.
    pub admin: Admin,
    /// The keel's rules.
    pub policy: Policy,
    /// How long a call may take.
    pub timeout: Duration,
    /// Who is told when something happens.
    pub notify: Notify,
    /// What is odd, but no fault.
    pub warnings: Vec<String>,
}

/// The longest revision that is taken from outside, in characters.
const REVISION_MAX: usize = 40;

/// A look into the environment.
pub type Environment<'a> = dyn Fn(&str) -> Option<String> + 'a;

impl Settings {
    /// Reads the configuration file, if there is one, and puts environment and flags over it.
    ///
    /// # Errors
    /// All that is wrong, in one report.
    pub fn load(overrides: &Overrides, environment: &Environment<'_>) -> Result<Self, Report> {
        let usual = Path::new(USUAL_FILE);
        let path = overrides.config.as_deref().or(usual.exists().then_some(usual));
        let Some(path) = path else {
            return Self::resolve("settings", None, None, overrides, environment);
        };
        let name = path.display().to_string();
        let bytes = fs::read(path).map_err(|error| {
            let what = format!("cannot be read: {error}; `--config` names it");
            Report::one(&name, Problem::whole(what))
        })?;
        let beside = path.parent().map(Path::to_owned);
        Self::resolve(&name, Some(&bytes), beside, overrides, environment)
    }

    /// As [`Settings::load`], with the file's content already at hand. `beside` is where the paths
    /// in it start from.
    ///
    /// # Errors
    /// All that is wrong, in one report.
    pub fn resolve(
        name: &str,
        bytes: Option<&[u8]>,
        beside: Option<PathBuf>,
        overrides: &Overrides,
        environment: &Environment<'_>,
    ) -> Result<Self, Report> {
        let mut faults = Faults::default();
        let one = |problem| Report::one(name, problem);
        let mut source = bytes.map(|bytes| Source::new(name, bytes)).transpose().map_err(one)?;
        let suspects = source.as_mut().is_some_and(secrets::hide_suspects);
        let root = source.as_ref().map(|source| source.parse(&mut faults)).transpose();
        let root = root.map_err(|mut problem| {
            // A credential may go on in the lines below, and nobody knows where it ends.
            problem.excerpt = problem.excerpt.filter(|_| !suspects);
            one(problem)
        })?;
        if let (Some(source), Some(root)) = (&mut source, &root) {
            source.mask(secrets::places(root));
        }
        let beside = beside.unwrap_or_default();
        let mut file = file::read(root.as_ref(), &beside, &mut faults);
        account::from_environment(&mut file.accounts, overrides, environment, &mut faults);
        let given =
            |flag: Option<PathBuf>, name| flag.or_else(|| environment(name).map(Into::into));
        let desired = given(overrides.desired.clone(), "EVENKEEL_DESIRED").or(file.desired);
        let state_dir = given(overrides.state_dir.clone(), "EVENKEEL_STATE_DIR")
            .or(file.state_dir)
            .or_else(|| environment("STATE_DIRECTORY").map(Into::into));
        let web_config = given(overrides.web_config.clone(), "EVENKEEL_WEB_CONFIG");
        let listen = overrides.listen.clone().or_else(|| environment("EVENKEEL_LISTEN"));
        let listen = listen.or(file.listen).unwrap_or_else(|| USUAL_LISTEN.to_owned());
        if let Err(message) = file::address(&listen) {
            faults.problem_at(At::Setting("listen".into()), message);
        }
        let accounts = account::complete(file.accounts, &mut faults);
        let warnings = faults.finish(name, source.as_ref())?;
        let mut policy = file.policy;
        policy.accounts = accounts.keys().cloned().collect();
        Ok(Self {
            desired: desired.unwrap_or_else(|| beside.join(USUAL_DESIRED)),
            revision: environment("EVENKEEL_REVISION").and_then(|text| revision(&text)),
            state_dir: state_dir.unwrap_or_else(|| USUAL_STATE_DIR.into()),
            ledger: file.ledger,
            listen,
            web_config: web_config.or(file.web_config),
            accounts,
            admin: file.admin,
            policy,
            timeout: file.timeout.unwrap_or(USUAL_TIMEOUT),
            notify: file.notify,
            warnings,
        })
    }

    /// Which files of secrets are open to others than the daemon, as they are now, and what to do
    /// about each: no fault of the file.
    pub fn exposures(&self) -> Vec<String> {
        let accounts = self.accounts.values();
        let halves = accounts.flat_map(|account| [&account.key, &account.secret]);
        let receivers = self.notify.receivers.values().flat_map(|receiver| {
            let url = match &receiver.url {
                Address::Kept(source) => Some(source),
                Address::Plain(_) => None,
            };
            url.into_iter().chain(&receiver.secret)
        });
        let sources = halves.chain(receivers).filter_map(SecretSource::exposure);
        let (key, password) = match &self.ledger {
            Ledger::File => (None, None),
            Ledger::Shared { engine: Engine::Etcd(etcd), .. } => (
                etcd.identity.as_ref().and_then(|(_, key)| credential::exposure(key)),
                etcd.user.as_ref().and_then(|(_, password)| password.exposure()),
            ),
            Ledger::Shared { engine: Engine::Kubernetes(kubernetes), .. } => {
                (kubernetes.kubeconfig.as_deref().and_then(credential::exposure), None)
            }
        };
        let token = self.admin.token_file.as_deref().and_then(credential::exposure);
        let web = self.web_config.as_deref().and_then(credential::exposure);
        // One file may serve for several.
        sources
            .chain(token)
            .chain(web)
            .chain(key)
            .chain(password)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }

    /// Every key that a configuration file may have, as paths such as `limits.start.per`.
    pub fn known_keys() -> Vec<String> {
        let mut faults = Faults::default();
        file::read(None, Path::new(""), &mut faults);
        faults.known().iter().cloned().collect()
    }
}

/// What of a revision is fit for logs and pages.
fn revision(text: &str) -> Option<Arc<str>> {
    let text: String = text.chars().filter(char::is_ascii_graphic).take(REVISION_MAX).collect();
    (!text.is_empty()).then(|| text.into())
}
