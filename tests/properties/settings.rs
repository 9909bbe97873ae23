//! The configuration file.

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel::config::{Overrides, SecretSource, Settings};
use evenkeel::keel::deployment::AccountId;
use evenkeel::keel::time::format_duration;
use evenkeel::yaml::Report;
use proptest::prelude::*;
use proptest::sample::select;

use crate::places::outside;
use crate::text::wrong;
use crate::written::quoted;

const FILE: &str = include_str!("../../config/evenkeel.yaml");

fn resolve(bytes: &[u8]) -> Result<Settings, Report> {
    Settings::resolve("f", Some(bytes), None, &Overrides::default(), &|_| None)
}

/// A name that is used as it is, in quotes.
fn name() -> impl Strategy<Value = String> {
    "[!-~äß€😀 ]{1,12}"
}

fn milliseconds() -> impl Strategy<Value = Duration> {
    (1u64..10_000_000_000).prop_map(Duration::from_millis)
}

proptest! {
    #![proptest_config(crate::repeatable(1024))]

    #[test]
    fn no_file_panics_and_each_fault_is_inside_it(bytes in wrong(FILE)) {
        if let Err(report) = resolve(&bytes) {
            prop_assert!(!report.problems.is_empty());
            prop_assert_eq!(outside(&report, &bytes), None);
            prop_assert!(!report.to_string().is_empty());
        }
    }

    #[test]
    fn a_credential_in_the_file_shows_in_no_report(
        secret in "[a-z0-9]{12}",
        key in select(&["key", "secret", "\"key\"", "secrt", "api_key"][..]),
        written in select(&[
            "@", "'@'", "\"@\"", "|-\n      @", "\n      @", "&a @", "!x @", "[@]", "\n    - @",
            "{ value: @ }", "{ value: @", "\"@", "@\n      @",
        ][..]),
        behind in select(&["", "\n    x: [", "\n\tx: y", "\n    key: { env: K }"][..]),
        top in any::<bool>(),
    ) {
        // Behind a misspelled key nobody can tell, unless the file can be read.
        prop_assume!(key != "secrt" || written == "@" && behind.is_empty() && !top);
        let secret = format!("canary{secret}");
        let head = "accounts:\n  default:\n    url: https://a.example\n    key: { env: K }\n";
        let line = format!("{key}: {}{behind}\n", written.replace('@', &secret));
        let text = if top { format!("{line}{head}") } else { format!("{head}    {line}") };
        let report = resolve(text.as_bytes()).unwrap_err().to_string();
        prop_assert!(!report.contains(&secret), "{}\n{}", text, report);
    }

    #[test]
    fn what_is_written_is_what_is_set(
        accounts in prop::collection::btree_map(name(), (name(), name()), 1..4),
        (margin, per, timeout) in (milliseconds(), milliseconds(), milliseconds()),
        (requests, concurrency) in (1u32.., 1u32..),
        enforce in any::<bool>(),
    ) {
        let mut text = String::from("accounts:\n");
        for (account, (key, file)) in &accounts {
            let (account, key, file) = (quoted(account), quoted(key), quoted(file));
            text.push_str(&format!(
                "  {account}: {{ url: https://a.example/public_api/v1, key: {{ env: {key} }}, \
                 secret: {{ file: {file} }} }}\n"
            ));
        }
        text.push_str(&format!(
            "limits: {{ margin: {}, stop: {{ requests: {requests}, per: {} }} }}\n\
             observe: {{ timeout: {}, concurrency: {concurrency} }}\nact: {{ mode: {} }}\n",
            format_duration(margin),
            format_duration(per),
            format_duration(timeout),
            if enforce { "enforce" } else { "observe" },
        ));
        let settings = resolve(text.as_bytes())
            .map_err(|report| TestCaseError::fail(format!("{report}\n{text}")))?;
        let limits = &settings.policy.limits;
        prop_assert_eq!((limits.margin, limits.stop.per), (margin, per));
        prop_assert_eq!(limits.stop.requests, requests);
        prop_assert_eq!((settings.timeout, settings.policy.act.enforce), (timeout, enforce));
        prop_assert_eq!(settings.policy.observe.concurrency, concurrency);
        let found: BTreeMap<_, _> = settings
            .accounts
            .into_iter()
            .map(|(id, account)| (id, (account.key, account.secret)))
            .collect();
        let expected = accounts.into_iter().map(|(id, (key, file))| {
            (AccountId::new(&id), (SecretSource::Env(key), SecretSource::File(file.into())))
        });
        prop_assert_eq!(found, expected.collect());
    }
}
