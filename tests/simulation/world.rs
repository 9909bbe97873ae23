//! A machine that runs the keel, the network, and the service, in virtual time. One process at a
//! time, which may end at any point; time is true milliseconds since the world's beginning.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use evenkeel::keel::call::{CallId, Method, Outcome};
use evenkeel::keel::decision::{Decision, Effect};
use evenkeel::keel::history::History;
use evenkeel::keel::intent::Manifest;
use evenkeel::keel::reconciler::{Event, Reconciler, Replay};
use evenkeel::keel::record::{Carried, Record};
use evenkeel::simulator::Service;

use crate::fate::{self, Crash, LATENESS};
use crate::generate::Choose;
use crate::host::{Clocks, Disk};
use crate::network::Flight;
use crate::oracle::Oracle;
use crate::setup::{Setup, Story};

/// Something that is going to happen.
#[derive(Debug)]
pub(crate) enum What {
    Leave(CallId),
    Arrive(CallId),
    Answer(CallId, Outcome),
    GiveUp(CallId),
    Wake,
    Up,
    Incident,
    /// Somebody at the console turns a deployment back.
    TurnBack(String),
}

pub(crate) type Checked = Result<(), String>;

pub(crate) struct World<'a, C> {
    pub(crate) setup: Setup,
    pub(crate) chooser: &'a mut C,
    pub(crate) service: Service,
    pub(crate) clocks: Clocks,
    pub(crate) disk: Disk,
    pub(crate) oracle: Oracle,
    pub(crate) keel: Option<Reconciler>,
    pub(crate) file: Arc<Manifest>,
    pub(crate) time: u64,
    pub(crate) calm: bool,
    /// How often each deployment was turned back by somebody.
    pub(crate) turned: BTreeMap<String, u32>,
    /// Starts and stops that the service refused as such.
    pub(crate) refusals: u32,
    pub(crate) paused_until: u64,
    /// Starts and stops that were decided on.
    pub(crate) acts: usize,
    /// Which process it is; what belongs to an earlier one is void.
    pub(crate) generation: u32,
    queue: BTreeMap<(u64, u64), (u32, What)>,
    sequence: u64,
    wake_at: Option<u64>,
    pub(crate) flights: BTreeMap<CallId, Flight>,
    pub(crate) cache: BTreeMap<String, Outcome>,
    trace: Option<Vec<String>>,
}

impl<'a, C: Choose> World<'a, C> {
    pub(crate) fn new(setup: Setup, chooser: &'a mut C, traced: bool) -> Self {
        let mut world = Self {
            service: Service::new(setup.service.clone()),
            clocks: Clocks::new(setup.fast, setup.lie),
            disk: Disk::new(setup.lie),
            oracle: Oracle::new(&setup.policy),
            keel: None,
            file: Arc::new(Manifest { revision: "0".into(), intents: BTreeMap::new() }),
            time: 0,
            calm: false,
            turned: BTreeMap::new(),
            refusals: 0,
            paused_until: 0,
            acts: 0,
            generation: 0,
            queue: BTreeMap::new(),
            sequence: 0,
            wake_at: None,
            flights: BTreeMap::new(),
            cache: BTreeMap::new(),
            trace: traced.then(Vec::new),
            setup,
            chooser,
        };
        world.later(0, What::Up);
        world
    }

    /// Lets everything happen that is due by `end`.
    pub(crate) fn run_until(&mut self, end: u64) -> Checked {
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= end) {
            let ((at, _), (generation, what)) = entry.remove_entry();
            let of_process =
                matches!(what, What::Leave(_) | What::Answer(..) | What::GiveUp(_) | What::Wake);
            if of_process && generation != self.generation {
                continue;
            }
            if of_process && at < self.paused_until {
                if matches!(what, What::Wake) {
                    self.wake_at = Some(self.paused_until);
                }
                self.later(self.paused_until - self.time, what);
                continue;
            }
            self.time = self.time.max(at);
            let at = self.time;
            self.service.advance(Duration::from_millis(at));
            self.happen(what)?;
        }
        self.time = self.time.max(end);
        Ok(())
    }

    pub(crate) fn later(&mut self, wait: u64, what: What) {
        self.sequence += 1;
        self.queue.insert((self.time + wait, self.sequence), (self.generation, what));
    }

    pub(crate) fn tell(&mut self, line: impl FnOnce() -> String) {
        let time = self.time;
        if let Some(trace) = &mut self.trace {
            let (s, ms) = (time / 1000, time % 1000);
            let clock = format!("{:02}:{:02}:{:02}.{ms:03}", s / 3600, s / 60 % 60, s % 60);
            trace.push(format!("{clock} {}", line()));
        }
    }

    pub(crate) fn trace(&self) -> String {
        self.trace.as_ref().map(|lines| lines.join("\n")).unwrap_or_default()
    }

    fn happen(&mut self, what: What) -> Checked {
        match what {
            What::Leave(id) => self.leave(id),
            What::Arrive(id) => self.arrive(id),
            What::Answer(id, outcome) => self.answer(id, outcome),
            What::GiveUp(id) => self.give_up(id),
            What::Wake if self.wake_at == Some(self.time) => {
                self.wake_at = None;
                self.feed(Event::Tick)
            }
            What::Wake => Ok(()),
            What::Up => self.up(),
            What::Incident => self.incident(),
            What::TurnBack(id) => {
                self.turn_back(&id);
                Ok(())
            }
        }
    }

    /// A process begins, if none runs.
    fn up(&mut self) -> Checked {
        if self.keel.is_some() {
            return Ok(());
        }
        let (records, torn) = self.disk.replay();
        let now = self.clocks.now(self.time);
        self.tell(|| format!("process begins with {} records, torn {torn}", records.len()));
        let mut history = History::new(self.setup.policy.clone());
        records.iter().for_each(|record| history.apply(record));
        self.oracle.restarted(self.time, records.iter().filter_map(widened));
        let replay = Replay { fresh: records.is_empty(), torn: u32::from(torn) };
        let (mut keel, decision) = Reconciler::recover(history, replay, now);
        let compacts = match self.setup.story {
            Story::Long => self.chooser.once_in(3),
            Story::Short => true,
            Story::CrashLoop => false,
        };
        if compacts {
            self.disk.compact(&keel.compacted(now));
        } else {
            self.disk.append(decision.records(), false, self.clocks.wall_error);
        }
        self.keel = Some(keel);
        self.read_file()
    }

    /// The keel is told the desired file as it is now.
    pub(crate) fn read_file(&mut self) -> Checked {
        if self.keel.is_none() {
            return Ok(());
        }
        let file = self.file.clone();
        self.tell(|| format!("file {}: {}", file.revision, crate::trouble::in_words(&file)));
        self.oracle.told(file.clone());
        self.feed(Event::ManifestRead(file))
    }

    pub(crate) fn feed(&mut self, event: Event) -> Checked {
        let now = self.clocks.now(self.time);
        let Some(keel) = &mut self.keel else { return Ok(()) };
        let decision = keel.handle(event, now);
        self.commit(decision)
    }

    /// What the daemon does with a decision: the ledger first, then the effects.
    fn commit(&mut self, decision: Decision) -> Checked {
        let mut fates = BTreeMap::new();
        for record in decision.records() {
            if let Record::Reserved { id, call, .. } = record {
                let acts = call.method().acts();
                self.acts += usize::from(acts);
                fates.insert(*id, fate::deal(&self.setup, acts, self.calm, self.chooser));
            }
        }
        let crash = fates.values().find_map(|fate| fate.crash);
        if let Some((at @ (Crash::BeforeCommit | Crash::Torn), reboot)) = crash {
            self.tell(|| format!("ends before the commit ({at:?})"));
            if at == Crash::Torn {
                let written = &decision.records()[..decision.records().len() - 1];
                self.disk.append(written, false, self.clocks.wall_error);
                self.disk.tear();
            }
            self.crash(reboot);
            return Ok(());
        }
        self.disk.append(decision.records(), decision.sends(), self.clocks.wall_error);
        let wall = self.clocks.now(self.time).wall;
        for record in decision.records() {
            self.tell(|| format!("record {}", crate::trouble::record_in_words(record)));
            match record {
                Record::Reserved { id, call, .. } => {
                    self.oracle.decided(*id, call, self.time, wall)?;
                }
                Record::Widened { method, .. } => self.oracle.widened(*method, self.time),
                _ => (),
            }
        }
        if let Some((Crash::BeforeSend, reboot)) = crash {
            self.crash(reboot);
            return Ok(());
        }
        #[expect(clippy::disallowed_methods, reason = "the world is its own ledger")]
        for effect in decision.release().effects {
            if let Effect::Send(permit) = effect {
                let fate = fates[&permit.id];
                self.send(permit, fate);
            }
        }
        self.schedule_wake();
        Ok(())
    }

    fn schedule_wake(&mut self) {
        let Some(keel) = &self.keel else { return };
        let now = self.clocks.now(self.time);
        let at = keel.next_wake(now.mono).map(|wake| self.clocks.when(wake.at, self.time));
        if at != self.wake_at {
            self.wake_at = at;
            if let Some(at) = at {
                self.later(at - self.time, What::Wake);
            }
        }
    }

    /// The process ends, and with `reboot` the machine.
    pub(crate) fn crash(&mut self, reboot: bool) {
        self.keel = None;
        self.generation += 1;
        self.wake_at = None;
        self.paused_until = 0;
        self.flights.retain(|_, flight| flight.arrives.is_some());
        let latest = self.time + LATENESS;
        let mut sooner = vec![];
        for (id, flight) in &mut self.flights {
            if flight.arrives.is_some_and(|arrives| arrives > latest) {
                flight.arrives = Some(latest);
                sooner.push(*id);
            }
        }
        for id in sooner {
            self.later(LATENESS, What::Arrive(id));
        }
        let down = self.go_down(reboot);
        self.tell(|| format!("the process ends, reboot {reboot}; down for {down} ms"));
        self.later(down, What::Up);
    }
}

fn widened(record: &Record) -> Option<Method> {
    match record {
        Record::Widened { method, .. } | Record::Carried(Carried::Widened { method, .. }) => {
            Some(*method)
        }
        _ => None,
    }
}
