"""Checks a Compose file: the specification's syntax (an unknown key is an error), every
reference, and that published ports are bound to the loopback address and mounted files exist.

    python scripts/compose-lint.py compose.yml
"""

import pathlib
import sys

from compose_spec import PyOptions


def problems(path: pathlib.Path):
    try:
        compose = PyOptions(apply_merge=True).from_yaml(path.read_text())
        compose.validate()
    except ValueError as error:
        yield str(error)
        return
    services = compose.to_dict()["services"]
    for name, service in services.items():
        for needed in service.get("depends_on", []):
            if needed not in services:
                yield f"services.{name}.depends_on: no service {needed!r}"
        for port in service.get("ports", []):
            address = port if isinstance(port, str) else port.get("host_ip", "")
            if not address.startswith("127.0.0.1"):
                yield f"services.{name}.ports: {port!r} is not bound to 127.0.0.1"
        for volume in service.get("volumes", []):
            source = volume.split(":")[0] if isinstance(volume, str) else volume.get("source", "")
            if source.startswith(".") and not (path.parent / source).exists():
                yield f"services.{name}.volumes: {source} does not exist"


def main() -> int:
    path = pathlib.Path(sys.argv[1])
    found = list(problems(path))
    for problem in found:
        print(f"{path}: {problem}")
    if not found:
        print(f"{path}: ok")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
