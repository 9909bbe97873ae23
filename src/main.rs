//! Parses the command line, calls, and turns the result into an exit code.

use std::process::ExitCode;

use clap::Parser as _;
use evenkeel::cli::{self, Cli, exit};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let result = cli::run(Cli::parse()).await;
    exit::conclude(&result)
}
