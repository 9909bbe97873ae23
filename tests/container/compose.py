#!/usr/bin/env python3
"""The compose files by the Compose Specification, alone and one over the other.

Run: tests/container/compose.py     needs compose-spec and PyYAML

Whether images can be pulled and started takes an engine; that stays unchecked here.
"""

import pathlib

import compose_spec
import yaml

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"


def main():
    for name in ("compose.yaml", "compose/real.yaml"):
        # The anchors are YAML's own, and are gone once it is read.
        read = yaml.safe_load((DEPLOY / name).read_text())
        for service in read["services"].values():
            service.pop("<<", None)
        parsed = compose_spec.PyCompose.from_yaml(yaml.safe_dump(read))
        parsed.validate()
        print(f"deploy/{name}: valid, services {sorted(parsed.service_names())}")
    hardened = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    for name, service in hardened.items():
        assert service["read_only"] is True and service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
    print(f"{len(hardened)} services without capabilities and with a read-only root")


if __name__ == "__main__":
    main()
