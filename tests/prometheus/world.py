"""Real processes on loopback: a simulated API, a daemon, and a Prometheus that scrapes it."""

import contextlib
import http.server
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from render import render

ROOT = pathlib.Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy/prometheus/evenkeel.rules.yaml"
FLEET = ["a1", "a2", "a3", "a4", "a5"]

# An hour of the API is five seconds here, and eight for starts and stops, so that one is seen waiting.
CONFIGURATION = """\
limits:
  status: { requests: 60, per: 5s }
  list:   { requests: 60, per: 5s }
  start:  { requests: 1, per: 8s }
  stop:   { requests: 1, per: 8s }
  margin: 100ms
  lateness: 500ms
  clock_skew: 1s
observe: { confirm_within: 1s, timeout: 2s }
act:
  backoff: { initial: 50ms, max: 500ms }
  settle_warning: 3s
  settle_timeout: 4s
guards:
  contested: { reversals: 2, within: 12s }
notify:
  group_wait: 100ms
  group_interval: 200ms
  receivers:
    operations:
      format: slack
      url: { file: hook }
"""

PROMETHEUS = """\
global:
  scrape_interval: 1s
  scrape_timeout: 1s
  evaluation_interval: 500ms
rule_files: [rules.yaml]
scrape_configs:
  - job_name: evenkeel
    file_sd_configs: [{ files: [targets.json], refresh_interval: 1s }]
  - job_name: git-sync
    metrics_path: /git-sync
    static_configs: [{ targets: ["HELPER"] }]
"""


def until(what, look, patience=60):
    """Waits for `look` to give something; the level is asked for, so nothing is missed."""
    end = time.monotonic() + patience
    seen = None
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            seen = look()
            if seen:
                return seen
        time.sleep(0.05)
    raise SystemExit(f"waited {patience} s in vain for {what}; last seen: {seen}")


def get(url, accept="*/*"):
    request = urllib.request.Request(url, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Helper(http.server.BaseHTTPRequestHandler):
    """What stands in for others: a receiver of messages, git-sync, a daemon that stands by."""

    refuse = False
    git = {"success": 1, "noop": 0, "error": 0}
    git_fails = False

    def do_GET(self):
        if self.path == "/git-sync":
            Helper.git["error" if Helper.git_fails else "noop"] += 1
            lines = ["# TYPE git_sync_count_total counter"]
            lines += [f'git_sync_count_total{{status="{k}"}} {v}' for k, v in Helper.git.items()]
        else:
            lines = ["# TYPE evenkeel_leader gauge", "evenkeel_leader 0"]
        self.answer(200, "\n".join(lines) + "\n")

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(400 if Helper.refuse else 200, "ok")

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


class World:
    """Everything that runs; ends, and is reaped, with the `with` block."""

    def __init__(self, evenkeel, scratch):
        self.evenkeel = str(evenkeel)
        self.path = pathlib.Path(scratch)
        self.children = {}
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Helper)
        self.helper = f"127.0.0.1:{self.server.server_port}"
        self.sim = f"127.0.0.1:{free_port()}"
        self.daemon = f"127.0.0.1:{free_port()}"
        self.prometheus = f"127.0.0.1:{free_port()}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        (self.path / "state").mkdir()
        for name, text in {
            "key": "key",
            "secret": "secret",
            "hook": f"http://{self.helper}/hook",
            "evenkeel.yaml": CONFIGURATION,
            "rules.yaml": render(RULES.read_text()),
            "prometheus.yaml": PROMETHEUS.replace("HELPER", self.helper),
            "targets.json": "[]",
        }.items():
            self.write(name, text)
        self.desired({})
        return self

    def __exit__(self, kind, *_):
        for name in list(self.children):
            self.end(name)
        self.server.shutdown()
        if kind is not None:
            for log in sorted(self.path.glob("*.log")):
                tail = log.read_text(errors="replace").splitlines()[-25:]
                print(f"--- {log.name}", *tail, sep="\n")

    def write(self, name, text):
        """As an editor does: a new file, renamed over the old one."""
        new = self.path / f".{name}.new"
        new.write_text(text)
        new.rename(self.path / name)

    def desired(self, changes, head=""):
        """All run, but for `changes`; `head` goes before them."""
        states = {id: "running" for id in FLEET} | changes
        lines = [f"  {id}: {state}" for id, state in states.items()]
        self.write("desired.yaml", "\n".join([head, "deployments:", *lines]) + "\n")

    def begin(self, name, command, env=None):
        log = open(self.path / f"{name}.log", "ab")
        env = {"PATH": os.environ["PATH"], **(env or {})}
        child = subprocess.Popen(command, cwd=self.path, stdout=log, stderr=log, env=env)
        self.children[name] = child

    def end(self, name):
        child = self.children.pop(name)
        child.send_signal(signal.SIGCONT)
        child.terminate()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def signal(self, name, number):
        self.children[name].send_signal(number)

    def begin_simulator(self):
        fleet = [f"--deployment={id}=running" for id in FLEET]
        times = ["--window=5s", "--limit=start=1/8s", "--limit=stop=1/8s", "--start-delay=2s", "--stop-delay=1s"]
        self.begin("simulator", [self.evenkeel, "simulate", "--listen", self.sim, *times, *fleet])
        until("the simulator", lambda: self.statuses())

    def begin_daemon(self):
        # The state directory is a small disk of its own, which a test can fill.
        mount = 'mount -t tmpfs -o size=1m tmpfs state && exec "$0" --config evenkeel.yaml run'
        unshare = ["unshare", "--mount"] + (["--map-root-user"] if os.geteuid() else [])
        env = {
            "EVENKEEL_API_URL": f"http://{self.sim}/public_api/v1",
            "EVENKEEL_API_KEY_FILE": "key",
            "EVENKEEL_API_SECRET_FILE": "secret",
            "EVENKEEL_STATE_DIR": "state",
            "EVENKEEL_LISTEN": self.daemon,
            "EVENKEEL_DESIRED": "desired.yaml",
        }
        self.begin("daemon", [*unshare, "sh", "-c", mount, self.evenkeel], env)
        until("the daemon", lambda: get(f"http://{self.daemon}/readyz"))

    def begin_prometheus(self):
        command = ["prometheus", "--config.file=prometheus.yaml", "--storage.tsdb.path=tsdb"]
        self.begin("prometheus", [*command, f"--web.listen-address={self.prometheus}"])
        until("Prometheus", lambda: get(f"http://{self.prometheus}/-/ready"))

    def scrape(self, *targets):
        self.write("targets.json", json.dumps([{"targets": list(targets)}] if targets else []))

    def statuses(self):
        fleet = json.loads(get(f"http://{self.sim}/_sim/deployments"))
        return {one["deploymentID"]: one["status"] for one in fleet}

    def turn(self, id, status):
        """Somebody at the console, or the platform itself, sets a status."""
        url = f"http://{self.sim}/_sim/deployments/{id}/{status}"
        urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=10).close()

    def reason(self, id):
        view = json.loads(get(f"http://{self.daemon}/api/v1/deployments/{id}"))
        return next(c["reason"] for c in view["conditions"] if c["type"] == "Synced")

    def query(self, expression):
        asked = urllib.parse.urlencode({"query": expression})
        try:
            answer = json.loads(get(f"http://{self.prometheus}/api/v1/query?{asked}"))
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{expression}: {error.read().decode()}") from error
        return answer["data"]["result"]

    def alerts(self):
        """The alerts that fire, by name."""
        answer = json.loads(get(f"http://{self.prometheus}/api/v1/alerts"))
        firing = [one for one in answer["data"]["alerts"] if one["state"] == "firing"]
        return {one["labels"]["alertname"]: one for one in firing}
