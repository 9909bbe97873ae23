//! Parses the command line, calls, and turns the result into an exit code.

use std::process::ExitCode;

use clap::Parser as _;
use evenkeel::cli::{self, Cli, exit};
use tokio::runtime::Builder;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let result = runtime.block_on(cli::run(cli));
            // What a name server or a network disk still owes an answer is not waited for.
            runtime.shutdown_background();
            result
        }
        Err(error) => Err(exit::Failure::because("cannot begin to work", error)),
    };
    exit::conclude(&result)
}
