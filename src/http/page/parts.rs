//! What both pages show of a deployment.

use maud::{Markup, html};

use super::moment::{here, when};
use super::standing::Standing;
use crate::keel::time::Wall;
use crate::keel::view::{BudgetView, DeploymentView, NextStep, QueueView};

/// `InSync` in a colour, with its sign.
pub(super) fn badge(one: &DeploymentView) -> Markup {
    let standing = Standing::of(one);
    html! {
        span class={ "badge " (standing.class()) } { (standing.sign()) " " (one.synced.reason) }
    }
}

/// What comes next and when: as a countdown and by the schedule's clock.
pub(super) fn next(one: &DeploymentView, now: Wall) -> Markup {
    let step = match one.next.step {
        NextStep::Read => "read",
        NextStep::Start => "start",
        NextStep::Stop => "stop",
        NextStep::Answer => "an answer under way",
    };
    html! {
        strong { (step) }
        @if let Some(at) = one.next.at {
            " " (when(now, at.0))
            @if let Some(local) = &one.next.at_local { div.quiet { (local) (here(at.0)) } }
        }
        @if let Some(queue) = &one.queue { div.quiet { (line(queue, now)) } }
    }
}

fn line(queue: &QueueView, now: Wall) -> Markup {
    html! {
        (queue.position) " of " (queue.length) " in line to " (queue.action)
        @if let Some(eta) = queue.eta { ", " (when(now, eta.0)) }
    }
}

/// A budget as a bar, with the figures beside it.
pub(super) fn budget(budget: &BudgetView, now: Wall) -> Markup {
    let (left, limit) = (budget.remaining, budget.limit.max(1));
    let width = f64::from(left.min(limit)) / f64::from(limit) * 60.0;
    html! {
        span.budget {
            span.method { (budget.method) }
            svg.bar viewBox="0 0 60 8" aria-hidden="true" {
                rect.ground width="60" height="8" rx="2" {}
                rect.left width=(format!("{width:.0}")) height="8" rx="2" {}
            }
            span { (left) "/" (budget.limit) " left" }
        }
        @if budget.account_wide { " " span.quiet { "whole account" } }
        @if left == 0 {
            " " span.quiet.until {
                @match budget.next_allowed {
                    Some(at) => { "next " (when(now, at.0)) }
                    None => { "after the call under way" }
                }
            }
        }
    }
}
