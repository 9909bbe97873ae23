"""A daemon and the simulated API it drives, as whole processes on the loopback address, measured from
outside. What `measure.py` and `soak.py` share."""

import glob, json, os, re, shutil, signal, socket, subprocess, tempfile, time, urllib.request

RELEASE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../target/release")
EVENKEEL = os.environ.get("EVENKEEL", os.path.join(RELEASE, "evenkeel"))
RIG = os.path.join(RELEASE, "examples/rig")


def get(url):
    with urllib.request.urlopen(url, timeout=120) as answer:
        return answer.read()


def until(look, patience=300, every=0.002):
    end = time.monotonic() + patience
    while time.monotonic() < end:
        try:
            seen = look()
            if seen:
                return seen
        except OSError:
            pass
        time.sleep(every)
    raise SystemExit("waited in vain")


def cpu(pid):
    """Seconds on a CPU so far, of all threads that are and were: the process's CPU clock, as clock_getcpuclockid(3) names it."""
    return time.clock_gettime((~pid << 3) | 2)


def of_the_unit():
    """What the systemd unit tells glibc, for a daemon as it is deployed."""
    with open(os.path.join(RELEASE, "../../deploy/evenkeel.service")) as file:
        line = re.search(r"^Environment=(MALLOC_.*)$", file.read(), re.M).group(1)
    return dict(word.split("=", 1) for word in line.split())


def status(pid, name):
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(rf"^{name}:\s+(\d+)", file.read(), re.M).group(1))


def rss(pid):
    return status(pid, "VmRSS") / 1024


def peak(pid):
    return status(pid, "VmHWM") / 1024


def wakeups(pid):
    """Times that each thread of the process went to sleep and was woken; threads come and go."""
    tasks = [os.path.basename(task) for task in glob.glob(f"/proc/{pid}/task/*")]
    return {task: status(f"{pid}/task/{task}", "voluntary_ctxt_switches") for task in tasks}


def growth(small, large):
    """The exponent between two (size, figure) pairs: 1 is linear."""
    import math

    (n, a), (m, b) = small, large
    return math.log(b / a) / math.log(m / n)


class Simulator:
    def __init__(self, count, *options):
        arguments = [EVENKEEL, "simulate", "--listen", "127.0.0.1:0", "--deployments", str(count), *options]
        self.child = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.front = None
        for line in self.child.stdout:
            found = re.search(r"(http://\S+/public_api/v1)", line)
            if found:
                self.base = found.group(1)
                break
        else:
            raise SystemExit("the simulator ended")
        self.host = self.base.rsplit("/public_api", 1)[0]
        self.ids = [one["deploymentID"] for one in json.loads(get(self.host + "/_sim/deployments"))]

    def secure(self, scratch):
        """The same API by HTTPS; whoever uses it must trust `ca.pem` in `scratch`."""
        files = {name: os.path.join(scratch, name) for name in ("ca.pem", "ca.key", "leaf.pem", "leaf.key")}
        openssl = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=evenkeel"]
        run = lambda *more: subprocess.run([*openssl, *more], check=True, stderr=subprocess.DEVNULL)
        run("-keyout", files["ca.key"], "-out", files["ca.pem"])
        run("-keyout", files["leaf.key"], "-out", files["leaf.pem"], "-CA", files["ca.pem"], "-CAkey", files["ca.key"],
            "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE")
        upstream = self.host.removeprefix("http://")
        self.front = subprocess.Popen([RIG, "tls", files["leaf.pem"], files["leaf.key"], upstream], stdout=subprocess.PIPE, text=True)
        self.base = f"https://127.0.0.1:{int(self.front.stdout.readline())}/public_api/v1"
        return files["ca.pem"]

    def audit(self):
        return json.loads(get(self.host + "/_sim/audit"))

    def reads(self):
        return sum(self.audit()["requests"].get("status", {}).values())

    def close(self):
        for child in filter(None, (self.front, self.child)):
            child.terminate()
            child.wait(60)


class Daemon:
    """`evenkeel run` for the fleet of a simulator, in a scratch directory that goes with it."""

    def __init__(self, simulator, scratch=None, desired=None, limits="", secure=False, teams=None):
        self.simulator = simulator
        self.scratch = scratch or tempfile.mkdtemp(prefix="evenkeel-scale-")
        environment = dict(os.environ, **of_the_unit(), KEY="key", SECRET="secret", NO_COLOR="1")
        if secure:
            environment["SSL_CERT_FILE"] = simulator.secure(self.scratch)
        named = lambda ids: lambda stopped: "deployments:\n" + "".join(
            f"  {one}: {'stopped' if one in stopped else 'running'}\n" for one in ids)
        if teams:
            self.desired = "teams/"
            os.mkdir(os.path.join(self.scratch, self.desired))
            self.texts = {f"teams/{team}.yaml": named(simulator.ids[team::teams]) for team in range(teams)}
        else:
            self.desired = "desired.yaml"
            self.texts = {self.desired: desired or named(simulator.ids)}
        self.written = {}
        self.edit(())
        for file in self.texts:
            os.utime(os.path.join(self.scratch, file), (time.time() - 60, time.time() - 60))
        self.port = 20000 + os.getpid() % 20000
        self.page = f"http://127.0.0.1:{self.port}"
        configuration = os.path.join(self.scratch, "evenkeel.yaml")
        with open(configuration, "w") as file:
            file.write(f"desired: {self.desired}\nstate_dir: state\nlisten: 127.0.0.1:{self.port}\n{limits}"
                       f"accounts:\n  default:\n    url: {simulator.base}\n    key: {{ env: KEY }}\n    secret: {{ env: SECRET }}\n")
        self.log = os.path.join(self.scratch, "log")
        begin = time.monotonic()
        with open(self.log, "w") as log:
            self.child = subprocess.Popen([EVENKEEL, "--config", configuration, "run"], env=environment,
                                          stdout=subprocess.DEVNULL, stderr=log)
        self.pid = self.child.pid
        until(lambda: get(self.page + "/readyz"))
        self.ready = time.monotonic() - begin
        self.begin = begin

    def edit(self, stopped):
        """Writes what is to be stopped, and only the files that it changes; says when that was done."""
        stopped = frozenset(stopped)
        for file, text in self.texts.items():
            text, path = text(stopped), os.path.join(self.scratch, file)
            if self.written.get(file) != text:
                with open(path + ".new", "w") as new:
                    new.write(text)
                os.rename(path + ".new", path)
                self.written[file] = text
        return time.time()

    def observed(self):
        """Waits until each deployment was read; says how long that took since the start."""
        count = len(self.simulator.ids)
        until(lambda: self.simulator.reads() >= count or "list" in self.simulator.audit()["requests"], every=0.05)
        until(lambda: get(self.page + "/metrics").count(b'reason="InSync"') == count, every=max(0.01, count / 1e5))
        return time.monotonic() - self.begin

    def timed(self, path, times=5):
        """The fastest of some GETs, to the last byte, and what it weighed."""
        return min(self.pull(path) for _ in range(times))

    def pull(self, path):
        """One GET, read as it comes and kept nowhere, so that it costs the daemon's time and not the client's."""
        begin, size, head, end = time.monotonic(), 0, b"", b""
        buffer = memoryview(bytearray(1 << 20))
        with socket.create_connection(("127.0.0.1", self.port), 120) as stream:
            stream.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            while count := stream.recv_into(buffer):
                head = bytes(buffer[:1000]) if size == 0 else head
                size, end = size + count, (end + bytes(buffer[max(0, count - 5):count]))[-5:]
        took = time.monotonic() - begin
        whole = end == b"0\r\n\r\n" if b"transfer-encoding: chunked" in head else b"content-length: " in head
        if not head.startswith(b"HTTP/1.1 200 ") or not whole:
            raise SystemExit(f"{path} was not answered in full: {head[:200]}")
        return took, size

    def edits(self, count, settle=0.4):
        """Edits one deployment after another to `stopped`; from the rename to each POST's arrival, sorted."""
        stopped, begun, taken = [], {}, []
        for one in self.simulator.ids[:count]:
            stopped.append(one)
            begun[one] = self.edit(stopped)
            time.sleep(settle)
        time.sleep(2)
        audit = self.simulator.audit()
        offset = time.time() - audit["at_ms"] / 1000
        for post in audit["posts"]:
            if post["deployment"] in begun:
                taken.append(offset + post["at_ms"] / 1000 - begun[post["deployment"]])
        return sorted(taken)

    def close(self):
        self.child.send_signal(signal.SIGTERM)
        code = self.child.wait(60)
        if code != 0:
            with open(self.log) as log:
                raise SystemExit(f"the daemon ended with {code}:\n{log.read()[-2000:]}")
        shutil.rmtree(self.scratch, ignore_errors=True)
