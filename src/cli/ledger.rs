//! `evenkeel ledger`: takes the ledger from one place to another without forgetting a spent call.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::exit::{Exit, Failure};
use super::global::{Global, Settable};
use super::output::{self, Format};
use super::shared;
use crate::clock::Clock;
use crate::config::{self, Settings};
use crate::keel::deployment::Action;
use crate::keel::message::counted;
use crate::keel::notice::chain;
use crate::keel::policy::Policy;
use crate::keel::time::Now;
use crate::keel::view::Time;
use crate::ledger::shared::{self as engine, Follower, Sight, Taken, Terms};
use crate::ledger::{Directory, Forgets, Ledger as _, OpenError, Transcript};

/// More time than this on top of a lease is not waited for who leads.
const PATIENCE: Duration = Duration::from_secs(1);

/// The commands.
#[derive(Debug, Subcommand)]
#[command(
    disable_help_subcommand = true,
    after_help = "Example, from a file to etcd, with all daemons ended:\n  \
    evenkeel --config with-a-file.yaml ledger export spent.txt\n  \
    evenkeel --config with-etcd.yaml ledger import spent.txt\n\n\
    Exit code: see each command."
)]
pub enum LedgerCommand {
    /// Write the ledger that the configuration names as text: the lines of the ledger file
    Export(ExportArgs),
    /// Put an exported ledger where the configuration says; refuses to forget a spent call
    Import(ImportArgs),
    /// Read a ledger, and say what is in it and whether it is whole
    Verify(VerifyArgs),
}

/// Write the ledger that the configuration names as text: the lines of the ledger file
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    evenkeel ledger export spent.txt\n  \
    evenkeel ledger export --state-dir /var/lib/evenkeel | ssh other 'cat > spent.txt'\n\n\
    Changes nothing. What a daemon spends after that is not in it: end it first, unless this is \
    only a backup.\n\
    Exit code: 0; 2 there is no ledger, or it is damaged or cannot be read.")]
pub struct ExportArgs {
    /// Where to [default: standard output]; a file that is there is replaced
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Directory of the ledger file
    #[arg(long, value_name = "DIR", env = "EVENKEEL_STATE_DIR")]
    pub state_dir: Option<PathBuf>,
}

/// Put an exported ledger where the configuration says; refuses to forget a spent call
#[derive(Debug, Args)]
#[command(after_help = "Example: evenkeel ledger import spent.txt\n\n\
    Refused while a daemon leads or has the state directory, and where calls that are known there \
    are not in FILE. On another machine all that FILE tells of counts as of just now, whatever its \
    clock said.\n\
    Exit code: 0 it is there; 1 refused, as a call would be forgotten; 2 it could not be done.")]
pub struct ImportArgs {
    /// What `ledger export` has written; - for standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Directory of the ledger file
    #[arg(long, value_name = "DIR", env = "EVENKEEL_STATE_DIR")]
    pub state_dir: Option<PathBuf>,
}

/// Read a ledger, and say what is in it and whether it is whole
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    evenkeel ledger verify               the one that the configuration names\n  \
    evenkeel ledger verify spent.txt     one that was exported\n\n\
    Changes nothing, and may be called while a daemon runs.\n\
    Exit code: 0 it is whole, 1 it is damaged, foreign or of a newer format, 2 there is none, or \
    it cannot be read.")]
pub struct VerifyArgs {
    /// A file with a ledger; - for standard input
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Directory of the ledger file
    #[arg(long, value_name = "DIR", env = "EVENKEEL_STATE_DIR")]
    pub state_dir: Option<PathBuf>,
    /// Form of the output
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: Format,
}

/// Does what is asked.
///
/// # Errors
/// When it could not be done.
pub async fn run(global: &Global, command: &LedgerCommand) -> Result<Exit, Failure> {
    match command {
        LedgerCommand::Export(args) => export(global, args),
        LedgerCommand::Import(args) => import(global, args).await,
        LedgerCommand::Verify(args) => verify(global, args),
    }
}

/// Where a ledger is, and by which rules it counts.
struct Place {
    ledger: config::Ledger,
    state_dir: PathBuf,
    policy: Policy,
}

impl Place {
    /// By configuration; a directory alone is enough where there is none.
    fn find(global: &Global, state_dir: Option<&PathBuf>) -> Result<Self, Failure> {
        let settable = Settable { state_dir: state_dir.cloned(), ..Settable::default() };
        match (global.settings(&settable), state_dir) {
            (Ok(Settings { ledger, state_dir, policy, .. }), _) => {
                Ok(Self { ledger, state_dir, policy })
            }
            (Err(_), Some(state_dir)) if global.config.is_none() => Ok(Self {
                ledger: config::Ledger::File,
                state_dir: state_dir.clone(),
                policy: Policy::default(),
            }),
            (Err(failure), _) => Err(failure),
        }
    }

    fn read(&self) -> Result<Option<Transcript>, Read> {
        match &self.ledger {
            config::Ledger::File => Transcript::of(&self.state_dir).map_err(Read::Open),
            config::Ledger::Shared { engine, lease } => {
                let store = shared::store(engine, Terms { lease: *lease }).map_err(Read::Failed);
                engine::transcript(&mut *store?).map_err(Read::Open)
            }
        }
    }
}

/// Why a ledger was not read.
enum Read {
    Open(OpenError),
    Failed(Failure),
}

impl Read {
    fn failure(self) -> Failure {
        match self {
            Self::Open(error) => Failure::because("cannot use the ledger", error),
            Self::Failed(failure) => failure,
        }
    }
}

fn now() -> Result<(Clock, Now), Failure> {
    let clock = Clock::new().map_err(|error| Failure::because("cannot read the clock", error))?;
    let now = clock.now();
    Ok((clock, now))
}

fn none() -> Failure {
    Failure::new("there is no ledger there").next("`--config` or `--state-dir` says where to look")
}

fn export(global: &Global, args: &ExportArgs) -> Result<Exit, Failure> {
    let place = Place::find(global, args.state_dir.as_ref())?;
    let mut transcript = place.read().map_err(Read::failure)?.ok_or_else(none)?;
    if let Some(calls) = transcript.torn() {
        output::aside(&format!("the end was torn off by a crash: {calls} calls count as spent"));
        transcript.count_torn(now()?.1);
    }
    let text = transcript.text();
    let text = text.map_err(|error| Failure::because("a record has no text", error))?;
    let Some(path) = &args.file else { return output::write(&text) };
    put(path, &text).map_err(|error| {
        let what = format!("cannot write {}", path.display());
        Failure::because(what, error).next("name a file that you may write to")
    })?;
    output::line(&format!("{} has {}", path.display(), Facts::of(&transcript).text()))
}

/// Durable, all or nothing.
fn put(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let mut file = File::create(&new)?;
    file.write_all(text)?;
    file.sync_all()?;
    std::fs::rename(new, path)
}

/// A ledger in a file, or on standard input.
fn from(path: &Path) -> Result<Result<Transcript, OpenError>, Failure> {
    let failed = |error| Failure::because(format!("cannot read {}", path.display()), error);
    let mut text = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_end(&mut text).map_err(failed)?;
    } else {
        text = std::fs::read(path).map_err(failed)?;
    }
    Ok(Transcript::parse(path, &text))
}

async fn import(global: &Global, args: &ImportArgs) -> Result<Exit, Failure> {
    let place = Place::find(global, args.state_dir.as_ref())?;
    let mut transcript = from(&args.file)?.map_err(|error| Read::Open(error).failure())?;
    if transcript.torn().is_some() {
        let what = format!("{} ends in the middle of a record", args.file.display());
        return Err(Failure::new(what).next("export it again; a part of it would forget calls"));
    }
    let (clock, now) = now()?;
    let refused = match &place.ledger {
        config::Ledger::File => {
            let failed = |error| Read::Open(error).failure();
            let mut directory = Directory::lock(&place.state_dir).map_err(failed)?;
            let there = Transcript::of(&place.state_dir).map_err(failed)?;
            let covers = |there| transcript.covers(there, &place.policy, now);
            match there.as_ref().map_or(Ok(()), covers) {
                Ok(()) => {
                    transcript.arrive(now);
                    transcript.replace(&mut directory).map_err(failed)?;
                    None
                }
                Err(forgets) => Some(forgets),
            }
        }
        config::Ledger::Shared { engine, lease } => {
            let follower = Follower::new(shared::member(engine, *lease, &clock)?);
            let Taken { mut ledger, records, .. } = take(follower, *lease).await?;
            let there = ledger.transcript(records);
            let refused = transcript.covers(&there, &place.policy, now).err();
            if refused.is_none() {
                transcript.arrive(now);
                ledger.adopt(&transcript).map_err(|fault| {
                    Failure::because("it is not known whether the ledger was put there", fault)
                        .next("run the same command again: what is there already is no hindrance")
                })?;
            }
            ledger.hand_over();
            refused
        }
    };
    match refused {
        None => output::line(&format!("imported {}", Facts::of(&transcript).text())),
        Some(forgets) => Ok(refuse(&forgets)),
    }
}

fn refuse(forgets: &Forgets) -> Exit {
    output::aside(&format!("refused, as this would be forgotten: {}", chain(forgets)));
    output::aside(match forgets {
        Forgets::Counted(_) => "next: wait until then, or import into an empty place",
        Forgets::Torn(_) | Forgets::Open(..) => {
            "next: run the daemon once with what is there, so that it is settled, and export that"
        }
        Forgets::Another { .. } | Forgets::Act { .. } => {
            "next: import into an empty place, or move away what is there and wait for as long as \
             the longest window"
        }
    });
    Exit::No
}

/// Takes a shared ledger over, for a moment. Who leads is given time to end, and no more.
async fn take(mut follower: Follower, lease: Duration) -> Result<Taken, Failure> {
    let (terms, deadline) = (Terms { lease }, Instant::now() + lease + PATIENCE);
    let id = engine::random()
        .map_err(|error| Failure::because("the system gives no random numbers", error))?;
    loop {
        let sight = follower.look().map_err(|error| Read::Open(error).failure())?;
        let by = match sight {
            Sight::Free => match follower.take(id) {
                Ok(taken) => return Ok(taken),
                Err(not) => {
                    if let Some(error) = not.why {
                        return Err(Read::Open(error).failure());
                    }
                    follower = not.follower;
                    "another process".to_owned()
                }
            },
            Sight::Led { by } => by,
        };
        if deadline <= Instant::now() {
            return Err(Failure::new(format!("{by} leads the ledger there"))
                .next("end all daemons that share it, and import then"));
        }
        sleep(terms.look()).await;
    }
}

/// What is in a ledger.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Facts {
    valid: bool,
    fault: Option<String>,
    ledger: Option<String>,
    format: Option<u32>,
    records: usize,
    first: Option<u64>,
    last: Option<u64>,
    starts: usize,
    stops: usize,
    open: usize,
    at: Option<Time>,
}

impl Facts {
    fn of(transcript: &Transcript) -> Self {
        let history = transcript.fold(&Policy::default());
        let acts = |action| history.past().iter().filter(|act| act.action == action).count();
        let (records, first) = (transcript.records().len(), transcript.first());
        let fault = transcript.torn().map(|calls| {
            format!(
                "line {}: the end was torn off by a crash, and may have held {calls} calls; the \
                 daemon counts them when it starts",
                records + 2
            )
        });
        Self {
            valid: fault.is_none(),
            fault,
            ledger: Some(transcript.id().to_owned()),
            format: Some(transcript.format()),
            records,
            first: (records > 0).then_some(first),
            last: (first + records as u64).checked_sub(1).filter(|_| records > 0),
            starts: acts(Action::Start),
            stops: acts(Action::Stop),
            open: history.open().len(),
            at: history.clock().map(|clock| Time(clock.wall)),
        }
    }

    fn text(&self) -> String {
        let Self { ledger, format, records, first, last, starts, stops, open, .. } = self;
        let (Some(ledger), Some(format)) = (ledger, format) else { return String::new() };
        let mut text = format!("ledger {ledger}, format {format}: {}", counted(*records, "record"));
        if let (Some(first), Some(last)) = (first, last) {
            text.push_str(&format!(", {first} to {last}"));
        }
        if let Some(Time(at)) = self.at {
            text.push_str(&format!(", the last of {at}"));
        }
        text.push_str(&format!(
            "; {}, {}, {} without an outcome",
            counted(*starts, "start"),
            counted(*stops, "stop"),
            counted(*open, "call"),
        ));
        text
    }
}

fn verify(global: &Global, args: &VerifyArgs) -> Result<Exit, Failure> {
    let read = match &args.file {
        Some(path) => from(path)?.map(Some).map_err(Read::Open),
        None => Place::find(global, args.state_dir.as_ref())?.read(),
    };
    let facts = match read {
        Ok(transcript) => Facts::of(&transcript.ok_or_else(none)?),
        Err(Read::Open(
            error @ (OpenError::Corrupt(_)
            | OpenError::Newer { .. }
            | OpenError::Foreign { .. }
            | OpenError::NotShared { .. }
            | OpenError::Empty { .. }),
        )) => Facts { fault: Some(chain(&error)), ..Facts::default() },
        Err(read) => return Err(read.failure()),
    };
    match args.output {
        Format::Json => output::json(&facts)?,
        Format::Text => {
            let text = Some(facts.text()).filter(|text| !text.is_empty());
            let fault = facts.fault.as_ref().map(|fault| format!("fault: {fault}"));
            let lines: Vec<_> = text.into_iter().chain(fault).collect();
            output::line(&lines.join("\n"))?
        }
    };
    Ok(facts.valid.into())
}
