//! The machine: its clocks, and the disk that keeps the ledger.

use evenkeel::keel::call::{CallId, Fate};
use evenkeel::keel::record::{Record, Stamp};
use evenkeel::keel::time::{Boot, Mono, Now, Wall};

use crate::setup::Lie;

/// What the wall clock reads at the world's beginning, if it is right.
const EPOCH: i64 = 1_767_225_600_000;

/// The machine's clocks, as functions of the true time in milliseconds.
pub(crate) struct Clocks {
    boot: u64,
    booted: u64,
    /// What the monotonic clock read at the boot.
    base: i64,
    /// Parts of a million that it runs too fast.
    fast: i64,
    /// How wrong the wall clock is.
    pub(crate) wall_error: i64,
    lie: Lie,
}

impl Clocks {
    pub(crate) fn new(fast: i64, lie: Lie) -> Self {
        Self { boot: 1, booted: 0, base: 5_000_000, fast, wall_error: 0, lie }
    }

    pub(crate) fn now(&self, time: u64) -> Now {
        let since = i64::try_from(time - self.booted).unwrap();
        let wall = EPOCH + i64::try_from(time).unwrap() + self.wall_error;
        let mono = match self.lie {
            Lie::WallInsideBoot => wall - EPOCH + 1_000_000_000,
            _ => self.base + since + since * self.fast / 1_000_000,
        };
        Now { boot: Boot(self.boot), mono: Mono::from_millis(mono), wall: Wall::from_millis(wall) }
    }

    /// The true time at which the monotonic clock will read `mono` or a little more.
    pub(crate) fn when(&self, mono: Mono, time: u64) -> u64 {
        let wait = mono.since(self.now(time).mono).as_millis();
        let wait = i64::try_from(wait).unwrap();
        time + u64::try_from(wait - wait * self.fast / 1_000_000).unwrap().max(1)
    }

    pub(crate) fn reboot(&mut self, time: u64, base: u64, wall_error: i64) {
        self.boot += 1;
        self.booted = time;
        self.base = i64::try_from(base).unwrap();
        self.wall_error = wall_error;
    }
}

/// The ledger's file: what was written outlives the process, what was synced outlives the machine.
#[derive(Default)]
pub(crate) struct Disk {
    lines: Vec<Line>,
    synced: usize,
    torn: bool,
    lie: Option<Lie>,
}

struct Line {
    record: Record,
    /// How wrong the wall clock was.
    wall_error: i64,
}

impl Disk {
    pub(crate) fn new(lie: Lie) -> Self {
        Self { lie: Some(lie), ..Self::default() }
    }

    pub(crate) fn append(&mut self, records: &[Record], sync: bool, wall_error: i64) {
        self.lines.extend(records.iter().map(|record| Line { record: record.clone(), wall_error }));
        if sync {
            self.synced = self.lines.len();
        }
    }

    /// Replaces the ledger by its compaction.
    pub(crate) fn compact(&mut self, records: &[Record]) {
        let wall_error = self.wall_error();
        self.lines.clear();
        self.append(records, true, wall_error);
    }

    /// The machine goes down: of what was not synced, so many lines (at most) are kept.
    pub(crate) fn power_off(&mut self, kept: usize) {
        self.lines.truncate(self.synced + kept.min(self.lines.len() - self.synced));
        if self.lie == Some(Lie::LostSync) {
            self.lines.truncate(self.lines.len().saturating_sub(2).max(1));
        }
        self.synced = self.lines.len();
    }

    /// The process goes down while a line is being written.
    pub(crate) fn tear(&mut self) {
        self.torn = true;
    }

    /// How wrong the wall clock was at the last line.
    pub(crate) fn wall_error(&self) -> i64 {
        self.lines.last().map_or(0, |line| line.wall_error)
    }

    /// Whether the reservation of a call would outlive the machine.
    pub(crate) fn holds(&self, id: CallId) -> bool {
        let reserves = |line: &Line| match &line.record {
            Record::Reserved { id: known, .. } => *known == id,
            _ => false,
        };
        self.lines[..self.synced].iter().rev().take(200).any(reserves)
    }

    /// What a new process reads: the records, and whether the last line was torn.
    pub(crate) fn replay(&mut self) -> (Vec<Record>, bool) {
        let torn = std::mem::take(&mut self.torn);
        let records: Vec<Record> = self.lines.iter().map(|line| line.record.clone()).collect();
        let records = match self.lie {
            Some(Lie::HeldFromReservation) => held_from_reservation(records),
            Some(Lie::ForgetsOpen) => without_open(records),
            Some(Lie::ChargedEachStart) => charged_each_start(records),
            _ => records,
        };
        (records, torn)
    }
}

fn reservation(records: &[Record], wanted: CallId) -> Option<Stamp> {
    records.iter().rev().find_map(|record| match record {
        Record::Reserved { at, id, .. } if *id == wanted => Some(*at),
        _ => None,
    })
}

fn held_from_reservation(records: Vec<Record>) -> Vec<Record> {
    let known = records.clone();
    let moved = |record| match record {
        Record::Settled { at, id, fate } => {
            let at = Stamp { mono: reservation(&known, id).unwrap_or(at).mono, ..at };
            Record::Settled { at, id, fate }
        }
        other => other,
    };
    records.into_iter().map(moved).collect()
}

/// Takes a call without an outcome for one that never left.
fn without_open(mut records: Vec<Record>) -> Vec<Record> {
    let settled = |id: &CallId| {
        records
            .iter()
            .any(|record| matches!(record, Record::Settled { id: known, .. } if known == id))
    };
    let forgotten = |record: &Record| match record {
        Record::Reserved { at, id, .. } if !settled(id) => {
            Some(Record::Settled { at: *at, id: *id, fate: Fate::NeverLeft })
        }
        _ => None,
    };
    let never_left: Vec<Record> = records.iter().filter_map(forgotten).collect();
    records.extend(never_left);
    records
}

/// Leaves out what a start settled by itself, so that the next start settles it again.
fn charged_each_start(records: Vec<Record>) -> Vec<Record> {
    let mut start = None;
    let mut records = records;
    records.retain(|record| match record {
        Record::Started { now } => {
            start = Some(Stamp::from(*now));
            true
        }
        Record::Settled { at, fate: Fate::Unanswered, .. } => start != Some(*at),
        _ => true,
    });
    records
}
