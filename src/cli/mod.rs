//! The command line: one file a command.

pub mod check;
pub mod completions;
pub mod daemon;
pub mod demo;
pub mod desired;
pub mod diff;
pub mod endpoint;
pub mod exit;
pub mod explain;
pub mod fleet;
pub mod global;
pub mod history;
pub mod ledger;
pub mod man;
pub mod once;
pub mod output;
pub mod plan;
pub mod preview;
pub mod progress;
pub mod run;
pub mod shared;
pub mod simulate;
pub mod socket;
pub mod start;
pub mod status;
pub mod terminal;
pub mod wish;
pub mod word;

use clap::{Parser, Subcommand};
use rustix::process::DumpableBehavior;

use exit::{Exit, Failure};
use global::Global;

/// Keeps every EMQX Cloud deployment in the state that a file in Git says: running or stopped.
#[derive(Debug, Parser)]
#[command(name = "evenkeel", version, max_term_width = 100, after_help = AFTER_HELP)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  evenkeel demo                              watch it work, nothing to set up
  evenkeel check desired.yaml                validate a desired file
  evenkeel preview --desired desired.yaml    the coming starts and stops
  evenkeel diff old.yaml new.yaml            what an edit changes
  evenkeel plan                              what would be done, and when
  evenkeel --config evenkeel.yaml run        the daemon

Exit codes: 0 yes, 1 no (see each command), 2 the job could not be done, 3 another process leads.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon until SIGTERM or SIGINT
    Run(run::RunArgs),
    /// Validate the configuration and the desired file, without network
    Check(check::CheckArgs),
    /// Show what would be done now, and when the budget lets it
    Plan(plan::PlanArgs),
    /// Reconcile until all is in sync, then end; for pipelines
    Once(once::OnceArgs),
    /// Show the running daemon's view
    Status(status::StatusArgs),
    /// Show every call that spent a start or stop, and why
    History(history::HistoryArgs),
    /// Have a deployment running or stopped for a while, whatever the desired file says
    Override(wish::OverrideArgs),
    /// Neither start nor stop a deployment for a while
    Suspend(wish::SuspendArgs),
    /// End what `override` and `suspend` asked for: the desired file decides again
    Resume(wish::ResumeArgs),
    /// Read the status of a deployment, or of all, as soon as the budget lets it
    Sync(wish::SyncArgs),
    /// Show the coming changes of the wanted state, and what the limits make of them
    Preview(preview::PreviewArgs),
    /// Show what an edit of the desired file changes over the coming days; for pull requests
    Diff(diff::DiffArgs),
    /// Explain why a deployment is in its state, from the rule to the answer, now or at a time
    Explain(explain::ExplainArgs),
    /// Serve a simulated Deployment Management API
    Simulate(Box<simulate::SimulateArgs>),
    /// Simulator, daemon and status page in one process, an hour shrunk to a minute
    Demo(demo::DemoArgs),
    /// Take the ledger from one place to another, and see whether it is whole
    #[command(subcommand)]
    Ledger(ledger::LedgerCommand),
    /// Print shell completions
    Completions(completions::CompletionsArgs),
    /// Print the manual page, or write the pages of all commands into a directory
    Man(man::ManArgs),
}

/// Does what the command line says.
///
/// # Errors
/// When the job could not be done: exit code 2.
pub async fn run(cli: Cli) -> Result<Exit, Failure> {
    let global = cli.global;
    // Neither a core dump nor another process of this user is to see a secret. Where the kernel
    // refuses that, the rest works all the same.
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    global.color.take_effect();
    match cli.command {
        Command::Run(args) => run::run(&global, args).await,
        Command::Check(args) => check::run(&global, &args),
        Command::Plan(args) => plan::run(&global, &args).await,
        Command::Once(args) => once::run(&global, &args).await,
        Command::Status(args) => status::run(&global, &args).await,
        Command::History(args) => history::run(&global, &args).await,
        Command::Override(args) => wish::over(&global, &args).await,
        Command::Suspend(args) => wish::suspend(&global, &args).await,
        Command::Resume(args) => wish::resume(&global, &args).await,
        Command::Sync(args) => wish::sync(&global, &args).await,
        Command::Preview(args) => preview::run(&global, &args),
        Command::Diff(args) => diff::run(&global, &args),
        Command::Explain(args) => explain::run(&global, &args).await,
        Command::Simulate(args) => {
            let served = simulate::run(*args, crate::lifecycle::asked_to_end()).await;
            served.map_err(|error| {
                Failure::because("cannot serve the simulated API", error)
                    .next("is the address taken? `--listen` names another")
            })?;
            Ok(Exit::Yes)
        }
        Command::Demo(args) => demo::run(&global, args).await,
        Command::Ledger(command) => ledger::run(&global, &command).await,
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }
}
