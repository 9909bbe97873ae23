//! The ledger's text.

use evenkeel::keel::record::Record;
use evenkeel::ledger::{Ledger as _, OpenError};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::memory::Memory;
use crate::records::record;

fn ledger_of(records: &[Record]) -> Vec<u8> {
    let disk = Memory::default();
    disk.open().unwrap().0.append(records, true).unwrap();
    disk.written()
}

/// Where each line ends, the header's first.
fn ends(text: &[u8]) -> Vec<usize> {
    let breaks = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    breaks.map(|(at, _)| at + 1).collect()
}

proptest! {
    #![proptest_config(crate::repeatable(48))]

    #[test]
    fn what_is_written_reads_back(
        batches in vec(vec(record(), 0..8), 0..8),
        compact in any::<bool>(),
    ) {
        let disk = Memory::default();
        let (mut ledger, ..) = disk.open().unwrap();
        for batch in &batches {
            ledger.append(batch, false).unwrap();
        }
        ledger.sync().unwrap();
        let mut all = batches.concat();
        if compact {
            all.reverse();
            ledger.compact(&all).unwrap();
            ledger.append(&batches.concat(), true).unwrap();
            all.extend(batches.concat());
        }
        let (_, recovery, read) = disk.power_cut().open().unwrap();
        prop_assert_eq!((recovery.torn, recovery.fresh), (None, all.is_empty()));
        prop_assert_eq!(read, all);
    }

    #[test]
    fn every_cut_leaves_the_whole_lines_before_it(records in vec(record(), 0..6)) {
        let text = ledger_of(&records);
        let ends = ends(&text);
        for length in ends[0]..text.len() {
            let whole = ends.iter().filter(|end| **end <= length).count() - 1;
            let (_, recovery, read) = Memory::holding(&text[..length]).open().unwrap();
            prop_assert_eq!(&read, &records[..whole], "cut at {}", length);
            let torn = recovery.torn.map_or(0, |torn| torn.bytes);
            prop_assert_eq!(torn, (length - ends[whole]) as u64, "cut at {}", length);
        }
        for length in 0..ends[0] {
            prop_assert!(Memory::holding(&text[..length]).open().is_err(), "cut at {}", length);
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed(records in vec(record(), 0..4)) {
        let mut text = ledger_of(&records);
        let ends = ends(&text);
        for bit in 0..text.len() * 8 {
            text[bit / 8] ^= 1 << (bit % 8);
            let opened = Memory::holding(&text).open();
            text[bit / 8] ^= 1 << (bit % 8);
            // The record that the bit belongs to, if it is not the header's.
            let hit = ends.iter().filter(|end| **end <= bit / 8).count().checked_sub(1);
            match opened {
                Ok((_, recovery, read)) => {
                    prop_assert!(recovery.torn.is_some(), "bit {} was missed", bit);
                    prop_assert_eq!(Some(read.len()), hit, "bit {}", bit);
                    prop_assert_eq!(&read, &records[..read.len()], "bit {}", bit);
                }
                Err(OpenError::Corrupt(corrupt)) => {
                    let line = hit.map_or(1, |hit| hit as u64 + 2);
                    prop_assert_eq!(corrupt.line, line, "bit {}", bit);
                }
                Err(OpenError::Foreign { .. } | OpenError::Newer { .. }) => {
                    prop_assert_eq!(hit, None, "bit {}", bit);
                }
                Err(error) => return Err(TestCaseError::fail(error.to_string())),
            }
        }
    }

    #[test]
    fn no_bytes_behind_a_good_header_panic(
        records in vec(record(), 0..3),
        tail in prop_oneof![
            vec(any::<u8>(), 1..200),
            "[0-9a-f {}\":,\n]{1,200}".prop_map(Vec::from),
        ],
    ) {
        let good = ledger_of(&records);
        let text = [&good[..], &tail].concat();
        let (_, recovery, read) = Memory::holding(&text).open().unwrap();
        prop_assert_eq!(read, records);
        prop_assert_eq!(recovery.torn.unwrap().bytes, tail.len() as u64);
    }
}
