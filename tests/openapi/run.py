#!/usr/bin/env python3
"""Tries the description at /api/v1/openapi.json against a running daemon, with Schemathesis.

Usage: tests/openapi/run.py, after `cargo build`. The packages of requirements.txt, pinned, go to an
environment of their own under target/. Ends with 0 if nothing was found.
"""

import contextlib
import http.client
import json
import os
import pathlib
import re
import secrets
import subprocess
import sys
import tempfile
import threading
import time
import venv

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BINARY = pathlib.Path(os.environ.get("EVENKEEL_BINARY", ROOT / "target/debug/evenkeel"))
ENVIRONMENT = ROOT / "target/openapi"

# Longer than anything takes on a busy machine.
PATIENCE = 60

# The description's example of an id is there, and others in each state.
FLEET = ["w41b11c0=running", "b1f77113=stopped", "mdfba81f=running"]

DESIRED = "deployments: { w41b11c0: running, b1f77113: stopped, mdfba81f: running }\n"

# A rate that never is in the way: what is over it has a test of its own.
CONFIGURATION = """\
accounts:
  default: {{ url: "{api}", key: {{ env: KEY }}, secret: {{ env: SECRET }} }}
admin: {{ token_file: token, rate: {{ requests: 100000, per: 100s }} }}
"""


@contextlib.contextmanager
def process(arguments, pattern, **options):
    """The binary as a child, and what `pattern` finds in what it says."""
    child = subprocess.Popen(
        [BINARY, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )
    said, found, heard = [], [], threading.Event()

    def listen():
        for line in child.stdout:
            said.append(line)
            if not found and (match := re.search(pattern, line)):
                found.append(match[1])
                heard.set()
        heard.set()

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        heard.wait(PATIENCE)
        if not found:
            sys.exit(f"`evenkeel {arguments[0]}` says no address:\n{''.join(said)}")
        yield found[0]
        if child.poll() is not None:
            sys.exit(f"`evenkeel {arguments[0]}` has ended:\n{''.join(said[-20:])}")
    finally:
        child.terminate()
        try:
            child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        listener.join()


@contextlib.contextmanager
def daemon(home):
    """A daemon that keeps a simulated fleet; gives its address and the token."""
    fleet = [argument for one in FLEET for argument in ("--deployment", one)]
    with process(["simulate", "--listen", "127.0.0.1:0", *fleet], r"API: (http:\S+)") as api:
        token = secrets.token_hex(32)
        (home / "token").write_text(token + "\n")
        (home / "desired.yaml").write_text(DESIRED)
        (home / "evenkeel.yaml").write_text(CONFIGURATION.format(api=api))
        state = home / "state"
        state.mkdir(mode=0o700)
        arguments = ["--config", "evenkeel.yaml", "--listen", "127.0.0.1:0", "--state-dir", state]
        with process(
            ["run", *arguments],
            r"listening on http://(\S+?)/",
            cwd=home,
            env={"KEY": "key", "SECRET": "secret", "NO_COLOR": "1"},
        ) as address:
            end = time.monotonic() + PATIENCE
            while ask(address, "GET", "/readyz")[0] != 200:
                if time.monotonic() > end:
                    sys.exit("the daemon does not become ready")
                time.sleep(0.05)
            yield address, token


def ask(address, method, path, size=None):
    """The status, the headers and the beginning of the body."""
    connection = http.client.HTTPConnection(address, timeout=PATIENCE)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read1(size) if size else answer.read()
    finally:
        connection.close()


def expect(what, found, wanted):
    if found != wanted:
        sys.exit(f"{what}: {found!r}, and not {wanted!r}")


def apart(address, document):
    """What Schemathesis leaves out: the stream, and HEAD. Gives the number of requests."""
    path = "/api/v1/events"
    status, headers, body = ask(address, "GET", path, 1024)
    expect(path, (status, headers["content-type"]), (200, "text/event-stream"))
    expect(path, bool(re.match(rb"retry: 2000\nid: (\d+)\nevent: change\ndata: \1\n\n", body)), True)
    status, _, body = ask(address, "GET", path + "?since=1")
    expect(path + "?since=1", (status, list(json.loads(body))), (400, ["error"]))
    tried = 2
    for path, operations in document["paths"].items():
        path = path.replace("{id}", FLEET[0].split("=")[0])
        status, headers, body = ask(address, "HEAD", path)
        wanted = (200, None, b"") if "get" in operations else (405, "POST", b"")
        expect(f"HEAD {path}", (status, headers["allow"], body), wanted)
        tried += 1
    for method in ["PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE"]:
        status, headers, _ = ask(address, method, "/api/v1/events")
        expect(f"{method} /api/v1/events", (status, headers["allow"]), (405, "GET, HEAD"))
        tried += 1
    return tried


def install():
    """The packages, once for each version of the list."""
    wanted = (HERE / "requirements.txt").read_text()
    stamp = ENVIRONMENT / "installed.txt"
    if not stamp.exists() or stamp.read_text() != wanted:
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
        pip = [ENVIRONMENT / "bin/python", "-m", "pip", "install", "--quiet"]
        pip += ["--disable-pip-version-check", "--requirement", HERE / "requirements.txt"]
        subprocess.run(pip, check=True)
        stamp.write_text(wanted)


def main():
    if not BINARY.exists():
        sys.exit(f"there is no {BINARY}; make it with: cargo build")
    install()
    with tempfile.TemporaryDirectory(prefix="evenkeel-openapi-") as home:
        home = pathlib.Path(home)
        with daemon(home) as (address, token):
            document = home / "openapi.json"
            document.write_bytes(ask(address, "GET", "/api/v1/openapi.json")[2])
            tools = ENVIRONMENT / "bin"
            subprocess.run([tools / "openapi-spec-validator", document], check=True)
            print(apart(address, json.loads(document.read_text())), "requests apart")
            found = subprocess.run(
                [
                    *[tools / "schemathesis", "--config-file", HERE / "schemathesis.toml"],
                    *["run", document, "--url", f"http://{address}", "--checks", "all"],
                    *["--header", f"Authorization: Bearer {token}", *sys.argv[1:]],
                ],
                cwd=home,
            )
            sys.exit(found.returncode)


if __name__ == "__main__":
    main()
