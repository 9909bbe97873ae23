//! What a state of the model holds, and what can happen next in it.

use std::sync::Arc;

use evenkeel::keel::call::Method;
use evenkeel::keel::deployment::{Desired, Status};

use crate::process::{Disk, Keel};
use crate::rules::{CONFIRM, Lie, Rules, TIMEOUT, Troubles};

/// The deployments.
pub(crate) const IDS: [&str; 2] = ["a", "b"];

/// What a deployment truly is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Truth {
    Running,
    Stopped,
    /// On the way, until that tick.
    Passing(Desired, u8),
}

impl Truth {
    pub(crate) const fn settled(self) -> Option<Desired> {
        match self {
            Self::Running => Some(Desired::Running),
            Self::Stopped => Some(Desired::Stopped),
            Self::Passing(..) => None,
        }
    }

    pub(crate) const fn of(desired: Desired) -> Self {
        match desired {
            Desired::Running => Self::Running,
            Desired::Stopped => Self::Stopped,
        }
    }

    pub(crate) const fn status(self) -> Status {
        match self {
            Self::Running => Status::Running,
            Self::Stopped => Status::Stopped,
            Self::Passing(Desired::Running, _) => Status::Starting,
            Self::Passing(Desired::Stopped, _) => Status::Stopping,
        }
    }
}

/// A look that the running keel was given: the answer to a single read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Seen {
    pub(crate) truth: Truth,
    pub(crate) asked: u8,
    pub(crate) delivered: u8,
}

/// One deployment: the truth, the desired file, and what the running keel was told of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) truth: Truth,
    pub(crate) desired: Desired,
    pub(crate) seen: Option<Seen>,
    /// When the keel was told how its last start or stop ended.
    pub(crate) ended: u8,
}

/// What the server says to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reply {
    Sees(Truth),
    Code(u16),
}

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    /// Reserved, and not sent yet. The permit lapses after `send_by`; the look that led to it is
    /// worth nothing after `fresh`.
    Ready { send_by: u8, fresh: u8 },
    /// On its way, and waited for.
    Travelling { left: u8 },
    /// At the server; the answer is on its way.
    Arrived { left: u8, reply: Reply },
    /// Nobody waits for it any more, and it may arrive until then.
    Late { until: u8 },
}

/// A request of ours.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Flight {
    pub(crate) id: u64,
    pub(crate) method: Method,
    pub(crate) place: usize,
    pub(crate) asked: u8,
    pub(crate) stage: Stage,
}

/// A request that the server took or refused, within the last window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Arrival {
    pub(crate) tick: u8,
    pub(crate) method: Method,
    pub(crate) place: usize,
    pub(crate) ours: bool,
}

/// A promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Promise {
    Limit,
    Number,
    Durable,
    Wished,
    Fresh,
    Alone,
    Replay,
}

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Crash {
    /// The machine goes on: what was written stays.
    Process,
    /// The machine begins another boot; what was written happens to be kept.
    Reboot,
    /// The same, and what was not synced is lost.
    PowerLoss,
}

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// Time passes, and the keel is woken if it asked for that.
    Tick,
    /// A permitted request is sent.
    Leave(u64),
    /// The connection for it cannot be made.
    Refuse(u64),
    /// Its permit is found to have lapsed.
    Lapse(u64),
    /// It arrives, and its answer is delivered at once.
    Serve(u64),
    Arrive(u64),
    Answer(u64),
    /// The client gives up: no answer came in time, or the connection broke.
    GiveUp(u64),
    Crash(Crash),
    /// A process takes over.
    Up,
    /// Another client of the same key starts or stops a deployment.
    Foreign(usize),
    /// Somebody turns a deployment round at the console.
    Drift(usize),
    /// Somebody turns a wish round in the desired file.
    Edit(usize),
}

#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) struct State {
    pub(crate) tick: u8,
    pub(crate) boot: u64,
    /// The tick at which this boot began.
    pub(crate) booted: u8,
    /// `None`: no process runs.
    pub(crate) keel: Option<Arc<Keel>>,
    pub(crate) down_since: u8,
    pub(crate) disk: Disk,
    pub(crate) places: [Place; 2],
    pub(crate) flights: Vec<Flight>,
    pub(crate) arrivals: Vec<Arrival>,
    /// The highest number that was ever sent.
    pub(crate) number: u64,
    pub(crate) spent: Troubles,
    pub(crate) broken: Option<Promise>,
}

impl State {
    /// All that can happen next, in a fixed order.
    pub(crate) fn steps(&self, rules: &Rules, steps: &mut Vec<Step>) {
        if self.broken.is_some() {
            return;
        }
        for flight in &self.flights {
            self.steps_of(flight, rules, steps);
        }
        if self.tick < rules.horizon && self.may_pass_time(rules) {
            steps.push(Step::Tick);
        }
        if self.keel.is_none() {
            steps.push(Step::Up);
        }
        if self.spent.sum() < rules.together && self.tick < rules.horizon {
            self.troubles(rules.most, steps);
        }
    }

    /// Requests that somebody waits for.
    pub(crate) fn waiting(&self) -> u8 {
        let waits = |flight: &&Flight| !matches!(flight.stage, Stage::Late { .. });
        u8::try_from(self.flights.iter().filter(waits).count()).unwrap()
    }

    /// A client does not wait for ever, and neither does a supervisor. That time passes while a
    /// request is under way is a trouble.
    fn may_pass_time(&self, rules: &Rules) -> bool {
        let waits = |flight: &Flight| match flight.stage {
            Stage::Ready { send_by, .. } => self.tick <= send_by,
            Stage::Travelling { left } | Stage::Arrived { left, .. } => self.tick < left + TIMEOUT,
            Stage::Late { .. } => true,
        };
        let down = self.keel.is_none() && self.down_since < self.tick;
        let slow = self.waiting();
        let spared =
            self.spent.slow + slow <= rules.most.slow && self.spent.sum() + slow <= rules.together;
        !down && (slow == 0 || spared) && self.flights.iter().all(waits)
    }

    fn steps_of(&self, flight: &Flight, rules: &Rules, steps: &mut Vec<Step>) {
        let spared = self.spent.sum() < rules.together;
        let (id, most) = (flight.id, rules.most);
        let may_lose = spared && self.spent.lost < most.lost;
        match flight.stage {
            Stage::Ready { send_by, .. } => {
                let lapsed = send_by < self.tick;
                if !lapsed || rules.lie == Lie::IgnoresSendBy {
                    steps.push(Step::Leave(id));
                }
                if lapsed {
                    steps.push(Step::Lapse(id));
                } else if spared && self.spent.refused < most.refused {
                    steps.push(Step::Refuse(id));
                }
            }
            Stage::Travelling { .. } => {
                steps.push(Step::Serve(id));
                // With no trouble to come, nothing can happen between the two that matters.
                if spared {
                    steps.push(Step::Arrive(id));
                }
                if may_lose {
                    steps.push(Step::GiveUp(id));
                }
            }
            Stage::Arrived { left, .. } => {
                steps.push(Step::Answer(id));
                // Within the same tick, to give up first and to arrive late then is the same.
                if may_lose && left < self.tick {
                    steps.push(Step::GiveUp(id));
                }
            }
            Stage::Late { .. } => steps.push(Step::Arrive(id)),
        }
    }

    fn troubles(&self, most: Troubles, steps: &mut Vec<Step>) {
        if self.keel.is_some() && self.spent.crashes < most.crashes {
            steps.push(Step::Crash(Crash::Process));
            steps.push(Step::Crash(Crash::PowerLoss));
            // With nothing unsynced the two kinds of reboot are one.
            if self.disk.unsynced > 0 {
                steps.push(Step::Crash(Crash::Reboot));
            }
        }
        for (place, one) in self.places.iter().enumerate() {
            let settled = !matches!(one.truth, Truth::Passing(..));
            if settled && self.spent.foreign < most.foreign {
                steps.push(Step::Foreign(place));
            }
            if settled && self.spent.drifts < most.drifts {
                steps.push(Step::Drift(place));
            }
            if self.spent.edits < most.edits {
                steps.push(Step::Edit(place));
            }
        }
    }

    /// Forgets what can make no difference any more, so that states which differ in nothing else
    /// are one.
    pub(crate) fn forget(&mut self, window: u8) {
        let tick = self.tick;
        self.flights.retain(|flight| match flight.stage {
            Stage::Late { until } => tick <= until,
            Stage::Ready { .. } | Stage::Travelling { .. } | Stage::Arrived { .. } => true,
        });
        self.arrivals.retain(|arrival| tick - arrival.tick < window);
        for place in &mut self.places {
            // Acting on a look this old, or on none, breaks the same promise.
            place.seen = place.seen.filter(|seen| tick <= seen.delivered + CONFIRM);
            // Every look that may still be acted on was asked for later.
            if place.ended + TIMEOUT + CONFIRM <= tick {
                place.ended = 0;
            }
        }
    }
}
