//! A strict engine in this process, that fails on demand, and a clock that is turned by hand.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use evenkeel::keel::time::{Boot, Mono, Now, Wall};
use evenkeel::ledger::shared::{
    Follower, Member, Put, Register, Store, Stored, Taken, Terms, Trouble, Version,
};

/// What becomes of the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is done and answered.
    Done,
    /// It is done, and the answer is lost.
    LostAnswer,
    /// It does not arrive.
    Lost,
    /// It does not arrive before [`Engine::deliver`], and nobody waits so long.
    Late,
}

#[derive(Debug, Default)]
struct State {
    revision: u64,
    registers: BTreeMap<Register, (Vec<u8>, u64)>,
    late: Vec<(Register, Vec<u8>, Version)>,
}

impl State {
    fn version(&self, register: Register) -> Version {
        Version(self.registers.get(&register).map_or(0, |(_, revision)| *revision).to_string())
    }

    fn put_if(&mut self, register: Register, value: &[u8], version: &Version) -> Put {
        // Refused as a real engine's adapter must: a write without a version would be blind.
        assert!(!version.0.is_empty(), "a write of {register} without a version");
        if self.version(register) != *version {
            return Put::Conflict;
        }
        self.revision += 1;
        self.registers.insert(register, (value.to_vec(), self.revision));
        Put::Committed(self.version(register))
    }
}

/// Registers that outlive whoever writes to them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Engine(Arc<Mutex<State>>);

impl Engine {
    pub(crate) fn client(&self) -> Client {
        Client { engine: self.clone(), fate: Arc::new(Mutex::new(Fate::Done)), blind: false }
    }

    /// Lets what is late arrive, in order.
    pub(crate) fn deliver(&self) {
        let mut state = self.0.lock().unwrap();
        for (register, value, version) in std::mem::take(&mut state.late) {
            state.put_if(register, &value, &version);
        }
    }

    /// A copy of all that it has, as a backup would be.
    pub(crate) fn backup(&self) -> BTreeMap<Register, (Vec<u8>, u64)> {
        self.0.lock().unwrap().registers.clone()
    }

    /// Puts other content in the place of all. Revisions go on, as etcd's do with
    /// `--bump-revision`.
    pub(crate) fn restore(&self, backup: BTreeMap<Register, (Vec<u8>, u64)>) {
        let mut state = self.0.lock().unwrap();
        state.registers = backup;
        state.revision += 1000;
        let revision = state.revision;
        state.registers.values_mut().for_each(|(_, version)| *version = revision);
    }

    /// Changes one register without leave.
    pub(crate) fn scribble(&self, register: Register, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.0.lock().unwrap();
        state.revision += 1;
        let revision = state.revision;
        let entry = state.registers.entry(register).or_default();
        change(&mut entry.0);
        entry.1 = revision;
    }

    pub(crate) fn text(&self, register: Register) -> String {
        let state = self.0.lock().unwrap();
        let value = state.registers.get(&register).map(|(value, _)| value.clone());
        String::from_utf8(value.unwrap_or_default()).unwrap()
    }
}

/// One process's way to the engine.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    engine: Engine,
    fate: Arc<Mutex<Fate>>,
    /// A wrong client: it writes whatever the version is.
    pub(crate) blind: bool,
}

impl Client {
    /// What becomes of all calls from now on.
    pub(crate) fn fails(&self, fate: Fate) {
        *self.fate.lock().unwrap() = fate;
    }
}

impl Store for Client {
    fn place(&self) -> &str {
        "the stand-in"
    }

    fn read(&mut self, register: Register) -> Result<Stored, Trouble> {
        if *self.fate.lock().unwrap() != Fate::Done {
            return Err(Trouble("no answer".to_owned()));
        }
        let state = self.engine.0.lock().unwrap();
        let value = state.registers.get(&register).map(|(value, _)| value.clone());
        Ok(Stored { value: value.unwrap_or_default(), version: state.version(register) })
    }

    fn put_if(&mut self, register: Register, value: &[u8], version: &Version) -> Put {
        let mut state = self.engine.0.lock().unwrap();
        let version = if self.blind { &state.version(register) } else { version };
        let unknown = Put::Unknown(Trouble("no answer".to_owned()));
        match *self.fate.lock().unwrap() {
            Fate::Done => state.put_if(register, value, version),
            Fate::LostAnswer => {
                state.put_if(register, value, version);
                unknown
            }
            Fate::Lost => unknown,
            Fate::Late => {
                state.late.push((register, value.to_vec(), version.clone()));
                unknown
            }
        }
    }
}

pub(crate) const TERMS: Terms = Terms { lease: Duration::from_secs(15) };

/// A machine: a clock of its own, and a way to the engine.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) name: &'static str,
    pub(crate) client: Client,
    boot: u64,
    clock: Arc<AtomicI64>,
}

impl Machine {
    pub(crate) fn new(name: &'static str, boot: u64, engine: &Engine) -> Self {
        // Boots were at different times, so readings of one mean nothing to another.
        let clock = Arc::new(AtomicI64::new(1_000_000 * i64::try_from(boot).unwrap()));
        Self { name, client: engine.client(), boot, clock }
    }

    pub(crate) fn passes(&self, time: Duration) {
        self.clock.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
    }

    pub(crate) fn mono(&self) -> Mono {
        Mono::from_millis(self.clock.load(Ordering::Relaxed))
    }

    /// Its wall clock is off by years, and nobody must care.
    pub(crate) fn now(&self) -> Now {
        let wall = Wall::from_millis(i64::try_from(self.boot).unwrap() * 100_000_000_000);
        Now { boot: Boot(self.boot), mono: self.mono(), wall }
    }

    pub(crate) fn follower(&self) -> Follower {
        self.follower_at(Box::new(self.client.clone()))
    }

    /// One that reaches another engine.
    pub(crate) fn follower_at(&self, store: Box<dyn Store>) -> Follower {
        let clock = self.clock.clone();
        Follower::new(Member {
            store,
            holder: self.name.to_owned(),
            terms: TERMS,
            clock: Box::new(move || Mono::from_millis(clock.load(Ordering::Relaxed))),
        })
    }

    /// Takes a ledger over that nobody leads.
    pub(crate) fn leads(&self) -> Taken {
        let mut follower = self.follower();
        follower.look().unwrap();
        follower.take(7).map_err(|not| not.why).unwrap()
    }
}

/// Two machines, and the engine that both reach.
pub(crate) fn two() -> (Engine, Machine, Machine) {
    let engine = Engine::default();
    let (a, b) = (Machine::new("a", 1, &engine), Machine::new("b", 2, &engine));
    (engine, a, b)
}
