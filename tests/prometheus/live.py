#!/usr/bin/env python3
"""A real Prometheus, a real daemon, a simulated API: each alert is made to fire, and to clear.

Run: tests/prometheus/live.py [EVENKEEL]     needs prometheus and promtool, and to mount a tmpfs

Nothing waits for a while: each step waits for a state, which Prometheus, the daemon or the
simulator tells. Everything listens on the loopback address, and each child is reaped.
"""

import base64
import contextlib
import datetime
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from render import alerts
from world import FLEET, ROOT, RULES, Helper, World, get, until

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@contextlib.contextmanager
def told(world, *names):
    """Within the block the fault is there and each alert fires; after it, none does."""
    began = time.monotonic()
    yield lambda: [fires(world, name) for name in names]
    until("all alerts to clear", lambda: not world.alerts() and settled(world))
    print(f"fired and cleared, {time.monotonic() - began:4.1f} s: {', '.join(names)}", flush=True)
    SEEN.update(names)


SEEN = set()
SHOWN = set()


def fires(world, name):
    found = until(f"{name} to fire", lambda: world.alerts().get(name))
    for key, text in found["annotations"].items():
        wrong = [word for word in ("{{", "<no value>", "error") if word in text]
        assert not wrong, f"{name}: {key} holds {wrong}: {text}"
    look(world)
    return found


def settled(world):
    view = json.loads(get(f"http://{world.daemon}/api/v1/deployments"))
    return all(one["synced"]["reason"] == "InSync" for one in view["deployments"])


def healthy(world):
    """All is in sync, everything was evaluated since, and nothing fires or is about to."""
    until("the fleet to be in sync", lambda: settled(world))
    for query in ("min(evenkeel_deployment_in_sync) == 1", "count(evenkeel_leader) == 1"):
        until(query, lambda query=query: world.query(query))
    evaluated = "prometheus_rule_group_last_evaluation_timestamp_seconds"
    last = lambda: get(f"http://{world.prometheus}/metrics").split(evaluated, 3)[-1]
    first = last()
    until("another evaluation", lambda: last() != first)
    assert world.alerts() == {}, world.alerts()


def formats(world):
    """The live exposition is valid, in both formats, and Prometheus took the stamped one."""
    url = f"http://{world.daemon}/metrics"
    text = get(url, "text/plain").encode()
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
    assert checked.returncode == 0 and not checked.stderr + checked.stdout, checked
    print(f"promtool check metrics: {text.count(b'# TYPE')} families, no complaint")
    until("a stamp", lambda: world.query("evenkeel_clock_steps_created"))
    try:
        from prometheus_client.openmetrics.parser import text_string_to_metric_families
    except ImportError:
        raise SystemExit("the OpenMetrics parser of prometheus_client is not installed") from None
    families = list(text_string_to_metric_families(get(url, OPENMETRICS)))
    stamps = [s for f in families for s in f.samples if s.name.endswith("_created")]
    now = time.time()
    assert len(families) > 40 and stamps, families
    assert all(now - 600 < stamp.value <= now for stamp in stamps), stamps
    print(f"OpenMetrics: {len(families)} families, {len(stamps)} stamps, each of this process")


def queries():
    """Those of the dashboard, with its variables set as Grafana would."""
    board = json.loads((ROOT / "deploy/grafana/evenkeel.json").read_text())
    found = {t["expr"] for panel in board["panels"] for t in panel.get("targets", [])}
    values = {"$job": "evenkeel", "$deployment": ".*", "$__rate_interval": "8s"}
    for name, value in values.items():
        found = {query.replace(name, value) for query in found}
    assert not any("$" in query for query in found), found
    return found


def look(world):
    """What the dashboard shows at the moment."""
    SHOWN.update(query for query in queries() - SHOWN if world.query(query))


def dashboard(_):
    """Each query of the dashboard has had something to show at one time or another."""
    # A limit is widened for a day, and a message waits for milliseconds.
    spared = ("evenkeel_account_limit_widened", "evenkeel_notifications_waiting")
    empty = [one for one in queries() - SHOWN if not any(name in one for name in spared)]
    assert not empty, f"the dashboard never shows anything for {empty}"
    print(f"dashboard: {len(SHOWN)} of {len(queries())} queries have shown something")


def absent(world):
    with told(world, "EvenkeelAbsent") as fire:
        fire()
        world.scrape(world.daemon)


def leader(world):
    # Only a fleet of daemons stands by, so a stand-in says what such a one would say.
    with told(world, "EvenkeelLeaderMissing") as fire:
        world.scrape(world.helper)
        fire()
        world.scrape(world.daemon)


def stuck(world):
    with told(world, "EvenkeelLoopStuck") as fire:
        world.signal("daemon", signal.SIGSTOP)
        fire()
        assert "EvenkeelDown" not in world.alerts()
        world.signal("daemon", signal.SIGCONT)


def ledger(world):
    pid = world.children["daemon"].pid
    filler = pathlib.Path(f"/proc/{pid}/root{world.path}/state/filler")
    with told(world, "EvenkeelLedgerNotWritable") as fire:
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        fire()
        filler.unlink()


def configuration(world):
    good = (world.path / "evenkeel.yaml").read_text()
    with told(world, "EvenkeelConfigReloadFailed") as fire:
        world.write("evenkeel.yaml", good + "no_such_key: 1\n")
        world.signal("daemon", signal.SIGHUP)
        fire()
        assert "EvenkeelDesiredFileInvalid" not in world.alerts()
        world.write("evenkeel.yaml", good)
        world.signal("daemon", signal.SIGHUP)


def desired_file(world):
    with told(world, "EvenkeelDesiredFileInvalid") as fire:
        world.write("desired.yaml", "deployments:\n")
        assert fire()[0]["labels"]["file"].endswith("desired.yaml")
        world.desired({})


def git(world):
    with told(world, "EvenkeelFileOlderThanGit") as fire:
        Helper.git_fails = True
        fire()
        Helper.git_fails = False


def unreachable(world):
    """The API falls silent just before a window begins; nobody is owed one that began before."""
    begin = datetime.datetime.now(datetime.timezone.utc).replace(second=0, microsecond=0)
    while begin < datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=6):
        begin += datetime.timedelta(minutes=1)
    end = begin + datetime.timedelta(hours=12)
    window = f"{begin:%Y-%m-%d %H:%M}-{end:%H:%M}"
    schedule = f"schedules:\n  office: {{ running: [{window}], ready: true }}"
    names = ["EvenkeelApiUnreachable", "EvenkeelObservationOld", "EvenkeelDeploymentLate"]
    world.desired({"a5": "stopped"})
    parked = lambda: world.statuses()["a5"] == "stopped" and world.reason("a5") == "InSync"
    until("a5 to be parked", parked)
    with told(world, *names) as fire:
        world.signal("simulator", signal.SIGSTOP)
        world.desired({"a5": "office"}, schedule)
        until("the window", lambda: begin < datetime.datetime.now(datetime.timezone.utc), 130)
        fire()
        world.signal("simulator", signal.SIGCONT)
    world.desired({})


def credentials(world):
    with told(world, "EvenkeelCredentialsRefused") as fire:
        world.write("secret", "another")
        fire()
        world.write("secret", "secret")


def unexpected(world):
    """Somebody else uses the key for all the reads of a window."""
    key = base64.b64encode(b"key:secret").decode()
    url = f"http://{world.sim}/public_api/v1/deployments"
    request = urllib.request.Request(url, headers={"Authorization": f"Basic {key}"})

    def spend():
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen(request, timeout=10).close()
        return counted() > before

    def counted():
        text = get(f"http://{world.daemon}/metrics")
        return int(re.findall(r"unexpected_429_total\{method=\"list\"\} (\d+)", text)[0])

    before = counted()
    with told(world, "EvenkeelUnexpected429") as fire:
        until("a 429 that evenkeel does not expect", spend)
        assert fire()[0]["labels"]["method"] == "list"


def budget(world):
    """Somebody takes its one stop back, so the next has to wait."""
    with told(world, "EvenkeelBudgetExhausted", "EvenkeelDeploymentNotInSync") as fire:
        world.desired({"a1": "stopped"})
        stopped = lambda: world.statuses()["a1"] == "stopped" and world.reason("a1") == "InSync"
        until("the stop", stopped)
        world.turn("a1", "running")
        fire()
        world.desired({})


def held(world):
    with told(world, "EvenkeelStopsHeld") as fire:
        world.desired({id: "stopped" for id in FLEET})
        assert float(fire()[0]["value"]) == len(FLEET)
        world.desired({})


def platform(world, id, status, name):
    with told(world, name) as fire:
        world.turn(id, status)
        fire()
        world.turn(id, "running")


def contested(world):
    """Somebody stops it as soon as it runs, until evenkeel gives in."""

    def turn():
        if world.statuses()["a4"] == "running" and world.reason("a4") == "InSync":
            world.turn("a4", "stopped")
        return world.reason("a4") == "Contested"

    with told(world, "EvenkeelDeploymentContested") as fire:
        until("evenkeel to give in", turn)
        fire()
        world.turn("a4", "running")


def messages(world):
    with told(world, "EvenkeelNotificationsFailing") as fire:
        Helper.refuse = True
        world.desired({"a3": "stopped"})
        fire()
        Helper.refuse = False
        world.desired({})


def down(world):
    with told(world, "EvenkeelDown") as fire:
        world.end("daemon")
        fire()
        assert "EvenkeelLoopStuck" not in world.alerts()
        world.begin_daemon()


def scenarios(world):
    for scenario in (healthy, formats, leader, stuck, ledger, configuration):
        scenario(world)
    for scenario in (desired_file, git, unreachable, credentials, unexpected, budget, held):
        scenario(world)
    platform(world, "a3", "pending", "EvenkeelDeploymentStalled")
    platform(world, "a3", "failed", "EvenkeelDeploymentFailed")
    platform(world, "a3", "melting", "EvenkeelDeploymentBlocked")
    for scenario in (contested, messages, down, healthy, dashboard):
        scenario(world)


def main():
    evenkeel = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target/debug/evenkeel")
    # Asked to end, it ends its children first.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="evenkeel-prometheus-") as scratch:
        with World(evenkeel.resolve(), os.path.realpath(scratch)) as world:
            world.begin_simulator()
            world.begin_daemon()
            world.begin_prometheus()
            absent(world)
            scenarios(world)
    missing = set(alerts(RULES.read_text())) - SEEN
    assert not missing, f"never made to fire: {missing}"
    print(f"{len(SEEN)} alerts fired and cleared in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
