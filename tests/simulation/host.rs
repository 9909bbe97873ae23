//! The machine's clocks.

use evenkeel::keel::time::{Boot, Mono, Now, Wall};

use crate::lie::Lie;

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
