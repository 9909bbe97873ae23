//! How soon drift is seen, and how soon a passage's end is, at 60 reads an hour: against the bound
//! of 30 s, which is half of the pause that 60 reads leave, and against polling at a fixed pace.

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel::keel::call::{Call, Method, Outcome};
use evenkeel::keel::deployment::{DeploymentId, Desired, Status};
use evenkeel::keel::intent::Intent;
use evenkeel::keel::policy::Policy;
use evenkeel::keel::reconciler::Event;
use evenkeel::keel::time::{Mono, Now};

use crate::fleet::{Fleet, Turned};
use crate::world::{self, EPOCH, World};

const FLEET: usize = 200;
const SPAN: Duration = Duration::from_secs(14 * 86_400);
const WINDOW: Duration = Duration::from_secs(3600);

/// Somebody at the console stops each deployment this often, on average: rarely enough for each to
/// be started again before the next time.
const DRIFT: f64 = 4.0 * 3600.0;

/// The least mean that 60 reads of one deployment an hour can reach, in seconds.
const BOUND: f64 = 30.0;

pub(crate) fn run() {
    println!("{FLEET} deployments for 14 days, each stopped by somebody every 4 h on average");
    println!(
        "reading                      seen after, mean   p99   of the bound   \
         running to in sync, mean   reads an hour, most   over budget"
    );
    row("fixed, each 60 s", &naive(60.0, None));
    row("fixed, 60 s, passages 5 s", &naive(60.0, Some(5.0)));
    let usual = Policy::default().observe.reserve;
    for reserve in [2, 5, usual] {
        row(&format!("evenkeel, reserve {reserve}"), &evenkeel(false, reserve));
    }
    row("evenkeel, list call", &evenkeel(true, usual));
}

/// What was measured, in seconds.
#[derive(Default)]
struct Seen {
    drift: Vec<f64>,
    passage: Vec<f64>,
    /// Reads of one deployment in any hour, the most of all.
    most: usize,
    over: usize,
}

impl Seen {
    fn window(&mut self, reads: &mut Vec<f64>, now: f64) {
        reads.retain(|at| now - at < WINDOW.as_secs_f64());
        reads.push(now);
        self.most = self.most.max(reads.len());
        self.over += usize::from(reads.len() > 60);
    }
}

fn row(name: &str, seen: &Seen) {
    let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
    let mut sorted = seen.drift.clone();
    sorted.sort_by(f64::total_cmp);
    let (drift, p99) = (mean(&sorted), sorted[sorted.len() * 99 / 100]);
    println!(
        "{name:<28} {drift:>14.1} s {p99:>6.1} s {:>12.0} % {:>22.1} s {:>21} {:>13}",
        drift / BOUND * 100.0,
        mean(&seen.passage),
        seen.most,
        seen.over
    );
}

/// The keel, with its own policy but for the reserve.
fn evenkeel(list: bool, reserve: u32) -> Seen {
    let mut policy = Policy::default();
    policy.observe.reserve = reserve;
    // Here the same one turns it back for a fortnight; that is not what is looked at.
    policy.guards.contested_reversals = u32::MAX;
    let mut chance = Chance(20_261_129);
    let ids: Vec<_> = (0..FLEET).map(world::id).collect();
    let mut server = Server { fleet: Fleet::new(&ids, list), ..Server::default() };
    let mut world = World::new(&policy, EPOCH, &mut |_| ());
    let end = world.now.mono + SPAN;
    let running = Intent::fixed(Desired::Running);
    world.tell(Event::ManifestRead(world::manifest(FLEET, &running)), &mut |_| ());
    let mut due: BTreeMap<Mono, DeploymentId> = BTreeMap::new();
    for id in &ids {
        due.insert(chance.after(world.now.mono), id.clone());
    }
    while world.now.mono < end {
        while world.answer(&mut |call, now| server.reply(call, now), &mut |_| ()) > 0 {}
        let next = *due.keys().next().unwrap();
        if world.wake(next.min(end), &mut |_| ()) || world.now.mono < next {
            continue;
        }
        let id = due.remove(&next).unwrap();
        due.insert(chance.after(next), id.clone());
        server.stop(&id, next);
    }
    server.seen
}

#[derive(Default)]
struct Server {
    fleet: Fleet,
    /// Stopped, and nobody has seen it yet.
    unseen: BTreeMap<DeploymentId, Mono>,
    /// On the way back, and not seen running.
    passing: BTreeMap<DeploymentId, ()>,
    reads: BTreeMap<DeploymentId, Vec<f64>>,
    seen: Seen,
}

impl Server {
    /// Somebody stops it, unless it is not running.
    fn stop(&mut self, id: &DeploymentId, now: Mono) {
        if self.fleet.status(id, now) == Status::Running && !self.passing.contains_key(id) {
            let turned = Turned { to: Desired::Stopped, settles: now };
            self.fleet.turned.insert(id.clone(), turned);
            self.unseen.insert(id.clone(), now);
        }
    }

    fn reply(&mut self, call: &Call, now: Now) -> Outcome {
        let at = now.mono;
        match (call.method(), call.deployment()) {
            (Method::List, _) => {
                let all: Vec<_> = self.fleet.turned.keys().cloned().collect();
                all.iter().for_each(|id| self.look(id, at));
            }
            (Method::Status, Some(id)) => {
                let reads = self.reads.entry(id.clone()).or_default();
                self.seen.window(reads, seconds(at));
                self.look(id, at);
            }
            (Method::Start, Some(id)) => {
                self.passing.insert(id.clone(), ());
            }
            (Method::Status | Method::Start | Method::Stop, _) => (),
        }
        self.fleet.reply(call, now)
    }

    fn look(&mut self, id: &DeploymentId, now: Mono) {
        if let Some(since) = self.unseen.remove(id) {
            self.seen.drift.push(now.since(since).as_secs_f64());
        }
        if self.fleet.status(id, now) == Status::Running && self.passing.remove(id).is_some() {
            let settled = self.fleet.turned[id].settles;
            self.seen.passage.push(now.since(settled).as_secs_f64());
        }
    }
}

/// A script that reads each deployment every `interval` seconds, and every `watch` seconds while it
/// is on its way, whatever that adds up to.
fn naive(interval: f64, watch: Option<f64>) -> Seen {
    let (mut seen, mut chance) = (Seen::default(), Chance(20_261_129));
    for _ in 0..FLEET {
        let (mut reads, mut now) = (Vec::new(), chance.unit() * interval);
        let mut stopped = chance.pause();
        let mut settles = None;
        while now < SPAN.as_secs_f64() {
            seen.window(&mut reads, now);
            match settles {
                Some(at) if at <= now => {
                    seen.passage.push(now - at);
                    settles = None;
                    stopped = now + chance.pause();
                }
                None if stopped <= now => {
                    seen.drift.push(now - stopped);
                    settles = Some(now + 90.0);
                }
                Some(_) | None => (),
            }
            now += watch.filter(|_| settles.is_some()).unwrap_or(interval);
        }
    }
    seen
}

fn seconds(at: Mono) -> f64 {
    at.millis() as f64 / 1000.0
}

/// Chance that is the same in every run (SplitMix64).
struct Chance(u64);

impl Chance {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Seconds to the next turn, memoryless.
    fn pause(&mut self) -> f64 {
        -(1.0 - self.unit()).ln() * DRIFT
    }

    fn after(&mut self, now: Mono) -> Mono {
        now + Duration::from_secs_f64(self.pause())
    }
}
