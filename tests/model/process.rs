//! The process and its disk: the real keel, and the records that outlive it.

use std::fmt::{self, Write};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use evenkeel::keel::call::Fate;
use evenkeel::keel::history::History;
use evenkeel::keel::reconciler::Reconciler;
use evenkeel::keel::record::Record;

use crate::rules::{Lie, Rules};

/// The keel of a running process.
///
/// What tells two of them apart is their whole `Debug` text, which leaves nothing out: two keels
/// that would ever behave differently are different states.
#[derive(Clone)]
pub(crate) struct Keel {
    pub(crate) reconciler: Reconciler,
    print: u64,
}

impl Keel {
    pub(crate) fn new(reconciler: Reconciler) -> Self {
        Self { reconciler, print: 0 }
    }

    /// To be called whenever the keel has changed.
    pub(crate) fn imprint(&mut self) {
        self.print = print_of(&self.reconciler);
    }
}

impl PartialEq for Keel {
    fn eq(&self, other: &Self) -> bool {
        self.print == other.print
    }
}

impl Hash for Keel {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.print.hash(state);
    }
}

impl fmt::Debug for Keel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}, under way: {:?}", self.print, self.reconciler.history().open())
    }
}

struct Printer(DefaultHasher);

impl Write for Printer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}

/// A number for a value's `Debug` text.
pub(crate) fn print_of(value: &impl fmt::Debug) -> u64 {
    let mut printer = Printer(DefaultHasher::new());
    write!(printer, "{value:?}").unwrap();
    printer.0.finish()
}

struct Line {
    record: Record,
    before: Option<Arc<Line>>,
}

/// The ledger's lines, newest first, shared by all states that have them in common.
///
/// What has been written is not part of a state's identity while a process runs: the running
/// keel's own history stands for it, and each crash checks that the two are the same. Only while
/// the synced lines are fewer than the written ones, what they add up to is a part of it.
#[derive(Clone, Default)]
pub(crate) struct Disk {
    last: Option<Arc<Line>>,
    /// So many of the newest lines would not outlive a power loss.
    pub(crate) unsynced: usize,
    /// What the synced lines add up to, if there are others.
    synced: u64,
    /// What the written lines add up to, while no process runs.
    written: u64,
}

impl PartialEq for Disk {
    fn eq(&self, other: &Self) -> bool {
        (self.synced, self.written) == (other.synced, other.written)
    }
}

impl Hash for Disk {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.synced, self.written).hash(state);
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lines()).finish()
    }
}

impl Disk {
    pub(crate) fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    /// Writes records and, with `sync`, makes sure of all of them. `before` is what all lines so
    /// far add up to.
    pub(crate) fn append(
        &mut self,
        records: &[Record],
        sync: bool,
        before: impl FnOnce() -> Option<u64>,
    ) {
        if !sync && self.unsynced == 0 && !records.is_empty() {
            self.synced = before().unwrap_or(self.written);
        }
        for record in records {
            let line = Line { record: record.clone(), before: self.last.take() };
            self.last = Some(Arc::new(line));
        }
        self.written = 0;
        self.unsynced += records.len();
        if sync {
            (self.unsynced, self.synced) = (0, 0);
        }
    }

    /// The newest first.
    fn lines(&self) -> impl Iterator<Item = &Record> {
        let mut rest = self.last.as_deref();
        std::iter::from_fn(move || {
            let line = rest?;
            rest = line.before.as_deref();
            Some(&line.record)
        })
    }

    /// Whether the reservation of a call would outlive a power loss.
    pub(crate) fn holds(&self, wanted: u64) -> bool {
        let reserves = |record: &Record| match record {
            Record::Reserved { id, .. } => id.0 == wanted,
            _ => false,
        };
        self.lines().skip(self.unsynced).any(reserves)
    }

    pub(crate) fn lose_unsynced(&mut self) {
        for _ in 0..self.unsynced {
            self.last = self.last.take().and_then(|line| line.before.clone());
        }
        (self.unsynced, self.synced) = (0, 0);
    }

    /// No process runs any more.
    pub(crate) fn rest(&mut self, rules: &Rules) {
        self.written = print_of(&self.fold(rules, Lie::None));
    }

    /// What the lines add up to, told by `lie`.
    pub(crate) fn fold(&self, rules: &Rules, lie: Lie) -> History {
        let mut records: Vec<Record> = self.lines().cloned().collect();
        records.reverse();
        let mut history = History::new(rules.policy.clone());
        let known = match lie {
            Lie::ShortReplay => {
                let started = |record: &Record| matches!(record, Record::Started { .. });
                records.iter().rposition(started).unwrap_or(0)
            }
            _ => records.len(),
        };
        records[..known].iter().for_each(|record| history.apply(record));
        if lie == Lie::ForgetsOpen {
            let open: Vec<_> =
                history.open().iter().map(|(id, open)| (*id, open.reserved)).collect();
            for (id, at) in open {
                history.apply(&Record::Settled { at, id, fate: Fate::NeverLeft });
            }
        }
        history
    }
}
