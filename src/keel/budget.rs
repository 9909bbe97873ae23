//! So many requests in any window, counted as the server counts them: by arrival.

use std::time::Duration;

use super::call::Method;
use super::policy::Limit;
use super::time::Mono;

/// Whether a request may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A request sent now cannot break the limit.
    Open,
    /// Ask again at this time.
    Until(Mono),
    /// Nobody can say: ask again when a call under way has ended.
    InFlight,
}

impl Verdict {
    /// The stricter of two.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::InFlight, _) | (_, Self::InFlight) => Self::InFlight,
            (Self::Until(a), Self::Until(b)) => Self::Until(a.max(b)),
            (Self::Until(at), Self::Open) | (Self::Open, Self::Until(at)) => Self::Until(at),
            (Self::Open, Self::Open) => Self::Open,
        }
    }

    /// The verdict of a count that is not looked at any more from `end` on.
    pub fn at_latest(self, end: Mono) -> Self {
        match self {
            Self::Until(at) => Self::Until(at.min(end)),
            Self::Open | Self::InFlight => self,
        }
    }
}

/// The rule that a [`Tally`] is read by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Calls that may hold a slot at a time.
    pub requests: u32,
    /// For how long a call holds its slot after its latest possible arrival: W' = W + margin.
    pub hold: Duration,
    /// Whether only one call may be under way at a time, whatever the limit: starts and stops.
    pub alone: bool,
}

impl Rule {
    /// The rule of `limit`, with `margin` for what clocks and server nodes may differ by.
    pub fn new(limit: Limit, margin: Duration, alone: bool) -> Self {
        Self { requests: limit.requests, hold: limit.per + margin, alone }
    }
}

/// The tallies of one scope, by method. A list without room to spare: most scopes have one, and a
/// large fleet has many scopes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tallies(Vec<(Method, Tally)>);

impl Tallies {
    /// Of a scope in which nothing was ever used.
    pub const NONE: &Self = &Self(Vec::new());

    /// That of `method`, if one was ever used.
    pub fn get(&self, method: Method) -> Option<&Tally> {
        let place = self.place(method).ok()?;
        self.0.get(place).map(|(_, tally)| tally)
    }

    /// That of `method`; `new`, if there is none.
    pub fn get_or(&mut self, method: Method, new: impl FnOnce() -> Tally) -> &mut Tally {
        let place = self.place(method).unwrap_or_else(|place| {
            self.0.reserve_exact(1);
            self.0.insert(place, (method, new()));
            place
        });
        &mut self.0[place].1
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (Method, &Tally)> {
        self.0.iter().map(|(method, tally)| (*method, tally))
    }

    /// All of them, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Method, &mut Tally)> {
        self.0.iter_mut().map(|(method, tally)| (*method, tally))
    }

    /// Forgets what no longer counts at `now`.
    pub fn prune(&mut self, now: Mono, rule: impl Fn(Method) -> Rule) {
        self.0.retain_mut(|(method, tally)| {
            tally.prune(now, rule(*method));
            !tally.is_blank()
        });
    }

    fn place(&self, method: Method) -> Result<usize, usize> {
        self.0.binary_search_by_key(&method, |(known, _)| *known)
    }
}

/// The calls of one method in one scope that may still count at the server.
///
/// The server sees a request at some unknown time between its reservation and its settlement. So a
/// call under way holds a slot for as long as that lasts, and a settled one for [`Rule::hold`]
/// after its *latest possible* arrival: the head of an answer proves that the request arrived
/// before it; a request given up on may arrive as late as the lateness allows.
///
/// Why that keeps the limit N: suppose N + 1 arrivals within one window W. When the last of them
/// was admitted, fewer than N calls held, so some earlier one of them did not hold any more: `hold`
/// had passed since its latest possible arrival, hence since its arrival. The two are W apart or
/// more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    under_way: u32,
    /// Latest possible arrivals, ascending. Only the newest N matter, so only they are kept.
    arrivals: Vec<Mono>,
    closed: Option<Mono>,
    strikes: u32,
}

impl Tally {
    /// A tally as a ledger carried it.
    pub fn carried(arrivals: Vec<Mono>, closed: Option<Mono>, strikes: u32) -> Self {
        Self { under_way: 0, arrivals, closed, strikes }
    }

    /// Spends a slot on a request that may be sent from now on.
    pub fn reserve(&mut self) {
        self.under_way += 1;
    }

    /// Narrows the spend: the request arrived no later than `by`, if it arrived.
    pub fn settle(&mut self, by: Mono, rule: Rule) {
        self.under_way = self.under_way.saturating_sub(1);
        self.arrive(by, rule);
    }

    /// Hands the slot back: not one byte of the request was written.
    pub fn hand_back(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// Counts an arrival that nobody reserved a slot for.
    pub fn arrive(&mut self, by: Mono, rule: Rule) {
        let place = self.arrivals.partition_point(|known| *known <= by);
        if self.arrivals.is_empty() {
            // Most have one, and a large fleet has many.
            self.arrivals.reserve_exact(1);
        }
        self.arrivals.insert(place, by);
        let surplus = self.arrivals.len().saturating_sub(rule.requests as usize);
        self.arrivals.drain(..surplus);
    }

    /// Closes the tally until then, if it is not closed for longer already: a 429 was met.
    pub fn close(&mut self, until: Mono) {
        self.closed = self.closed.max(Some(until));
        self.strikes = self.strikes.saturating_add(1);
    }

    /// An answer other than 429 was met.
    pub fn relent(&mut self) {
        self.strikes = 0;
    }

    /// 429s met in a row.
    pub const fn strikes(&self) -> u32 {
        self.strikes
    }

    /// Says whether a request may be sent at `now`, if `keep` slots are to stay free after it.
    pub fn verdict(&self, now: Mono, rule: Rule, keep: u32) -> Verdict {
        let slots = rule.requests.saturating_sub(keep).max(1);
        if self.under_way >= slots || (rule.alone && self.under_way > 0) {
            return Verdict::InFlight;
        }
        // Open once all but `free` of the newest arrivals have let go.
        let free = (slots - self.under_way) as usize;
        let blocking = self.arrivals.len().checked_sub(free).map(|i| self.arrivals[i] + rule.hold);
        match blocking.max(self.closed) {
            Some(until) if now < until => Verdict::Until(until),
            Some(_) | None => Verdict::Open,
        }
    }

    /// When the `nth` request from now on, counted from 1, may be sent if those before it are sent
    /// as soon as they may; `None` while a request is under way.
    pub fn turn(&self, now: Mono, rule: Rule, nth: usize) -> Option<Mono> {
        if self.under_way > 0 {
            return None;
        }
        let (nth, slots) = (nth.saturating_sub(1), rule.requests.max(1) as usize);
        // Each waits for the one `slots` before it to let go, whether that is known or to come.
        let before = (self.arrivals.len() + nth % slots).checked_sub(slots);
        let free = before.map(|i| self.arrivals[i] + rule.hold);
        let rounds = u32::try_from(nth / slots).unwrap_or(u32::MAX);
        let first = free.max(self.closed).map_or(now, |at| at.max(now));
        Some(first + rule.hold.saturating_mul(rounds))
    }

    /// How many requests could be sent at `now`, one after the other.
    pub fn remaining(&self, now: Mono, rule: Rule) -> u32 {
        if self.closed.is_some_and(|until| now < until) {
            return 0;
        }
        let lapsed = self.arrivals.partition_point(|by| *by + rule.hold <= now);
        let holding = u32::try_from(self.arrivals.len() - lapsed).unwrap_or(u32::MAX);
        rule.requests.saturating_sub(holding.saturating_add(self.under_way))
    }

    /// Forgets what no longer counts at `now`.
    pub fn prune(&mut self, now: Mono, rule: Rule) {
        let lapsed = self.arrivals.partition_point(|by| *by + rule.hold <= now);
        self.arrivals.drain(..lapsed);
        self.closed = self.closed.filter(|until| now < *until);
    }

    /// Whether nothing counts: a tally never used.
    pub fn is_blank(&self) -> bool {
        *self == Self::default()
    }

    /// Until when something counts here that does not in `known`; `None`: nothing does.
    pub(super) fn beyond(&self, known: Option<&Self>, now: Mono, rule: Rule) -> Option<Mono> {
        let times = |arrivals: &[Mono], by: Mono| arrivals.iter().filter(|one| **one == by).count();
        let counts_there = |by: Mono| {
            known.is_some_and(|known| {
                // Those before the oldest of N are not kept, as they let go before it does.
                let full = known.arrivals.len() >= rule.requests as usize;
                times(&known.arrivals, by) >= times(&self.arrivals, by)
                    || (full && known.arrivals.first().is_some_and(|oldest| by <= *oldest))
            })
        };
        let new = self.arrivals.iter().filter(|by| !counts_there(**by)).map(|by| *by + rule.hold);
        let longer = self.closed.filter(|_| known.is_none_or(|known| known.closed < self.closed));
        new.chain(longer).filter(|until| now < *until).max()
    }

    /// What a ledger has to carry: the arrivals, the closure, the strikes. Calls under way are
    /// carried by their own reservations.
    pub fn carry(&self) -> (&[Mono], Option<Mono>, u32) {
        (&self.arrivals, self.closed, self.strikes)
    }

    /// Moves every instant into another clock domain.
    pub fn shift(&mut self, millis: i64) {
        for by in &mut self.arrivals {
            *by = by.shifted(millis);
        }
        self.closed = self.closed.map(|until| until.shifted(millis));
    }
}
