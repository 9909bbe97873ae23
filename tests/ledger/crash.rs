//! The process dies at each named point; the next one reads what is left.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use evenkeel::crash::VARIABLE;
use evenkeel::keel::record::Record;
use evenkeel::ledger::Ledger as _;

use super::Scratch;
use super::codec::ledger_of;
use super::files::open;
use super::records::{reserved, settled};

const DIRECTORY: &str = "EVENKEEL_TEST_DIRECTORY";

/// Does nothing, unless started by [`dies`].
#[test]
fn victim() {
    let Some(dir) = std::env::var_os(DIRECTORY) else { return };
    let (mut ledger, ..) = open(dir.as_ref()).unwrap();
    ledger.append(&[reserved(1), settled(1)], true).unwrap();
    ledger.append(&[reserved(2)], true).unwrap();
    ledger.compact(&[settled(9)]).unwrap();
}

/// What is left of the victim, and how long its torn end is.
fn dies(point: &str) -> (Vec<Record>, Option<u64>) {
    let scratch = Scratch::new();
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::victim"])
        .env(DIRECTORY, &scratch.0)
        .env(VARIABLE, point)
        .output()
        .unwrap()
        .status;
    assert_eq!(status.signal(), Some(9), "{point}: {status}");
    let (_, recovery, read) = open(&scratch.0).unwrap();
    assert!(!scratch.join("ledger.new").exists());
    (read, recovery.torn.map(|torn| torn.bytes))
}

#[test]
fn each_point_leaves_a_ledger_that_opens() {
    let first = [reserved(1), settled(1)];
    let both = [reserved(1), settled(1), reserved(2)];
    // Half of what the first append writes, and of the second.
    let half = |records: &[Record]| {
        let lines = ledger_of(records).written().len() - ledger_of(&[]).written().len();
        Some(u64::try_from(lines / 2).unwrap())
    };
    let cases: [(&str, &[Record], Option<u64>); 8] = [
        ("ledger:before-write", &[], None),
        ("ledger:half-write", &[], half(&first)),
        ("ledger:before-sync", &first, None),
        ("ledger:after-sync", &first, None),
        ("ledger:before-write:2", &first, None),
        ("ledger:half-write:2", &first, half(&[reserved(2)])),
        ("compact:before-rename:2", &both, None),
        ("compact:after-rename:2", &[settled(9)], None),
    ];
    for (point, records, torn) in cases {
        assert_eq!(dies(point), (records.to_vec(), torn), "{point}");
    }
    // The first replacement is the creation.
    assert_eq!(dies("compact:before-rename"), (vec![], None));
    assert_eq!(dies("compact:after-rename"), (vec![], None));
}
