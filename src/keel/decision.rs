//! What the reconciler answers: records to make durable, and effects locked behind them.

use super::call::{Call, CallId};
use super::deployment::AccountId;
use super::notice::Notice;
use super::record::Record;
use super::time::Mono;

/// Leave to send one request. Not `Clone`: one permit, one request.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a reserved call is spent whether it is sent or not"]
pub struct Permit {
    /// The number of its reservation.
    pub id: CallId,
    /// What to send.
    pub call: Call,
    /// The request must have left by then, or not at all.
    pub send_by: Mono,
}

/// Something the shell must do.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send the request that this permit pays for, and report its [`super::call::Answer`].
    Send(Permit),
    /// The server refused the account's credentials: read them again.
    RefreshCredentials(AccountId),
}

/// The answer to an event, or to several that are committed together.
#[derive(Debug, Default)]
#[must_use = "hand it to the ledger"]
pub struct Decision {
    records: Vec<Record>,
    effects: Vec<Effect>,
    notices: Vec<Notice>,
}

/// What comes out of a [`Decision`] once its records are durable.
#[derive(Debug, Default)]
#[must_use = "effects are to be done, notices to be told"]
pub struct Released {
    /// To be done.
    pub effects: Vec<Effect>,
    /// To be told.
    pub notices: Vec<Notice>,
    /// What is durable now.
    records: Vec<Record>,
}

/// How much room is kept from one decision to the next: more than a batch of answers takes.
const ROOM: usize = 1024;

impl Decision {
    /// An empty one, in the room of one that is done. Lists that grow among what stays leave holes
    /// in memory: a tenth of what 100,000 deployments take.
    pub fn in_room_of(done: Released) -> Self {
        fn emptied<T>(mut list: Vec<T>) -> Vec<T> {
            list.clear();
            list.shrink_to(ROOM);
            list
        }
        let Released { effects, notices, records } = done;
        Self { records: emptied(records), effects: emptied(effects), notices: emptied(notices) }
    }

    /// Adds a record to be made durable before any effect.
    pub fn record(&mut self, record: Record) {
        self.records.push(record);
    }

    /// Adds an effect, to be done after every record is durable.
    pub fn then(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Adds something worth telling.
    pub fn tell(&mut self, notice: Notice) {
        self.notices.push(notice);
    }

    /// What must be durable first.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Whether the records must reach the disk now: something will be sent, or a record holds calls
    /// back. One that only narrows what is already durable may wait for the next sync.
    ///
    /// What is sent has a reservation, which holds back; so the second condition implies the first.
    /// That one is the second wall: whatever becomes of the records' kinds, nothing is sent before
    /// what was decided with it is durable.
    pub fn is_urgent(&self) -> bool {
        let sends = |effect: &Effect| match effect {
            Effect::Send(_) => true,
            Effect::RefreshCredentials(_) => false,
        };
        self.effects.iter().any(sends) || self.records.iter().any(Record::holds_back)
    }

    /// The calls that will not be sent if this decision cannot be made durable.
    pub fn calls(&self) -> Vec<CallId> {
        let call = |effect: &Effect| match effect {
            Effect::Send(permit) => Some(permit.id),
            Effect::RefreshCredentials(_) => None,
        };
        self.effects.iter().filter_map(call).collect()
    }

    /// Opens the envelope. Called by a ledger, once the records are durable, and by nobody else.
    pub fn release(self) -> Released {
        let Self { records, effects, notices } = self;
        Released { effects, notices, records }
    }
}
