//! The last days of a deployment as a picture: what was wanted above what was seen. Height tells
//! the state besides the colour.

use std::time::Duration;

use maud::{Markup, html};

use crate::keel::deployment::{Action, DeploymentId};
use crate::keel::story::Entry;
use crate::keel::time::Wall;

/// Days on a strip, at most.
pub(super) const DAYS: u32 = 7;

const HOUR: u64 = 3600;
const LANE: f64 = 14.0;

/// How long a strip is. All on one page are alike.
pub(super) struct Scale {
    from: Wall,
    now: Wall,
    /// The same for people: `Last 7 days`.
    pub(super) words: &'static str,
    ago: &'static str,
    parts: u32,
}

impl Scale {
    /// The shortest that has room for all that is remembered, so that a new installation shows
    /// more than a sliver.
    pub(super) fn since(oldest: Option<Wall>, now: Wall) -> Self {
        let age = oldest.map_or(Duration::ZERO, |oldest| now.since(oldest)).as_secs();
        let (long, words, ago, parts) = match age {
            0..600 => (600, "Last 10 minutes", "10 minutes ago", 5),
            600..HOUR => (HOUR, "Last hour", "an hour ago", 6),
            HOUR..21_600 => (6 * HOUR, "Last 6 hours", "6 hours ago", 6),
            21_600..86_400 => (24 * HOUR, "Last 24 hours", "24 hours ago", 8),
            _ => (u64::from(DAYS) * 24 * HOUR, "Last 7 days", "7 days ago", 7),
        };
        Self { from: now - Duration::from_secs(long), now, words, ago, parts }
    }
}

/// One deployment's.
pub(super) struct Strip<'a> {
    pub(super) id: &'a DeploymentId,
    /// What became of it, the oldest first.
    pub(super) story: &'a [Entry],
    pub(super) scale: &'a Scale,
}

/// From one instant to another: in this state.
struct Span {
    begin: Wall,
    end: Wall,
    state: String,
}

impl Strip<'_> {
    /// For a row of the fleet.
    pub(super) fn short(&self) -> Markup {
        self.drawn(336.0)
    }

    /// For a page of its own.
    pub(super) fn with_legend(&self) -> Markup {
        html! {
            div.lanes {
                div.lane { "wanted" }
                div.lane { "seen" }
                (self.drawn(1008.0))
                div.axis { span { (self.scale.ago) } span { "now" } }
            }
            ul.legend {
                @for (state, words) in [("running", "running"), ("stopped", "stopped"),
                    ("starting", "on its way"), ("failed", "anything else")] {
                    @let (class, height) = look(state);
                    li {
                        svg.swatch.strip viewBox="0 0 16 14" aria-hidden="true" {
                            rect class=(class) y=(LANE - height) width="16" height=(height) {}
                        }
                        (words)
                    }
                }
                li {
                    svg.swatch.strip viewBox="-5 -7 16 14" aria-hidden="true" {
                        path.act d={ "M3 4" (shape(Action::Start)) } {}
                    }
                    "start sent"
                }
                li {
                    svg.swatch.strip viewBox="-5 -7 16 14" aria-hidden="true" {
                        path.act d={ "M3 -3" (shape(Action::Stop)) } {}
                    }
                    "stop sent"
                }
            }
        }
    }

    fn drawn(&self, width: f64) -> Markup {
        let (id, scale) = (self.id, self.scale);
        let wanted = self.spans(|entry| match entry {
            Entry::Wanted { at, state, .. } => Some((at.0, Some(state.as_str()))),
            Entry::Left { at } => Some((at.0, None)),
            Entry::Seen { .. } | Entry::Acted(_) => None,
        });
        let seen = self.spans(|entry| match entry {
            Entry::Seen { at, status } => Some((at.0, Some(status))),
            Entry::Left { at } => Some((at.0, None)),
            Entry::Wanted { .. } | Entry::Acted(_) => None,
        });
        let acts = self.story.iter().filter_map(|entry| match entry {
            Entry::Acted(past) if scale.from <= past.at.0 => Some((past.at.0, past.action)),
            Entry::Acted(_) | Entry::Wanted { .. } | Entry::Seen { .. } | Entry::Left { .. } => {
                None
            }
        });
        let long = scale.now.since(scale.from).as_secs_f64();
        let x = |at: Wall| at.since(scale.from).as_secs_f64() / long * width;
        let (title, desc) = (format!("strip-{id}-title"), format!("strip-{id}-desc"));
        html! {
            svg.strip viewBox={ "0 0 " (width) " 40" } role="img" preserveAspectRatio="none"
                aria-labelledby={ (title) " " (desc) } {
                title id=(title) { (scale.words) " of " (id) ": wanted above seen" }
                desc id=(desc) { (hours("wanted", &wanted)) "; " (hours("seen", &seen)) "." }
                rect.ground width=(width) height="40" {}
                (lane(&wanted, 2.0, x))
                (lane(&seen, 24.0, x))
                @for part in 1..scale.parts {
                    @let at = (f64::from(part) / f64::from(scale.parts) * width).round();
                    line.day x1=(at) x2=(at) y1="0" y2="40" {}
                }
                @for (at, action) in acts {
                    @let at = x(at).clamp(4.0, width - 4.0);
                    path.act d={ "M" (format!("{at:.1}")) " " (top(action)) (shape(action)) } {}
                }
            }
        }
    }

    fn spans<'a>(
        &'a self,
        change: impl Fn(&'a Entry) -> Option<(Wall, Option<&'a str>)>,
    ) -> Vec<Span> {
        let Scale { from, now, .. } = *self.scale;
        let changes: Vec<_> = self.story.iter().filter_map(change).collect();
        let ends = changes.iter().skip(1).map(|(at, _)| *at).chain([now]);
        let all = changes.iter().zip(ends).filter_map(|((at, state), end)| {
            Some(Span { begin: (*at).max(from), end, state: (*state)?.to_owned() })
        });
        all.filter(|span| span.begin < span.end).collect()
    }
}

/// Where the shape of a call begins: between the lanes.
const fn top(action: Action) -> u32 {
    match action {
        Action::Start => 23,
        Action::Stop => 17,
    }
}

/// Up for a start, down for a stop.
const fn shape(action: Action) -> &'static str {
    match action {
        Action::Start => "l4 0l-4 -6l-4 6z",
        Action::Stop => "l4 0l-4 6l-4 -6z",
    }
}

fn lane(spans: &[Span], top: f64, x: impl Fn(Wall) -> f64) -> Markup {
    html! {
        @for span in spans {
            @let (class, height) = look(&span.state);
            @let width = (x(span.end) - x(span.begin)).max(0.7);
            rect class=(class) x=(format!("{:.1}", x(span.begin)))
                y=(top + LANE - height) width=(format!("{width:.1}")) height=(height) {}
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

/// `wanted running 45 h of 168 h`.
fn hours(what: &str, spans: &[Span]) -> String {
    let time = |spans: &mut dyn Iterator<Item = &Span>| {
        spans.map(|span| span.end.since(span.begin)).sum::<Duration>().as_secs_f64() / 3600.0
    };
    let running = time(&mut spans.iter().filter(|span| span.state == "running"));
    format!("{what} running {running:.1} h of {:.1} h that are known", time(&mut spans.iter()))
}
