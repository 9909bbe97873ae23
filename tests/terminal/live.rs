//! `status --watch`.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;
use serde_json::{Value, json};
use vt100::Screen;

use crate::daemon::{Daemon, calm, fleet};
use crate::pty::Pty;

fn watch(size: (u16, u16), daemon: &Daemon, more: &[&str]) -> Pty {
    let address = daemon.address();
    let mut arguments = vec!["status", "--watch=1s", "--listen", &address];
    arguments.extend(more);
    Pty::start(size, &arguments, &[])
}

/// The calm fleet, with `b2` running.
fn started() -> Value {
    let mut view = calm();
    view["at"] = json!("2026-11-24T03:12:00Z");
    view["deployments"][1]["observed"]["status"] = json!("running");
    view["deployments"][1]["synced"]["reason"] = json!("InSync");
    view
}

#[test]
fn the_live_view_is_drawn_in_place_and_leaves_the_terminal_as_it_was() {
    let daemon = Daemon::new(calm());
    let mut pty = watch((60, 24), &daemon, &[]);
    pty.shows("b2          running  starting     Starting");
    // Its last row: all is drawn.
    pty.shows("is not a documented status");
    insta::assert_snapshot!("live_60", pty.screen().join("\n"));
    pty.until("the other screen", |screen| screen.alternate_screen() && screen.hide_cursor());
    daemon.says(started());
    pty.shows("b2          running  running      InSync");
    pty.shows("3 of 6 in sync");
    pty.until("nothing of before", |screen| !screen.contents().contains("starting since"));
    pty.types(b"\x03");
    let (code, rows, _) = pty.ended();
    assert_eq!(code, Some(130));
    let last = rows.iter().any(|row| row.starts_with("b2          running  running      InSync"));
    assert!(last, "what was seen last stays: {rows:?}");
}

#[test]
fn it_says_that_the_daemon_is_gone_and_goes_on() {
    let daemon = Daemon::new(calm());
    let pty = watch((80, 24), &daemon, &[]);
    pty.shows("2 of 6 in sync");
    daemon.goes();
    pty.shows(&format!("no daemon answers at {}.", daemon.address()));
    pty.shows("Asking again every 1s.");
    pty.shows("b2          running  starting     29s ago  Starting");
    daemon.says(started());
    daemon.comes_back();
    pty.shows("3 of 6 in sync");
    pty.until("no complaint", |screen| !screen.contents().contains("no daemon answers"));
    pty.signal(Signal::TERM);
    assert_eq!(pty.ended().0, Some(143));
}

#[test]
fn it_fits_whatever_the_terminal_becomes_and_asks_no_oftener() {
    let daemon = Daemon::new(fleet());
    let address = daemon.address();
    // One question, and the next in an hour.
    let arguments = ["status", "--watch=1h", "--listen", &address];
    let mut pty = Pty::start((200, 50), &arguments, &[]);
    pty.shows("MESSAGE");
    let fits = |screen: &Screen| {
        let rows = screen.size().0.get();
        (0..rows).all(|row| !screen.row_wrapped(row))
    };
    for (columns, rows, text) in [
        (60, 40, "start answered 201; starting since 03:01"),
        (40, 40, "  03:01"),
        (60, 18, "; `evenkeel status` shows all"),
        (200, 30, "MESSAGE"),
    ] {
        pty.resize((columns, rows));
        pty.shows(text);
        pty.until("no broken line", fits);
    }
    assert_eq!(daemon.asked(), 1);
    pty.types(b"\x03");
    assert_eq!(pty.ended().0, Some(130));
}

#[test]
fn where_the_fleet_is_too_long_what_is_not_in_sync_comes_first() {
    let mut view = calm();
    let still = view["deployments"][0].clone();
    let mut all: Vec<Value> = (0..50)
        .map(|number| {
            let mut one = still.clone();
            one["id"] = json!(format!("a{number:02}"));
            one
        })
        .collect();
    all.extend(view["deployments"].as_array().unwrap()[1..].to_vec());
    view["deployments"] = json!(all);
    let daemon = Daemon::new(view);
    let mut pty = watch((60, 16), &daemon, &[]);
    pty.shows("shows all");
    insta::assert_snapshot!("live_long", pty.screen().join("\n"));
    pty.types(b"\x03");
    assert_eq!(pty.ended().0, Some(130));
}

#[test]
fn it_can_be_put_away_and_taken_up_again() {
    let daemon = Daemon::new(calm());
    let mut pty = watch((80, 24), &daemon, &[]);
    pty.shows("2 of 6 in sync");
    pty.types(b"\x1a");
    pty.until("the terminal given back", |screen| {
        !screen.alternate_screen() && !screen.hide_cursor()
    });
    pty.sleeps();
    pty.signal(Signal::CONT);
    pty.until("the other screen", Screen::alternate_screen);
    pty.shows("2 of 6 in sync");
    pty.types(b"\x03");
    assert_eq!(pty.ended().0, Some(130));
}

#[test]
fn one_deployment_can_be_watched() {
    let daemon = Daemon::new(calm());
    let mut pty = watch((60, 24), &daemon, &["b2"]);
    pty.shows("b2  Starting (start answered 201");
    let mut gone = calm();
    gone["deployments"].as_array_mut().unwrap().remove(1);
    daemon.says(gone);
    pty.shows("The desired file does not name `b2` any more");
    pty.types(b"\x03");
    assert_eq!(pty.ended().0, Some(130));
    let address = daemon.address();
    for (id, said) in [("nobody", "`nobody`"), ("C3", "`C3`; did you mean `c3`?")] {
        let words = ["status", id, "--watch", "--listen", &address];
        let (code, rows, _) = Pty::start((80, 24), &words, &[]).ended();
        assert_eq!(code, Some(2));
        let said = format!("error: the desired file names no deployment {said}");
        assert_eq!(rows[0].trim_end(), said);
    }
}

/// `status --watch` into pipes.
struct Piped {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Piped {
    fn start(daemon: &Daemon, more: &[&str]) -> Self {
        let mut command = Command::new(crate::EVENKEEL);
        command.env_clear().args(["status", "--watch=1s", "--listen", &daemon.address()]);
        command.args(more).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_pipe_gets_a_line_a_change() {
    let daemon = Daemon::new(calm());
    let mut piped = Piped::start(&daemon, &[]);
    let first: Vec<_> = (0..6).map(|_| piped.line()).collect();
    insta::assert_snapshot!("live_pipe", first.join("\n"));
    daemon.says(started());
    let expected = "2026-11-24T03:12:00Z b2 running running InSync start answered 201; starting \
                    since 03:01";
    assert_eq!(piped.line(), expected);
    daemon.goes();
    let mut errors = BufReader::new(piped.child.stderr.take().unwrap());
    let mut error = String::new();
    errors.read_line(&mut error).unwrap();
    let gone = format!("no daemon answers at {}", daemon.address());
    assert_eq!(error, format!("warning: {gone}; asking again every 1s\n"));
    let mut view = started();
    view["deployments"].as_array_mut().unwrap().remove(0);
    daemon.says(view);
    daemon.comes_back();
    let expected = "2026-11-24T03:12:00Z a1 - - - the desired file does not name it any more";
    assert_eq!(piped.line(), expected);
    // With the reader gone the next change ends it.
    let Piped { child, lines } = &mut piped;
    let _ = std::mem::replace(lines, BufReader::new(spare()));
    daemon.says(calm());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    error.clear();
    errors.read_to_string(&mut error).unwrap();
    assert_eq!(error, format!("note: the daemon at {} answers again\n", daemon.address()));
}

/// The end of a pipe that nothing comes from.
fn spare() -> std::process::ChildStdout {
    let mut child = Command::new("true").stdout(Stdio::piped()).spawn().unwrap();
    child.wait().unwrap();
    child.stdout.take().unwrap()
}

#[test]
fn as_json_a_change_is_an_event() {
    let daemon = Daemon::new(calm());
    let mut piped = Piped::start(&daemon, &["b2", "--output", "json"]);
    let mut event = || -> Value { serde_json::from_str(&piped.line()).unwrap() };
    let first = event();
    assert_eq!((&first["type"], &first["object"]["id"]), (&json!("ADDED"), &json!("b2")));
    daemon.says(started());
    let second = event();
    assert_eq!(second["type"], "MODIFIED");
    assert_eq!(second["object"]["synced"]["reason"], "InSync");
    let mut gone = calm();
    gone["deployments"].as_array_mut().unwrap().remove(1);
    daemon.says(gone);
    assert_eq!(event()["type"], "DELETED");
}
