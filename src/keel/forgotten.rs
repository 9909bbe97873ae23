//! What would be forgotten of one history if another one stood in its place.

use super::budget::Tally;
use super::call::{Call, CallId, Fate, Method};
use super::history::{History, PAST_MAX};
use super::record::Past;
use super::time::{Mono, Now, Wall};

/// Something that one history counts, and another does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forgotten {
    /// A start or stop.
    Act(Box<Past>),
    /// A call that was under way when the process ended. Nobody can say when it counts no more
    /// until the next process has settled it.
    Open(CallId, Call),
    /// Reads, closures, or calls that nobody remembers.
    Counted {
        /// Until when they count.
        until: Wall,
    },
}

impl History {
    /// What of `other` is not in this one and may still count at `now`, if anything; and each
    /// start or stop, for people. Where both are of one clock domain the instants are compared, or
    /// else waited out.
    pub fn forgets(&self, other: &Self, now: Now) -> Option<Forgotten> {
        let spent = |act: &&Past| !matches!(act.settled, Some((_, Fate::NeverLeft)));
        if let Some(act) = other.past.iter().filter(spent).find(|act| !self.remembers(act)) {
            return Some(Forgotten::Act(Box::new(act.clone())));
        }
        let read = other.open.iter().filter(|(_, open)| !open.call.method().acts());
        let unknown = |id: &CallId| self.open.get(id) != other.open.get(id);
        if let Some((id, open)) = read.into_iter().find(|(id, _)| unknown(id)) {
            return Some(Forgotten::Open(*id, open.call.clone()));
        }
        // Now, by the clock that the other one's instants are of.
        let at = now.mono.shifted(other.offset(now, None).unwrap_or(0).saturating_neg());
        let until = self.counted_beyond(other, at)?;
        Some(Forgotten::Counted { until: now.wall + until.since(at) })
    }

    /// The bounded memory of starts and stops may have let an old one go.
    fn remembers(&self, act: &Past) -> bool {
        let facts = |act: &Past| {
            (act.id, act.account.clone(), act.deployment.clone(), act.action, act.reserved.wall)
        };
        let gone = |oldest: &Past| self.past.len() >= PAST_MAX && act.id < oldest.id;
        self.past.front().is_some_and(gone) || self.past.iter().any(|one| facts(one) == facts(act))
    }

    /// Until when something of `other` counts that is not counted here.
    fn counted_beyond(&self, other: &Self, now: Mono) -> Option<Mono> {
        let boot = |history: &Self| history.clock.map(|clock| clock.boot);
        let comparable = boot(self) == boot(other);
        let mut last = None;
        let mut note = |until: Option<Mono>| last = until.filter(|end| now < *end).max(last);
        let beyond = |method: Method, tally: &Tally, known: Option<&Tally>| {
            tally.beyond(known.filter(|_| comparable), now, self.rule(method))
        };
        for (id, past) in &other.deployments {
            let known = self.deployments.get(id);
            for (method, tally) in past.tallies.iter() {
                note(beyond(method, tally, known.and_then(|known| known.tallies.get(method))));
            }
        }
        for (id, past) in &other.accounts {
            let known = self.accounts.get(id);
            for (method, tally) in past.tallies.iter() {
                note(beyond(method, tally, known.and_then(|known| known.tallies.get(method))));
            }
            for (method, until) in &past.widened {
                let known = known.and_then(|known| known.widened.get(method));
                note(Some(*until).filter(|_| !comparable || known < Some(until)));
            }
        }
        let hold = Method::ALL.iter().map(|method| self.rule(*method).hold).max();
        for ghost in &other.ghosts {
            let known = comparable && self.ghosts.contains(ghost);
            note(Some(ghost.0 + hold.unwrap_or_default()).filter(|_| !known));
        }
        last
    }
}
