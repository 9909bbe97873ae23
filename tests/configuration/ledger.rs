//! The key `ledger`.

use std::fs;

use evenkeel::config::{Ledger, SecretSource};

use super::{refused, with_account};

/// As the reference shows it: uncommented, instead of the default.
#[test]
fn the_shared_ledger_of_the_reference_is_valid() {
    let text = fs::read_to_string("config/evenkeel.yaml").unwrap();
    let (_, shown) = text.split_once("ledger: file\n").unwrap();
    let (shown, _) = shown.split_once("\n\n").unwrap();
    let shown: Vec<_> = shown.lines().map(|line| line.strip_prefix("# ").unwrap()).collect();
    let settings = with_account(&shown.join("\n")).unwrap();
    let Ledger::Etcd { etcd, lease } = settings.ledger else { panic!("no etcd") };
    assert_eq!(lease, std::time::Duration::from_secs(15));
    assert_eq!((etcd.endpoints.len(), etcd.prefix.as_str()), (3, "/evenkeel/"));
    assert_eq!(etcd.ca, Some("ca.crt".into()));
    assert_eq!(etcd.identity, Some(("evenkeel.crt".into(), "evenkeel.key".into())));
    let password = SecretSource::File("/run/credentials/evenkeel/etcd".into());
    assert_eq!(etcd.user, Some(("evenkeel".to_owned(), password)));
}

#[test]
fn what_is_wrong_with_a_ledger() {
    for (text, message) in [
        ("ledger: raft", "`ledger`: expected `file`, or a map with `etcd`, found the text `raft`"),
        ("ledger: { lease: 5s }", "`ledger`: expected `file`, or a map with `etcd`"),
        ("ledger: { etcd: { prefix: /a } }", "`endpoints` is missing"),
        ("ledger: { etcd: { endpoints: [] } }", "`endpoints`: must name at least one"),
        ("ledger: { lease: 2s, etcd: { endpoints: ['https://a'] } }", "must be at least 3s"),
        (
            "ledger: { etcd: { endpoints: ['http://10.0.0.1:2379'] } }",
            "`http://10.0.0.1:2379`: http is for this machine only; others need https",
        ),
        ("ledger: { etcd: { endpoints: [etcd] } }", "`etcd` is no client URL of etcd"),
        (
            "ledger: { etcd: { endpoints: ['https://a'], tls: { cert_file: a } } }",
            "`tls`: `cert_file` and `key_file` go together",
        ),
        (
            "ledger: { etcd: { endpoints: ['https://a'], credentials: { user: a } } }",
            "`password` is missing",
        ),
    ] {
        let report = refused(text);
        assert!(report.iter().any(|line| line.contains(message)), "{text}: {report:?}");
    }
}

#[test]
fn the_example_for_several_machines_is_valid() {
    let settings = with_account(&fs::read_to_string("deploy/evenkeel-etcd.yaml").unwrap()).unwrap();
    assert!(matches!(settings.ledger, Ledger::Etcd { .. }));
}
