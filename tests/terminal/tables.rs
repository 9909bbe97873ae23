//! Tables and texts, at four widths and in a pipe, in colour and not.

use serde_json::{Value, json};

use crate::daemon::{Daemon, calm, fleet};
use crate::piped;
use crate::pty::{Pty, shown};

const WIDTHS: [u16; 4] = [40, 60, 80, 200];

/// How a command looks on terminals of four widths, and in a pipe.
fn looks(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let mut all = String::new();
    let one =
        |about: &str, (code, text): (i32, String)| format!("--- {about}, exit {code}\n{text}");
    for width in WIDTHS {
        all += &one(&format!("{width} columns"), shown(width, arguments, variables));
    }
    let pipe = piped(arguments, variables);
    // A terminal that is wide enough shows what the pipe gets; COLUMNS does not change a pipe.
    let narrow: Vec<_> = variables.iter().copied().chain([("COLUMNS", "20")]).collect();
    assert_eq!(piped(arguments, &narrow), pipe);
    all + &one("a pipe", pipe)
}

#[test]
fn status_of_a_fleet() {
    let daemon = Daemon::new(fleet());
    insta::assert_snapshot!(looks(&["status", "--listen", &daemon.address()], &[]));
}

#[test]
fn status_of_a_deployment() {
    let daemon = Daemon::new(fleet());
    insta::assert_snapshot!(looks(&["status", "b2", "--listen", &daemon.address()], &[]));
}

#[test]
fn plan_has_a_column_for_the_coming_change() {
    let daemon = Daemon::new(calm());
    let variables = [
        ("EVENKEEL_API_URL", "https://cloud.example/public_api/v1"),
        ("EVENKEEL_API_KEY", "key"),
        ("EVENKEEL_API_SECRET", "secret"),
    ];
    insta::assert_snapshot!(looks(&["plan", "--listen", &daemon.address()], &variables));
}

#[test]
fn history_says_when_and_how_long_ago() {
    let daemon = Daemon::new(fleet());
    let now = jiff::Timestamp::now();
    // An hour may go by before this is another age.
    let at = |hours: i64| {
        let at = now - jiff::SignedDuration::from_secs(hours * 3600 + 1);
        format!("{:.0}", at.round(jiff::Unit::Second).unwrap())
    };
    let mut past = fleet()["deployments"][1]["lastAction"].clone();
    let mut acts: Vec<Value> = Vec::new();
    for (hours, outcome) in [53, 72].into_iter().zip(["201", "unanswered"]) {
        past["at"] = json!(at(hours));
        past["outcome"] = json!(outcome);
        acts.push(past.clone());
    }
    daemon.remembers(Value::Array(acts));
    let text = looks(&["history", "--listen", &daemon.address()], &[]);
    let text = text.replace(&at(53), "2026-11-22T22:00:00Z");
    insta::assert_snapshot!(text.replace(&at(72), "2026-11-22T03:00:00Z"));
}

#[test]
fn colour_says_what_a_word_says_too() {
    let daemon = Daemon::new(fleet());
    let address = daemon.address();
    let arguments = ["status", "--listen", &address];
    let (_, _, raw) = Pty::start((100, 60), &arguments, &[]).ended();
    insta::assert_snapshot!(raw.replace('\x1b', "ESC").replace("\r\n", "\n"));
}

/// `ESC [ … m` anywhere.
fn is_coloured(text: &str) -> bool {
    text.contains("\x1b[")
}

#[test]
fn colour_is_for_terminals_unless_somebody_says_otherwise() {
    let daemon = Daemon::new(fleet());
    let address = daemon.address();
    let arguments = |more: &'static [&'static str]| {
        let mut all = vec!["status", "--listen", &address];
        all.extend(more);
        all
    };
    type Case = (&'static [&'static str], &'static [(&'static str, &'static str)], bool, bool);
    // Flags, variables, colour on a terminal, colour in a pipe.
    let cases: &[Case] = &[
        (&[], &[], true, false),
        (&[], &[("NO_COLOR", "1")], false, false),
        (&[], &[("NO_COLOR", "")], true, false),
        (&[], &[("CLICOLOR_FORCE", "1")], true, true),
        (&[], &[("CLICOLOR", "0")], false, false),
        (&[], &[("TERM", "dumb")], false, false),
        (&["--color", "always"], &[("NO_COLOR", "1")], true, true),
        (&["--color", "never"], &[("CLICOLOR_FORCE", "1")], false, false),
        (&["--output", "json", "--color", "always"], &[], false, false),
    ];
    for (flags, variables, terminal, pipe) in cases {
        let arguments = arguments(flags);
        let (_, _, raw) = Pty::start((100, 80), &arguments, variables).ended();
        assert_eq!(is_coloured(&raw), *terminal, "{flags:?} {variables:?} on a terminal");
        let (_, text) = piped(&arguments, variables);
        assert_eq!(is_coloured(&text), *pipe, "{flags:?} {variables:?} in a pipe");
    }
}

#[test]
fn names_cannot_give_the_terminal_orders() {
    let mut view = calm();
    view["deployments"][0]["observed"]["name"] = json!("a\u{1b}[2Jb\u{7}\nc");
    view["deployments"][0]["synced"]["message"] = json!("a\u{1b}]0;title\u{7}b");
    let daemon = Daemon::new(view);
    for arguments in [&["status"][..], &["status", "a1"]] {
        let mut arguments = arguments.to_vec();
        let address = daemon.address();
        arguments.extend(["--listen", &address, "--color", "never"]);
        let (_, _, raw) = Pty::start((200, 60), &arguments, &[]).ended();
        assert!(raw.contains("a\\u{1b}[2Jb\\u{7}\\nc"), "{raw:?}");
        assert!(!raw.contains(['\x1b', '\x07']), "{raw:?}");
    }
}

#[test]
fn explain() {
    let variables = [
        ("EVENKEEL_API_URL", "https://cloud.example/public_api/v1"),
        ("EVENKEEL_API_KEY", "key"),
        ("EVENKEEL_API_SECRET", "secret"),
        ("EVENKEEL_DESIRED", "tests/terminal/files/office.yaml"),
        ("EVENKEEL_STATE_DIR", "tests/terminal/no-state"),
    ];
    insta::assert_snapshot!(looks(&["explain", "b1f77113", "--at", "2100-01-01"], &variables));
}

#[test]
fn errors_are_red_on_a_terminal_and_plain_in_a_pipe() {
    let arguments = ["status", "--listen", "127.0.0.1:1"];
    let (code, rows, raw) = Pty::start((200, 20), &arguments, &[]).ended();
    assert_eq!(code, Some(2));
    assert!(raw.starts_with("\x1b[1m\x1b[31merror:\x1b[0m "), "{raw:?}");
    assert!(rows.last().unwrap().ends_with("with `--listen`"), "{rows:?}");
}
