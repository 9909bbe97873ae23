#!/usr/bin/env python3
"""Runs `cargo bench` and adds to each row how it grew since the row above: 1 is linear.

Run: tests/scale/growth.py [FILTER]
"""

import re, subprocess, sys

from rig import growth

UNITS = {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1.0}
ROW = re.compile(r"[│├╰─ ]*[├╰]─ (\S+)\s+(?:([\d.]+) (\S+)\s+│\s+([\d.]+) (\S+)\s+│\s+([\d.]+) (\S+))?")


def main():
    command = ["cargo", "bench", "--locked", "--bench", "scale", "--", *sys.argv[1:]]
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    print(f"{'part':<14} {'fleet':>7} {'fastest':>12} {'median':>12}  growth")
    part, before = "", None
    for text in lines:
        found = ROW.match(text)
        if not found:
            continue
        if not found.group(2):
            part, before = found.group(1), None
            continue
        size, fastest = int(found.group(1)), float(found.group(2)) * UNITS[found.group(3)]
        exponent = f"{growth(before, (size, fastest)):.2f}" if before else ""
        print(f"{part:<14} {size:>7} {found.group(2):>9} {found.group(3):<2} {found.group(6):>9} {found.group(7):<2}  {exponent}")
        before = (size, fastest)


main()
