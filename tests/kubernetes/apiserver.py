#!/usr/bin/env python3
"""A real Kubernetes API server on loopback, for the tests that want one.

Run: tests/kubernetes/apiserver.py KUBE_APISERVER DIRECTORY     needs etcd and openssl
then EVENKEEL_TEST_KUBECONFIG=DIRECTORY/kubeconfig cargo test …; SIGINT or SIGTERM ends it.

Nothing else of a cluster runs: no controllers, no nodes. Debian has the
source of KUBE_APISERVER: `apt-get source kubernetes`, then `go build ./cmd/kube-apiserver`.
"""

import json
import pathlib
import signal
import socket
import subprocess
import sys
import time


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def certificates(directory):
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=directory, check=True, capture_output=True)

    openssl("genrsa", "-out", "accounts.key", "2048")
    key = ("-nodes", "-newkey", "rsa:2048")
    openssl("req", "-x509", *key, "-subj", "/CN=test CA", "-days", "30", "-keyout", "ca.key", "-out", "ca.crt")
    openssl("req", *key, "-subj", "/CN=kube-apiserver", "-keyout", "server.key", "-out", "server.csr")
    (directory / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    signed = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30", "-extfile", "names")
    openssl("x509", "-req", "-in", "server.csr", *signed, "-out", "server.crt")


def main():
    binary, directory = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    directory.mkdir(parents=True)
    certificates(directory)
    (directory / "tokens").write_text("admin-token,admin,1,system:masters\n")
    client, peer, port = free_port(), free_port(), free_port()
    etcd = [
        "etcd", "--data-dir", directory / "etcd", "--log-level", "error", "--listen-peer-urls", f"http://127.0.0.1:{peer}",
        "--listen-client-urls", f"http://127.0.0.1:{client}", "--advertise-client-urls", f"http://127.0.0.1:{client}",
    ]  # fmt: skip
    server = [
        binary, f"--etcd-servers=http://127.0.0.1:{client}", "--bind-address=127.0.0.1", f"--secure-port={port}",
        "--tls-cert-file=server.crt", "--tls-private-key-file=server.key", "--cert-dir=.", "--authorization-mode=RBAC",
        "--token-auth-file=tokens", "--service-account-issuer=https://kubernetes.default.svc",
        "--service-account-signing-key-file=accounts.key", "--service-account-key-file=accounts.key",
        "--service-cluster-ip-range=10.0.0.0/24", "--endpoint-reconciler-type=none",
    ]  # fmt: skip
    config = {
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(directory / "ca.crt")}}],
        "users": [{"name": "admin", "user": {"token": "admin-token"}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
    }  # fmt: skip
    (directory / "kubeconfig").write_text(json.dumps(config))
    ended = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.append(True))
    with open(directory / "etcd.log", "w") as first, open(directory / "server.log", "w") as second:
        children = [
            subprocess.Popen(etcd, stderr=first, stdout=first),
            subprocess.Popen(server, stderr=second, stdout=second, cwd=directory),
        ]
    try:
        ready, kubectl = False, ["kubectl", "--kubeconfig", directory / "kubeconfig"]
        while not ended:
            gone = [child.args[0] for child in children if child.poll() is not None]
            assert not gone, f"{gone} ended; see {directory}/*.log"
            if not ready:
                asked = subprocess.run([*kubectl, "get", "--raw", "/readyz"], capture_output=True, text=True)
                ready = asked.stdout == "ok"
                if ready:
                    print(f"ready: {directory}/kubeconfig", flush=True)
            time.sleep(0.2)
    finally:
        for child in reversed(children):
            child.terminate()
            child.wait(timeout=60)


if __name__ == "__main__":
    main()
