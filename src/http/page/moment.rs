//! Instants on the page.

use std::time::Duration;

use maud::{Markup, html};

use crate::keel::time::{Wall, format_duration};

/// An instant, in full.
pub(super) fn moment(at: Wall) -> Markup {
    html! { time datetime=(at) { (at) } }
}

/// An instant as seen from `now`, and in full when pointed at; the script counts on.
pub(super) fn when(now: Wall, at: Wall) -> Markup {
    html! { time.rel datetime=(at) title=(at) { (relative(now, at)) } }
}

/// The place where the script says an instant by the clock of whoever looks.
pub(super) fn here(at: Wall) -> Markup {
    html! { time.here datetime=(at) {} }
}

/// `4m ago`, `in 2h5m`, `now`: no finer than a person needs.
fn relative(now: Wall, at: Wall) -> String {
    let millis = at.millis().saturating_sub(now.millis());
    let seconds = millis.unsigned_abs() / 1000;
    let coarse = match seconds {
        0..60 => seconds,
        60..86_400 => seconds - seconds % 60,
        days => days - days % 3600,
    };
    let span = format_duration(Duration::from_secs(coarse));
    match (seconds, millis > 0) {
        (0, _) => "now".to_owned(),
        (_, true) => format!("in {span}"),
        (_, false) => format!("{span} ago"),
    }
}

#[cfg(test)]
mod tests {
    use super::relative;
    use crate::keel::time::Wall;

    #[test]
    fn spans_are_as_coarse_as_they_are_long() {
        let now = Wall::from_millis(1_000_000_000_000);
        let spans = [0, 999, -1500, 59_000, -61_000, 7_530_000, -90_061_000, i64::MIN];
        let said = spans.map(|millis| relative(now, now.shifted(millis)));
        let want = [
            "now",
            "now",
            "1s ago",
            "in 59s",
            "1m ago",
            "in 2h5m",
            "1d1h ago",
            "106751991167d7h ago",
        ];
        assert_eq!(said, want);
    }
}
