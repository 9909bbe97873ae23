#!/usr/bin/env python3
"""Runs the release binary for a long time against the simulated API with churn and faults, and says
whether anything grows that must not.

Run: cargo build --release && tests/scale/soak.py [--deployments N] [--minutes M] [--window SECONDS]

Windows are compressed: by default an hour takes a minute, so that a day takes 24. All the limits and
pauses that an operator can set are compressed alike. Each second of compressed time counts for a
minute: an edit turns some deployments, some leave the file and some come back; somebody at the console
turns others, calls are reset, lost and late, and come back with a gateway's page. A row every minute;
the last lines say what grew between the first and the last third, and whether any window saw one call
too many. Exit code 1 if one did, or if memory or the ledger grew by more than a tenth, or descriptors by
more than two.
"""

import argparse, json, os, random, sys, time

from rig import Daemon, Simulator, cpu, get, peak, rss

FDS_MAX = 64 + 64 + 20  # kept connections, calls under way, files and sockets of the daemon


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--deployments", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=24)
    parser.add_argument("--window", type=float, default=60, help="seconds that an hour takes")
    return parser.parse_args()


def main():
    given = options()
    window = f"{given.window:.0f}s"
    short = lambda seconds: f"{max(1, round(seconds * given.window / 3600 * 1000))}ms"
    simulator = Simulator(
        given.deployments, "--window", window, "--start-delay", short(90), "--stop-delay", short(30), "--drift", short(4 * 3600 / 10),
        "--fault-methods", "status,list,start,stop", "--reset", "0.002", "--lost", "0.002", "--gateway", "0.002", "--late-answer", "0.001",
        "--late-by", "500ms")
    limits = "limits:\n" + "".join(
        f"  {method}: {{ requests: {count}, per: {window} }}\n" for method, count in (("status", 60), ("list", 60), ("start", 1), ("stop", 1)))
    limits += ("  margin: 1s\n  lateness: 2s\nobserve: { timeout: 400ms, confirm_within: 2s }\n"
               "act: { backoff: { initial: 100ms, max: 10s } }\nguards: { contested: { reversals: 100, within: 1m } }\n")
    chance = random.Random(20261129)
    stopped, absent = set(), set()

    def text(of):
        return "deployments:\n" + "".join(f"  {one}: {'stopped' if one in of else 'running'}\n" for one in simulator.ids if one not in absent)

    daemon = Daemon(simulator, desired=text, limits=limits)
    ledger = os.path.join(daemon.scratch, "state/ledger")
    rows, begin, edits = [], time.monotonic(), 0
    print(f"{given.deployments} deployments, an hour in {given.window:.0f} s, {given.minutes:.0f} minutes")
    print("minute      rss     peak   fds    ledger     cpu     reads    posts   edits  in sync  over")
    try:
        while time.monotonic() - begin < given.minutes * 60:
            edit = time.monotonic()
            for one in chance.sample(simulator.ids, max(1, given.deployments // 500)):
                (stopped.discard if one in stopped else stopped.add)(one)
            for one in chance.sample(simulator.ids, max(1, given.deployments // 1000)):
                (absent.discard if one in absent else absent.add)(one)
            daemon.edit(stopped)
            edits += 1
            if daemon.child.poll() is not None:
                raise SystemExit("the daemon ended")
            if (time.monotonic() - begin) // 60 > len(rows) - 1:
                rows.append(row(daemon, simulator, ledger, begin, edits))
            time.sleep(max(0, edit + given.window / 60 - time.monotonic()))
        rows.append(row(daemon, simulator, ledger, begin, edits))
    finally:
        audit = simulator.audit()
        daemon.close()
        simulator.close()
    judge(rows, audit)


def row(daemon, simulator, ledger, begin, edits):
    audit = simulator.audit()
    count = lambda method: sum(audit["requests"].get(method, {}).values())
    seen = dict(rss=rss(daemon.pid), fds=len(os.listdir(f"/proc/{daemon.pid}/fd")), ledger=os.path.getsize(ledger) / 1e6)
    synced = get(daemon.page + "/metrics").count(b'reason="InSync"')
    over = sum(one["over"] for one in audit["largest"].values())
    print(f"{(time.monotonic() - begin) / 60:>6.1f} {seen['rss']:>8.1f} {peak(daemon.pid):>8.1f} {seen['fds']:>5} {seen['ledger']:>6.2f} MB"
          f" {cpu(daemon.pid):>7.1f} {count('status') + count('list'):>9} {count('start') + count('stop'):>8} {edits:>7} {synced:>8} {over:>5}", flush=True)
    return seen


def judge(rows, audit):
    third, bad = max(1, len(rows) // 3), False
    parts = (rows[third:2 * third] or rows, rows[-third:])
    first, last = (max(one["rss"] for one in part) for part in parts)
    bad |= last > first * 1.1 + 1
    print(f"memory: at most {first:.1f} MiB in the second third, {last:.1f} MiB in the last")
    # Calls come in bursts, and a ledger grows until it is compacted: what each comes back to must not grow.
    back = lambda name: [min(one[name] for one in part) for part in parts]
    most = lambda name: max(one[name] for one in parts[1])
    first, last = back("fds")
    bad |= last > first + 2 or most("fds") > FDS_MAX
    print(f"descriptors: back to {first} in the second third, {last} in the last, where there were at most {most('fds')}")
    first, last = back("ledger")
    bad |= last > first * 1.1 + 1 or most("ledger") > 2 * last + 2
    print(f"ledger: back to {first:.1f} MB in the second third, {last:.1f} in the last, where it was at most {most('ledger'):.1f}")
    for method, largest in audit["largest"].items():
        bad |= largest["over"]
        print(f"{method}: at most {largest['deployment']} of {largest['limit']} in any window of a deployment")
    print(f"redundant posts: {audit['redundant_posts']}; request ids that came twice: {audit['duplicate_request_ids']}")
    sys.exit(1 if bad else 0)


main()
