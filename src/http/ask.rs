//! Asks the controller what there is to show.

use tokio::sync::oneshot;

use super::{Query, State};
use crate::keel::deployment::DeploymentId;
use crate::keel::view::{DeploymentView, PastView, View};

/// The controller did not answer.
pub(super) struct Silent;

impl State {
    /// Everything: what is common to all first, then the deployments, some at a time.
    pub(super) async fn view(&self) -> Result<View, Silent> {
        let mut view = self.outline().await?;
        loop {
            let after = view.deployments.last().map(|last| last.id.clone());
            let more = self.ask(|reply| Query::Deployments(after, reply)).await?;
            if more.is_empty() {
                return Ok(view);
            }
            view.deployments.extend(more);
        }
    }

    pub(super) async fn outline(&self) -> Result<View, Silent> {
        self.ask(Query::Outline).await
    }

    pub(super) async fn one(&self, id: &str) -> Result<Option<DeploymentView>, Silent> {
        match DeploymentId::parse(id) {
            Ok(id) => self.ask(|reply| Query::Deployment(id, reply)).await,
            Err(_) => Ok(None),
        }
    }

    pub(super) async fn history(&self) -> Result<Vec<PastView>, Silent> {
        self.ask(Query::History).await
    }

    pub(super) async fn ask<T>(
        &self,
        query: impl FnOnce(oneshot::Sender<T>) -> Query,
    ) -> Result<T, Silent> {
        let (sender, receiver) = oneshot::channel();
        let answer = async {
            self.queries.send(query(sender)).await.map_err(|_| Silent)?;
            receiver.await.map_err(|_| Silent)
        };
        tokio::time::timeout(self.patience, answer).await.map_err(|_| Silent)?
    }
}
