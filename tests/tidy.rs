//! Properties of the source itself: who may know whom, what the keel may touch, and how long things
//! may get. A test that fails here names the file and the line.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Each room and the rooms it may use; its own is always among them. A line added here is an
/// architecture decision. Floor by floor: the keel, the adapters, what joins them, the commands.
const ROOMS: &[(&str, &[&str])] = &[
    ("keel", &[]),
    ("yaml", &[]),
    ("serve", &[]),
    // `Retry-After` counts in the keel's wall time.
    ("outbound", &["keel"]),
    ("clock", &["keel"]),
    ("crash", &[]),
    ("manifest", &["keel", "yaml"]),
    // A permit's deadline is checked last thing before the socket, so the clock goes along.
    ("api", &["keel", "clock", "crash", "outbound"]),
    // One that machines share is behind a server.
    ("ledger", &["keel", "crash", "outbound"]),
    ("metrics", &["keel"]),
    ("telemetry", &["keel"]),
    ("traces", &["keel", "outbound"]),
    // Signatures carry the time; a lapse of it ends what is worth sending.
    ("notification", &["keel", "clock", "outbound"]),
    // Its file is read like the others, and its door is one of the server's.
    ("web", &["yaml", "serve"]),
    // "Did you mean …?" is where the files are read.
    ("http", &["keel", "serve", "yaml", "web"]),
    // What judges must not inherit the mistakes of what is judged: no keel here.
    ("simulator", &["serve"]),
    ("config", ADAPTERS),
    ("controller", JOINED),
    ("desired", JOINED),
    ("lifecycle", JOINED),
    ("standby", JOINED),
    ("cli", ALL),
];

const ADAPTERS: &[&str] = &[
    "keel",
    "yaml",
    "serve",
    "clock",
    "crash",
    "outbound",
    "manifest",
    "api",
    "ledger",
    "metrics",
    "telemetry",
    "traces",
    "notification",
    "web",
    "http",
    "simulator",
];

/// Floor 2 also shares the configuration, and signals become the controller's commands.
const JOINED: &[&str] = &[
    "keel",
    "clock",
    "crash",
    "outbound",
    "manifest",
    "api",
    "ledger",
    "metrics",
    "telemetry",
    "traces",
    "notification",
    "http",
    "config",
    "controller",
];

const ALL: &[&str] = &[
    "keel",
    "yaml",
    "serve",
    "clock",
    "crash",
    "outbound",
    "manifest",
    "api",
    "ledger",
    "metrics",
    "telemetry",
    "traces",
    "notification",
    "web",
    "http",
    "simulator",
    "config",
    "controller",
    "desired",
    "lifecycle",
    "standby",
];

const LINES_MAX: usize = 400;
const FUNCTION_MAX: usize = 60;
const WIDTH_MAX: usize = 100;

#[test]
fn rooms_use_only_the_rooms_below() {
    let allowed: BTreeMap<_, _> = ROOMS.iter().copied().collect();
    for Source { path, text } in sources("src") {
        let Some(room) = room(&path) else { continue };
        let uses = allowed
            .get(room)
            .unwrap_or_else(|| panic!("{path}: room `{room}` is not in tests/tidy.rs"));
        for (line, code) in code_lines(&text) {
            for part in code.split("crate::").skip(1) {
                // `use crate::{a, b}` would hide rooms from this test.
                assert!(!part.starts_with('{'), "{path}:{line}: name one room a `use`");
                let used = part.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
                let fits = used == room || uses.contains(&used);
                assert!(fits, "{path}:{line}: `{room}` may not use `{used}`");
            }
        }
    }
}

/// The binary's own file parses, calls and exits; it reaches the commands and nothing below them.
#[test]
fn main_calls_the_commands_only() {
    let text = fs::read_to_string("src/main.rs").unwrap();
    assert!(text.lines().count() <= 30, "src/main.rs: more than 30 lines");
    for part in text.split("evenkeel::").skip(1) {
        assert!(part.starts_with("cli"), "src/main.rs: uses more than `evenkeel::cli`");
    }
}

#[test]
fn the_keel_is_dry() {
    const BANNED: &[&str] = &[
        "async ",
        ".await",
        "tokio",
        "std::fs",
        "std::net",
        "std::env",
        "std::thread",
        "std::process",
        "std::io",
        "Instant",
        "SystemTime",
        "Timestamp::now",
        "Zoned::now",
        "TimeZone::system",
        "rand",
        "tracing",
        "HashMap",
        "HashSet",
        "RandomState",
        "reqwest",
        "print!",
        "println!",
        "Mutex",
        "RwLock",
        "Atomic",
        "RefCell",
        "OnceLock",
    ];
    for Source { path, text } in sources("src/keel") {
        for (line, code) in code_lines(&text) {
            for word in BANNED {
                assert!(!names(code, word), "{path}:{line}: `{word}` in the keel");
            }
        }
    }
}

#[test]
fn files_and_functions_are_small() {
    for Source { path, text } in sources("src").into_iter().chain(sources("tests")) {
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX, "{path}: {lines} lines, at most {LINES_MAX}");
        for (line, width) in text.lines().map(|l| l.chars().count()).enumerate() {
            assert!(width <= WIDTH_MAX, "{path}:{}: {width} characters wide", line + 1);
        }
        // A test may be one long table.
        let functions = functions(&text).into_iter().filter(|_| path.starts_with("src/"));
        for (line, length) in functions {
            assert!(length <= FUNCTION_MAX, "{path}:{line}: a function of {length} lines");
        }
    }
}

#[test]
fn every_file_says_what_it_is() {
    for Source { path, text } in sources("src") {
        // The crate's documentation is the architecture page, included.
        let included = text.starts_with("#![doc = include_str!");
        assert!(text.starts_with("//! ") || included, "{path}: no `//!` line at its head");
    }
}

#[test]
fn nothing_is_hushed_up_or_left_for_later() {
    // Put together here, so that this file does not find itself.
    let banned = [
        ["#[", "allow("].concat(),
        ["#![", "allow("].concat(),
        ["TO", "DO"].concat(),
        ["FIX", "ME"].concat(),
        ["XX", "X:"].concat(),
        ["todo", "!"].concat(),
        ["unimplemented", "!"].concat(),
        ["#[", "ignore"].concat(),
    ];
    for Source { path, text } in sources("src").into_iter().chain(sources("tests")) {
        for (number, line) in text.lines().enumerate() {
            for word in &banned {
                assert!(!line.contains(word.as_str()), "{path}:{}: `{word}`", number + 1);
            }
        }
    }
}

#[test]
fn the_measures_measure() {
    let text =
        "fn one() -> u8 { 1 }\n    fn two(\n        a: u8,\n    ) -> u8 {\n        a\n    }\n";
    assert_eq!(functions(text), [(1, 1), (2, 5)]);
    assert_eq!(functions("    fn declared(&self) -> u8;\nfn next() {\n}\n"), [(1, 1), (2, 2)]);
    assert!(names("use std::time::Instant;", "Instant"));
    assert!(!names("/// at the Instants", "Instant") && !names("operand", "rand"));
    assert_eq!(code_lines("a\n// b\nc // d\n").collect::<Vec<_>>(), [(1, "a"), (3, "c ")]);
    assert_eq!(room("src/keel/plan.rs"), Some("keel"));
    assert_eq!(room("src/clock.rs"), Some("clock"));
    assert_eq!(room("src/main.rs"), None);
}

struct Source {
    path: String,
    text: String,
}

/// The room that a file belongs to; `lib.rs` and `main.rs` stand outside.
fn room(path: &str) -> Option<&str> {
    let room = path.strip_prefix("src/")?.split(['/', '.']).next()?;
    (room != "lib" && room != "main").then_some(room)
}

/// The lines that are code, numbered from 1, without what follows `//`.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(line, code)| (line + 1, code));
    numbered.filter(|(_, code)| !code.trim_start().starts_with("//")).map(|(line, code)| {
        // A `//` in a string is cut, too: that hides nothing that matters here.
        (line, code.split_once("// ").map_or(code, |(code, _)| code))
    })
}

/// Whether `code` holds `word` as a name of its own, not as a part of a longer one.
fn names(code: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let mut rest = code;
    let mut before = None;
    while let Some(at) = rest.find(word) {
        let previous = rest[..at].chars().next_back().or(before);
        let next = rest[at + word.len()..].chars().next();
        let open = |edge: Option<char>, own: Option<char>| {
            !(edge.is_some_and(part) && own.is_some_and(part))
        };
        if open(previous, word.chars().next()) && open(next, word.chars().next_back()) {
            return true;
        }
        before = rest[..at + 1].chars().next_back();
        rest = &rest[at + 1..];
    }
    false
}

/// Each function's first line and length. By the indentation that rustfmt keeps, not by braces,
/// which strings hold, too.
fn functions(text: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (first, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let is_function = line.trim_start().split(' ').take(4).any(|word| word == "fn");
        if !is_function || line.trim_start().starts_with("//") {
            continue;
        }
        let ends = |line: &&str| {
            let own = line.len() - line.trim_start().len() == indent;
            own && (line.ends_with('}') || line.ends_with(';'))
        };
        let length = lines[first..].iter().position(ends).map_or(1, |last| last + 1);
        found.push((first + 1, length));
    }
    found
}

fn sources(root: &str) -> Vec<Source> {
    fn walk(dir: &Path, out: &mut Vec<Source>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                // What building the package for fuzzing leaves behind is not ours.
                if path != Path::new("tests/fuzz/target") {
                    walk(&path, out);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                out.push(Source { path: path.to_string_lossy().into_owned(), text });
            }
        }
    }
    let mut out = vec![];
    walk(Path::new(root), &mut out);
    out.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!out.is_empty(), "no sources under {root}");
    out
}
