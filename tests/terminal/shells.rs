//! Completions and manual pages: whole, and as their readers want them.

use std::io::Write as _;
use std::process::{Command, Stdio};

use clap::CommandFactory as _;
use evenkeel::cli::Cli;

use crate::{Scratch, piped};

/// The names of all commands, and of the long flags of each.
fn all() -> Vec<(String, Vec<String>)> {
    let mut command = Cli::command();
    command.build();
    let flags = |one: &clap::Command| {
        let shown = one.get_arguments().filter(|argument| !argument.is_hide_set());
        shown.filter_map(|argument| argument.get_long()).map(str::to_owned).collect()
    };
    let named = command.get_subcommands().filter(|one| one.get_name() != "help");
    let below = |one: &clap::Command| {
        let name = |below: &clap::Command| format!("{}-{}", one.get_name(), below.get_name());
        one.get_subcommands().map(|below| (name(below), flags(below))).collect::<Vec<_>>()
    };
    let all = named.flat_map(|one| [vec![(one.get_name().to_owned(), flags(one))], below(one)]);
    all.flatten().collect()
}

#[test]
fn completions_know_each_command_and_flag() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, script) = piped(&["completions", shell], &[]);
        assert_eq!(code, 0);
        for (name, flags) in all() {
            let last = name.rsplit('-').next().unwrap();
            assert!(script.contains(last), "{shell} does not know `{name}`");
            for flag in flags {
                assert!(script.contains(&flag), "{shell} does not know `{name} --{flag}`");
            }
        }
    }
}

/// Each shell that is here reads its script without complaint.
#[test]
fn shells_can_read_their_completions() {
    for (shell, flags) in [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")] {
        let mut command = Command::new(shell);
        command.arg(flags).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let Ok(mut child) = command.spawn() else {
            assert_ne!(shell, "bash", "every machine that tests has bash");
            continue;
        };
        let (_, script) = piped(&["completions", shell], &[]);
        child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), &*said), (Some(0), ""), "{shell}");
    }
}

/// What bash offers behind a line, by the function that the script defines.
fn bash_offers(words: &[&str]) -> String {
    let (_, script) = piped(&["completions", "bash"], &[]);
    let last = words.len() - 1;
    let line = format!(
        "{script}\nCOMP_WORDS=({})\nCOMP_CWORD={last}\n_evenkeel evenkeel {} {}\n\
         echo \"${{COMPREPLY[*]}}\"\n",
        words.join(" "),
        words[last],
        words[last - 1],
    );
    let output = Command::new("bash").arg("-c").arg(line).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn bash_completes() {
    assert_eq!(bash_offers(&["evenkeel", "stat"]), "status");
    assert_eq!(bash_offers(&["evenkeel", "status", "--wa"]), "--watch");
    assert_eq!(bash_offers(&["evenkeel", "status", "--color", "n"]), "never");
    assert_eq!(bash_offers(&["evenkeel", "diff", "--output", "mark"]), "markdown");
    assert_eq!(bash_offers(&["evenkeel", "ledger", "imp"]), "import");
}

#[test]
fn there_is_a_manual_page_for_each_command() {
    let scratch = Scratch::new();
    let directory = scratch.0.join("man1");
    let (code, _) = piped(&["man", directory.to_str().unwrap()], &[]);
    assert_eq!(code, 0);
    let read = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
    let (_, first) = piped(&["man"], &[]);
    assert_eq!(read("evenkeel.1"), first);
    for (name, flags) in all() {
        let page = read(&format!("evenkeel-{name}.1")).replace("\\-", "-");
        for flag in flags {
            let flag = format!("--{flag}");
            assert!(page.contains(&flag), "the page of `{name}` does not know {flag}");
        }
        assert!(page.contains("Exit code"), "the page of `{name}` does not say how it ends");
    }
    insta::assert_snapshot!(read("evenkeel-status.1"));
}
