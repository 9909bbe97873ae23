//! What the commands that only read files show on a narrow terminal.

use crate::Scratch;
use crate::pty::shown;

const DESIRED: &str = "\
timezone: Europe/Berlin
schedules:
  office: { running: [Mon-Fri 08:00-19:00] }
  often: { running: [08:00-08:30, 09:00-09:30] }
deployments:
  b1f77113: office
  mdfba81f: { state: often, name: staging-eu }
  w41b11c0: { state: running, suspend: { reason: migration, until: 2100-12-01T18:00:00+01:00 } }
";

fn narrow(arguments: &[&str]) -> String {
    let scratch = Scratch::new();
    scratch.write("desired.yaml", DESIRED);
    scratch.write("new.yaml", &DESIRED.replace("08:00-19:00", "07:00-18:00"));
    let place = scratch.0.display().to_string();
    let path = |word: &&str| match word.strip_prefix("./") {
        Some(name) => format!("{place}/{name}"),
        None => (*word).to_owned(),
    };
    let arguments: Vec<_> = arguments.iter().map(path).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let mut all = String::new();
    for width in [40, 80] {
        let (code, text) = shown(width, &arguments, &[]);
        all += &format!("--- {width} columns, exit {code}\n{}", text.replace(&place, "."));
    }
    all
}

#[test]
fn preview() {
    let arguments = ["preview", "--desired", "./desired.yaml", "--from", "2026-11-25"];
    insta::assert_snapshot!(narrow(&[&arguments[..], &["--days", "2"]].concat()));
}

#[test]
fn diff() {
    let arguments = ["diff", "./desired.yaml", "./new.yaml", "--from", "2026-11-25"];
    insta::assert_snapshot!(narrow(&arguments));
}

#[test]
fn check() {
    insta::assert_snapshot!(narrow(&["check", "./desired.yaml", "--from", "2026-11-25"]));
}

#[test]
fn check_of_what_is_wrong() {
    insta::assert_snapshot!(narrow(&["check", "tests/terminal/files/wrong.yaml"]));
}
