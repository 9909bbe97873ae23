//! What happens to a world beside its calls, and its trace in words.

use std::time::Duration;

use evenkeel::keel::call::{Call, Outcome};
use evenkeel::keel::chronicle::Note;
use evenkeel::keel::record::Record;
use evenkeel::simulator;

use crate::generate::Choose;
use crate::setup::{IDS, Story};
use crate::world::{Checked, What, World};

const MINUTE: u64 = 60_000;
const DAY: i64 = 86_400_000;

/// What a wall clock may be wrong by after a reboot: `limits.clock_skew`, in the truth.
const SKEW: i64 = 119_000;

impl<C: Choose> World<'_, C> {
    /// What goes with the end of a process; says how long it stays down.
    pub(crate) fn go_down(&mut self, reboot: bool) -> u64 {
        self.count(if reboot { "reboot" } else { "crash" });
        let short = self.setup.story != Story::Long || self.calm;
        if reboot {
            let kept = self.chooser.below(if short { 1 } else { 101 });
            self.disk.power_off(kept);
            let known = self.disk.wall_error();
            let wrong = if short {
                SKEW
            } else {
                self.chooser.pick(&[0, -SKEW, SKEW, SKEW, SKEW, -5 * DAY])
            };
            // Or another machine, that has been up for a month.
            let up = if short { 1 } else { self.chooser.pick(&[1, 90_000, 30 * 86_400_000]) };
            let base = 20_000 + self.chooser.below(up) as u64;
            self.clocks.reboot(self.time, base, known + wrong);
        }
        match (short, reboot) {
            (true, false) => 1000,
            (true, true) => 20_000,
            (false, _) => self.chooser.span(Duration::from_secs(1200)).max(100),
        }
    }

    /// A start or stop has arrived.
    pub(crate) fn after_post(&mut self, call: &Call, status: u16) {
        if (300..600).contains(&status) && status != 401 && status != 429 {
            self.refusals += 1;
        }
        if let (Some(id), Story::Short | Story::CrashLoop) = (call.deployment(), self.setup.story) {
            self.later(2 * MINUTE, What::TurnBack(id.to_string()));
        }
    }

    /// Somebody at the console will turn a deployment back, again and again.
    pub(crate) fn schedule_turn(&mut self, id: &str) {
        if self.setup.hostile && self.setup.story == Story::Long && !self.calm {
            let wait = 20 * MINUTE + self.chooser.span(Duration::from_secs(3600));
            self.later(wait, What::Hostile(id.to_owned()));
        }
    }

    /// Somebody at the console brings a deployment that rests to the other state.
    pub(crate) fn turn_back(&mut self, id: &str) {
        if self.calm {
            return;
        }
        let status = self.service.deployment(id).map(|one| one.status.clone());
        let other = match status.as_deref() {
            Some("running" | "failed") => "stopped",
            Some("stopped") => "running",
            _ => return,
        };
        self.count("drift");
        self.service.set_status(id, other, Duration::from_millis(self.time));
        *self.turned.entry(id.to_owned()).or_default() += 1;
        self.oracle.turned(id, other);
        self.tell(|| format!("somebody turns {id} to {other}"));
    }

    pub(crate) fn schedule_incident(&mut self) {
        if self.setup.incidents > 0 && !self.calm {
            let most = Duration::from_millis(2 * self.setup.incidents);
            let wait = MINUTE + self.chooser.span(most);
            self.later(wait, What::Incident);
        }
    }

    pub(crate) fn incident(&mut self) -> Checked {
        if self.calm {
            return Ok(());
        }
        self.schedule_incident();
        match self.chooser.below(15) {
            0 => return self.ask(),
            1 => self.crash_if_up(false),
            2 => self.crash_if_up(true),
            3 => {
                // A loop: the processes after this one are cut short, too.
                self.crash_if_up(false);
                for _ in 0..self.chooser.below(6) {
                    let wait = self.chooser.span(Duration::from_secs(1800));
                    self.later(wait, What::Crash);
                }
            }
            4 | 5 => {
                self.edit();
                return self.read_file();
            }
            6 => {
                self.write_half();
                return self.read_file();
            }
            7 => {
                let id = self.some_deployment();
                self.turn_back(&id);
            }
            // The skew is what is allowed from a reading in the ledger before a reboot to the first
            // one after it, and a ledger that owes has no reading of this boot yet.
            8 if self.keel.is_none() || self.disk.is_full() || self.stuck => (),
            8 => {
                self.count("clock step");
                // Two milliseconds, so that no two records bear one instant and two wall times.
                self.time += 2;
                self.clocks.wall_error += self.chooser.pick(&[60_000, -60_000, DAY, -DAY]);
                self.tell(|| "the wall clock is set".to_owned());
            }
            9 if self.keel.is_some() => {
                let pause = self.chooser.span(Duration::from_secs(7200));
                self.stand_still(pause);
            }
            10 => {
                self.count("full disk");
                let room = self.chooser.below(400);
                let time = self.chooser.span(Duration::from_secs(2400));
                self.disk.fill(room);
                self.oracle.doubts_the_ledger();
                self.tell(|| format!("the disk is full for {} s", time / 1000));
                self.later(time, What::Mended);
            }
            11 => {
                self.count("failed sync");
                let replacing = self.chooser.once_in(2);
                self.disk.break_sync(replacing);
                self.tell(|| "the next sync fails".to_owned());
            }
            12 => self.compact(),
            _ => self.stranger(),
        }
        Ok(())
    }

    /// Counts a fault of a kind.
    pub(crate) fn count(&mut self, kind: &'static str) {
        *self.faults.entry(kind).or_default() += 1;
    }

    pub(crate) fn crash_if_up(&mut self, reboot: bool) {
        if self.keel.is_some() && !self.calm {
            self.crash(reboot);
        }
    }

    pub(crate) fn some_deployment(&mut self) -> String {
        IDS[self.chooser.below(self.setup.deployments)].to_owned()
    }

    /// Another client of the same key.
    fn stranger(&mut self) {
        if !self.setup.foreign {
            return;
        }
        let id = self.some_deployment();
        let method = self.chooser.pick(&simulator::Method::ALL);
        let times = if method.is_post() { 1 } else { self.chooser.below(60) };
        let now = Duration::from_millis(self.time);
        self.count("stranger");
        self.tell(|| format!("a stranger calls {method} of {id} {times} times"));
        for _ in 0..times {
            let call = simulator::Call::of(method, &id).authorized("key", "secret");
            let reply = self.service.handle(&call, now);
            if reply.status == 201 {
                *self.turned.entry(id.clone()).or_default() += 1;
                let start = method == simulator::Method::Start;
                self.oracle.turned(&id, if start { "running" } else { "stopped" });
            }
        }
    }
}

/// A record, in one line; none where the call itself is told as well, as it leaves and ends.
pub(crate) fn record_in_words(record: &Record) -> Option<String> {
    match record {
        Record::Reserved { call, .. } if !call.method().acts() => None,
        Record::Reserved { id, call, .. } => Some(format!("reserved {id}: {call}")),
        Record::Settled { .. } | Record::Noted { note: Note::Seen { .. }, .. } => None,
        other => Some(format!("{other:?}")),
    }
}

/// The code of an answer.
pub(crate) fn code(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Answered { code, .. } => code.to_string(),
        other => format!("{other:?}"),
    }
}
