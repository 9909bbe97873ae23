#!/usr/bin/env python3
"""The manifests and the chart, rendered by kubectl and helm, against the schemas of Kubernetes.

Run: tests/kubernetes/check.py [EVENKEEL]     needs kubectl, helm, kubernetes-validate and PyYAML

What is in a ConfigMap also has to pass `evenkeel check`. Without a cluster nobody says whether an
admission controller takes it, so the rules of the restricted profile are checked here one by one.
The kinds of the Prometheus operator have no schema here: of them only the rules are compared.
"""

import copy
import pathlib
import subprocess
import sys
import tempfile

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
KUSTOMIZE = ROOT / "deploy/kubernetes"
CHART = ROOT / "deploy/helm/evenkeel"
RULES = yaml.safe_load((ROOT / "deploy/prometheus/evenkeel.rules.yaml").read_text())
OPERATOR = {"ServiceMonitor", "PodMonitor", "PrometheusRule"}
GIT = ["gitSync.enabled=true", "gitSync.repository=https://git.example.com/brokers.git"]
MONITORED = ["serviceMonitor.enabled=true", "prometheusRule.enabled=true"]

# Values that are taken, and how many objects come of them.
TAKEN = {
    "defaults": ([], 6),
    "git-sync": ([*GIT, "gitSync.existingSecret=git", *MONITORED], 9),
    "own claim and map": (["persistence.existingClaim=a", "existingConfigMap=b"], 5),
    "bare": (["networkPolicy.enabled=false", "podDisruptionBudget.enabled=false"], 4),
    "of the README": (["image.repository=REGISTRY/evenkeel", *MONITORED], 8),
    "by digest": ([f"image.digest=sha256:{'0' * 64}", "persistence.storageClass=fast"], 6),
}

# Values that the schema refuses, and what it says of them.
REFUSED = {
    "persistance.size=1Gi": "additional properties 'persistance' not allowed",
    "gitSync.enabled=true": "/gitSync/repository",
    "config.listen=127.0.0.1:1": "/config",
    "image.digest=latest": "/image/digest",
    "persistence.accessMode=ReadWriteMany": "/persistence/accessMode",
    "replicas=2": "additional properties 'replicas' not allowed",
}


def run(*command, ok=True, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, **options)
    if ok and done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}:\n{done.stdout}{done.stderr}")
    return done


def validate(name, text, evenkeel):
    """All of one rendering: schemas, the restricted profile, and what evenkeel says itself."""
    objects = [one for one in yaml.safe_load_all(text) if one]
    with tempfile.TemporaryDirectory(prefix="evenkeel-kubernetes-") as scratch:
        scratch = pathlib.Path(scratch)
        plain = [one for one in objects if one["kind"] not in OPERATOR]
        (scratch / "objects.yaml").write_text(yaml.safe_dump_all(plain))
        # Those that the oldest supported version has, and the newest that is known.
        for version in ("1.29", "1.37"):
            done = run("kubernetes-validate", "--strict", "-k", version, scratch / "objects.yaml")
            passed = (done.stdout + done.stderr).count(" passed for ")
            assert passed == len(plain), f"{name}: {passed} of {len(plain)}: {done}"
        # Those that a ledger is kept in come empty.
        for one in (one for one in of_kind(objects, "ConfigMap") if "data" in one):
            for file, content in one["data"].items():
                (scratch / file).write_text(content)
            if "desired.yaml" in one["data"]:
                run(evenkeel, "check", scratch / "desired.yaml")
            env = {"EVENKEEL_API_KEY": "k", "EVENKEEL_API_SECRET": "s", "EVENKEEL_STATE_DIR": "s"}
            env["EVENKEEL_DESIRED"] = str(ROOT / "config/desired.yaml")
            run(evenkeel, "--config", scratch / "evenkeel.yaml", "check", env=env)
    names = [(one["kind"], one["metadata"]["name"]) for one in objects]
    assert len(set(names)) == len(names), names
    [workload] = of_kind(objects, "StatefulSet") + of_kind(objects, "Deployment")
    pod, labels = workload["spec"]["template"]["spec"], workload["spec"]["template"]["metadata"]["labels"]
    restricted(name, pod)
    selector = workload["spec"]["selector"]["matchLabels"]
    assert selector.items() <= labels.items(), f"{name}: nothing is selected"
    for one in of_kind(objects, "Service"):
        assert one["spec"]["selector"].items() <= labels.items(), f"{name}: a Service of nobody"
    if workload["kind"] == "Deployment":
        several(name, objects, workload["spec"])
    else:
        # One process, one file; it asks nothing of the cluster.
        assert workload["spec"]["replicas"] == 1, name
        assert pod["automountServiceAccountToken"] is False, name
        assert not of_kind(objects, "Role"), name
    for one in of_kind(objects, "PrometheusRule"):
        assert one["spec"] == RULES, f"{name}: the PrometheusRule lags behind the rules"
    operator = [one["kind"] for one in objects if one["kind"] in OPERATOR]
    print(f"{name}: {len(plain)} objects valid, no schema for {len(operator)}: {operator}")
    return objects


def several(name, objects, workload):
    """Pods that share a ledger: in objects that are there, and that their Role names, and no volume."""
    assert workload["replicas"] == 3, name
    pod = workload["template"]["spec"]
    assert not any("persistentVolumeClaim" in volume for volume in pod["volumes"]), name
    assert pod["automountServiceAccountToken"] is True, f"{name}: no token to ask the cluster with"
    hosts = [one["topologyKey"] for one in pod["topologySpreadConstraints"]]
    assert "kubernetes.io/hostname" in hosts, f"{name}: they may share a node"
    for one in pod["topologySpreadConstraints"]:
        chosen = one["labelSelector"]["matchLabels"]
        assert chosen.items() <= workload["template"]["metadata"]["labels"].items(), name
    config = next(one for one in of_kind(objects, "ConfigMap") if "data" in one)
    ledger = yaml.safe_load(config["data"]["evenkeel.yaml"])["ledger"]["kubernetes"]
    base = ledger.get("name", "evenkeel")
    parts = [f"{base}-ledger", *(f"{base}-ledger-{number}" for number in range(1, 5))]
    empty = [one["metadata"]["name"] for one in of_kind(objects, "ConfigMap") if "data" not in one]
    assert sorted(empty) == parts, f"{name}: {empty}"
    assert [one["metadata"]["name"] for one in of_kind(objects, "Lease")] == [base], name
    [role], [binding] = of_kind(objects, "Role"), of_kind(objects, "RoleBinding")
    verbs = ["get", "update"]
    assert role["rules"] == [
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "resourceNames": [base], "verbs": verbs},
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": parts, "verbs": verbs},
    ], f"{name}: {role}"
    assert binding["roleRef"]["name"] == role["metadata"]["name"], name
    [account] = of_kind(objects, "ServiceAccount")
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": account["metadata"]["name"], "namespace": role["metadata"]["namespace"]}
    ], f"{name}: {binding}"
    assert pod["serviceAccountName"] == account["metadata"]["name"], name
    [policy] = of_kind(objects, "NetworkPolicy")
    ports = [port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]]
    assert {53, 443, 6443} <= set(ports), f"{name}: the API server is out of reach: {ports}"


def of_kind(objects, kind):
    return [one for one in objects if one["kind"] == kind]


def restricted(name, pod):
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/, and a bit more."""
    security = pod["securityContext"]
    assert security["runAsNonRoot"] is True and security["runAsUser"] > 0, name
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        assert key not in pod, f"{name}: {key}"
    kinds = {"configMap", "secret", "emptyDir", "persistentVolumeClaim"}
    for volume in pod["volumes"]:
        assert set(volume) - {"name"} <= kinds, f"{name}: {volume}"
    for container in pod["containers"] + pod.get("initContainers", []):
        own = container["securityContext"]
        assert own["allowPrivilegeEscalation"] is False, name
        assert own["readOnlyRootFilesystem"] is True, name
        assert own["capabilities"] == {"drop": ["ALL"]}, name
        image = container["image"]
        assert "@sha256:" in image or ":" in image.rsplit("/", 1)[-1], f"{name}: {image}"
        assert not image.endswith(":latest"), f"{name}: {image}"
        assert container["resources"]["requests"] and container["resources"]["limits"]["memory"]
        for mount in container.get("volumeMounts", []):
            assert "subPath" not in mount, f"{name}: what is mounted by subPath never changes"
    daemon = next(one for one in pod["containers"] if one["name"] == "evenkeel")
    assert daemon["livenessProbe"]["httpGet"]["path"] == "/healthz", name
    assert daemon["readinessProbe"]["httpGet"]["path"] == "/readyz", name


def strict(objects):
    """That the profile's rules see what breaks them."""
    for path, value in {
        ("securityContext", "runAsNonRoot"): False,
        ("securityContext", "runAsUser"): 0,
        ("securityContext", "seccompProfile"): {"type": "Unconfined"},
        ("hostNetwork",): True,
        ("volumes", 0): {"name": "host", "hostPath": {"path": "/"}},
        ("containers", 0, "image"): "evenkeel:latest",
        ("containers", 0, "securityContext", "readOnlyRootFilesystem"): False,
        ("containers", 0, "securityContext", "capabilities"): {"drop": ["ALL"], "add": ["SYS_ADMIN"]},
        ("containers", 0, "volumeMounts", 0): {"name": "config", "mountPath": "/x", "subPath": "y"},
        ("initContainers", 0, "securityContext", "allowPrivilegeEscalation"): True,
    }.items():
        pod = copy.deepcopy(of_kind(objects, "StatefulSet")[0]["spec"]["template"]["spec"])
        inner = pod
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value
        try:
            restricted("broken on purpose", pod)
        except AssertionError:
            continue
        raise SystemExit(f"nobody sees {path} = {value}")


def template(values):
    sets = [word for value in values for word in ("--set", value)]
    if "image.repository=REGISTRY/evenkeel" in values:
        sets += ["--set-file", f"desired={KUSTOMIZE / 'overlays/production/desired.yaml'}"]
    return ["helm", "template", "evenkeel", CHART, "--namespace", "evenkeel", *sets]


def daemon(objects):
    """What both ways of rendering should agree on."""
    pod = copy.deepcopy(of_kind(objects, "StatefulSet")[0]["spec"]["template"]["spec"])
    for container in pod["containers"] + pod.get("initContainers", []):
        container["args"] = sorted(word for word in container["args"] if "=http" not in word)
        container.get("env", []).sort(key=lambda one: one["name"])
        container["volumeMounts"].sort(key=lambda one: one["name"])
    pod["volumes"].sort(key=lambda one: one["name"])
    for volume in pod["volumes"]:
        volume.get("secret", {}).pop("secretName", None)
    for container in pod.get("initContainers", []):
        for variable in container["env"]:
            variable.get("valueFrom", {}).get("secretKeyRef", {}).pop("name", None)
    return pod


def main():
    evenkeel = str((ROOT / (sys.argv[1] if len(sys.argv) > 1 else "target/debug/evenkeel")).resolve())
    kustomized = {}
    for overlay in sorted((KUSTOMIZE / "overlays").iterdir()):
        rendered = run("kubectl", "kustomize", overlay)
        assert "deprecated" not in rendered.stderr, rendered.stderr
        kustomized[overlay.name] = validate(overlay.name, rendered.stdout, evenkeel)
    strict(kustomized["git-sync"])
    linted = run("helm", "lint", "--strict", CHART).stdout
    assert "1 chart(s) linted, 0 chart(s) failed" in linted, linted
    charted = {}
    for name, (values, count) in TAKEN.items():
        objects = validate(f"chart, {name}", run(*template(values)).stdout, evenkeel)
        assert len(objects) == count, f"{name}: {len(objects)} objects"
        charted[name] = objects
    for value, fault in REFUSED.items():
        done = run(*template([value]), ok=False)
        assert done.returncode != 0 and fault in done.stderr, f"{value}: {done}"
    print(f"chart: {len(TAKEN)} sets of values taken, {len(REFUSED)} refused")
    for one, other in (("production", "defaults"), ("git-sync", "git-sync")):
        left, right = daemon(kustomized[one]), daemon(charted[other])
        assert left == right, f"kustomize and helm differ:\n{yaml.dump(left)}\n{yaml.dump(right)}"
    print("kustomize and helm agree on the pod, plain and with git-sync")


if __name__ == "__main__":
    main()
