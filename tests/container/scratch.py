#!/usr/bin/env python3
"""The static binary, run where there is nothing else, as the image's last stage does.

Run: tests/container/scratch.py BINARY     a binary that was linked statically; needs `unshare`

The root directory holds what the Dockerfile copies and no more: no shell, no libc, no zone data. Of
/proc and /dev there is what the OCI runtime specification has every engine put there. It is
read-only but for the state directory; on top of it the user is 65532 and has no capability, where
this script is run by root.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
NOBODY = "65532"
DEVICES = ["full", "null", "random", "urandom", "zero"]
DESIRED = """\
timezone: Europe/Berlin
schedules:
  office: { running: [00:00-24:00], except: [{ dates: 2026-10-25, state: stopped }] }
deployments: { w41b11c0: office, b1f77113: stopped }
"""


def is_static(binary):
    """No interpreter and no needed library: an ELF file that the kernel can start by itself."""
    data = binary.read_bytes()
    assert data[:6] == b"\x7fELF\x02\x01", "a 64-bit little-endian ELF file"
    offset, size, count = (
        struct.unpack_from("<Q", data, 32)[0],
        *struct.unpack_from("<HH", data, 54),
    )
    segments = [struct.unpack_from("<I", data, offset + i * size)[0] for i in range(count)]
    return 3 not in segments  # PT_INTERP


def dockerfile():
    """What the image's last stage is made of: its environment, user, and the health check."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    last = text[text.rindex("\nFROM scratch") :]
    environment = dict(re.findall(r"(EVENKEEL_\w+)=(\S+)", last))
    health = json.loads(re.search(r"HEALTHCHECK .*CMD (\[.*\])", last).group(1))
    command = json.loads(re.search(r"\nENTRYPOINT (\[.*\])", last).group(1))
    command += json.loads(re.search(r"\nCMD (\[.*\])", last).group(1))
    user = re.search(r"\nUSER (\d+):(\d+)", last).groups()
    assert user == (NOBODY, NOBODY), user
    made = set(re.findall(r"/out/([\w./-]+)", text))
    assert made == {"evenkeel", "var/lib/evenkeel", "etc/evenkeel", "etc/ssl/certs", CERTIFICATES}
    assert last.count("COPY") == 1 and "COPY --from=build" in last, "one copy, of /out"
    return environment, health, command


class Container:
    """Starts programs in `root`, which nothing can write to but the state directory."""

    def __init__(self, root):
        self.root = root
        self.told = ""
        self.children = []

    def command(self, program):
        state = self.root / "var/lib/evenkeel"
        own, user = [], []
        if os.geteuid() == 0:
            own = ["-o", f"uid={NOBODY},gid={NOBODY},size=4m"]
            user = [f"--userspec={NOBODY}:{NOBODY}"]
        mounts = [
            ["mount", "--bind", str(self.root), str(self.root)],
            ["mount", "--rbind", "/proc", str(self.root / "proc")],
            *(["mount", "--bind", f"/dev/{one}", str(self.root / "dev" / one)] for one in DEVICES),
            ["mount", "-t", "tmpfs", *own, "tmpfs", str(state)],
            ["mount", "-o", "remount,bind,ro", str(self.root)],
        ]
        script = " && ".join(" ".join(mount) for mount in mounts)
        enter = " ".join(["setpriv", "--no-new-privs", "chroot", *user, str(self.root)])
        unshare = ["unshare", "--mount"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
        return [*unshare, "sh", "-c", f'{script} && exec {enter} "$@"', "sh", *program]

    def start(self, *program, env):
        log = tempfile.TemporaryFile()
        child = subprocess.Popen(self.command(program), env=outer(env), stdout=log, stderr=log)
        self.children.append((child, log))
        return child

    def run(self, *program, env, status=0):
        done = subprocess.run(
            self.command(program), env=outer(env), capture_output=True, text=True, timeout=60
        )
        if done.returncode != status:
            raise SystemExit(f"{program}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def end(self):
        """Ends all, and says how each took it."""
        codes = []
        for child, log in reversed(self.children):
            child.send_signal(signal.SIGTERM)
            try:
                codes.append(child.wait(20))
            except subprocess.TimeoutExpired:
                child.kill()
                codes.append(child.wait())
            log.seek(0)
            self.told += log.read().decode()
        self.children = []
        return codes


def outer(env):
    """Of the environment only what the image sets; PATH is for unshare and mount."""
    return {"PATH": os.environ["PATH"], **env}


def until(what, look, patience=30):
    end = time.monotonic() + patience
    while time.monotonic() < end:
        try:
            if found := look():
                return found
        except OSError:
            pass
        time.sleep(0.05)
    raise SystemExit(f"waited in vain for {what}")


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def furnish(root, binary):
    """What the image holds, and the desired file that its user mounts."""
    for directory in ("var/lib/evenkeel", "etc/evenkeel", "etc/ssl/certs", "proc", "dev"):
        (root / directory).mkdir(parents=True)
    shutil.copy(binary, root / "evenkeel")
    shutil.copy(pathlib.Path("/") / CERTIFICATES, root / CERTIFICATES)
    (root / "etc/evenkeel/desired.yaml").write_text(DESIRED)
    for device in DEVICES:
        (root / "dev" / device).touch()
    for path in [root, *root.rglob("*")]:
        path.chmod(0o755 if path.is_dir() or path.name == "evenkeel" else 0o644)


def check(container, environment, health, command):
    simulator, port = f"127.0.0.1:{free_port()}", free_port()
    env = environment | {
        "EVENKEEL_LISTEN": f"127.0.0.1:{port}",
        "EVENKEEL_API_URL": f"http://{simulator}/public_api/v1",
        "EVENKEEL_API_KEY": "key",
        "EVENKEEL_API_SECRET": "secret",
    }
    print(container.run("/evenkeel", "--version", env=env).strip())
    container.run("/evenkeel", "check", env=env)
    preview = ["preview", "--from", "2026-10-24T00:00:00Z", "--output", "json"]
    changes = json.loads(container.run("/evenkeel", *preview, env=env))
    # The day on which Berlin turns its clocks back: 25 hours, by the zone data inside the binary.
    assert [one["at"] for one in changes] == ["2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"]
    container.run(*health, env=env, status=2)  # nobody is there yet
    container.start("/evenkeel", "simulate", "--listen", simulator, "--stop-delay", "1s", env=env)
    until("the simulator", lambda: get(f"http://{simulator}/_sim/deployments"))
    began = time.monotonic()
    daemon = container.start(*command, env=env)
    until("the daemon", lambda: get(f"http://127.0.0.1:{port}/readyz"))
    ready = time.monotonic() - began
    fleet = lambda: json.loads(get(f"http://{simulator}/_sim/deployments"))
    parked = lambda: {"b1f77113"} == {
        one["deploymentID"] for one in fleet() if one["status"] == "stopped"
    }
    until("b1f77113 to be stopped, and no other", parked)
    container.run(*health, env=env)
    view = lambda: json.loads(get(f"http://127.0.0.1:{port}/api/v1/deployments"))["deployments"]
    until("all in sync", lambda: {one["synced"]["reason"] for one in view()} == {"InSync"})
    with open(f"/proc/{daemon.pid}/status") as file:
        status = {key: value.strip() for key, _, value in (line.partition(":") for line in file)}
    if os.geteuid() == 0:
        assert status["Uid"].split() == [NOBODY] * 4, status["Uid"]
        assert int(status["CapEff"], 16) == 0, status["CapEff"]
    assert status["NoNewPrivs"] == "1"
    print(f"ready after {ready * 1000:.0f} ms, one stop sent, probe well, {status['VmRSS']}")


def main():
    binary = pathlib.Path(sys.argv[1])
    assert is_static(binary), f"{binary} asks for an interpreter: it is not static"
    environment, health, command = dockerfile()
    with tempfile.TemporaryDirectory(prefix="evenkeel-scratch-") as scratch:
        root = pathlib.Path(os.path.realpath(scratch))
        furnish(root, binary)
        files = [path.relative_to(root) for path in root.rglob("*") if path.is_file()]
        files = sorted(str(file) for file in files if file.parts[0] != "dev")
        print(f"a root directory with {files}")
        container = Container(root)
        try:
            check(container, environment, health, command)
        except BaseException:
            container.end()
            print(container.told)
            raise
        assert container.end() == [0, 0], "both end in good order"


if __name__ == "__main__":
    main()
