//! The ledger's reader. Each input is read twice: as it is, and line by line as the JSON of records
//! around which header, numbers and checksums are put, since no fuzzer guesses those. Nothing
//! panics; what is read can be written and reads back as the same; and a process that takes such a
//! ledger over can make a snapshot of it.
#![no_main]

#[expect(dead_code, reason = "faults of the disk are not fuzzed")]
#[path = "../../ledger/memory.rs"]
mod memory;

use std::convert::Infallible;

use evenkeel::keel::history::History;
use evenkeel::keel::policy::Policy;
use evenkeel::keel::reconciler::{Reconciler, Replay};
use evenkeel::keel::record::Record;
use evenkeel::keel::time::{Boot, Mono, Now, Wall};
use evenkeel::ledger::{Ledger as _, OpenError};
use libfuzzer_sys::fuzz_target;
use memory::Memory;

const NAME: &str = "4f1c09ab";

fuzz_target!(|bytes: &[u8]| {
    if let Ok((_, recovery, records)) = Memory::holding(bytes).open() {
        assert_eq!(recovery.fresh, records.is_empty());
        assert!(recovery.torn.is_none_or(|torn| torn.bytes > 0 && torn.calls > 0));
        written(&records);
        taken_over(&records);
    }
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    let known: Vec<Record> =
        lines.iter().map_while(|line| serde_json::from_slice(line).ok()).collect();
    match Memory::holding(&framed(&lines)).open() {
        Ok((_, recovery, records)) => {
            assert_eq!((recovery.torn, records.len()), (None, lines.len()));
            assert_eq!(records, known);
            written(&records);
            taken_over(&records);
        }
        Err(OpenError::Corrupt(corrupt)) => {
            assert!(known.len() < lines.len());
            assert_eq!(corrupt.line, known.len() as u64 + 2);
        }
        Err(other) => panic!("{other}"),
    }
});

fn framed(lines: &[&[u8]]) -> Vec<u8> {
    let head = format!("evenkeel-ledger 1 {NAME} 1 ");
    let mut out = format!("{head}{:08x}\n", crc32fast::hash(head.as_bytes())).into_bytes();
    for (sequence, json) in (1..).zip(lines) {
        let numbers = format!("{sequence} {} ", json.len());
        let checksum = crc32fast::hash(&[NAME.as_bytes(), numbers.as_bytes(), json].concat());
        out.extend(format!("{numbers}{checksum:08x} ").bytes());
        out.extend_from_slice(json);
        out.push(b'\n');
    }
    out
}

fn written(records: &[Record]) {
    let disk = Memory::default();
    disk.open().unwrap().0.append(records, true).unwrap();
    assert_eq!(disk.records(), records);
}

fn taken_over(records: &[Record]) {
    let mut history = History::new(Policy::default());
    records.iter().for_each(|record| history.apply(record));
    let wall = Wall::from_millis(1_767_225_600_000);
    let now = Now { boot: Boot(1), mono: Mono::from_millis(1_000_000), wall };
    let (mut keel, _) = Reconciler::recover(history, Replay::default(), now);
    let Ok(()) = keel.compact(now, |snapshot| Ok::<_, Infallible>(written(snapshot)));
}
