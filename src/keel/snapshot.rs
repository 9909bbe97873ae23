//! Compaction: the fewest records that add up to the same history.

use super::budget::Rule;
use super::call::{CallId, Method};
use super::chapter::Chapter;
use super::deployment::{AccountId, DeploymentId};
use super::guard::Guarded;
use super::history::{AccountPast, DeploymentPast, History, Open};
use super::lead::Starts;
use super::line::Lined;
use super::reconciler::Reconciler;
use super::record::{Carried, Past, Record, TallyLine};
use super::time::{Mono, Now};

impl History {
    /// Forgets what no longer counts at `now`: lapsed arrivals, closures, reversals.
    pub fn prune(&mut self, now: Mono) {
        let limits = self.policy.limits.clone();
        let rule = |method: Method| Rule::new(limits.of(method), limits.margin, method.acts());
        let within = self.policy.guards.contested_within;
        let contested = self.policy.guards.contested_reversals as usize;
        let longest = Method::ALL.map(|method| rule(method).hold).into_iter().max();
        let longest = longest.unwrap_or_default();
        self.ghosts.retain(|(at, _)| now < *at + longest);
        self.accounts.retain(|_, past| {
            past.widened.retain(|_, until| now < *until);
            past.tallies.prune(now, rule);
            *past != AccountPast::default()
        });
        self.deployments.retain(|_, past| {
            past.tallies.prune(now, rule);
            if past.reversals.len() < contested {
                past.reversals.retain(|seen| now.since(*seen) < within);
            }
            **past != DeploymentPast::default()
        });
    }

    /// The fewest records that, folded, give this history, but for the wishes that have ended.
    pub fn snapshot(&self) -> Vec<Record> {
        let mut out = Vec::new();
        if let Some(now) = self.clock {
            out.push(Record::Started { now });
        }
        out.push(Record::Carried(Carried::NextCall { id: self.next }));
        let ghost = |(at, calls): &(Mono, u32)| Carried::Ghosts { at: *at, calls: *calls };
        out.extend(self.ghosts.iter().map(ghost).map(Record::Carried));
        out.extend(self.hold.iter().cloned().map(Guarded::Held).map(Record::Guard));
        out.extend(Chapter::split(self.tallies()).map(Record::Tallies));
        self.snapshot_accounts(&mut out);
        self.snapshot_deployments(&mut out);
        // What is under way is told by its reservation.
        let ended = self.past.iter().filter(|past| past.settled.is_some()).cloned();
        out.extend(Chapter::split(ended).map(Record::Pasts));
        self.chronicle.snapshot(&mut out);
        for (id, Open { call, reserved, cause }) in &self.open {
            out.push(Record::Reserved {
                at: *reserved,
                id: *id,
                call: call.clone(),
                cause: cause.clone(),
            });
        }
        // After the reservations: each of those says something about starts, too.
        let starts = self.deployments.iter().map(|(id, past)| (id, &past.starts));
        let starts = starts.filter(|(_, starts)| **starts != Starts::default());
        let starts = starts.map(|(id, starts)| (id.clone(), starts.clone()));
        out.extend(Chapter::split(starts).map(Record::Starts));
        out
    }

    fn tallies(&self) -> impl Iterator<Item = TallyLine> {
        let of_accounts = self.accounts.iter().flat_map(|(id, past)| {
            let line = |(method, tally)| tally_line(Some(id), None, method, tally);
            past.tallies.iter().map(line)
        });
        let of_deployments = self.deployments.iter().flat_map(|(id, past)| {
            let line = |(method, tally)| tally_line(None, Some(id), method, tally);
            past.tallies.iter().map(line)
        });
        of_accounts.chain(of_deployments)
    }

    fn snapshot_accounts(&self, out: &mut Vec<Record>) {
        for (id, past) in &self.accounts {
            for (method, until) in &past.widened {
                out.push(Record::Carried(Carried::Widened {
                    account: id.clone(),
                    method: *method,
                    until: *until,
                }));
            }
            if let Some(at) = past.no_list {
                out.push(Record::Carried(Carried::NoList { account: id.clone(), at }));
            }
        }
    }

    fn snapshot_deployments(&self, out: &mut Vec<Record>) {
        let oldest = self.past.front().map_or(CallId(u64::MAX), |past| past.id);
        for (id, past) in &self.deployments {
            if !past.reversals.is_empty() {
                let (deployment, at) = (id.clone(), past.reversals.clone());
                out.push(Record::Carried(Carried::Reversals { deployment, at }));
            }
            if past.refusals > 0 {
                let (deployment, count) = (id.clone(), past.refusals);
                out.push(Record::Carried(Carried::Refusals { deployment, count }));
            }
            if let Some((action, at)) = past.waits.as_deref().copied() {
                out.push(Record::Line(Lined::Waits { at, deployment: id.clone(), action }));
            }
            out.extend(past.wishes.carry(id, self.clock.map(|clock| clock.wall)));
            // The history for people is bounded; the last act of each deployment is not lost to it.
            if let Some(last) = past.last_act.as_ref().filter(|last| last.id < oldest) {
                out.push(Record::Past(Past::clone(last)));
            }
        }
    }

    pub(super) fn carried(&mut self, carried: &Carried) {
        match carried {
            Carried::NextCall { id } => self.next = self.next.max(*id),
            Carried::Ghosts { at, calls } => self.ghosts.push((*at, *calls)),
            Carried::Widened { account, method, until } => {
                let past = self.accounts.entry(account.clone()).or_default();
                past.widened.insert(*method, *until);
            }
            Carried::NoList { account, at } => {
                self.accounts.entry(account.clone()).or_default().no_list = Some(*at);
            }
            Carried::Reversals { deployment, at } => {
                let past = self.deployments.entry(deployment.clone()).or_default();
                past.reversals.clone_from(at);
            }
            Carried::Refusals { deployment, count } => {
                let past = self.deployments.entry(deployment.clone()).or_default();
                past.refusals = *count;
            }
            Carried::Starts { deployment, awaited, shown } => {
                let starts = Starts { awaited: *awaited, shown: shown.clone() };
                self.deployment(deployment).starts = starts;
            }
            Carried::Last { deployment, last } => self.chronicle.carried(deployment, last),
        }
    }

    /// Moves every instant by `millis`, into another clock domain.
    pub(super) fn shift(&mut self, millis: i64) {
        for (at, _) in &mut self.ghosts {
            *at = at.shifted(millis);
        }
        for past in self.accounts.values_mut() {
            past.tallies.iter_mut().for_each(|(_, tally)| tally.shift(millis));
            past.widened.values_mut().for_each(|until| *until = until.shifted(millis));
            past.no_list = past.no_list.map(|at| at.shifted(millis));
        }
        for past in self.deployments.values_mut() {
            past.tallies.iter_mut().for_each(|(_, tally)| tally.shift(millis));
            past.reversals.iter_mut().for_each(|at| *at = at.shifted(millis));
            past.waits.iter_mut().for_each(|waits| waits.1.mono = waits.1.mono.shifted(millis));
            past.last_act.iter_mut().for_each(|act| shift_past(act, millis));
            past.starts.rebooted();
            past.wishes.shift(millis);
        }
        if let Some(hold) = &mut self.hold {
            hold.at.mono = hold.at.mono.shifted(millis);
        }
        for open in self.open.values_mut() {
            open.reserved.mono = open.reserved.mono.shifted(millis);
        }
        self.past.iter_mut().for_each(|past| shift_past(past, millis));
        self.chronicle.shift(millis);
    }

    /// Has the history as of one reading of the clocks written in place of all records before.
    ///
    /// # Errors
    /// What `write` says. Then nothing is forgotten that the old records may bring back.
    pub fn compact<T, E>(
        &mut self,
        now: Now,
        write: impl FnOnce(&[Record]) -> Result<T, E>,
    ) -> Result<T, E> {
        // What has lapsed by the monotonic clock has lapsed for good. The wall clock may be set
        // back: what has ended by it is over only once no record tells of it.
        self.prune(now.mono);
        if self.clock.is_some_and(|clock| clock.boot == now.boot && clock.mono <= now.mono) {
            self.clock = Some(now);
        }
        let written = write(&self.snapshot())?;
        if let Some(clock) = self.clock {
            self.deployments.retain(|_, past| {
                past.wishes.drop_ended(clock.wall);
                **past != DeploymentPast::default()
            });
        }
        Ok(written)
    }
}

impl Reconciler {
    /// See [`History::compact`].
    ///
    /// # Errors
    /// What `write` says.
    pub fn compact<T, E>(
        &mut self,
        now: Now,
        write: impl FnOnce(&[Record]) -> Result<T, E>,
    ) -> Result<T, E> {
        self.history.compact(now, write)
    }
}

fn shift_past(past: &mut Past, millis: i64) {
    past.reserved.mono = past.reserved.mono.shifted(millis);
    if let Some((stamp, _)) = &mut past.settled {
        stamp.mono = stamp.mono.shifted(millis);
    }
}

fn tally_line(
    account: Option<&AccountId>,
    deployment: Option<&DeploymentId>,
    method: Method,
    tally: &super::budget::Tally,
) -> TallyLine {
    let (arrivals, closed, strikes) = tally.carry();
    TallyLine {
        account: account.cloned(),
        deployment: deployment.cloned(),
        method,
        arrivals: arrivals.to_vec(),
        closed,
        strikes,
    }
}
