//! Questions of the HTTP endpoint, answered by a keel.

use tokio::sync::oneshot;

use crate::http::Query;
use crate::keel::reconciler::Reconciler;
use crate::keel::temporary::Errand;
use crate::keel::time::Now;
use crate::keel::view::PastView;

/// Deployments shown between two turns: about a millisecond's worth.
const ROWS_MAX: usize = 500;

/// The same of those that are shown in figures.
const FIGURES_MAX: usize = 2000;

const DAY_MILLIS: i64 = 24 * 3_600_000;

/// Answers what only asks; gives back what is to be done.
pub fn show(keel: &Reconciler, query: Query, now: Now) -> Option<(Errand, oneshot::Sender<()>)> {
    match query {
        Query::Outline(reply) => {
            let _ = reply.send(keel.outline(now));
        }
        Query::Deployments(after, reply) => {
            let _ = reply.send(keel.deployments(after.as_ref(), ROWS_MAX, now));
        }
        Query::Figures(after, reply) => {
            let _ = reply.send(keel.figures(after.as_ref(), FIGURES_MAX, now));
        }
        Query::Deployment(id, reply) => {
            let _ = reply.send(keel.deployment(&id, now));
        }
        Query::History(reply) => {
            let _ = reply.send(keel.past().map(PastView::from).collect());
        }
        Query::Overview(reply) => {
            let _ = reply.send(keel.overview(now));
        }
        Query::Reckoning(deployment, reply) => {
            let _ = reply.send(keel.reckoning(&deployment, now));
        }
        Query::Timelines(deployments, days, reply) => {
            let span = i64::from(days).saturating_mul(DAY_MILLIS);
            let _ = reply.send(keel.timelines(&deployments, now.wall.shifted(-span)));
        }
        Query::Errand(errand, accepted) => return Some((errand, accepted)),
    }
    None
}
