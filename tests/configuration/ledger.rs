//! The key `ledger`.

use std::fs;

use evenkeel::config::{Engine, Kubernetes, Ledger, SecretSource};

use super::{refused, with_account};

/// As the reference shows them: uncommented, instead of the default.
#[test]
fn the_shared_ledgers_of_the_reference_are_valid() {
    let text = fs::read_to_string("config/evenkeel.yaml").unwrap();
    let (_, shown) = text.split_once("ledger: file\n").unwrap();
    let (shown, _) = shown.split_once("\n\n").unwrap();
    let shown: Vec<_> = shown.lines().map(|line| line.strip_prefix("# ").unwrap()).collect();
    let shown = shown.join("\n");
    let ledgers: Vec<_> = shown.split("ledger:\n").skip(1).collect();
    let engine = |text: &str| {
        let Ledger::Shared { engine, lease } =
            with_account(&format!("ledger:\n{text}")).unwrap().ledger
        else {
            panic!("not shared: {text}")
        };
        assert_eq!(lease, std::time::Duration::from_secs(15));
        engine
    };
    let [etcd, kubernetes] = ledgers.as_slice() else { panic!("{ledgers:?}") };
    let Engine::Etcd(etcd) = engine(etcd) else { panic!("no etcd") };
    assert_eq!((etcd.endpoints.len(), etcd.prefix.as_str()), (3, "/evenkeel/"));
    assert_eq!(etcd.ca, Some("ca.crt".into()));
    assert_eq!(etcd.identity, Some(("evenkeel.crt".into(), "evenkeel.key".into())));
    let password = SecretSource::File("/run/credentials/evenkeel/etcd".into());
    assert_eq!(etcd.user, Some(("evenkeel".to_owned(), password)));
    let usual = Kubernetes {
        namespace: Some("evenkeel".to_owned()),
        name: "evenkeel".to_owned(),
        kubeconfig: Some("kubeconfig".into()),
    };
    assert_eq!(engine(kubernetes), Engine::Kubernetes(usual));
}

#[test]
fn in_a_pod_nothing_needs_to_be_said() {
    let settings = with_account("ledger: { kubernetes: {} }").unwrap();
    let usual = Kubernetes { namespace: None, name: "evenkeel".to_owned(), kubeconfig: None };
    let engine = Engine::Kubernetes(usual);
    let lease = std::time::Duration::from_secs(15);
    assert_eq!(settings.ledger, Ledger::Shared { engine, lease });
}

#[test]
fn what_is_wrong_with_a_ledger() {
    for (text, message) in [
        (
            "ledger: raft",
            "`ledger`: expected `file`, or a map with `etcd` or `kubernetes`, found the text `raf",
        ),
        (
            "ledger: { lease: 5s }",
            "`ledger`: expected `file`, or a map with `etcd` or `kubernetes`",
        ),
        (
            "ledger: { kubernetes: {}, etcd: { endpoints: ['https://a'] } }",
            "`ledger`: `etcd` or `kubernetes`, not both",
        ),
        (
            "ledger: { kubernetes: { namespace: ../b } }",
            "`namespace`: `../b` is no name in Kubernetes; expected a-z, 0-9 and `-` in between",
        ),
        ("ledger: { kubernetes: { name: a- } }", "`name`: `a-` is no name in Kubernetes"),
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
    assert!(matches!(settings.ledger, Ledger::Shared { engine: Engine::Etcd(_), .. }));
}
