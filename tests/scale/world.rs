//! A keel and its fleet in virtual time: every call is answered by whoever stands in for the
//! server, and time goes from one wake-up to the next.

use std::sync::Arc;
use std::time::Duration;

use evenkeel::keel::call::{Answer, Body, Call, Outcome};
use evenkeel::keel::decision::{Decision, Effect, Permit, Released};
use evenkeel::keel::deployment::{DeploymentId, Facts, Status};
use evenkeel::keel::history::History;
use evenkeel::keel::intent::{Intent, Manifest};
use evenkeel::keel::policy::Policy;
use evenkeel::keel::reconciler::{Event, Reconciler, Replay};
use evenkeel::keel::record::Record;
use evenkeel::keel::time::{Boot, Mono, Now, Wall};

/// Where the wall clock begins: 2026-01-01T00:00:00Z.
pub(crate) const EPOCH: Wall = Wall::from_millis(1_767_225_600_000);

/// An id like those of the platform.
pub(crate) fn id(place: usize) -> DeploymentId {
    DeploymentId::parse(&format!("d{place:07x}")).unwrap()
}

/// A fleet that is asked for the same.
pub(crate) fn manifest(fleet: usize, intent: &Intent) -> Arc<Manifest> {
    let intents = (0..fleet).map(|place| (id(place), intent.clone()));
    Arc::new(Manifest::new("r1".into(), intents))
}

pub(crate) fn facts(id: &DeploymentId, status: Status) -> Facts {
    let name = format!("deployment-{id}").into();
    Facts { id: id.clone(), name, kind: "dedicated".into(), status }
}

pub(crate) fn answered(code: u16, body: Body) -> Outcome {
    Outcome::Answered { code, retry_after: None, body }
}

pub(crate) struct World {
    pub(crate) keel: Reconciler,
    pub(crate) now: Now,
    out: Vec<Permit>,
}

impl World {
    /// A keel that has nothing to remember, at this wall time.
    pub(crate) fn new(policy: &Policy, wall: Wall, each: &mut impl FnMut(&[Record])) -> Self {
        let now = Now { boot: Boot(1), mono: Mono::from_millis(1_000_000), wall };
        let (keel, first) =
            Reconciler::recover(History::new(policy.clone()), Replay::default(), now);
        let mut world = Self { keel, now, out: Vec::new() };
        world.take(first, each);
        world
    }

    pub(crate) fn tell(&mut self, event: Event, each: &mut impl FnMut(&[Record])) {
        let decision = self.keel.handle(event, self.now);
        self.take(decision, each);
    }

    fn take(&mut self, decision: Decision, each: &mut impl FnMut(&[Record])) {
        each(decision.records());
        #[expect(clippy::disallowed_methods, reason = "here nothing has to be durable")]
        let Released { effects, .. } = decision.release();
        for effect in effects {
            match effect {
                Effect::Send(permit) => self.out.push(permit),
                Effect::RefreshCredentials(_) => (),
            }
        }
    }

    /// Answers the calls under way; says how many there were.
    pub(crate) fn answer(
        &mut self,
        server: &mut impl FnMut(&Call, Now) -> Outcome,
        each: &mut impl FnMut(&[Record]),
    ) -> usize {
        let calls = std::mem::take(&mut self.out);
        for permit in &calls {
            let outcome = server(&permit.call, self.now);
            let took = Duration::from_millis(50);
            self.tell(Event::Answered(Answer { id: permit.id, took, outcome }), each);
        }
        calls.len()
    }

    /// Goes on to the next wake-up, if there is one by then; else to `end`, and says so by `false`.
    pub(crate) fn wake(&mut self, end: Mono, each: &mut impl FnMut(&[Record])) -> bool {
        let wake = self.keel.next_wake(self.now.mono).filter(|wake| wake.at <= end);
        let later = wake.map_or(end, |wake| wake.at.max(self.now.mono.shifted(1)).min(end));
        self.now = Now { wall: self.now.wall_at(later), mono: later, boot: self.now.boot };
        if wake.is_some() {
            self.tell(Event::Tick, each);
        }
        wake.is_some()
    }
}
