//! One deployment: from the rule to the answer, as a picture to send to a colleague.

use maud::{Markup, html};

use super::faults::faults;
use super::fleet::{seen, wanted};
use super::moment::{moment, when};
use super::parts::{badge, budget, next};
use super::strip::Strip;
use super::wishes;
use crate::keel::reckoning::Link;
use crate::keel::time::Wall;
use crate::keel::view::{DeploymentView, PastView, View};

/// Rows of the history.
const PAST_MAX: usize = 50;

pub(super) fn render(
    view: &View,
    one: &DeploymentView,
    links: &[Link],
    strip: &Strip<'_>,
    past: &[PastView],
) -> Markup {
    let now = view.at.0;
    html! {
        nav aria-label="Where this is" { a href="../" { "Fleet" } " / " (one.id) }
        div #summary data-live {
            h1 {
                code { (one.id) }
                @if let Some(observed) = &one.observed { " " (observed.name) }
            }
            p role="status" { (badge(one)) " " (one.synced.message) }
            p.quiet { "As of " (moment(now)) ", account " (one.account) "." }
        }
        div #faults data-live { (faults(view)) }
        div #wished data-live { (wishes::of_one(one, now)) }
        section aria-labelledby="week" {
            h2 #week { "Wanted and seen" }
            div #strip data-live { (strip.with_legend()) }
        }
        section aria-labelledby="chain" {
            h2 #chain { "From the rule to the answer" }
            div #links data-live { (chain(view, one, links)) }
        }
        section aria-labelledby="history" {
            h2 #history { "Starts and stops" }
            div #past data-live { (history(past, now)) }
        }
    }
}

fn chain(view: &View, one: &DeploymentView, links: &[Link]) -> Markup {
    let now = view.at.0;
    html! {
        ol.chain {
            @if links.is_empty() { (link("wanted", &wanted(one, now))) }
            @for one in links { (link(one.about, &html! { (one.text) })) }
            (link("file", &html! { "revision " code { (one.desired.revision) } }))
            (link("seen", &html! {
                (seen(one, now))
                @if let Some(fault) = &one.fault { div.bad { (fault) } }
            }))
            (link("verdict", &html! {
                (badge(one)) " since " (when(now, one.synced.since.0)) ": " (one.synced.message)
            }))
            @if let Some(last) = &one.last_action {
                (link("call", &html! { (last.action) " sent " (when(now, last.at.0)) }))
                (link("answer", &html! { (last.outcome) }))
            }
            (link("budget", &html! {
                @for one in &one.budgets { div { (budget(one, now)) } }
            }))
            (link("next", &next(one, now)))
        }
    }
}

fn link(about: &str, text: &Markup) -> Markup {
    html! { li { strong.about { (about) } div { (text) } } }
}

fn history(past: &[PastView], now: Wall) -> Markup {
    html! {
        @if past.is_empty() {
            p.quiet { "None is remembered." }
        } @else {
            table role="table" {
                caption { "The newest first" }
                thead role="rowgroup" {
                    tr role="row" {
                        @for head in ["When", "Call", "Answer", "Because", "Revision"] {
                            th scope="col" role="columnheader" { (head) }
                        }
                    }
                }
                tbody role="rowgroup" {
                    @for one in past.iter().take(PAST_MAX) { (call(one, now)) }
                }
            }
        }
    }
}

fn call(one: &PastView, now: Wall) -> Markup {
    html! {
        tr role="row" {
            th scope="row" role="rowheader" {
                (when(now, one.at.0)) div.quiet { (moment(one.at.0)) }
            }
            td role="cell" data-label="Call" { (one.action) }
            td role="cell" data-label="Answer" { (one.outcome) }
            td role="cell" data-label="Because" {
                @if let Some(cause) = &one.cause {
                    div { "saw " (cause.saw) ", wanted " (cause.desired) " by " (cause.rule) }
                }
            }
            td role="cell" data-label="Revision" {
                @if let Some(cause) = &one.cause { code { (cause.revision) } }
            }
        }
    }
}
