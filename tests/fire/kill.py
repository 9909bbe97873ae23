#!/usr/bin/env python3
"""Kills the daemon over and over, at chance moments, while everything around it goes wrong.

Run: cargo build --release && python3 tests/fire/kill.py [--kills N] [--seed N] [--binary PATH]

Each world is one simulated API with windows of seconds and one ledger. In it a hundred daemons
live for chance moments, until `kill -9` or a named crash point, while the console turns
deployments, the desired file is edited (also badly), and answers are lost, late, reset, 5xx or
429. After every kill the simulator's audit must show no window above its limit and no request
twice. Then the faults end: the fleet must converge, and nothing more be started or stopped.

Prints one summary line. Exit 1 on a violation, with what is needed to repeat it. The seed fixes
what is dealt, not how the machine schedules it, so a repetition may need a few tries.
"""

import argparse, collections, json, os, random, re, shutil, signal, subprocess, sys, tempfile, time
import urllib.request

KILLS_A_WORLD = 100
WINDOW = 3  # seconds
PATIENCE = 120  # seconds, for one fleet to converge on a busy machine
IDS = ["w41b11c0", "b1f77113", "mdfba81f", "a1", "a2", "a3"]
POINTS = ["ledger:before-write", "ledger:half-write", "ledger:before-sync", "ledger:after-sync",
          "api:before-send", "api:after-send", "api:after-answer"]


class Violation(Exception):
    pass


def ask(url, method="GET"):
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=20) as answer:
        return json.loads(answer.read())


class World:
    def __init__(self, binary, seed, number):
        self.binary, self.seed, self.number = binary, seed, number
        self.chance = random.Random(f"{seed}/{number}")
        self.scratch = tempfile.mkdtemp(prefix="evenkeel-fire-")
        self.log = os.path.join(self.scratch, "log")
        self.children, self.moments, self.kills = [], [], 0
        self.deal()

    def path(self, name):
        return os.path.join(self.scratch, name)

    def deal(self):
        """What this world is like."""
        chance = self.chance
        self.ids = IDS[:chance.randint(2, len(IDS))]
        shared = chance.random() < 0.3
        reads, lists = chance.choice([8, 20, 60]), chance.choice([3, 60])
        fault = lambda most: f"{chance.random() * most:.3f}"
        self.flags = ["--window", f"{WINDOW}s", "--start-delay", "300ms", "--stop-delay", "200ms",
                      "--limit", f"status={reads}", "--limit", f"list={lists}",
                      "--scope", "account" if shared else "deployment",
                      "--latency", chance.choice(["0s", "5ms", "40ms"]), "--jitter", "20ms",
                      "--lost", fault(0.2), "--reset", fault(0.2), "--gateway", fault(0.2),
                      "--garbage", fault(0.1), "--redirect", fault(0.1),
                      "--late-answer", fault(0.1), "--late-arrival", fault(0.1),
                      "--late-by", "400ms", "--storm", fault(0.03), "--storm-for", "700ms",
                      "--storm-retry-after", chance.choice(["absent", "seconds", "garbage"]),
                      "--seed", str(chance.randrange(2**32))]
        self.flags += [word for one in self.ids for word in
                       ("--deployment", f"{one}={chance.choice(['running', 'stopped'])}")]
        self.flags += ["--no-list"] * (chance.random() < 0.4)
        self.flags += ["--count-refused"] * (chance.random() < 0.5)
        scope = "account" if shared else chance.choice(["auto", "deployment"])
        with open(self.path("evenkeel.yaml"), "w") as file:
            file.write(f"""\
limits:
  scope: {scope}
  status: {{ requests: {reads}, per: {WINDOW}s }}
  list:   {{ requests: {lists}, per: {WINDOW}s }}
  start:  {{ requests: 1, per: {WINDOW}s }}
  stop:   {{ requests: 1, per: {WINDOW}s }}
  margin: 200ms
  lateness: 1s
  clock_skew: 1s
observe: {{ confirm_within: 1s, timeout: 2s }}
act:
  backoff: {{ initial: 50ms, max: 500ms }}
  settle_warning: 10s
  settle_timeout: 20s
guards:
  contested: {{ reversals: 100000, within: 24h }}
  stops: {{ percent: 100 }}
""")

    def child(self, arguments, output, environment):
        started = subprocess.Popen([self.binary, *arguments], env=environment, text=True,
                                   stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        self.children.append(started)
        return started

    def simulate(self):
        arguments = ["simulate", "--listen", "127.0.0.1:0", *self.flags]
        simulator = self.child(arguments, subprocess.PIPE, {})
        self.api = re.search(r"(http://\S+)", simulator.stdout.readline()).group(1)
        self.host = self.api.rsplit("/public_api", 1)[0]

    def daemon(self, crash=None):
        environment = {"EVENKEEL_API_URL": self.api, "EVENKEEL_API_KEY": "key",
                       "EVENKEEL_API_SECRET": "secret", "EVENKEEL_LISTEN": "127.0.0.1:0",
                       "EVENKEEL_DESIRED": self.path("desired.yaml"), "NO_COLOR": "1",
                       "EVENKEEL_STATE_DIR": self.path("state")}
        if crash:
            environment["EVENKEEL_CRASH_AT"] = crash
        with open(self.log, "a") as log:
            return self.child(["--config", self.path("evenkeel.yaml"), "run"], log, environment)

    def edit(self, broken=False):
        wish = {one: self.chance.choice(["running", "stopped"]) for one in self.ids}
        text = "deployments:\n" + "".join(f"  {one}: {state}\n" for one, state in wish.items())
        if broken:
            text = text[:self.chance.randrange(len(text))]
        with open(self.path("desired.new"), "w") as file:
            file.write(text)
        os.rename(self.path("desired.new"), self.path("desired.yaml"))

    def drift(self):
        one, status = self.chance.choice(self.ids), self.chance.choice(["running", "stopped"])
        ask(f"{self.host}/_sim/deployments/{one}/{status}", "POST")

    def audit(self):
        audit = ask(f"{self.host}/_sim/audit")
        over = [method for method, largest in audit["largest"].items() if largest["over"]]
        if over:
            raise Violation(f"above the limit: {', '.join(over)}")
        for key in ("duplicate_request_ids", "without_request_id", "other_requests"):
            if audit[key]:
                raise Violation(f"{key}: {audit[key]}")
        return audit

    def round(self):
        """One daemon's life."""
        chance = self.chance
        if chance.random() < 0.3:
            self.edit(broken=chance.random() < 0.2)
        if chance.random() < 0.3:
            self.drift()
        at_point = chance.random() < 0.15
        crash = f"{chance.choice(POINTS)}:{chance.randint(1, 6)}" if at_point else None
        # Many in the first moments, where it recovers; some far into its work.
        life = chance.uniform(0, chance.choice([0.03, 0.2, 0.2, 0.8, 2.0]))
        self.moments.append(crash or round(life, 3))
        daemon = self.daemon(crash)
        try:
            daemon.wait(life)
        except subprocess.TimeoutExpired:
            daemon.kill()
        code = daemon.wait(20)
        self.children.remove(daemon)
        if code != -signal.SIGKILL:
            raise Violation(f"it ended by itself with {code}")
        self.kills += 1
        self.audit()

    def until(self, what, look):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                seen = look()
            except OSError:
                seen = None
            if seen:
                return seen
            time.sleep(0.02)
        raise Violation(f"waited in vain for {what}")

    def calm(self):
        """The faults end: it converges, and then starts and stops nothing any more."""
        self.edit()
        ask(f"{self.host}/_sim/faults/off", "POST")
        # What is still on its way to the server arrives first.
        begin = self.audit()["at_ms"]
        self.until("the last to arrive", lambda: self.audit()["at_ms"] > begin + 1000)
        with open(self.log) as log:
            before = len(log.read())
        daemon = self.daemon()

        def page():
            with open(self.log) as log:
                return re.search(r"listening on (http://[^/\s]+)", log.read()[before:])

        page = self.until("the daemon", page).group(1)

        def settled():
            fleet = ask(page + "/api/v1/deployments")["deployments"]
            reasons = [one["synced"]["reason"] for one in fleet]
            return len(fleet) == len(self.ids) and all(one == "InSync" for one in reasons)

        self.until("the fleet to be in sync", settled)
        first = self.audit()
        self.until("two quiet windows", lambda: self.audit()["at_ms"] > first["at_ms"] + 2000 * WINDOW)
        last = self.audit()
        count = lambda audit: len(audit["posts"]) + audit["posts_dropped"]
        if count(last) != count(first):
            raise Violation("it was in sync, and started or stopped something")
        daemon.send_signal(signal.SIGTERM)
        code = daemon.wait(30)
        self.children.remove(daemon)
        if code != 0:
            raise Violation(f"told to end, it ended with {code}")
        return last

    def end(self):
        for child in self.children:
            child.kill()
            child.wait(20)
            if child.stdout:
                child.stdout.close()


def play(world, kills):
    world.edit()
    world.simulate()
    for _ in range(kills):
        world.round()
    return world.calm()


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--world", type=int, default=0, help="the first world to play")
    parser.add_argument("--binary", default=os.path.join(here, "../../target/release/evenkeel"))
    args = parser.parse_args()
    begin, kills, number = time.monotonic(), 0, args.world
    arrivals, posts, largest = collections.Counter(), 0, {}
    while kills < args.kills:
        world = World(os.path.abspath(args.binary), args.seed, number)
        try:
            audit = play(world, min(KILLS_A_WORLD, args.kills - kills))
        except Violation as violation:
            print(f"VIOLATION in world {number} after {world.kills} kills: {violation}")
            try:
                print(json.dumps(ask(f"{world.host}/_sim/audit")))
            except OSError as error:
                print(f"the simulator does not answer: {error}")
            print(f"lives: {world.moments}\nsimulate {' '.join(world.flags)}")
            print(f"kept: {world.scratch} (evenkeel.yaml, desired.yaml, log, state)")
            print(f"repeat: {sys.argv[0]} --seed {args.seed} --world {number} "
                  f"--kills {KILLS_A_WORLD} --binary {args.binary}", flush=True)
            sys.exit(1)
        finally:
            world.end()
        shutil.rmtree(world.scratch)
        for method, outcomes in audit["requests"].items():
            arrivals[method] += sum(outcomes.values())
        posts += sum(sum(audit["requests"].get(method, {}).values()) for method in ("start", "stop"))
        for method, one in audit["largest"].items():
            counted = one["account" if audit["scope"] == "account" or method == "list" else "deployment"]
            largest.setdefault(method, set()).add((one["limit"], counted))
        kills, number = kills + world.kills, number + 1
        print(f"world {number - 1}: {world.kills} kills, {time.monotonic() - begin:.0f} s", flush=True)
    most = ", ".join(f"{method} " + " ".join(f"{max(seen for of, seen in pairs if of == limit)}/{limit}"
                                              for limit in sorted({of for of, _ in pairs}))
                     for method, pairs in sorted(largest.items()))
    print(f"{kills} kills in {number - args.world} worlds, {sum(arrivals.values())} arrivals "
          f"({posts} starts and stops), none above its limit, none twice; most in a window of "
          f"{WINDOW} s / limit: {most}; all converged and stayed silent; "
          f"{time.monotonic() - begin:.0f} s, seed {args.seed}")


main()
