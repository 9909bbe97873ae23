//! `except:` dates on which a schedule does something else.

use crate::keel::deployment::Desired;
use crate::keel::schedule::{Exception, Hours};
use crate::yaml::{Entry, Faults, Fields, Kind, Node};

use super::deployment::{fixed_state, reason};
use super::window::{dates, hours};

/// How the text of an exception begins, unlike that of a holiday.
pub(super) const EXCEPT: &str = "except ";

const EXAMPLE: &str = "`{ dates: 2026-12-24..2027-01-01, state: stopped, reason: holidays }`";

/// Reads the list behind `except:`; one of them needs no list.
pub(super) fn exceptions(entry: &Entry, faults: &mut Faults) -> Vec<Exception> {
    if entry.value.is_null() {
        faults.problem(
            entry.place,
            format!("nothing behind `except:`; expected a list of {EXAMPLE}"),
        );
        return Vec::new();
    }
    entry.value.one_or_more().iter().filter_map(|node| one(node, faults)).collect()
}

fn one(node: &Node, faults: &mut Faults) -> Option<Exception> {
    let expected = format!("an exception, such as {EXAMPLE}");
    let mut fields = Fields::of(node, "an exception", &expected, faults)?;
    let dates = fields.required("dates", node.place, faults, |node| dates(node.word()?));
    let state = fields.take("state", faults);
    let running = fields.take("running", faults);
    let hours = match (state, running) {
        (Some(entry), None) => fixed_state(entry, faults).map(|state| match state {
            Desired::Running => vec![Hours::ALL_DAY],
            Desired::Stopped => Vec::new(),
        }),
        (None, Some(running)) => other_hours(running, faults),
        (None, None) => {
            let message = "what happens on these dates is missing: `state: stopped`, \
                           `state: running`, or hours, such as `running: [10:00-14:00]`";
            faults.problem(node.place, message);
            None
        }
        (Some(state), Some(_)) => {
            let message = "`state` and `running` in one exception; hours alone say it: outside of \
                           them it is stopped";
            faults.problem(state.place, message);
            None
        }
    };
    let reason = fields.optional("reason", faults, reason);
    fields.finish(faults);
    let (dates, hours) = (dates?, hours?);
    let text = match reason {
        Some(reason) => format!("{EXCEPT}{dates}: {reason}"),
        None => format!("{EXCEPT}{dates}"),
    };
    Some(Exception { dates, hours, text: text.into() })
}

/// The hours that hold instead.
fn other_hours(entry: &Entry, faults: &mut Faults) -> Option<Vec<Hours>> {
    let nodes = entry.value.one_or_more();
    if nodes.is_empty() || entry.value.is_null() {
        let message = "no hours behind `running:`; to be stopped on these dates, write \
                       `state: stopped`";
        faults.problem(entry.place, message);
        return None;
    }
    let read = |node: &Node| match &node.kind {
        Kind::Text(text) | Kind::Number(text) => hours(text),
        Kind::Null | Kind::Bool(_) | Kind::List(_) | Kind::Map(_) => {
            Err(format!("expected hours, such as `10:00-14:00`, found {node}"))
        }
    };
    let found: Vec<Option<Hours>> =
        nodes.iter().map(|node| faults.check(node, read(node))).collect();
    found.into_iter().collect()
}
