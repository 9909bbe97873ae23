//! The text: round trips, torn ends, flipped bits.

use evenkeel::keel::record::Record;
use evenkeel::ledger::disk::Aside;
use evenkeel::ledger::{Ledger as _, OpenError};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};

use super::memory::Memory;
use super::records::{self, KINDS, reserved, settled};

pub(crate) fn ledger_of(records: &[Record]) -> Memory {
    let disk = Memory::default();
    let (mut ledger, ..) = disk.open().unwrap();
    ledger.append(records, true).unwrap();
    disk
}

/// A deterministic choice of records, with every kind among them.
fn every_kind() -> Vec<Record> {
    let mut runner = TestRunner::deterministic();
    let (mut found, mut seen) = (Vec::new(), [false; KINDS]);
    while seen.contains(&false) {
        let record = records::record().new_tree(&mut runner).unwrap().current();
        if !std::mem::replace(&mut seen[records::kind(&record)], true) {
            found.push(record);
        }
    }
    found
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

    #[test]
    fn what_is_appended_is_read_back(
        batches in vec((vec(records::record(), 0..5), any::<bool>()), 0..6)
    ) {
        let disk = Memory::default();
        let (mut ledger, recovery, _) = disk.open().unwrap();
        prop_assert!(recovery.fresh);
        let mut all = Vec::new();
        for (batch, sync) in batches {
            ledger.append(&batch, sync).unwrap();
            all.extend(batch);
        }
        let (_, recovery, read) = disk.open().unwrap();
        prop_assert_eq!(recovery.fresh, all.is_empty());
        prop_assert_eq!(recovery.torn, None);
        prop_assert_eq!(recovery.id, "4f1c09ab");
        prop_assert_eq!(read, all);
    }
}

#[test]
fn every_kind_is_read_back() {
    let records = every_kind();
    assert_eq!(ledger_of(&records).records(), records);
}

#[test]
fn a_file_cut_anywhere_gives_the_whole_lines_before_the_cut() {
    let records = every_kind();
    let text = ledger_of(&records).written();
    let ends: Vec<usize> =
        text.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(i, _)| i + 1).collect();
    for length in 0..=text.len() {
        let disk = Memory::holding(&text[..length]);
        let Some(whole) = ends.iter().filter(|end| **end <= length).count().checked_sub(1) else {
            let error = disk.open().map(|_| ()).unwrap_err();
            assert_eq!(matches!(error, OpenError::Empty { .. }), length == 0, "{error}");
            continue;
        };
        let (_, recovery, read) = disk.open().unwrap();
        assert_eq!(read, records[..whole], "cut at {length}");
        assert_eq!(recovery.fresh, whole == 0);
        let tail = &text[ends[whole]..length];
        let torn = recovery.torn.is_some();
        assert_eq!(torn, !tail.is_empty());
        if let Some(torn) = recovery.torn {
            assert_eq!(torn.bytes, tail.len() as u64);
            assert!(torn.calls >= 1);
            assert_eq!(disk.0.borrow().aside, [(Aside::Torn, tail.to_vec())]);
        }
        let (mut ledger, again, _) = disk.power_cut().open().unwrap();
        assert_eq!(again.torn.is_some(), torn, "found again until something is written");
        ledger.append(&[settled(9)], true).unwrap();
        let (_, recovery, again) = ledger.disk().power_cut().open().unwrap();
        assert_eq!(recovery.torn, None);
        assert_eq!(again, [&read[..], &[settled(9)]].concat(), "cut at {length}");
    }
}

#[test]
fn a_torn_batch_counts_for_every_reservation_that_may_have_been_in_it() {
    let whole = ledger_of(&[settled(0)]).written();
    let batch: Vec<Record> = (1..=7).map(reserved).collect();
    let mut text = ledger_of(&[&[settled(0)][..], &batch].concat()).written();
    for byte in &mut text[whole.len()..] {
        *byte = 0;
    }
    let (_, recovery, read) = Memory::holding(&text).open().unwrap();
    assert_eq!(read, [settled(0)]);
    assert!(recovery.torn.unwrap().calls >= 7);
}

#[test]
fn every_flipped_bit_is_noticed() {
    let records: Vec<Record> = every_kind().into_iter().chain((0..3).map(reserved)).collect();
    let text = ledger_of(&records).written();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let (mut torn, mut refused) = (0, 0);
    for _ in 0..20_000 {
        // xorshift64, seeded: the same flips in every run.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let bit = usize::try_from(random % (text.len() as u64 * 8)).unwrap();
        let mut flipped = text.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        match Memory::holding(&flipped).open() {
            Ok((_, recovery, read)) => {
                assert!(recovery.torn.is_some(), "bit {bit} was missed");
                // A flipped line end joins the last line but one to the last.
                assert!([1, 2].contains(&(records.len() - read.len())), "bit {bit}");
                assert_eq!(read, records[..read.len()], "bit {bit}");
                torn += 1;
            }
            Err(OpenError::Corrupt(_) | OpenError::Foreign { .. } | OpenError::Newer { .. }) => {
                refused += 1;
            }
            Err(other) => panic!("bit {bit}: {other}"),
        }
    }
    assert!(torn > 0 && refused > torn, "{torn} torn, {refused} refused");
}

#[test]
fn lines_that_are_good_elsewhere_are_bad_here() {
    let text =
        String::from_utf8(ledger_of(&[settled(1), settled(2), settled(3)]).written()).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let [header, one, two, three] = lines[..] else { panic!("{text}") };
    for (text, line, what) in [
        ([header, two, three, ""], 2, "it is not record 1, which must follow here"),
        ([header, one, three, ""], 3, "it is not record 2, which must follow here"),
        ([header, one, one, two], 3, "it is not record 2, which must follow here"),
        ([header, two, one, three], 2, "it is not record 1, which must follow here"),
        (
            [header, one, "\n", two],
            3,
            "its numbers or its checksum do not fit, and line 4 behind it is good",
        ),
    ] {
        let disk = Memory::holding(text.concat().as_bytes());
        let OpenError::Corrupt(corrupt) = disk.open().map(|_| ()).unwrap_err() else { panic!() };
        assert_eq!((corrupt.line, corrupt.what.as_str()), (line, what));
        let (kept, copy) = (disk.0.borrow().aside.clone(), corrupt.copy.is_some());
        assert_eq!((kept, copy), (vec![(Aside::Corrupt, disk.written())], true));
    }
}

#[test]
fn a_line_of_another_ledger_does_not_pass() {
    let ours = String::from_utf8(ledger_of(&[settled(1)]).written()).unwrap();
    let (header, line) = ours.split_once('\n').unwrap();
    assert_eq!(header, "evenkeel-ledger 1 4f1c09ab 1 60ffbdfe");
    // The same header with another name, its checksum in order.
    let head = "evenkeel-ledger 1 4f1c09ac 1 ";
    let other = format!("{head}{:08x}\n{line}", crc32fast::hash(head.as_bytes()));
    let (_, recovery, read) = Memory::holding(other.as_bytes()).open().unwrap();
    assert_eq!((recovery.torn.is_some(), read), (true, vec![]));
}

#[test]
fn a_whole_line_that_says_nothing_known_stops_the_daemon_even_at_the_end() {
    let head = "evenkeel-ledger 1 4f1c09ab 1 60ffbdfe\n";
    let json = r#"{"t":"teleported"}"#;
    let checksum = crc32fast::hash(format!("4f1c09ab1 {} {json}", json.len()).as_bytes());
    let text = format!("{head}1 {} {checksum:08x} {json}\n", json.len());
    let error = Memory::holding(text.as_bytes()).open().map(|_| ()).unwrap_err().to_string();
    assert!(
        error.starts_with(
            "the ledger /state/ledger is damaged at line 2 (byte 38): it is whole, but no record \
             that this version knows (unknown variant `teleported`"
        ),
        "{error}"
    );
}
