//! A good ledger, then edited. The reader gives exactly the records before the first edit that
//! matters, and says that the end is torn; or it refuses. It never skips, repeats or changes one,
//! and what it takes for a torn end holds no whole line of the ledger.
//!
//! The input: a byte for the number of records, then four bytes an edit.
#![no_main]

#[expect(dead_code, reason = "faults of the disk are not fuzzed")]
#[path = "../../ledger/memory.rs"]
mod memory;

use std::sync::LazyLock;

use evenkeel::keel::record::Record;
use evenkeel::ledger::{Ledger as _, OpenError};
use libfuzzer_sys::fuzz_target;
use memory::Memory;

const EDITS_MAX: usize = 12;

/// A record of each kind, and some of the most frequent.
static SAMPLE: LazyLock<Vec<Record>> = LazyLock::new(|| {
    let lines = include_str!("../corpus/ledger/records").lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
});

fuzz_target!(|data: &[u8]| {
    let [count, edits @ ..] = data else { return };
    let records = &SAMPLE[..usize::from(*count) % (SAMPLE.len() + 1)];
    let disk = Memory::default();
    disk.open().unwrap().0.append(records, true).unwrap();
    let good = disk.written();
    let mut text = good.clone();
    for edit in edits.as_chunks().0.iter().take(EDITS_MAX) {
        edited(&mut text, *edit);
    }
    let disk = Memory::holding(&text);
    let (mut ledger, recovery, read) = match disk.open() {
        Ok(opened) => opened,
        Err(OpenError::Io { .. }) => panic!("the disk is good"),
        Err(_) => {
            assert_ne!(text, good);
            return;
        }
    };
    assert_eq!(read, records[..read.len()]);
    let lines: Vec<&[u8]> = good.split_inclusive(|byte| *byte == b'\n').collect();
    let whole = lines[..=read.len()].concat();
    let tail = text.strip_prefix(&*whole).expect("read from other bytes than were written");
    match recovery.torn {
        None => assert!(tail.is_empty()),
        Some(torn) => {
            assert_eq!(torn.bytes, tail.len() as u64);
            assert!(torn.calls > 0);
            let mut rest = tail.split_inclusive(|byte| *byte == b'\n');
            assert!(!rest.any(|line| lines[1..].contains(&line)), "a good line is called torn");
        }
    }
    let more = &SAMPLE[..1];
    ledger.append(more, true).unwrap();
    assert_eq!(disk.records(), [&read, more].concat());
});

/// One thing that a disk, an editor or a person may do to a file.
fn edited(text: &mut Vec<u8>, [what, low, high, extra]: [u8; 4]) {
    let length = text.len();
    if length == 0 {
        return;
    }
    let at = usize::from(u16::from_le_bytes([low, high])) % length;
    let end = (at + usize::from(extra)).min(length);
    match what % 8 {
        0 => text[at] ^= 1 << (extra % 8),
        1 => text.truncate(at),
        2 => line(text, at, extra, |lines, from, to| lines.insert(to, lines[from].clone())),
        3 => line(text, at, extra, |lines, from, _| drop(lines.remove(from))),
        4 => line(text, at, extra, |lines, from, to| lines.swap(from, to)),
        5 => drop(text.drain(at..end)),
        6 => text.extend_from_within(at..end),
        _ => text[at..end].fill(0),
    }
}

fn line(
    text: &mut Vec<u8>,
    from: usize,
    to: u8,
    edit: impl FnOnce(&mut Vec<Vec<u8>>, usize, usize),
) {
    let mut lines: Vec<Vec<u8>> =
        text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let (from, to) = (from % lines.len(), usize::from(to) % lines.len());
    edit(&mut lines, from, to);
    *text = lines.concat();
}
