//! Kubernetes: a strict stand-in of its API server on loopback, and a real one where
//! `EVENKEEL_TEST_KUBECONFIG` names the kubeconfig of somebody who may make objects.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use evenkeel::keel::time::Wall;
use evenkeel::ledger::Ledger as _;
use evenkeel::ledger::shared::kubernetes::{Access, Kubernetes, Options};
use evenkeel::ledger::shared::{Put, Register, Sight, Store, Version};
use serde_json::{Value, json};

use super::api::{Api, Trouble};
use super::conformance::conforms;
use super::engine::{Engine, Machine, TERMS};
use super::protocol::record;

const PATIENCE: Duration = Duration::from_secs(20);

/// A directory of this test's own.
pub(crate) fn scratch(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("kubernetes-{name}"));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn kubeconfig(file: &Path, server: &str, user: &Value) {
    let text = json!({
        "current-context": "c",
        "contexts": [{ "name": "c", "context": { "cluster": "k", "user": "u" } }],
        "clusters": [{ "name": "k", "cluster": { "server": server } }],
        "users": [{ "name": "u", "user": user }],
    });
    std::fs::write(file, text.to_string()).unwrap();
}

fn client(kubeconfig: &Path, namespace: &str, patience: Duration) -> Kubernetes {
    let access = Access::of_kubeconfig(kubeconfig).unwrap();
    let (namespace, name) = (Some(namespace.to_owned()), "evenkeel".to_owned());
    let wall = Box::new(|| Wall::from_millis(1_795_930_000_123));
    Kubernetes::new(Options { access, namespace, name, patience, wall }).unwrap()
}

/// The stand-in, with a ledger's objects in the namespace `fleet`, and who may use them.
fn stand_in(name: &str) -> (Api, PathBuf) {
    let api = Api::new("a token");
    let dir = scratch(name);
    std::fs::write(dir.join("token"), "a token\n").unwrap();
    kubeconfig(&dir.join("config"), &api.url, &json!({ "tokenFile": "token" }));
    for name in ["evenkeel-ledger", "evenkeel-ledger-1", "evenkeel-ledger-2", "evenkeel-ledger-12"]
    {
        api.make("configmaps", name);
    }
    api.make("leases", "evenkeel");
    (api, dir.join("config"))
}

#[test]
fn the_stand_in_conforms() {
    let (api, config) = stand_in("conforms");
    let one = || Box::new(client(&config, "fleet", PATIENCE));
    conforms(one(), one());
    assert_eq!(api.objects(), 5, "nothing was made");
}

/// So that the stand-in cannot drift from it.
#[test]
fn a_real_api_server_conforms() {
    let Some(config) = std::env::var_os("EVENKEEL_TEST_KUBECONFIG").map(PathBuf::from) else {
        eprintln!("skipped: EVENKEEL_TEST_KUBECONFIG names no kubeconfig of a real API server");
        return;
    };
    let namespace = format!("evenkeel-conforms-{}", std::process::id());
    let kubectl = |arguments: &[&str]| {
        let mut command = Command::new("kubectl");
        let done = command.arg("--kubeconfig").arg(&config).args(arguments).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {done:?}");
        String::from_utf8(done.stdout).unwrap()
    };
    kubectl(&["create", "namespace", &namespace]);
    let wanted = |mut client: Kubernetes, register: Register| {
        // Each fault names the command that ends it; it is taken at its word.
        let fault = client.read(register).unwrap_err().to_string();
        let command = fault.split('`').find(|part| part.contains("kubectl create")).unwrap();
        let command = command.replace("kubectl", "kubectl --kubeconfig \"$KUBECONFIG\"");
        let mut shell = Command::new("sh");
        let done = shell.args(["-c", &command]).env("KUBECONFIG", &config).output().unwrap();
        assert!(done.status.success(), "{command}: {done:?}");
    };
    let one = || client(&config, &namespace, PATIENCE);
    for register in [Register::Lease, Register::Head] {
        wanted(one(), register);
    }
    for number in [1, 2, 12] {
        wanted(one(), Register::Segment(number));
    }
    conforms(Box::new(one()), Box::new(one()));
    refuses_what_is_too_large(one());
    lease_is_shown(one(), || {
        let text = kubectl(&["get", "lease", "evenkeel", "-n", &namespace, "-o", "json"]);
        serde_json::from_str(&text).unwrap()
    });
    kubectl(&["delete", "namespace", &namespace, "--wait=false"]);
}

/// One object holds 1 MiB.
fn refuses_what_is_too_large(mut client: Kubernetes) {
    let before = client.read(Register::Segment(2)).unwrap();
    for size in [1024 * 1024 + 1, 2 * 1024 * 1024] {
        let put = client.put_if(Register::Segment(2), &vec![b'x'; size], &before.version);
        let Put::Unknown(trouble) = put else { panic!("{put:?}") };
        assert!(trouble.to_string().contains("holds 1 MiB at most"), "{trouble}");
    }
    assert_eq!(client.read(Register::Segment(2)).unwrap(), before);
    let whole = vec![b'x'; 1024 * 1024];
    let put = client.put_if(Register::Segment(2), &whole, &before.version);
    assert!(matches!(put, Put::Committed(_)), "{put:?}");
}

/// What people and tools see of it, through a take-over, a renewal and a handover.
fn lease_is_shown(mut client: Kubernetes, get: impl Fn() -> Value) {
    let mut put = |text: &str| {
        let version = client.read(Register::Lease).unwrap().version;
        let put = client.put_if(Register::Lease, text.as_bytes(), &version);
        assert!(matches!(put, Put::Committed(_)), "{put:?}");
        get()["spec"].clone()
    };
    let shown = put("evenkeel-lease 1 node-a/4f1c09ab 15500 0\n");
    let time = "2026-11-29T05:26:40.123000Z";
    let first = json!({
        "holderIdentity": "node-a/4f1c09ab", "leaseDurationSeconds": 16, "leaseTransitions": 0,
        "acquireTime": time, "renewTime": time,
    });
    assert_eq!(shown, first);
    assert_eq!(put("evenkeel-lease 1 node-a/4f1c09ab 15500 1\n"), first);
    assert_eq!(put("evenkeel-lease 1 node-b/00000000 15500 0\n")["leaseTransitions"], 1);
    assert!(put("evenkeel-lease 1 - 15500 1\n")["holderIdentity"].is_null());
    let last = put("evenkeel-lease 1 node-a/4f1c09ab 3000 0\n");
    assert_eq!((&last["leaseTransitions"], &last["leaseDurationSeconds"]), (&json!(2), &json!(3)));
}

#[test]
fn the_stand_in_has_its_limits_and_shows_the_lease() {
    let (api, config) = stand_in("shown");
    refuses_what_is_too_large(client(&config, "fleet", PATIENCE));
    lease_is_shown(client(&config, "fleet", PATIENCE), || api.object("leases", "evenkeel"));
}

/// To a server each of these means: overwrite, whatever is there.
#[test]
fn no_write_is_blind() {
    let (api, config) = stand_in("blind");
    let mut client = client(&config, "fleet", PATIENCE);
    for version in ["", "0"] {
        let put = client.put_if(Register::Head, b"x", &Version(version.to_owned()));
        assert!(matches!(put, Put::Conflict), "{put:?}");
    }
    assert_eq!(api.writes(), 0);
}

/// Labels and annotations are other people's; Argo CD, Flux and kubectl know an object by them.
#[test]
fn what_others_put_there_stays() {
    let (api, config) = stand_in("stays");
    let mut client = client(&config, "fleet", PATIENCE);
    api.change("configmaps", "evenkeel-ledger", |object| {
        object["metadata"]["labels"] = json!({ "app": "evenkeel" });
        object["metadata"]["annotations"] = json!({ "kubectl.kubernetes.io/last": "{}" });
    });
    let mut version = client.read(Register::Head).unwrap().version;
    for text in ["one", "two"] {
        let put = client.put_if(Register::Head, text.as_bytes(), &version);
        let Put::Committed(next) = put else { panic!("{put:?}") };
        version = next;
    }
    let object = api.object("configmaps", "evenkeel-ledger");
    assert_eq!(object["metadata"]["labels"], json!({ "app": "evenkeel" }));
    let annotations = json!({ "evenkeel.io/writes": "2", "kubectl.kubernetes.io/last": "{}" });
    assert_eq!(object["metadata"]["annotations"], annotations);
    assert_eq!(object["data"], json!({ "ledger": "two" }));
}

#[test]
fn a_token_that_rotates_is_read_again() {
    let (api, config) = stand_in("rotates");
    let mut client = client(&config, "fleet", PATIENCE);
    client.read(Register::Head).unwrap();
    api.now_takes("another token");
    let trouble = client.read(Register::Head).unwrap_err().to_string();
    assert!(
        trouble.starts_with("HTTP 401: Unauthorized: it does not know user `u` of "),
        "{trouble}"
    );
    std::fs::write(config.with_file_name("token"), "another token").unwrap();
    client.read(Register::Head).unwrap();
}

#[test]
fn faults_say_what_to_do() {
    let (api, config) = stand_in("faults");
    let mut client = client(&config, "fleet", Duration::from_secs(2));
    let mut fault = |register| client.read(register).unwrap_err().to_string();
    let said = fault(Register::Segment(3));
    assert!(said.contains("no ConfigMap `evenkeel-ledger-3` in the namespace `fleet`"), "{said}");
    assert!(said.contains("`kubectl create configmap evenkeel-ledger-3 -n fleet`"), "{said}");
    api.forget("leases", "evenkeel");
    let said = fault(Register::Lease);
    assert!(said.contains("| kubectl create -n fleet -f -`"), "{said}");
    api.fails(Trouble::Forbidden);
    let said = fault(Register::Head);
    let rule = "apiGroups: [\"\"], resources: [configmaps], resourceNames: [evenkeel-ledger], \
                verbs: [get, update]";
    assert!(said.contains(rule), "{said}");
    api.fails(Trouble::Foreign);
    let said = fault(Register::Head);
    assert!(said.contains("not from a Kubernetes API: `404 page not found`"), "{said}");
    api.fails(Trouble::Silent);
    let said = fault(Register::Head);
    assert!(said.contains("no answer within 2000 ms"), "{said}");
}

/// The whole protocol, over a server whose answers get lost.
#[test]
fn a_leader_whose_answers_get_lost_goes_on_and_is_fenced_in_the_end() {
    let (api, config) = stand_in("protocol");
    let patience = Duration::from_millis(300);
    let machine = |name, boot| {
        let machine = Machine::new(name, boot, &Engine::default());
        let follower = machine.follower_at(Box::new(client(&config, "fleet", patience)));
        (machine, follower)
    };
    let ((a, mut first), (_, mut second)) = (machine("a", 1), machine("b", 2));
    assert_eq!(first.look().unwrap(), Sight::Free);
    let mut ledger = first.take(7).unwrap().ledger;
    ledger.append(&[record(1)], true).unwrap();
    api.fails(Trouble::LostAnswer);
    assert!(ledger.append(&[record(2)], true).unwrap_err().is_stuck());
    api.fails(Trouble::None);
    ledger.flush_owed().unwrap();
    a.passes(TERMS.renewal());
    ledger.attend().unwrap();
    assert_eq!(second.look().unwrap(), Sight::Led { by: "a".to_owned() });
    ledger.hand_over();
    assert_eq!(second.look().unwrap(), Sight::Free);
    let taken = second.take(0).unwrap();
    assert_eq!((taken.records.len(), taken.ledger.epoch()), (2, 2));
    let head = api.object("configmaps", "evenkeel-ledger")["data"]["ledger"].clone();
    assert!(head.as_str().unwrap().starts_with("evenkeel-shared 1 2 b "), "{head}");
}
