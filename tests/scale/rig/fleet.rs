//! The deployments of a server in virtual time: started and stopped over the API, and turned by
//! somebody at the console.

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel::keel::call::{Body, Call, Outcome, Request};
use evenkeel::keel::deployment::{DeploymentId, Desired, Status};
use evenkeel::keel::time::{Mono, Now};

use crate::world::{answered, facts};

/// What a start takes, and a stop.
const PASSAGE: [Duration; 2] = [Duration::from_secs(90), Duration::from_secs(30)];

/// One deployment: where it goes, and when it is there.
#[derive(Clone, Copy)]
pub(crate) struct Turned {
    pub(crate) to: Desired,
    pub(crate) settles: Mono,
}

#[derive(Default)]
pub(crate) struct Fleet {
    list: bool,
    pub(crate) turned: BTreeMap<DeploymentId, Turned>,
}

impl Fleet {
    /// A fleet that runs.
    pub(crate) fn new(ids: &[DeploymentId], list: bool) -> Self {
        let runs = Turned { to: Desired::Running, settles: Mono::from_millis(0) };
        Self { list, turned: ids.iter().map(|id| (id.clone(), runs)).collect() }
    }

    pub(crate) fn status(&self, id: &DeploymentId, now: Mono) -> Status {
        match self.turned[id] {
            Turned { to: Desired::Running, settles } if now < settles => Status::Starting,
            Turned { to: Desired::Stopped, settles } if now < settles => Status::Stopping,
            Turned { to: Desired::Running, .. } => Status::Running,
            Turned { to: Desired::Stopped, .. } => Status::Stopped,
        }
    }

    pub(crate) fn reply(&mut self, call: &Call, now: Now) -> Outcome {
        let facts = |id| facts(id, self.status(id, now.mono));
        match &call.request {
            Request::Status(id) => answered(200, Body::Deployment(facts(id))),
            Request::List if self.list => {
                let entries = self.turned.keys().map(facts).collect();
                answered(200, Body::Fleet { entries, unreadable: 0 })
            }
            Request::List => answered(404, Body::Refused(None)),
            Request::Start(id) => self.turn(id, Desired::Running, now.mono + PASSAGE[0]),
            Request::Stop(id) => self.turn(id, Desired::Stopped, now.mono + PASSAGE[1]),
        }
    }

    fn turn(&mut self, id: &DeploymentId, to: Desired, settles: Mono) -> Outcome {
        self.turned.insert(id.clone(), Turned { to, settles });
        answered(201, Body::Accepted)
    }
}
