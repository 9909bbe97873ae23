//! `evenkeel man`: the manual pages, made of the same words as `--help`.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use super::Cli;
use super::exit::{Exit, Failure};
use super::output;

/// Print the manual page, or write the pages of all commands into a directory
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    evenkeel man | man -l -                      read it\n  \
    evenkeel man /usr/local/share/man/man1       install all; then `man evenkeel-status` works\n\n\
    Exit code: 0.")]
pub struct ManArgs {
    /// Where to write evenkeel.1, evenkeel-run.1 and so on; it is created if need be
    #[arg(value_name = "DIR")]
    pub directory: Option<PathBuf>,
}

/// Prints or writes.
///
/// # Errors
/// When a page cannot be written.
pub fn run(args: &ManArgs) -> Result<Exit, Failure> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let Some(directory) = &args.directory else {
        let (_, page) = page(&command).map_err(|error| Failure::because(UNMADE, error))?;
        return output::write(page.as_bytes());
    };
    std::fs::create_dir_all(directory).and_then(|()| write(directory, &command)).map_err(
        |error| {
            let what = format!("cannot write into {}", directory.display());
            Failure::because(what, error).next("name a directory that you may write to")
        },
    )?;
    output::line(&format!(
        "the manual pages are in {0}; `man -l {0}/evenkeel.1` shows the first",
        directory.display()
    ))
}

/// The page of a command, and those of the commands below it.
fn write(directory: &Path, command: &Command) -> io::Result<()> {
    let (name, page) = page(command)?;
    std::fs::write(directory.join(name), page)?;
    command.get_subcommands().try_for_each(|one| write(directory, one))
}

const UNMADE: &str = "cannot make the manual page";

/// A page, and the name of its file.
fn page(command: &Command) -> io::Result<(String, String)> {
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render(&mut page)?;
    let page = String::from_utf8(page).map_err(io::Error::other)?;
    // What stands below the flags in `--help`.
    Ok((man.get_filename(), page.replacen("\n.SH EXTRA\n", "\n.SH EXAMPLES AND NOTES\n", 1)))
}
