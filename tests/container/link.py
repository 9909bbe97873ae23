#!/usr/bin/env python3
"""Links the binary that the tests run once more, statically, with all of libc inside.

Run: tests/container/link.py OUTPUT     after `cargo test`, whose libraries it takes

`cargo rustc --bin evenkeel -- -C target-feature=+crt-static` makes the same, but has no dependencies
of the tests to unite features with, so it would compile half of the crates again.
"""

import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# With a test beside it, the binary is what the tests have; it is there, so nothing is compiled.
BUILD = "cargo build --locked --all-features --quiet --message-format json --bin evenkeel --test tidy"
# What src/main.rs names.
NAMED = {"evenkeel", "clap", "tokio"}


def libraries():
    """The libraries of the crates that the binary names."""
    told = subprocess.run(BUILD.split(), cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    for line in told.splitlines():
        artifact = json.loads(line)
        target = artifact.get("target", {})
        if target.get("name") in NAMED and "lib" in target["crate_types"]:
            library = next(name for name in artifact["filenames"] if name.endswith(".rlib"))
            yield target["name"], pathlib.Path(library)


def main():
    found = dict(libraries())
    assert found.keys() == NAMED, found
    command = ["rustc", "--edition", "2024", "--crate-name", "evenkeel", "src/main.rs"]
    command += ["-C", "target-feature=+crt-static", "-C", "opt-level=1", "-o", sys.argv[1]]
    command += ["-L", f"dependency={found['evenkeel'].parent}"]
    for name, library in found.items():
        command += ["--extern", f"{name}={library}"]
    subprocess.run(command, cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
