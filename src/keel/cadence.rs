//! When to read: an even spread over the fleet, growing pauses during a passage, growing and
//! scattered delays after failures.

use std::time::Duration;

use backoff::{BackoffBuilder, ExponentialBuilder};

use super::policy::{Act, Limits, Observe};
use super::time::Mono;

/// A number that differs from id to id and is the same in every process (FNV-1a, 64 bits).
pub fn seed(id: &str) -> u64 {
    id.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The steadiest interval at which `sharers` deployments can be read one by one within a budget
/// that they share, after the reserve; never shorter than the operator asks for.
pub fn read_interval(limits: &Limits, observe: &Observe, sharers: usize) -> Duration {
    let slots = limits.status.requests.saturating_sub(observe.reserve).max(1);
    let sharers = u32::try_from(sharers.max(1)).unwrap_or(u32::MAX);
    let steadiest = (limits.status.per + limits.margin).saturating_mul(sharers) / slots;
    steadiest.max(observe.interval.unwrap_or_default())
}

/// The steadiest interval of the list call. A twelfth of its budget is left for restarts, so that a
/// new process can see the fleet at once.
pub fn list_interval(limits: &Limits, observe: &Observe) -> Duration {
    let slots = limits.list.requests - limits.list.requests / 12;
    let steadiest = (limits.list.per + limits.margin) / slots.max(1);
    steadiest.max(observe.interval.unwrap_or_default())
}

/// Phases that there are in an interval. So the turns of a fleet fall together, some five times a
/// second: one wake-up and one sync of the ledger are for all that fall on one instant.
const PHASES: i64 = 360;

/// The next turn of one of many that take turns every `interval`: each has a phase by its seed, and
/// a turn less than half an interval away is left out.
pub fn next_turn(now: Mono, interval: Duration, seed: u64) -> Mono {
    let interval = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX).max(1);
    let phase = i64::try_from(seed % interval.unsigned_abs()).unwrap_or(0);
    let phase = phase - phase % (interval / PHASES).max(1);
    let earliest = now.millis().saturating_add(interval / 2);
    let wait = (phase - earliest).rem_euclid(interval);
    Mono::from_millis(earliest.saturating_add(wait))
}

/// The pause before the next read of a passage, after `reads` of them: the first is a 720th of the
/// window (5 s for an hour), and each is half as long again as the one before, up to the routine
/// interval. So its end is seen late by a fifth of the time that it took, on average.
pub fn passage_pause(limits: &Limits, interval: Duration, reads: u32) -> Duration {
    let (first, reads) = (limits.status.per / 720, reads.min(16));
    (first.saturating_mul(3_u32.pow(reads)) / 2_u32.pow(reads)).min(interval)
}

/// The delay after so many failures in a row (at least one): doubling and scattered, so that many
/// that failed together do not come back together.
pub fn retry_delay(act: &Act, failures: u32, seed: u64) -> Duration {
    let delays = ExponentialBuilder::new()
        .with_min_delay(act.backoff_initial)
        .with_max_delay(act.backoff_max)
        .with_factor(2.0)
        .without_max_times()
        .with_jitter_seed(seed ^ u64::from(failures))
        .with_jitter()
        .build();
    let mut delays = delays;
    let delay = delays.nth(failures.saturating_sub(1).min(32) as usize);
    // Clamped here: the iterator adds its scatter on top of its own maximum.
    delay.unwrap_or(act.backoff_max).min(act.backoff_max)
}
