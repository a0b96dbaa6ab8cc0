"""Commands as the documents have them, so that the machines are set up by what a reader would type."""

import re

from vm.machine import Machine
from vm.project import AT, ROOT
from vm.waiting import Failed

STEP = re.compile(r"^\d+\. \*\*(.*?)\*\*")
LEFT_OUT = ("apt install", "$M", "reconciler role", "reconciler status")
"""Packages are there; another mount than the documents have; what only tells, and ends with 1 on a standby."""


def commands(document: str, heading: str, step: str = "") -> list[str]:
    """The indented lines that begin with `sudo`, below `heading`, without their comments.

    With `step` only those of the step whose bold words begin so. Raises Failed where there are none: the document has
    changed.
    """
    found, inside, current = [], False, ""
    for line in (ROOT / document).read_text().splitlines():
        if line.startswith("#"):
            inside, current = line.lstrip("#").strip() == heading, ""
        elif match := STEP.match(line):
            current = match[1]
        elif inside and line.startswith("    ") and line.strip().startswith("sudo ") and current.startswith(step):
            found.append(re.sub(r"\s+# .*", "", line.strip()))
    if not found:
        raise Failed(f"{document}: no commands found under {heading!r}, step {step!r}; was it renamed?")
    return found


def follow(node: Machine, document: str, heading: str, step: str = "", *, without: tuple[str, ...] = ()) -> None:
    """Run them in a clone of the project, but for those that the network would be needed for."""
    for command in commands(document, heading, step):
        if not any(words in command for words in (*LEFT_OUT, *without)):
            node.run(f"cd {AT}/source && {_without_network(command)}", timeout=400)


def _without_network(command: str) -> str:
    """The packages of requirements.lock are in the machine's environment already."""
    if command.endswith("-m venv /opt/reconciler"):
        return f"test -x /opt/reconciler/bin/python || {command}"
    return command.replace("pip install .", f"pip install --no-index --no-deps {AT}/wheels/*.whl")
