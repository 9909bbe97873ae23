//! Where a Kubernetes cluster is, and as whom it is asked: kubeconfigs, and what a pod is given.

use std::error::Error as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use evenkeel::keel::time::Wall;
use evenkeel::ledger::shared::kubernetes::{Access, Kubernetes, Options};
use evenkeel::ledger::shared::{Register, Store as _};

use super::kubernetes::scratch;

const CONTEXT: &str = "current-context: c\n\
                       contexts: [{ name: c, context: { cluster: k, user: u, namespace: n } }]\n";

/// A kubeconfig with these fields of its cluster and its user; what is wrong with it.
fn refused(name: &str, cluster: &str, user: &str) -> String {
    let path = scratch(name).join("config");
    let clusters = format!("clusters: [{{ name: k, cluster: {{ {cluster} }} }}]\n");
    let users = format!("users: [{{ name: u, user: {{ {user} }} }}]\n");
    fs::write(&path, format!("{CONTEXT}{clusters}{users}")).unwrap();
    let fault = Access::of_kubeconfig(&path).unwrap_err().to_string();
    fault.replace(&path.display().to_string(), "FILE")
}

#[test]
fn what_a_kubeconfig_may_not_ask_for() {
    let server = "server: 'https://a:6443'";
    for (cluster, user, why) in [
        (server, "exec: { command: aws }", "user `u` has `exec`, and no program is run"),
        (server, "auth-provider: { name: gcp }", "user `u` has `auth-provider`"),
        (server, "username: a, password: b", "user `u` has `username`"),
        (server, "token: a, as: somebody", "user `u` has `as`"),
        (server, "client-certificate: a", "user `u` has a client certificate or its key"),
        ("server: 'http://a:8080'", "token: a", "its `server` is `http://a:8080`, expected https"),
        ("server: 'https://a', insecure-skip-tls-verify: true", "token: a", "`certificate-auth"),
        ("server: 'https://a', proxy-url: 'http://p'", "token: a", "without a proxy"),
        ("server: 'https://a', tls-server-name: b", "token: a", "that the certificate is for"),
        ("server: 'https://a', certificate-authority-data: '?'", "", "is no base64"),
    ] {
        let fault = refused("refused", cluster, user);
        assert!(fault.starts_with("the kubeconfig FILE cannot be used: "), "{fault}");
        assert!(fault.contains(why), "{fault}");
    }
    let path = scratch("none").join("config");
    for (text, why) in [
        ("", "it has no context ``; `kubectl config use-context` sets the current one"),
        ("current-context: other\n", "it has no context `other`"),
        (CONTEXT, "it has no cluster `k`"),
        ("users: [{ name: u, user: { token: a secret, : } }]", "it is none; `kubectl config view"),
    ] {
        fs::write(&path, text).unwrap();
        let fault = Access::of_kubeconfig(&path).unwrap_err().to_string();
        assert!(fault.contains(why) && !fault.contains("secret"), "{fault}");
    }
    fs::remove_file(&path).unwrap();
    let fault = Access::of_kubeconfig(&path).unwrap_err();
    assert!(fault.to_string().starts_with("cannot read ") && fault.source().is_some(), "{fault}");
}

#[test]
fn a_pod_is_given_all_that_is_needed() {
    let account = scratch("pod");
    let nothing = |_: &str| None;
    let fault = Access::of_pod(&nothing, &account).unwrap_err().to_string();
    assert!(fault.contains("outside of the cluster `kubeconfig` names the file"), "{fault}");
    let given = |name: &str| {
        let all = [("KUBERNETES_SERVICE_HOST", "::1"), ("KUBERNETES_SERVICE_PORT", "1")];
        all.iter().find(|(one, _)| *one == name).map(|(_, value)| (*value).to_owned())
    };
    let fault = Access::of_pod(&given, &account).unwrap_err().to_string();
    assert!(fault.contains("`automountServiceAccountToken: true` gives it one"), "{fault}");
    fs::write(account.join("token"), "a token").unwrap();
    fs::write(account.join("namespace"), "fleet\n").unwrap();
    let access = Access::of_pod(&given, &account).unwrap();
    assert!(!format!("{access:?}").contains("a token"));
    let made = |access: &Access| {
        let (namespace, name) = (None, "evenkeel".to_owned());
        let (access, patience) = (access.clone(), Duration::from_secs(5));
        let wall = Box::new(|| Wall::from_millis(0));
        Kubernetes::new(Options { access, namespace, name, patience, wall })
    };
    let fault = made(&access).unwrap_err().to_string();
    assert_eq!(fault, format!("cannot read {}", account.join("ca.crt").display()));
    fs::write(account.join("ca.crt"), certificate(&account)).unwrap();
    let mut client = made(&access).unwrap();
    assert_eq!(format!("{client:?}").matches("fleet/evenkeel").count(), 1);
    // Nobody listens there.
    let fault = client.read(Register::Head).unwrap_err().to_string();
    assert!(fault.contains("onnect"), "{fault}");
}

/// A CA of nobody's.
fn certificate(dir: &Path) -> String {
    let mut openssl = std::process::Command::new("openssl");
    openssl.args(["req", "-x509", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=a", "-keyout"]);
    let done = openssl.arg(dir.join("key")).arg("-out").arg(dir.join("crt")).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    fs::read_to_string(dir.join("crt")).unwrap()
}
