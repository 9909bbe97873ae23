//! `evenkeel completions`: what a shell has to know to complete command lines.

use clap::CommandFactory as _;

use super::Cli;
use super::exit::{Exit, Failure};
use super::output;

/// Print shell completions
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    evenkeel completions bash > /etc/bash_completion.d/evenkeel\n  \
    evenkeel completions zsh > \"${fpath[1]}/_evenkeel\"\n  \
    evenkeel completions fish > ~/.config/fish/completions/evenkeel.fish\n\n\
    Exit code: 0.")]
pub struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// Prints the script.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(args: &CompletionsArgs) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "evenkeel", &mut script);
    output::write(&script)
}
