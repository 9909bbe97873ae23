//! The configuration file. No bytes panic; faults are inside the file; a credential that somebody
//! wrote into it shows in no report; what is accepted names at least one account, each with a URL.
#![no_main]

#[path = "../../properties/places.rs"]
mod places;

use evenkeel::config::{Overrides, Settings};
use libfuzzer_sys::fuzz_target;

/// What the seeds have as a credential.
const CANARY: &str = "canary-c0ffee";

fuzz_target!(|bytes: &[u8]| {
    let resolve = |overrides: &Overrides, look: &dyn Fn(&str) -> Option<String>| {
        Settings::resolve("f", Some(bytes), None, overrides, look)
    };
    let alone = resolve(&Overrides::default(), &|_| None);
    match &alone {
        Ok(settings) => {
            assert!(!settings.accounts.is_empty());
            assert!(settings.accounts.values().all(|account| !account.url.is_empty()));
            assert_eq!(resolve(&Overrides::default(), &|_| None), alone);
        }
        Err(report) => {
            assert_eq!(places::outside(report, bytes), None);
            let text = report.to_string();
            assert!(!text.is_empty());
            assert!(!text.contains(CANARY) || !is_credential(bytes), "{text}");
        }
    }
    // The environment adds an account; it can hide no fault of the file.
    let environment = |name: &str| match name {
        "EVENKEEL_API_URL" => Some("https://a.example/public_api/v1".to_owned()),
        "EVENKEEL_API_KEY" | "EVENKEEL_API_SECRET" => Some("x".to_owned()),
        _ => None,
    };
    if let Err(report) = resolve(&Overrides::default(), &environment) {
        assert_eq!(places::outside(&report, bytes), None);
        assert!(alone.is_err());
    }
});

/// Whether the canary stands in the file once, behind a `key:` or `secret:` that begins a line, and
/// that line is no part of a longer text, which may be shown.
fn is_credential(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((before, _)) = text.split_once(CANARY) else { return false };
    let line = before.rsplit(['\n', '\r']).next().unwrap_or_default().trim_start();
    let alone = text.matches(CANARY).count() == 1 && !before.contains(['\'', '"', '|', '>', '?']);
    alone && (line == "key: " || line == "secret: ")
}
