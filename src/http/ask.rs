//! Asks the controller what there is to show.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::{Query, State};
use crate::keel::deployment::DeploymentId;
use crate::keel::figures::Figures;
use crate::keel::view::{DeploymentView, PastView, View};

/// The controller did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the control loop did not answer")]
pub struct Silent;

/// A way to ask the controller.
#[derive(Clone, Debug)]
pub(super) struct Line {
    queries: mpsc::Sender<Query>,
    patience: Duration,
}

impl Line {
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

impl State {
    /// Everything: what is common to all first, then the deployments, some at a time.
    pub(super) async fn view(&self) -> Result<View, Silent> {
        let mut view = self.outline().await?;
        let last = |known: &DeploymentView| known.id.clone();
        view.deployments = self.each(Query::Deployments, last).await?;
        Ok(view)
    }

    /// The deployments in figures.
    pub(super) async fn figures(&self) -> Result<Vec<Figures>, Silent> {
        self.each(Query::Figures, |known| known.id.clone()).await
    }

    /// Asks for all that there is, some at a time: the first, and then those behind the `last`.
    async fn each<T>(
        &self,
        query: impl Fn(Option<DeploymentId>, oneshot::Sender<Vec<T>>) -> Query,
        last: impl Fn(&T) -> DeploymentId,
    ) -> Result<Vec<T>, Silent> {
        let mut all = Vec::new();
        loop {
            let after = all.last().map(&last);
            let more = self.ask(|reply| query(after, reply)).await?;
            if more.is_empty() {
                return Ok(all);
            }
            all.extend(more);
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
        self.line().ask(query).await
    }

    /// A way to ask that outlives the request.
    pub(super) fn line(&self) -> Line {
        Line { queries: self.queries.clone(), patience: self.patience }
    }
}
