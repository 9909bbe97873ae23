//! `--help`, word for word.

use clap::CommandFactory as _;
use evenkeel::cli::Cli;

use crate::piped;

#[test]
fn the_help_of_each_command() {
    let command = Cli::command();
    insta::assert_snapshot!("help", piped(&["--help"], &[]).1);
    for one in command.get_subcommands() {
        let name = one.get_name();
        let (code, help) = piped(&[name, "--help"], &[]);
        assert_eq!(code, 0);
        assert!(help.contains("Exit code"), "`{name} --help` does not say how it ends");
        assert!(help.contains("Example"), "`{name} --help` shows no example");
        insta::assert_snapshot!(format!("help_{name}"), help);
        for below in one.get_subcommands() {
            let below = below.get_name();
            let (code, help) = piped(&[name, below, "--help"], &[]);
            assert_eq!(code, 0);
            assert!(help.contains("Exit code") && help.contains("Example"), "{name} {below}");
            insta::assert_snapshot!(format!("help_{name}_{below}"), help);
        }
    }
}
