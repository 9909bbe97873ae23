//! The pages for people: the fleet at `/`, one deployment at `/deployments/{id}`. Whole without a
//! script; `live.js` keeps them fresh.

mod deployment;
mod faults;
mod fleet;
mod frame;
mod moment;
mod parts;
mod query;
mod standing;
mod strip;
mod wishes;

use hyper::StatusCode;
use maud::{Markup, html};

use super::answer::Reply;
use super::{Query, Silent, State};
use crate::keel::deployment::DeploymentId;
use crate::keel::story::{Entry, Timelines};
use frame::Frame;
use strip::Scale;

/// The fleet, as the query asks for it.
pub(super) async fn fleet(state: &State, query: Option<&str>) -> Result<Reply, Silent> {
    let wish = match query::Wish::parse(query) {
        Ok(wish) => wish,
        Err(problem) => {
            let status = StatusCode::BAD_REQUEST;
            return Ok(Reply::html(status, fault(status, &problem)));
        }
    };
    // Before the view: what changes in between is told once more.
    let version = state.changes.number();
    let view = state.view().await?;
    let overview = state.ask(Query::Overview).await?;
    let found = wish.select(&view);
    let shown = fleet::Shown::of(&wish, &found);
    let ids = shown.rows.iter().map(|one| one.id.clone()).collect();
    let stories = state.ask(|reply| Query::Timelines(ids, strip::DAYS, reply)).await?;
    let frame = Frame { root: "", title: standing::headline(&view), version: Some(version) };
    let page = fleet::render(&view, &overview, &wish, &shown, &stories);
    Ok(Reply::html(StatusCode::OK, frame.around(&page)))
}

/// One deployment.
pub(super) async fn deployment(state: &State, id: &str) -> Result<Reply, Silent> {
    let version = state.changes.number();
    let view = state.outline().await?;
    let Some(one) = state.one(id).await? else {
        let status = StatusCode::NOT_FOUND;
        let problem = format!("The desired file names no deployment `{id}`.");
        return Ok(Reply::html(status, fault_in("../", status, &problem)));
    };
    let id = &one.id;
    let ids = [id.clone()].into();
    let stories = state.ask(|reply| Query::Timelines(ids, strip::DAYS, reply)).await?;
    let scale = Scale::since(stories.oldest, view.at.0);
    let strip = strip::Strip { id, story: story(&stories, id), scale: &scale };
    let links = state.ask(|reply| Query::Reckoning(id.clone(), reply)).await?;
    let mut past = state.history().await?;
    past.retain(|past| past.deployment == *id);
    past.sort_by_key(|past| std::cmp::Reverse(past.id));
    let title = format!("{id}: {}", one.synced.reason);
    let frame = Frame { root: "../", title, version: Some(version) };
    let page = deployment::render(&view, &one, &links, &strip, &past);
    Ok(Reply::html(StatusCode::OK, frame.around(&page)))
}

fn story<'a>(stories: &'a Timelines, id: &DeploymentId) -> &'a [Entry] {
    stories.of.get(id).map(Vec::as_slice).unwrap_or_default()
}

/// What went wrong, as a page.
pub(super) fn fault(status: StatusCode, problem: &str) -> Markup {
    fault_in("", status, problem)
}

fn fault_in(root: &'static str, status: StatusCode, problem: &str) -> Markup {
    let page = html! {
        section.card {
            h1 { (status.as_u16()) " " (status.canonical_reason().unwrap_or("fault")) }
            p { (problem) }
            p { a href={ (root) "./" } { "To the fleet" } }
        }
    };
    Frame { root, title: status.to_string(), version: None }.around(&page)
}
