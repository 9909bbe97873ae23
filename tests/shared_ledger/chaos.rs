//! Three processes, one ledger, one budget: seeded histories of crashes, pauses, lost and late
//! writes. The calls arrive at the simulated service, whose audit must not see one too many. And
//! wrong rules, which it must notice.

use std::time::Duration;

use evenkeel::keel::budget::Verdict;
use evenkeel::keel::call::Fate as CallFate;
use evenkeel::keel::decision::{Decision, Effect, Permit, Released};
use evenkeel::keel::history::History;
use evenkeel::keel::policy::{Limit, Policy};
use evenkeel::keel::record::Record;
use evenkeel::ledger::shared::{Follower, SharedLedger, Sight};
use evenkeel::ledger::{Ledger as _, Refused};
use evenkeel::simulator::{self, Deployment, Method, Options, Service};

use super::engine::{Engine, Fate, Machine, TERMS};
use super::protocol::start;

/// A wrong rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    None,
    /// Writes bear no version.
    BlindWrites,
    /// Whoever once led goes on to send, whatever its append says: a flag instead of a fence.
    Flag,
    /// An append of unknown outcome counts as done.
    UnknownIsYes,
    /// How long ago the past is goes by wall clocks, which differ.
    WallClock,
}

/// Ticks of a second.
const TICK: Duration = Duration::from_secs(1);
const WINDOW: Duration = Duration::from_secs(60);

/// The service that the calls of [`start`] are for, which truly has the limit of [`policy`].
fn service() -> Service {
    let deployments = vec![Deployment::new(start().deployment().unwrap().as_str(), "stopped")];
    let mut options = Options { deployments, ..Options::default() };
    options.limits.set_windows(WINDOW);
    Service::new(options)
}

fn policy() -> Policy {
    let mut policy = Policy::default();
    policy.limits.start = Limit { requests: 1, per: WINDOW };
    policy.limits.margin = Duration::from_secs(1);
    policy.limits.lateness = Duration::from_secs(5);
    policy.limits.clock_skew = Duration::ZERO;
    policy
}

enum Role {
    Down,
    Follows(Box<Follower>),
    Leads(Box<SharedLedger>, Box<History>),
}

struct Process {
    machine: Machine,
    role: Role,
    /// Sleeps for so many ticks more; a request that was let out leaves after that.
    paused: u32,
    permit: Option<Permit>,
}

/// SplitMix64: the same seed, the same history.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % most
    }

    fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

struct World {
    engine: Engine,
    processes: Vec<Process>,
    chance: Chance,
    lie: Lie,
    tick: u32,
    service: Service,
    sent: u32,
    successions: u32,
}

impl World {
    fn new(seed: u64, lie: Lie) -> Self {
        let engine = Engine::default();
        let processes = [("a", 1), ("b", 2), ("c", 3)].map(|(name, boot)| {
            let mut machine = Machine::new(name, boot, &engine);
            machine.client.blind = lie == Lie::BlindWrites;
            Process { machine, role: Role::Down, paused: 0, permit: None }
        });
        Self {
            engine,
            processes: processes.into(),
            chance: Chance(seed),
            lie,
            tick: 0,
            service: service(),
            sent: 0,
            successions: 0,
        }
    }

    /// Whether the limit held.
    fn run(&mut self, ticks: u32) -> bool {
        for tick in 0..ticks {
            self.tick = tick;
            if self.chance.one_in(5) {
                self.engine.deliver();
            }
            for at in 0..self.processes.len() {
                let mut process = self.processes.remove(at);
                self.turn(&mut process);
                self.processes.insert(at, process);
            }
        }
        let audit = self.service.audit(TICK * ticks);
        let arrived: u64 = audit.requests.values().flat_map(|of| of.values()).sum();
        assert_eq!(arrived, u64::from(self.sent));
        !audit.largest[&Method::Start].over
    }

    fn turn(&mut self, process: &mut Process) {
        // Clocks of different rates: one is a twentieth slower.
        let rate = if process.machine.name == "b" { 950 } else { 1000 };
        process.machine.passes(Duration::from_millis(rate));
        if self.chance.one_in(150) {
            process.role = Role::Down;
            process.permit = None;
            process.paused = u32::try_from(self.chance.below(30)).unwrap();
        }
        if self.chance.one_in(80) {
            process.paused = u32::try_from(self.chance.below(40)).unwrap();
        }
        if process.paused > 0 {
            process.paused -= 1;
            return;
        }
        let fate = match self.chance.below(40) {
            0 => Fate::LostAnswer,
            1 => Fate::Lost,
            2 => Fate::Late,
            _ => Fate::Done,
        };
        process.machine.client.fails(fate);
        self.send(process);
        process.role = match std::mem::replace(&mut process.role, Role::Down) {
            Role::Down => Role::Follows(process.machine.follower().into()),
            Role::Follows(follower) => self.follow(&process.machine, *follower),
            Role::Leads(ledger, history) => self.lead(process, ledger, history),
        };
        // Between the last look at the clock and the socket.
        if process.permit.is_some() && self.chance.one_in(4) {
            process.paused = u32::try_from(self.chance.below(60)).unwrap();
        }
    }

    /// What was let out leaves, unless it is too late for that.
    fn send(&mut self, process: &mut Process) {
        let Some(permit) = process.permit.take() else { return };
        if process.machine.mono() <= permit.send_by || self.lie == Lie::Flag {
            let id = permit.call.deployment().unwrap();
            let call = simulator::Call::of(Method::Start, id.as_str()).authorized("key", "secret");
            self.service.handle(&call, TICK * self.tick);
            self.sent += 1;
        }
    }

    fn follow(&mut self, machine: &Machine, mut follower: Follower) -> Role {
        if let Ok(Some(records)) = follower.read() {
            let mut history = History::new(policy());
            records.iter().for_each(|record| history.apply(record));
            follower.note(history.clock());
        }
        if follower.look().ok() != Some(Sight::Free) {
            return Role::Follows(follower.into());
        }
        let taken = match follower.take(1) {
            Ok(taken) => taken,
            Err(not) => return Role::Follows(not.follower.into()),
        };
        let mut history = History::new(policy());
        taken.records.iter().for_each(|record| history.apply(record));
        self.successions += 1;
        let now = machine.now();
        let ago = taken.watched.ago(history.clock(), now.mono);
        let started = match self.lie {
            Lie::WallClock => Record::Started { now },
            _ => Record::Succeeded { now, ago: u64::try_from(ago.as_millis()).unwrap() },
        };
        let mut records = vec![started];
        let fate = CallFate::Unanswered;
        let open = history.open().keys().copied();
        records.extend(open.map(|id| Record::Settled { at: now.into(), id, fate }));
        let mut decision = Decision::default();
        for record in records {
            history.apply(&record);
            decision.record(record);
        }
        let mut ledger = taken.ledger;
        match ledger.commit(decision) {
            Ok(_) | Err(Refused::Stuck { .. }) => Role::Leads(Box::new(ledger), Box::new(history)),
            Err(Refused::Broken(_)) => Role::Down,
        }
    }

    fn lead(
        &mut self,
        process: &mut Process,
        mut ledger: Box<SharedLedger>,
        mut history: Box<History>,
    ) -> Role {
        let attended = match self.lie {
            Lie::Flag => Ok(()),
            _ => ledger.attend(),
        };
        match attended {
            Ok(()) => (),
            Err(fault) if fault.is_stuck() => {
                let _ = ledger.flush_owed();
                return Role::Leads(ledger, history);
            }
            Err(_) => return Role::Down,
        }
        if self.chance.one_in(100) {
            ledger.hand_over();
            return Role::Down;
        }
        if self.chance.one_in(10) {
            let _ = history.compact(process.machine.now(), |records| ledger.compact(records));
        }
        let now = process.machine.now();
        if history.verdict(&start(), now.mono, 0) != Verdict::Open {
            return Role::Leads(ledger, history);
        }
        let (id, at) = (history.next_call(), now.into());
        let reserved = Record::Reserved { at, id, call: start(), cause: None };
        let permit = Permit { id, call: start(), send_by: now.mono + Duration::from_secs(3) };
        history.apply(&reserved);
        let mut decision = Decision::default();
        decision.record(reserved);
        decision.then(Effect::Send(permit));
        let let_out = match ledger.commit(decision) {
            Ok(Released { effects, .. }) => effects.into_iter().next(),
            Err(Refused::Stuck { .. }) if self.lie != Lie::UnknownIsYes => None,
            Err(Refused::Broken(_)) if self.lie != Lie::Flag => return Role::Down,
            Err(_) => {
                let send_by = now.mono + Duration::from_secs(3);
                Some(Effect::Send(Permit { id, call: start(), send_by }))
            }
        };
        let fate = match let_out {
            Some(Effect::Send(permit)) => {
                process.permit = Some(permit);
                // Its answer is known before it leaves, which is the worst for the budget.
                CallFate::Unanswered
            }
            Some(Effect::RefreshCredentials(_)) | None => CallFate::NeverLeft,
        };
        let settled = Record::Settled { at, id, fate };
        history.apply(&settled);
        let _ = ledger.append(&[settled], false);
        Role::Leads(ledger, history)
    }
}

/// How many histories are looked at: enough for a second; `EVENKEEL_SHARED=20000` for a long look.
fn seeds() -> u64 {
    std::env::var("EVENKEEL_SHARED").ok().and_then(|text| text.parse().ok()).unwrap_or(200)
}

#[test]
fn no_history_spends_the_budget_twice() {
    let (mut sent, mut successions) = (0, 0);
    for seed in 0..seeds() {
        let mut world = World::new(seed, Lie::None);
        assert!(world.run(1000), "seed {seed}: {:?}", world.service.audit(TICK * 1000).posts);
        sent += world.sent;
        successions += world.successions;
    }
    eprintln!("{} histories, {successions} successions, {sent} calls", seeds());
    assert!(u64::from(successions) > 5 * seeds() && u64::from(sent) > 2 * seeds(), "{sent}");
}

#[test]
fn every_wrong_rule_is_noticed() {
    for lie in [Lie::BlindWrites, Lie::Flag, Lie::UnknownIsYes, Lie::WallClock] {
        let found = (0..seeds()).find(|seed| !World::new(*seed, lie).run(1000));
        eprintln!("{lie:?}: seed {found:?}");
        assert!(found.is_some(), "{lie:?}");
    }
}

/// Once the trouble is over, somebody leads, and the budget is used.
#[test]
fn after_the_trouble_somebody_leads() {
    for seed in 0..50 {
        let mut world = World::new(seed, Lie::None);
        assert!(world.run(300));
        world.engine.deliver();
        for process in &mut world.processes {
            process.paused = 0;
            process.machine.client.fails(Fate::Done);
        }
        for _ in 0..2 * TERMS.lease.as_secs() {
            for at in 0..world.processes.len() {
                let mut process = world.processes.remove(at);
                process.machine.passes(TICK);
                let role = std::mem::replace(&mut process.role, Role::Down);
                process.role = match role {
                    Role::Down => Role::Follows(process.machine.follower().into()),
                    Role::Follows(follower) => world.follow(&process.machine, *follower),
                    Role::Leads(mut ledger, history) => match ledger.attend() {
                        Ok(()) => Role::Leads(ledger, history),
                        Err(fault) if fault.is_stuck() => {
                            ledger.flush_owed().unwrap();
                            Role::Leads(ledger, history)
                        }
                        Err(_) => Role::Down,
                    },
                };
                world.processes.insert(at, process);
            }
        }
        let leads = |process: &&Process| matches!(process.role, Role::Leads(..));
        assert_eq!(world.processes.iter().filter(leads).count(), 1, "seed {seed}");
    }
}
