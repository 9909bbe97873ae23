//! Chance: a seeded generator, and the faults that it deals out.

use std::time::Duration;

use super::call::Method;
use super::options::RetryAfter;

/// SplitMix64 (Steele, Lea and Flood, 2014): eight lines, any seed is good, the same on every
/// machine.
#[derive(Debug, Clone)]
pub(super) struct Rng(u64);

impl Rng {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, or 0 if there is none. The bias of the remainder is far below what a
    /// simulation can notice.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let bound = bound.max(1) as u64;
        usize::try_from(self.next() % bound).unwrap_or(0)
    }

    /// True with `probability`. A fault that is off draws nothing, so turning one on does not deal
    /// the others anew.
    pub(super) fn hits(&mut self, probability: f64) -> bool {
        // 53 bits are what a double holds exactly.
        probability > 0.0 && ((self.next() >> 11) as f64) < probability * (1_u64 << 53) as f64
    }

    /// Evenly from nothing to `most`.
    pub(super) fn up_to(&mut self, most: Duration) -> Duration {
        let nanos = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        if nanos == 0 {
            return Duration::ZERO;
        }
        Duration::from_nanos(self.next() % nanos.saturating_add(1).max(1))
    }
}

/// What goes wrong, and how often. Probabilities are from 0 (never) to 1 (always).
#[derive(Debug, Clone, PartialEq)]
pub struct Faults {
    /// The methods that have faults; empty means all. Latency is no fault: every call has it.
    pub methods: Vec<Method>,
    /// The round trip of each call, half of it before the arrival.
    pub latency: Duration,
    /// Up to this much more before the arrival, at random.
    pub jitter: Duration,
    /// The connection is dropped before the service acts.
    pub reset: f64,
    /// The connection is dropped after the service acted.
    pub lost: f64,
    /// The answer comes `late_by` after the service acted.
    pub late_answer: f64,
    /// The call arrives `late_by` after it was sent, even if its client has given up by then.
    pub late_arrival: f64,
    /// For `late_answer` and `late_arrival`.
    pub late_by: Duration,
    /// A gateway answers in HTML: 503, and the service never saw the call, or 502, and it acted.
    pub gateway: f64,
    /// The call begins a storm, in which every call is answered 429 whatever its budget.
    pub storm: f64,
    /// How long a storm lasts.
    pub storm_for: Duration,
    /// What the answers of a storm say about its end.
    pub storm_retry_after: RetryAfter,
    /// A success whose body is a web page or is cut short.
    pub garbage: f64,
    /// The status shown is a word that nobody has documented.
    pub unknown_status: f64,
    /// The answer is 307 to the very same place; the service does not act.
    pub redirect: f64,
}

impl Default for Faults {
    /// None at all; late ones, once turned on, outlast a client that waits for thirty seconds.
    fn default() -> Self {
        Self {
            methods: vec![],
            latency: Duration::ZERO,
            jitter: Duration::ZERO,
            reset: 0.0,
            lost: 0.0,
            late_answer: 0.0,
            late_arrival: 0.0,
            late_by: Duration::from_secs(45),
            gateway: 0.0,
            storm: 0.0,
            storm_for: Duration::from_secs(30),
            storm_retry_after: RetryAfter::Absent,
            garbage: 0.0,
            unknown_status: 0.0,
            redirect: 0.0,
        }
    }
}

/// What happens to a call instead of being answered by the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instead {
    Reset,
    StormBegins,
    Redirect,
    Unavailable,
}

/// What happens to the service's own answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Spoilt {
    pub(super) bad_gateway: bool,
    pub(super) garbage: bool,
    pub(super) unknown_status: bool,
    pub(super) late: bool,
    pub(super) lost: bool,
}

impl Faults {
    /// Whether `method` has faults.
    pub(super) fn cover(&self, method: Method) -> bool {
        self.methods.is_empty() || self.methods.contains(&method)
    }

    /// How long a call is on its way.
    pub(super) fn transit(&self, method: Method, rng: &mut Rng) -> Duration {
        let late = self.cover(method) && rng.hits(self.late_arrival);
        let late = if late { self.late_by } else { Duration::ZERO };
        self.latency / 2 + rng.up_to(self.jitter) + late
    }

    /// How long an answer is on its way.
    pub(super) fn way_back(&self) -> Duration {
        self.latency - self.latency / 2
    }

    pub(super) fn deal(&self, method: Method, rng: &mut Rng) -> (Option<Instead>, Spoilt) {
        if !self.cover(method) {
            return (None, Spoilt::default());
        }
        let gateway = rng.hits(self.gateway);
        let acted = gateway && rng.hits(0.5);
        let instead = [
            (rng.hits(self.reset), Instead::Reset),
            (rng.hits(self.storm), Instead::StormBegins),
            (rng.hits(self.redirect), Instead::Redirect),
            (gateway && !acted, Instead::Unavailable),
        ];
        let spoilt = Spoilt {
            bad_gateway: acted,
            garbage: rng.hits(self.garbage),
            unknown_status: rng.hits(self.unknown_status),
            late: rng.hits(self.late_answer),
            lost: rng.hits(self.lost),
        };
        (instead.into_iter().find_map(|(hit, instead)| hit.then_some(instead)), spoilt)
    }
}
