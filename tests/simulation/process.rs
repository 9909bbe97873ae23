//! What the daemon does around the keel: the ledger first, then the effects.

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel::keel::call::{Answer, Call, CallId, Method, Outcome};
use evenkeel::keel::decision::{Decision, Effect};
use evenkeel::keel::reconciler::Event;
use evenkeel::keel::record::Record;
use evenkeel::ledger::{Fault, Refused};

use crate::fate::{self, Crash, Fate};
use crate::generate::Choose;
use crate::setup::Story;
use crate::world::{Checked, What, World};

/// How often a ledger that cannot be written is tried again, in milliseconds.
pub(crate) const STUCK_RETRY: u64 = 1000;

impl<C: Choose> World<'_, C> {
    /// What the daemon does with a decision: the ledger first, then the effects.
    pub(crate) fn commit(&mut self, decision: Decision) -> Checked {
        let (mut fates, mut calls, mut wide) = (BTreeMap::new(), Vec::new(), Vec::new());
        for record in decision.records() {
            if let Some(words) = crate::trouble::record_in_words(record) {
                self.tell(|| format!("record {words}"));
            }
            match record {
                Record::Reserved { id, call, .. } => {
                    let acts = call.method().acts();
                    self.acts += usize::from(acts);
                    fates.insert(*id, fate::deal(&self.setup, acts, self.calm, self.chooser));
                    calls.push((*id, call.clone()));
                }
                Record::Widened { method, .. } => wide.push(*method),
                _ => (),
            }
        }
        let crash = fates.values().find_map(|fate| fate.crash);
        let Some(ledger) = &mut self.ledger else { return Ok(()) };
        self.disk.mark(self.clocks.wall_error);
        if let Some((at @ (Crash::BeforeCommit | Crash::Torn), reboot)) = crash {
            // The decision may have held how a call ended.
            self.oracle.doubts_the_ledger();
            if at == Crash::Torn {
                let part = match self.setup.story {
                    Story::Long => self.chooser.below(400),
                    Story::Short | Story::CrashLoop | Story::TakenBack => 0,
                };
                self.disk.tear(ledger.as_mut(), decision, part);
            }
            self.tell(|| format!("ends before the commit ({at:?})"));
            self.crash(reboot);
            return Ok(());
        }
        let released = match ledger.commit(decision) {
            Ok(released) => released,
            Err(Refused::Stuck { fault, calls, .. }) => {
                self.withhold(&fault, calls);
                return Ok(());
            }
            Err(Refused::Broken(fault)) => {
                self.breaks(&fault);
                return Ok(());
            }
        };
        self.decided(&calls, &wide)?;
        if let Some((Crash::BeforeSend, reboot)) = crash {
            self.crash(reboot);
            return Ok(());
        }
        self.release(released.effects, &fates);
        // Compacted while calls are under way, the ledger has to carry them.
        let long = self.setup.story == Story::Long && !calls.is_empty();
        let wanted = self.ledger.as_ref().is_some_and(|ledger| ledger.wants_compaction());
        if wanted || (long && self.chooser.once_in(64)) {
            self.compact();
        }
        Ok(())
    }

    fn decided(&mut self, calls: &[(CallId, Call)], wide: &[Method]) -> Checked {
        let wall = self.clocks.now(self.time).wall;
        for (id, call) in calls {
            self.oracle.decided(*id, call, self.time, wall)?;
        }
        wide.iter().for_each(|method| self.oracle.widened(*method, self.time));
        Ok(())
    }

    fn release(&mut self, effects: Vec<Effect>, fates: &BTreeMap<CallId, Fate>) {
        for effect in effects {
            if let Effect::Send(permit) = effect {
                let fate = fates[&permit.id];
                self.send(permit, fate);
            }
        }
        self.schedule_wake();
    }

    /// The ledger could not be written: what was to be sent never leaves.
    fn withhold(&mut self, fault: &Fault, calls: Vec<CallId>) {
        self.tell(|| format!("{fault}: {calls:?} withheld"));
        self.stuck = true;
        let now = self.clocks.now(self.time);
        let (Some(keel), Some(ledger)) = (&mut self.keel, &mut self.ledger) else { return };
        let mut decision = keel.handle(Event::LedgerStuck(fault.to_string().into()), now);
        for id in calls {
            let outcome = Outcome::NeverLeft("the ledger is stuck".into());
            let answer = Answer { id, took: Duration::ZERO, outcome };
            keel.decide(Event::Answered(answer), now, &mut decision);
        }
        match ledger.commit(decision) {
            Ok(_) | Err(Refused::Stuck { .. }) => self.later(STUCK_RETRY, What::Retry),
            Err(Refused::Broken(fault)) => self.breaks(&fault),
        }
    }

    pub(crate) fn retry(&mut self) -> Checked {
        let Some(ledger) = &mut self.ledger else { return Ok(()) };
        match ledger.flush_owed() {
            Ok(()) => {
                self.stuck = false;
                self.keep_file()?;
                self.feed(Event::LedgerFree)
            }
            Err(fault) if fault.is_stuck() => {
                self.later(STUCK_RETRY, What::Retry);
                Ok(())
            }
            Err(fault) => {
                self.breaks(&fault);
                Ok(())
            }
        }
    }

    /// What the ledger holds is not known any more: the process ends.
    pub(crate) fn breaks(&mut self, fault: &Fault) {
        self.tell(|| fault.to_string());
        self.oracle.doubts_the_ledger();
        self.disk.mend();
        self.crash(false);
    }
}
