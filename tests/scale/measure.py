#!/usr/bin/env python3
"""Measures the release binary against the simulated API, whole processes from outside.

Run: cargo build --release --bins --examples && python3 tests/scale/measure.py [N ...]

One table a fleet, then what is compared between fleets. Everything stays on the loopback address, and
each child is reaped. CPU is counted in seconds on a CPU, so that neighbours disturb it least; times
are the best of several, except where a percentile is named. EVENKEEL names another binary; it gets the
memory settings of the systemd unit.
"""

import os, subprocess, sys, tempfile, time

from rig import EVENKEEL, RIG, Daemon, Simulator, cpu, growth, peak, rss, until, wakeups

SECONDS = 20  # a CPU share is taken over so long
INTERVAL = float(os.environ.get("INTERVAL", "72.2"))  # between two routine reads of one deployment, by the default limits


def line(name, figure):
    print(f"  {name:<46} {figure}", flush=True)


def percent(values, share):
    return values[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


def milliseconds(values):
    return f"{percent(values, 0.5) * 1000:.0f} ms median, {percent(values, 0.99) * 1000:.0f} ms p99 of {len(values)}"


def routine(simulator):
    """Waits until the routine has begun, half an interval after the first look."""
    first = simulator.reads()
    until(lambda: simulator.reads() > first + len(simulator.ids) / 10, every=0.5)


def polls(daemon, simulator):
    """CPU seconds for 1,000 polls, and how many there were a second; None where too few are due to tell."""
    routine(simulator)
    reads, before = simulator.reads(), cpu(daemon.pid)
    time.sleep(SECONDS)
    reads, spent = simulator.reads() - reads, cpu(daemon.pid) - before
    return (spent / reads * 1000, reads / SECONDS) if reads > 200 else None


def pages(daemon, when, figures):
    """What people and Prometheus look at, one after the other."""
    for name, path in (("a scrape", "/metrics"), ("the JSON of the fleet", "/api/v1/deployments"), ("the page", "/")):
        took, size = daemon.timed(path)
        name = f"{name}, {when}"
        figures.setdefault(name, {})[len(daemon.simulator.ids)] = took
        line(name, f"{took * 1000:.1f} ms, {size / 1e6:.2f} MB")


def fleet(count, figures):
    print(f"{count} deployments")
    simulator = Simulator(count, "--start-delay", "1s", "--stop-delay", "1s")
    daemon = Daemon(simulator)
    line("ready after", f"{daemon.ready * 1000:.0f} ms")
    line("all seen after, by the list call", f"{daemon.observed():.2f} s")
    time.sleep(5)
    before, begin, woken = cpu(daemon.pid), time.monotonic(), wakeups(daemon.pid)
    time.sleep(SECONDS)
    span = time.monotonic() - begin
    woken = sum(times - woken.get(task, 0) for task, times in wakeups(daemon.pid).items())
    line("at rest, memory", f"{rss(daemon.pid):.1f} MiB, at most {peak(daemon.pid):.1f} MiB")
    line("at rest, of a core", f"{(cpu(daemon.pid) - before) / span * 100:.3f} %, {woken / span:.1f} wake-ups a second")
    line("edit to POST, at rest", milliseconds(daemon.edits(20, 0.4 if count < 100000 else 1.5)))
    pages(daemon, "at rest", figures)
    daemon.close()
    simulator.close()

    simulator = Simulator(count, "--start-delay", "1s", "--stop-delay", "1s", "--no-list")
    daemon = Daemon(simulator)
    line("all seen after, one by one", f"{daemon.observed():.2f} s")
    time.sleep(3)
    figures["rss"][count] = rss(daemon.pid)
    line("memory, each read once", f"{rss(daemon.pid):.1f} MiB, at most {peak(daemon.pid):.1f} MiB")
    ours = polls(daemon, simulator)
    if ours:
        line("CPU for 1,000 polls", f"{ours[0] * 1000:.1f} ms, at {ours[1]:.0f} polls a second")
    line("edit to POST, while all are polled", milliseconds(daemon.edits(20, 0.4 if count < 100000 else 1.5)))
    pages(daemon, "while all are polled", figures)
    line("memory, after that", f"{rss(daemon.pid):.1f} MiB, at most {peak(daemon.pid):.1f} MiB")
    daemon.close()
    simulator.close()
    if ours:
        floor = bare(count)
        figures["polls"][count] = ours[0]
        line("CPU for 1,000 GETs of bare hyper", f"{floor * 1000:.1f} ms: ours is {ours[0] / floor:.2f} times that")


def https(count):
    """The same by HTTPS."""
    simulator = Simulator(count, "--start-delay", "1s", "--stop-delay", "1s", "--no-list")
    daemon = Daemon(simulator, secure=True)
    daemon.observed()
    time.sleep(3)
    ours = polls(daemon, simulator)
    if ours:
        line(f"CPU for 1,000 polls by HTTPS, {count}", f"{ours[0] * 1000:.1f} ms, at {ours[1]:.0f} polls a second")
    line(f"edit to POST by HTTPS, {count}", milliseconds(daemon.edits(20)))
    daemon.close()
    simulator.close()


def teams(count):
    """The same fleet as a hundred teams have it, in a file each."""
    simulator = Simulator(count, "--start-delay", "1s", "--stop-delay", "1s", "--no-list")
    daemon = Daemon(simulator, teams=100)
    daemon.observed()
    routine(simulator)
    line(f"edit to POST, {count} polled, in 100 files", milliseconds(daemon.edits(20)))
    daemon.close()
    simulator.close()


def bare(count):
    """CPU seconds for 1,000 of the same GETs at the same pace."""
    simulator = Simulator(count, "--no-list")
    with tempfile.NamedTemporaryFile("w") as ids:
        ids.write("\n".join(simulator.ids))
        ids.flush()
        child = subprocess.Popen([RIG, "bare", simulator.base, ids.name, str(INTERVAL)])
        time.sleep(5)
        reads, before = simulator.reads(), cpu(child.pid)
        time.sleep(SECONDS)
        reads, spent = simulator.reads() - reads, cpu(child.pid) - before
        child.kill()
        child.wait()
    simulator.close()
    return spent / reads * 1000


def month():
    """Start to ready of 1,000 deployments with office hours and a month of them in the ledger."""
    simulator = Simulator(1000)
    scratch = tempfile.mkdtemp(prefix="evenkeel-scale-")
    with tempfile.NamedTemporaryFile("w") as ids:
        ids.write("\n".join(simulator.ids))
        ids.flush()
        os.mkdir(os.path.join(scratch, "state"))
        subprocess.run([RIG, "month", os.path.join(scratch, "state"), ids.name, str(int(time.time()))], check=True, stdout=subprocess.DEVNULL)
    size = os.path.getsize(os.path.join(scratch, "state/ledger"))
    daemon = Daemon(simulator, scratch)
    line("ready with a month in the ledger, 1,000", f"{daemon.ready * 1000:.0f} ms, {size / 1e6:.1f} MB")
    daemon.close()
    simulator.close()


def main():
    counts = [int(text) for text in sys.argv[1:]] or [100, 1000, 10000, 100000]
    figures = {"rss": {}, "polls": {}}
    print(f"binary {os.path.getsize(EVENKEEL) / 2**20:.1f} MiB; load {os.getloadavg()[0]:.1f}")
    for count in counts:
        fleet(count, figures)
    print("besides")
    month()
    for count in counts:
        if 1000 <= count <= 10000:
            https(count)
        if count >= 10000:
            teams(count)
    print("between fleets")
    for small, large in zip(counts, counts[1:]):
        slope = (figures["rss"][large] - figures["rss"][small]) * 2**20 / (large - small)
        line(f"memory a deployment, {small} to {large}", f"{slope:.0f} bytes")
        for name, of in figures.items():
            if name != "rss" and small in of and large in of:
                line(f"growth of {name}, {small} to {large}", f"exponent {growth((small, of[small]), (large, of[large])):.2f}")
    print(f"load {os.getloadavg()[0]:.1f}")


main()
