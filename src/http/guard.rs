//! The page's banner for a change that the mass-stop guard holds.

use maud::{Markup, html};

use super::moment::when;
use crate::keel::guard::way_out;
use crate::keel::time::Wall;
use crate::keel::view::GuardView;

/// What is held, since when, and what can be done about it.
pub(super) fn held(guard: &GuardView, now: Wall) -> Markup {
    html! {
        div.fault {
            p {
                strong {
                    "Change " code { (guard.change) } " is held: it would stop " (guard.count)
                    " of " (guard.fleet) " deployments at once."
                }
                " Since " (when(now, guard.since.0)) "."
            }
            p { (way_out(&guard.change)) "." }
            p.quiet { (guard.names()) }
        }
    }
}
