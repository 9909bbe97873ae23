#!/usr/bin/env python3
"""Measures the release binary against the simulated API, whole processes from outside.

Run: cargo build --release && python3 tests/scale/measure.py [N ...]

Prints one table: start to ready, resident memory, CPU share, and how long an edit takes to become a
POST. Everything stays on the loopback address, and each child is reaped.
"""

import json, os, re, shutil, signal, subprocess, sys, tempfile, time, urllib.request

EVENKEEL = os.path.join(os.path.dirname(__file__), "../../target/release/evenkeel")
TICKS = os.sysconf("SC_CLK_TCK")
SECONDS = 20  # the CPU share is taken over so long


def start(arguments, environment, pattern, errors):
    child = subprocess.Popen([EVENKEEL, *arguments], stdout=subprocess.PIPE, stderr=errors, env=environment, text=True)
    if pattern is None:
        return child, None
    for line in child.stdout:
        found = re.search(pattern, line)
        if found:
            return child, found.group(1)
    raise SystemExit(f"{arguments} ended without {pattern}")


def get(url, method="GET"):
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=20) as answer:
        return answer.status, answer.read()


def until(look, patience=120):
    end = time.monotonic() + patience
    while time.monotonic() < end:
        try:
            seen = look()
            if seen:
                return seen
        except OSError:
            pass
        time.sleep(0.002)
    raise SystemExit("waited in vain")


def usage(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    with open(f"/proc/{pid}/status") as status:
        text = status.read()
    kib = lambda name: int(re.search(rf"{name}:\s+(\d+)", text).group(1))
    return (int(fields[11]) + int(fields[12])) / TICKS, kib("VmRSS") / 1024, kib("VmHWM") / 1024


def measure(count, listing):
    scratch = tempfile.mkdtemp(prefix="evenkeel-scale-")
    simulate = ["simulate", "--listen", "127.0.0.1:0", "--deployments", str(count), "--start-delay", "1s", "--stop-delay", "1s"]
    if not listing:
        simulate.append("--no-list")
    simulator, base = start(simulate, os.environ, r"(http://\S+/public_api/v1)", subprocess.DEVNULL)
    host = base.rsplit("/public_api", 1)[0]
    try:
        ids = [one["deploymentID"] for one in json.loads(get(host + "/_sim/deployments")[1])]
        desired = os.path.join(scratch, "desired.yaml")

        def write(state_of_first):
            with open(desired + ".new", "w") as file:
                file.write("deployments:\n")
                for place, one in enumerate(ids):
                    file.write(f"  {one}: {state_of_first if place == 0 else 'running'}\n")
            os.rename(desired + ".new", desired)

        write("running")
        os.utime(desired, (time.time() - 60, time.time() - 60))
        port = 20000 + os.getpid() % 20000
        environment = dict(os.environ, EVENKEEL_API_URL=base, EVENKEEL_API_KEY="key", EVENKEEL_API_SECRET="secret",
                           EVENKEEL_DESIRED=desired, EVENKEEL_STATE_DIR=os.path.join(scratch, "state"),
                           EVENKEEL_LISTEN=f"127.0.0.1:{port}", NO_COLOR="1")
        errors = open(os.path.join(scratch, "log"), "w")
        begin = time.monotonic()
        daemon, _ = start(["run"], environment, None, errors)
        page = f"http://127.0.0.1:{port}"
        until(lambda: get(page + "/readyz")[0] == 200)
        ready = time.monotonic() - begin
        view = lambda: json.loads(get(page + "/api/v1/deployments")[1])["deployments"]
        until(lambda: all(one["synced"]["reason"] == "InSync" for one in view()))
        observed = time.monotonic() - begin
        time.sleep(5)
        cpu, _, _ = usage(daemon.pid)
        time.sleep(SECONDS)
        after, rss, _ = usage(daemon.pid)
        begin = time.time()
        write("stopped")
        posts = lambda: json.loads(get(host + "/_sim/audit")[1])["posts"]
        until(posts)
        edit = time.time() - begin
        _, _, peak = usage(daemon.pid)
        scrape = time.monotonic()
        size = len(get(page + "/metrics")[1])
        scrape = time.monotonic() - scrape
        daemon.send_signal(signal.SIGTERM)
        code = daemon.wait(20)
        print(f"{count:>7} {'list' if listing else 'single':>7} {ready * 1000:>9.0f} ms {observed:>8.2f} s {rss:>8.1f} MiB {peak:>8.1f} MiB"
              f" {(after - cpu) / SECONDS * 100:>7.2f} % {edit * 1000:>8.0f} ms {scrape * 1000:>7.0f} ms {size / 1e6:>6.1f} MB  exit {code}", flush=True)
    finally:
        simulator.terminate()
        simulator.wait(20)
        shutil.rmtree(scratch)


def main():
    counts = [int(text) for text in sys.argv[1:]] or [1, 100, 1000, 10000]
    print(f"binary {os.path.getsize(EVENKEEL) / 2**20:.1f} MiB")
    print("  fleet   reads     ready     observed    resident         peak      CPU  edit->POST   scrape")
    for count in counts:
        for listing in (True, False):
            measure(count, listing)


main()
