//! `running:` a list of windows.

use crate::keel::schedule::Days;
use crate::keel::schedule::{On, Window};
use crate::yaml::{At, Entry, Faults, Kind, Node, Place, shown};

use super::meant;
use super::window::{is_days, lies_inside, strict_window, window};

const EXAMPLE: &str = "`running: [Mon-Fri 08:00-19:00]`";

/// Reads the windows of `running:`; one of them needs no list.
pub(super) fn windows(entry: &Entry, faults: &mut Faults) -> Vec<(Place, Window)> {
    let nodes = entry.value.one_or_more();
    if let Some(message) = no_windows(&entry.value) {
        let place = if entry.value.is_null() { entry.place } else { entry.value.place };
        faults.problem(place, message);
        return Vec::new();
    }
    let mut found: Vec<(Place, Window)> = Vec::new();
    let mut index = 0;
    while let Some(node) = nodes.get(index) {
        if let Some((message, pieces)) = torn(&nodes[index..]) {
            faults.problem(node.place, message);
            index += pieces;
            continue;
        }
        index += 1;
        let Some(window) = faults.check(node, one(node)) else { continue };
        if let (Some((_, before)), On::Days(Days::ALL)) = (found.last(), window.on)
            && !is_daily(&window, before)
        {
            let text = &window.text;
            faults.warning(
                At::Place(node.place),
                format!(
                    "`{text}` is every day, other than the window before it; `Mon-Sun {text}` says \
                     so in words"
                ),
            );
        }
        found.push((node.place, window));
    }
    found
}

/// Whether a window without days is no surprise behind this one.
fn is_daily(window: &Window, before: &Window) -> bool {
    window.text.contains(' ') || before.on == On::Days(Days::ALL)
}

/// Warns if `window` changes nothing because of one of the `others`.
pub(super) fn warn_of_no_effect(
    place: Place,
    window: &Window,
    others: &[Window],
    faults: &mut Faults,
) {
    if let Some(outer) = others.iter().find(|outer| lies_inside(window, outer)) {
        let (window, outer) = (&window.text, &outer.text);
        let message = format!("`{window}` lies inside `{outer}` and changes nothing");
        faults.warning(At::Place(place), message);
    }
}

/// What is wrong with something that is no windows at all.
fn no_windows(node: &Node) -> Option<String> {
    match &node.kind {
        Kind::Null => Some(format!("nothing behind `running:`; expected windows: {EXAMPLE}")),
        Kind::List(nodes) if nodes.is_empty() => Some(never()),
        Kind::Text(text) if matches!(&**text, "never" | "none" | "stopped") => Some(never()),
        Kind::Text(text) if matches!(&**text, "always" | "24/7" | "24x7") => Some(format!(
            "`{text}` is no window; all day, every day is `00:00-24:00`, and who never stops needs \
             no schedule but `running`"
        )),
        Kind::Bool(_) => Some(format!("expected windows, such as {EXAMPLE}, found {node}")),
        Kind::Number(_) | Kind::Text(_) | Kind::List(_) | Kind::Map(_) => None,
    }
}

fn never() -> String {
    format!(
        "a schedule without windows never runs; name some, such as {EXAMPLE}, or write `stopped` \
         where it is followed"
    )
}

fn one(node: &Node) -> Result<Window, String> {
    match &node.kind {
        Kind::Text(text) | Kind::Number(text) => window(text),
        // `Mon-Fri: 08:00-19:00`
        Kind::Map(entries) => {
            let joined = match &**entries {
                [Entry { key, value, .. }] => value.word().ok().map(|word| format!("{key} {word}")),
                _ => None,
            };
            let found = joined.and_then(|text| window(&text).ok());
            Err(match found {
                Some(window) => {
                    format!("no `:` goes between days and hours; write `{}`", window.text)
                }
                None => format!("expected a window, such as `Mon-Fri 08:00-19:00`, found {node}"),
            })
        }
        Kind::Null | Kind::Bool(_) | Kind::List(_) => {
            Err(format!("expected a window, such as `Mon-Fri 08:00-19:00`, found {node}"))
        }
    }
}

/// A window with commas that stands in `[ ]` without quotes, and in how many pieces it is.
fn torn(nodes: &[Node]) -> Option<(String, usize)> {
    let words: Vec<&str> = nodes.iter().map_while(|node| node.word().ok()).collect();
    let of_days = |word: &&&str| is_days(word) || meant::is_days(word);
    let days = words.iter().take_while(of_days).count();
    if days == 0 || days >= words.len() {
        return None;
    }
    let whole = words[..=days].join(",");
    let whole =
        strict_window(&whole).map_or_else(|_| meant::window(&whole), |_| Some(whole.clone()))?;
    let message = format!(
        "`{}` has no hours; in `[ ]` a comma begins another window, so put one with commas in \
         quotes: `\"{}\"`",
        shown(words[0]),
        whole
    );
    Some((message, days + 1))
}
