//! A desired file written out from what it asks for.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use evenkeel::keel::deployment::DeploymentId;
use evenkeel::keel::intent::{Intent, Override, Prices, Suspend, Wanted};
use evenkeel::keel::time::Wall;
use jiff::Timestamp;

use super::schedules::section;

/// Each key written out in block style; every text in quotes.
pub(crate) fn written(intents: &BTreeMap<DeploymentId, impl Borrow<Intent>>) -> String {
    if intents.is_empty() {
        return "deployments: {}\n".to_owned();
    }
    let mut out = head(intents);
    out.push_str("deployments:\n");
    for (id, intent) in intents {
        let Intent { account, name, wanted, protect, suspend, exception, prices, .. } =
            intent.borrow();
        let state = word(wanted);
        let account = quoted(account.as_str());

        out.push_str(&format!("  \"{id}\":\n    state: {state}\n    account: {account}\n"));
        if let Some(prices) = prices {
            out.push_str(&format!("    prices: {}\n", amounts(*prices)));
        }
        out.push_str(&format!("    protect: {protect}\n"));
        if let Some(name) = name {
            out.push_str(&format!("    name: {}\n", quoted(name)));
        }
        if let Some(Suspend { reason, until }) = suspend {
            out.push_str(&format!("    suspend:\n      reason: {}\n", quoted(reason)));
            if let Some(until) = until {
                out.push_str(&format!("      until: {}\n", instant(*until)));
            }
        }
        if let Some(Override { state, until, reason }) = exception {
            let until = instant(*until);
            out.push_str(&format!("    override:\n      state: {state}\n      until: {until}\n"));
            if let Some(reason) = reason {
                out.push_str(&format!("      reason: {}\n", quoted(reason)));
            }
        }
    }
    out
}

/// What stands before `deployments:`.
pub(crate) fn head(intents: &BTreeMap<DeploymentId, impl Borrow<Intent>>) -> String {
    let zone = intents.values().next().and_then(|intent| intent.borrow().zone.iana_name());
    let zone = zone.map(|zone| format!("timezone: {zone}\n")).unwrap_or_default();
    zone + &section(intents)
}

/// What stands behind `state:`.
pub(crate) fn word(wanted: &Wanted) -> String {
    match wanted {
        Wanted::Fixed(state) => state.to_string(),
        Wanted::Scheduled(schedule) => quoted(&schedule.name),
    }
}

/// What stands behind `prices:`.
pub(crate) fn amounts(prices: Prices) -> String {
    let amount = |parts: u32| format!("{}.{:04}", parts / 10_000, parts % 10_000);
    format!("{{ running: {}, stopped: {} }}", amount(prices.running), amount(prices.stopped))
}

/// To the millisecond, unlike `Wall`'s own text.
fn instant(wall: Wall) -> String {
    Timestamp::from_millisecond(wall.millis()).map_or_else(|_| wall.to_string(), |t| t.to_string())
}

/// Whatever is not plain ASCII is escaped, so that no rule about line breaks or printable
/// characters comes into it.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            _ => out.push_str(&format!("\\U{:08X}", u32::from(c))),
        }
    }
    out.push('"');
    out
}
