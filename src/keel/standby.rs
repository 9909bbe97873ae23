//! What is shown of the process that acts, by one that does not.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::reconciler::Reconciler;
use super::time::Wall;
use super::view::Time;

/// What a process that stands by knows of the one that acts. It shows the ledger of that one, and
/// the desired file as it reads it itself; it has seen no deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct StandbyView {
    /// Who acts; `None` while that is not known.
    pub leader: Option<Arc<str>>,
    /// When the ledger was read.
    pub as_of: Time,
}

impl Reconciler {
    /// Another process acts, as far as is known: this one only shows.
    pub fn stand_by(&mut self, leader: Option<Arc<str>>, as_of: Wall) {
        self.standby = Some(StandbyView { leader, as_of: Time(as_of) });
    }
}
