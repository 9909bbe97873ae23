//! The documents are in step with the code.
#![expect(clippy::unwrap_used, reason = "a test's helper fails the test by panicking")]

#[path = "documents/deployments.rs"]
mod deployments;
#[path = "documents/monitoring.rs"]
mod monitoring;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clap::CommandFactory as _;
use evenkeel::cli::Cli;
use evenkeel::metrics::families_table;

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The words in backquotes.
fn quoted(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_readme_lists_each_metric_as_the_code_declares_it() {
    let table = families_table();
    assert!(read("README.md").contains(table.trim()), "the table should be:\n{table}");
}

#[test]
fn the_readme_lists_each_command_and_no_other() {
    let readme = read("README.md");
    let section = readme.split("\n## Commands\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let listed: BTreeSet<_> = rows
        .map(|row| quoted(row).into_iter().collect::<Vec<_>>())
        .map(|words| words.iter().map(|word| word.split(' ').next().unwrap().to_owned()).collect())
        .map(|words: Vec<String>| words.into_iter().find(|word| !word.starts_with('-')).unwrap())
        .collect();
    let command = Cli::command();
    let known: BTreeSet<_> =
        command.get_subcommands().map(|one| one.get_name().to_owned()).collect();
    assert_eq!(listed, known);
}

#[test]
fn the_first_screen_has_two_commands() {
    let readme = read("README.md");
    let first = readme.split("```").nth(1).unwrap();
    let commands: Vec<_> =
        first.trim().lines().map(|line| line.split('#').next().unwrap().trim()).collect();
    assert_eq!(commands, ["cargo run --release -- demo", "cargo test --locked --all-features"]);
}

#[test]
fn the_readme_links_to_files_that_exist() {
    let readme = read("README.md");
    for target in readme.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
        if !target.starts_with("http") {
            assert!(Path::new(target).exists(), "README.md links to {target}");
        }
    }
}

#[test]
fn the_code_map_names_each_file_and_room() {
    let architecture = read("src/ARCHITECTURE.md");
    let map = architecture.split("```").nth(1).unwrap();
    let named: BTreeSet<_> = map.split_whitespace().collect();
    for entry in fs::read_dir("src").unwrap().chain(fs::read_dir("src/keel").unwrap()) {
        let path = entry.unwrap().path();
        let mut name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if ["lib.rs", "mod.rs", "ARCHITECTURE.md"].contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            name.push('/');
        }
        assert!(named.contains(name.as_str()), "the code map does not name {}", path.display());
    }
    for name in named.iter().filter(|name| name.ends_with(".rs")) {
        let known =
            ["src", "src/keel", "tests"].iter().any(|dir| Path::new(dir).join(name).exists());
        assert!(known, "the code map names {name}, which does not exist");
    }
}

/// The variables of the environment that are read by the command line or the configuration.
fn variables() -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    let command = Cli::command();
    let below = command.get_subcommands().flat_map(clap::Command::get_subcommands);
    for one in command.get_subcommands().chain(below).chain([&command]) {
        for argument in one.get_arguments() {
            known.extend(argument.get_env().map(|name| name.to_str().unwrap().to_owned()));
        }
    }
    // These are read by the configuration, not by the command line.
    known.extend(
        [
            "EVENKEEL_API_KEY",
            "EVENKEEL_API_SECRET",
            "EVENKEEL_API_KEY_FILE",
            "EVENKEEL_API_SECRET_FILE",
            "EVENKEEL_REVISION",
        ]
        .map(str::to_owned),
    );
    known
}

#[test]
fn the_deployments_use_flags_and_variables_that_exist() {
    let known = variables();
    for path in ["Dockerfile", "deploy/evenkeel.service", "README.md"] {
        let text = read(path);
        let words = text.split(|c: char| !c.is_ascii_uppercase() && c != '_');
        for word in words.filter(|word| word.starts_with("EVENKEEL_")) {
            assert!(known.contains(word), "{path} speaks of {word}");
        }
    }
}

#[test]
fn help_says_how_commands_end_and_shows_an_example() {
    let mut command = Cli::command();
    let help = command.render_long_help().to_string();
    for text in ["Exit codes:", "Examples:", "--config", "--log-level", "--log-format"] {
        assert!(help.contains(text), "--help does not say {text}");
    }
    for one in command.get_subcommands() {
        assert!(one.get_about().is_some(), "{} has no description", one.get_name());
    }
}

#[test]
fn the_changelog_has_a_place_for_what_comes() {
    assert!(read("CHANGELOG.md").contains("## [Unreleased]"));
    assert!(read("LICENSE").contains("Apache License"));
}
