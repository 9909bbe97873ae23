//! Kubernetes: the stand-in, and a real API server where `EVENKEEL_TEST_KUBECONFIG` names the
//! kubeconfig of somebody who may make objects. `tests/kubernetes/apiserver.py` starts one.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::api::Api;
use crate::harness::Scratch;

/// The key `ledger` for daemons that share one in the stand-in.
pub(crate) fn in_stand_in(api: &Api, scratch: &Scratch) -> String {
    api.make("leases", "evenkeel");
    for part in ["", "-1", "-2", "-3", "-4"] {
        api.make("configmaps", &format!("evenkeel-ledger{part}"));
    }
    let config = json!({
        "current-context": "c",
        "contexts": [{ "name": "c", "context": { "cluster": "k", "user": "u" } }],
        "clusters": [{ "name": "k", "cluster": { "server": api.url } }],
        "users": [{ "name": "u", "user": { "token": "a token" } }],
    });
    scratch.write("kubeconfig", &config.to_string());
    "ledger: { lease: 5s, kubernetes: { namespace: fleet, kubeconfig: kubeconfig } }".to_owned()
}

/// A namespace with what `deploy/kubernetes/overlays/ha` puts there for a ledger.
pub(crate) struct Namespace {
    kubeconfig: PathBuf,
    name: String,
}

impl Namespace {
    /// None where there is no server to try it on, which is said.
    #[expect(clippy::print_stderr, reason = "whoever looks for it is to know that it was skipped")]
    pub(crate) fn new() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let Some(kubeconfig) = std::env::var_os("EVENKEEL_TEST_KUBECONFIG") else {
            eprintln!("skipped: EVENKEEL_TEST_KUBECONFIG names no kubeconfig of a real API server");
            return None;
        };
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("evenkeel-e2e-{}-{number}", std::process::id());
        let namespace = Self { kubeconfig: kubeconfig.into(), name };
        namespace.kubectl(&["create", "namespace", &namespace.name]);
        for file in ["base/serviceaccount", "overlays/ha/ledger", "overlays/ha/role"] {
            let text = fs::read_to_string(format!("deploy/kubernetes/{file}.yaml")).unwrap();
            let own = format!("namespace: {}", namespace.name);
            namespace.apply(&text.replace("namespace: evenkeel", &own));
        }
        Some(namespace)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("kubectl");
        command.arg("--kubeconfig").arg(&self.kubeconfig).args(["-n", &self.name]).args(arguments);
        command
    }

    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        let done = self.command(arguments).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {done:?}");
        String::from_utf8(done.stdout).unwrap()
    }

    /// As an edit in Git would be, also while it is in use.
    fn apply(&self, text: &str) {
        let mut command = self.command(&["apply", "-f", "-"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "{text}");
    }

    /// Applies the objects again, with nothing in them.
    pub(crate) fn apply_again(&self) {
        self.apply(&fs::read_to_string("deploy/kubernetes/overlays/ha/ledger.yaml").unwrap());
    }

    /// The key `ledger` for daemons that may do what the service account may, and nothing else.
    pub(crate) fn ledger(&self, scratch: &Scratch) -> String {
        let token = self.kubectl(&["create", "token", "evenkeel", "--duration", "2h"]);
        scratch.write("token", &token);
        let shown =
            self.kubectl(&["config", "view", "--raw", "--minify", "--flatten", "-o", "json"]);
        let mut config: Value = serde_json::from_str(&shown).unwrap();
        config["users"][0]["user"] = json!({ "tokenFile": "token" });
        scratch.write("kubeconfig", &config.to_string());
        let place = format!("namespace: {}, kubeconfig: kubeconfig", self.name);
        format!("ledger: {{ lease: 5s, kubernetes: {{ {place} }} }}")
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.command(&["delete", "namespace", &self.name, "--wait=false"]).output();
    }
}
