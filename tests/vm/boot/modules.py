#!/usr/bin/env python3
"""Copy kernel modules with what they depend on: `modules.py /lib/modules/VERSION FOLDER MODULE...`.

FOLDER/order has their file names in the order in which to load them. A module that is built in is left out.
"""

import shutil
import sys
from pathlib import Path


def load_order(dependencies: str, wanted: list[str]) -> list[str]:
    """Paths of modules.dep(5), each after those that it depends on."""
    known = {}
    for line in dependencies.splitlines():
        path, _, needs = line.partition(":")
        known[Path(path).name.split(".ko")[0].replace("-", "_")] = [*reversed(needs.split()), path]
    return list(dict.fromkeys(path for name in wanted for path in known.get(name, [])))


def main(base: Path, target: Path, wanted: list[str]) -> None:
    paths = load_order((base / "modules.dep").read_text(), wanted)
    for path in paths:
        shutil.copy(base / path, target)
    (target / "order").write_text("".join(f"{Path(path).name}\n" for path in paths))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
