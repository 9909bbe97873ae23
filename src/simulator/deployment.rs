//! A deployment as the API shows it.

use std::collections::BTreeSet;

use serde::Serialize;

use super::fault::Rng;

pub(super) const RUNNING: &str = "running";
pub(super) const STOPPED: &str = "stopped";
pub(super) const STARTING: &str = "starting";
pub(super) const STOPPING: &str = "stopping";
pub(super) const PENDING: &str = "pending";
pub(super) const FAILED: &str = "failed";

/// The ids that the project's documentation and examples use, the API page's own first.
const KNOWN: [&str; 3] = ["w41b11c0", "b1f77113", "mdfba81f"];

/// One deployment, its fields named and ordered as the API page has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deployment {
    /// The number of connections that were bought.
    pub connections: u64,
    /// When it was created, without a time zone.
    #[serde(rename = "createAt")]
    pub created: String,
    /// The id that calls name.
    #[serde(rename = "deploymentID")]
    pub id: String,
    /// The name that people gave it.
    #[serde(rename = "deploymentName")]
    pub name: String,
    /// The type: `dedicated`, `dedicatedFlex`, …
    #[serde(rename = "deploymentType")]
    pub kind: String,
    /// The cloud provider.
    pub platform: String,
    /// The provider's region.
    pub region: String,
    /// The status word.
    pub status: String,
}

impl Deployment {
    /// The deployment of the API page's example, with this id and status.
    pub fn new(id: impl Into<String>, status: impl Into<String>) -> Self {
        let id = id.into();
        Self {
            connections: 1000,
            created: "2024-07-22 05:32".to_owned(),
            name: format!("deployment-{id}"),
            id,
            kind: "dedicated".to_owned(),
            platform: "Alibaba Cloud".to_owned(),
            region: "Hangzhou".to_owned(),
            status: status.into(),
        }
    }

    /// `count` running deployments, always the same ones, with ids in the vendor's style.
    pub fn generate(count: usize) -> Vec<Self> {
        let mut rng = Rng::new(0);
        let mut taken = BTreeSet::new();
        let mut fleet = Vec::new();
        let mut known = KNOWN.iter();
        while fleet.len() < count {
            let id = match known.next() {
                Some(id) => (*id).to_owned(),
                None => vendor_id(&mut rng),
            };
            if taken.insert(id.clone()) {
                fleet.push(Self::new(id, RUNNING));
            }
        }
        fleet
    }
}

/// A small letter and seven hexadecimal digits.
fn vendor_id(rng: &mut Rng) -> String {
    let letter = char::from(b'a' + u8::try_from(rng.below(26)).unwrap_or(0));
    format!("{letter}{:07x}", rng.below(1 << 28))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_ids_are_unique_stable_and_begin_with_the_known_ones() {
        let fleet = Deployment::generate(10_000);
        let ids: BTreeSet<_> = fleet.iter().map(|deployment| deployment.id.as_str()).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().all(|id| id.len() == 8), "eight characters each");
        let first: Vec<_> = fleet[..3].iter().map(|deployment| deployment.id.as_str()).collect();
        assert_eq!(first, KNOWN);
        assert_eq!(fleet[..100], Deployment::generate(100)[..]);
    }
}
