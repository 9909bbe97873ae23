//! The fleet: whether all is in sync, what is not, and what comes.

use std::time::Duration;

use maud::{Markup, html};

use super::faults::faults;
use super::moment::{here, moment, when};
use super::parts::{badge, budget, next};
use super::query::{ROWS, Show, Sort, Wish};
use super::standing::{Standing, counts, headline};
use super::story;
use super::strip::{Scale, Strip};
use super::wishes;
use crate::keel::overview::{Coming, Overview, Stopped};
use crate::keel::story::Timelines;
use crate::keel::time::Wall;
use crate::keel::view::{DeploymentView, View};

/// The part of the fleet that one page shows.
pub(super) struct Shown<'a> {
    pub(super) rows: &'a [&'a DeploymentView],
    found: usize,
    page: usize,
    pages: usize,
}

impl<'a> Shown<'a> {
    /// The page that is wished for; past the last one, the last one.
    pub(super) fn of(wish: &Wish, found: &'a [&'a DeploymentView]) -> Self {
        let pages = found.len().div_ceil(ROWS).max(1);
        let page = wish.page.clamp(1, pages);
        let rows = found.chunks(ROWS).nth(page - 1).unwrap_or_default();
        Self { rows, found: found.len(), page, pages }
    }
}

pub(super) fn render(
    view: &View,
    overview: &Overview,
    wish: &Wish,
    shown: &Shown<'_>,
    stories: &Timelines,
) -> Markup {
    let scale = Scale::since(stories.oldest, view.at.0);
    html! {
        div #summary data-live { (summary(view)) }
        div #faults data-live { (faults(view)) }
        div.columns {
            section aria-labelledby="deployments" {
                h2 #deployments { "Deployments" }
                (filter(wish))
                div #table data-live {
                    (table(view, shown, &scale, stories))
                    (pager(wish, shown))
                }
            }
            aside #aside data-live aria-label="The fleet over time" {
                (wishes::of_fleet(view))
                (behind(overview))
                (before(overview, view.at.0))
                (accounts(view))
            }
        }
    }
}

fn summary(view: &View) -> Markup {
    let counts = counts(view);
    let open = counts[..2].iter().find(|(_, count)| *count > 0);
    let sign = open.map_or(Standing::InSync, |(standing, _)| *standing).sign();
    html! {
        h1 { @if !view.deployments.is_empty() { (sign) " " } (headline(view)) }
        p.chips role="status" {
            @for (standing, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
                a class={ "chip " (standing.class()) }
                    href={ "?state=" (spelling(standing)) } {
                    (standing.sign()) " " (count) " " (standing.words(count))
                }
            }
        }
        p.quiet { (file(view)) " As of " (moment(view.at.0)) "." }
    }
}

fn spelling(standing: Standing) -> &'static str {
    let found = Show::ALL.iter().find(|(show, _, _)| *show == Show::Standing(standing));
    found.map_or("", |(_, spelling, _)| spelling)
}

fn file(view: &View) -> Markup {
    html! {
        @match (&view.file.revision, &view.file.accepted) {
            (None, _) => { "No desired file in force." }
            (Some(revision), None) => { "Desired file " code { (revision) } "." }
            (Some(revision), Some(accepted)) => {
                "Desired file " code { (revision) } " since " (moment(accepted.0)) "."
            }
        }
    }
}

fn filter(wish: &Wish) -> Markup {
    html! {
        form.filter role="search" aria-label="Deployments" method="get" action="./" {
            label { "Find" input type="search" name="q" value=(wish.text)
                placeholder="id, name, account"; }
            label {
                "Show"
                select name="state" {
                    @for (show, spelling, words) in Show::ALL {
                        option value=(spelling) selected[show == wish.state] { (words) }
                    }
                }
            }
            label {
                "Sort by"
                select name="sort" {
                    @for (sort, spelling, words) in Sort::ALL {
                        option value=(spelling) selected[sort == wish.sort] { (words) }
                    }
                }
            }
            button type="submit" { "Show" }
        }
    }
}

/// Classes of the columns.
const WIDTHS: [&str; 7] = ["w9", "", "w12", "w8", "w8", "w13", "w12"];

fn table(view: &View, shown: &Shown<'_>, scale: &Scale, stories: &Timelines) -> Markup {
    html! {
        @if view.deployments.is_empty() {
            p.card {
                @if view.file.revision.is_some() { "The desired file names no deployment." }
                @else { "Deployments show as soon as a desired file is in force." }
            }
        } @else if shown.rows.is_empty() {
            p.card { "No deployment fits. " a href="./" { "Show all" } }
        } @else {
            table role="table" {
                caption { (shown.found) " of " (view.deployments.len()) " deployments" }
                colgroup { @for width in WIDTHS { col class=(width); } }
                thead role="rowgroup" {
                    tr role="row" {
                        @for head in ["Deployment", "State", "Wanted", "Seen", "Next", "Budget",
                            scale.words] {
                            th scope="col" role="columnheader" { (head) }
                        }
                    }
                }
                tbody role="rowgroup" {
                    @for one in shown.rows {
                        @let strip = Strip { id: &one.id, story: story(stories, &one.id), scale };
                        (row(view, one, &strip))
                    }
                }
            }
        }
    }
}

fn row(view: &View, one: &DeploymentView, strip: &Strip<'_>) -> Markup {
    let now = view.at.0;
    html! {
        tr role="row" {
            th scope="row" role="rowheader" {
                a.id href={ "deployments/" (one.id) } { (one.id) }
                @if let Some(observed) = &one.observed {
                    div { (observed.name) }
                    div.quiet { (observed.kind) }
                }
                @if view.accounts.len() > 1 { div.quiet { "account " (one.account) } }
            }
            td role="cell" data-label="State" {
                div {
                    (badge(one)) " " span.quiet { "since " (when(now, one.synced.since.0)) }
                    div { (one.synced.message) }
                    @if let Some(fault) = &one.fault { div.bad { (fault) } }
                }
            }
            td role="cell" data-label="Wanted" { div { (wanted(one, now)) } }
            td role="cell" data-label="Seen" { div { (seen(one, now)) } }
            td role="cell" data-label="Next" { div { (next(one, now)) } }
            td role="cell" data-label="Budget" {
                div { @for one in &one.budgets { div { (budget(one, now)) } } }
            }
            td role="cell" data-label=(strip.scale.words) { div { (strip.short()) } }
        }
    }
}

/// What is wanted, by which rule, until when.
pub(super) fn wanted(one: &DeploymentView, now: Wall) -> Markup {
    let desired = &one.desired;
    let late = one.ready.as_ref().and_then(|ready| ready.late);
    html! {
        strong { (desired.state) }
        div.quiet { "by " (desired.rule) }
        @if let Some(until) = desired.until {
            div.quiet {
                "until " @match &desired.until_local {
                    Some(local) => { (local) ", " }
                    None => {}
                }
                (when(now, until.0))
            }
        }
        @if let Some(late) = late { div.bad { "late since " (when(now, late.0)) } }
        @if desired.protect { div { "protected" } }
        @if let Some(reason) = &desired.suspended { div { "suspended: " (reason) } }
    }
}

/// What was seen and how old that is.
pub(super) fn seen(one: &DeploymentView, now: Wall) -> Markup {
    html! {
        @match &one.observed {
            Some(observed) => {
                strong { (observed.status) }
                div.quiet { "since " (when(now, observed.since.0)) }
                div.quiet { "read " (when(now, observed.at.0)) }
            }
            None => { span.quiet { "not seen yet" } }
        }
    }
}

fn pager(wish: &Wish, shown: &Shown<'_>) -> Markup {
    html! {
        @if shown.pages > 1 {
            nav.pages aria-label="Pages" {
                @for page in 1..=shown.pages {
                    @if page == shown.page {
                        b aria-current="page" { (page) }
                    } @else {
                        a href=(wish.on_page(page).href()) { (page) }
                    }
                }
            }
        }
    }
}

fn behind(overview: &Overview) -> Markup {
    html! {
        section.card aria-labelledby="behind" {
            h2 #behind { "Seen stopped" }
            dl.figures {
                @for (span, stopped) in [("7 days", overview.week), ("30 days", overview.month)] {
                    dt { (span) }
                    dd {
                        strong { (hours(stopped.time)) }
                        @if let Some(saved) = money(stopped) { div { (saved) " saved" } }
                    }
                }
            }
            p.quiet {
                "Over all deployments, as far as is remembered"
                @if overview.month.saved.is_some() { ", at the desired file's prices" } "."
            }
        }
    }
}

/// `112 h`; minutes under an hour.
fn hours(time: Duration) -> String {
    match time.as_secs() / 60 {
        minutes @ 0..60 => format!("{minutes} min"),
        minutes => format!("{} h", minutes / 60),
    }
}

/// `12.34`, in whatever currency the prices are.
fn money(stopped: Stopped) -> Option<String> {
    stopped.saved.map(|parts| format!("{}.{:02}", parts / 10_000, parts % 10_000 / 100))
}

fn before(overview: &Overview, now: Wall) -> Markup {
    html! {
        section.card aria-labelledby="before" {
            h2 #before { "Next changes" }
            @if overview.coming.is_empty() {
                p.quiet { "Time alone changes nothing." }
            }
            ol.coming {
                @for alike in overview.coming.chunk_by(Coming::is_like) {
                    @let one = &alike[0];
                    li {
                        strong { (when(now, one.at)) ": " (one.state) } " "
                        @for (index, one) in alike.iter().enumerate() {
                            @if index > 0 { ", " }
                            a.id href={ "deployments/" (one.deployment) } { (one.deployment) }
                        }
                        div.quiet { (one.local) (here(one.at)) }
                        div.quiet { "by " (one.rule) }
                    }
                }
            }
        }
    }
}

/// What is counted over a whole account, and what is under way for it.
fn accounts(view: &View) -> Markup {
    html! {
        @for account in &view.accounts {
            section.card {
                h2 { "Account " (account.name) }
                p.quiet { "Calls under way: " (account.in_flight) }
                @for one in &account.budgets { div { (budget(one, view.at.0)) } }
            }
        }
    }
}
