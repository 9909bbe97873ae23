//! What is temporarily wished instead of what the desired file says, and the command that ends it.

use maud::{Markup, html};

use super::moment::{here, moment, when};
use crate::keel::temporary::WishView;
use crate::keel::time::Wall;
use crate::keel::view::{DeploymentView, View};

/// Deployments that the fleet's page tells; `evenkeel status` tells all.
const SHOWN_MAX: usize = 10;

/// Those of the whole fleet; nothing where there is none.
pub(super) fn of_fleet(view: &View) -> Markup {
    let wished = || view.deployments.iter().filter(|one| !one.wishes.is_empty());
    let more = wished().count().saturating_sub(SHOWN_MAX);
    html! {
        @if let Some(_) = wished().next() {
            section.card aria-labelledby="wishes" {
                h2 #wishes { "Temporary wishes" }
                ul.coming {
                    @for one in wished().take(SHOWN_MAX) {
                        li {
                            a.id href={ "deployments/" (one.id) } { (one.id) }
                            (list(one, view.at.0))
                        }
                    }
                }
                @if more > 0 {
                    p.quiet { "And of " (more) " more: see " code { "evenkeel status" } }
                }
            }
        }
    }
}

/// Those of one deployment; nothing where there is none.
pub(super) fn of_one(one: &DeploymentView, now: Wall) -> Markup {
    html! {
        @if !one.wishes.is_empty() {
            section.card aria-labelledby="wishes" {
                h2 #wishes { "Temporary wishes" }
                (list(one, now))
            }
        }
    }
}

fn list(one: &DeploymentView, now: Wall) -> Markup {
    html! {
        @for wish in &one.wishes { (words(wish, now)) }
        div.quiet {
            @if one.wishes.len() > 1 { "Ends both: " } @else { "Ends it: " }
            code { "evenkeel resume " (one.id) }
        }
    }
}

fn words(wish: &WishView, now: Wall) -> Markup {
    html! {
        div {
            strong { (wish.kind) @if let Some(state) = wish.state { " " (state) } }
            @match wish.until {
                Some(until) => {
                    " ends " (when(now, until.0))
                    div.quiet { (moment(until.0)) (here(until.0)) }
                }
                None => { " until somebody ends it" }
            }
            div.quiet {
                "by " (wish.by) ", " (when(now, wish.since.0))
                @if let Some(reason) = &wish.reason { ": " (reason) }
            }
        }
    }
}
