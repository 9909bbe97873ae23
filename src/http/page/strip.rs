//! Seven days of a deployment as a picture: what was wanted above what was seen. Height tells the
//! state besides the colour.

use std::time::Duration;

use maud::{Markup, html};

use super::DAYS;
use crate::keel::deployment::{Action, DeploymentId};
use crate::keel::story::Entry;
use crate::keel::time::Wall;

const WIDTH: f64 = 336.0;
const LANE: f64 = 14.0;

/// From one instant to another: in this state.
struct Span {
    begin: Wall,
    end: Wall,
    state: String,
}

/// The strip of the days before `now`.
pub(super) fn strip(id: &DeploymentId, story: &[Entry], now: Wall) -> Markup {
    let from = now - Duration::from_secs(u64::from(DAYS) * 24 * 3600);
    let wanted = spans(story, from, now, |entry| match entry {
        Entry::Wanted { at, state, .. } => Some((at.0, Some(state.as_str()))),
        Entry::Left { at } => Some((at.0, None)),
        Entry::Seen { .. } | Entry::Acted(_) => None,
    });
    let seen = spans(story, from, now, |entry| match entry {
        Entry::Seen { at, status } => Some((at.0, Some(status))),
        Entry::Left { at } => Some((at.0, None)),
        Entry::Wanted { .. } | Entry::Acted(_) => None,
    });
    let acts = story.iter().filter_map(|entry| match entry {
        Entry::Acted(past) if from <= past.at.0 => Some((past.at.0, past.action)),
        Entry::Acted(_) | Entry::Wanted { .. } | Entry::Seen { .. } | Entry::Left { .. } => None,
    });
    let x = |at: Wall| at.since(from).as_secs_f64() / now.since(from).as_secs_f64() * WIDTH;
    let (title, desc) = (format!("strip-{id}-title"), format!("strip-{id}-desc"));
    html! {
        svg.strip viewBox="0 0 336 40" role="img" preserveAspectRatio="none"
            aria-labelledby={ (title) " " (desc) } {
            title id=(title) { "Seven days of " (id) ": wanted above seen" }
            desc id=(desc) { (hours("wanted", &wanted)) "; " (hours("seen", &seen)) "." }
            rect.ground width="336" height="40" {}
            (lane(&wanted, 2.0, x))
            (lane(&seen, 22.0, x))
            @for day in 1..DAYS {
                line.day x1=(day * 48) x2=(day * 48) y1="0" y2="40" {}
            }
            @for (at, action) in acts {
                path.act d={
                    "M" (format!("{:.1}", x(at))) " 19"
                    (match action { Action::Start => "l3 0l-3 -5l-3 5z",
                                    Action::Stop => "m0 2l3 -5l-6 0z" })
                } {}
            }
        }
    }
}

fn lane(spans: &[Span], top: f64, x: impl Fn(Wall) -> f64) -> Markup {
    html! {
        @for span in spans {
            @let (class, height) = look(&span.state);
            @let width = (x(span.end) - x(span.begin)).max(0.7);
            rect class=(class) x=(format!("{:.1}", x(span.begin)))
                y=(format!("{:.1}", top + LANE - height)) width=(format!("{width:.1}"))
                height=(format!("{height:.0}")) {}
        }
    }
}

/// The higher, the more it runs.
fn look(state: &str) -> (&'static str, f64) {
    match state {
        "running" => ("running", 14.0),
        "stopped" => ("stopped", 3.0),
        "starting" | "stopping" | "pending" => ("passing", 8.0),
        _ => ("odd", 11.0),
    }
}

fn spans<'a>(
    story: &'a [Entry],
    from: Wall,
    now: Wall,
    change: impl Fn(&'a Entry) -> Option<(Wall, Option<&'a str>)>,
) -> Vec<Span> {
    let changes: Vec<_> = story.iter().filter_map(change).collect();
    let ends = changes.iter().skip(1).map(|(at, _)| *at).chain([now]);
    let all = changes.iter().zip(ends).filter_map(|((at, state), end)| {
        Some(Span { begin: (*at).max(from), end, state: (*state)?.to_owned() })
    });
    all.filter(|span| span.begin < span.end).collect()
}

/// `wanted running 45 h of 168 h`.
fn hours(what: &str, spans: &[Span]) -> String {
    let time = |spans: &mut dyn Iterator<Item = &Span>| {
        spans.map(|span| span.end.since(span.begin)).sum::<Duration>().as_secs_f64() / 3600.0
    };
    let running = time(&mut spans.iter().filter(|span| span.state == "running"));
    format!("{what} running {running:.0} h of {:.0} h that are known", time(&mut spans.iter()))
}
