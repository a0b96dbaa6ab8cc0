"""Looking at a node with the doctor, and doing what it says."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from nodes import ENVIRONMENT, Clone, running_node

from reconciler.cli.doctor import node_of
from reconciler.config import load
from reconciler.demo.lan import Lan
from reconciler.demo.pocket import PocketSite
from reconciler.doctor.examine import examine
from reconciler.doctor.finding import Finding, Level
from reconciler.doctor.node import Node

PROGRAMS = Path(sys.executable).parent


class Patient:
    """A node, and what stands in for sudo and systemctl when a remedy is run."""

    def __init__(self, node: PocketSite, clone: Clone) -> None:
        self.node = node
        self.clone = clone
        self.asked = node.folder / "systemctl.log"
        shims = node.folder / "shims"
        shims.mkdir()
        write(shims / "sudo", '#!/bin/sh\n[ "$1" = -u ] && shift 2\nexec "$@"\n')
        write(shims / "systemctl", f'#!/bin/sh\necho "$*" >> {self.asked}\n')
        write(shims / "journalctl", "#!/bin/sh\n")
        self._path = f"{shims}:{PROGRAMS}:{os.environ['PATH']}"

    def seen(self, **changes: Any) -> Node:
        """The node as the doctor is given it, with what a test says otherwise."""
        return replace(node_of(self.node.config, load(self.node.config)), **changes)

    def troubles(self, *checks: str, **changes: Any) -> list[Finding]:
        """What these checks find beside what is well."""
        return [item for item in examine(self.seen(**changes), checks) if item.level is not Level.WELL]

    def trouble(self, check: str, says: str, remedy: str, *, level: Level = Level.BROKEN, **changes: Any) -> Finding:
        """The one finding of a check, which says this, with this in its remedy."""
        found = self.troubles(check, **changes)
        assert [item.level for item in found] == [level], found
        assert says in found[0].what, found[0]
        assert remedy in found[0].remedy, found[0]
        return found[0]

    def follow(self, finding: Finding) -> str:
        """Run the remedy as a person who copies it would. Gives what systemctl was told."""
        self.asked.unlink(missing_ok=True)
        done = subprocess.run(
            ["bash", "-c", finding.remedy],
            env={**ENVIRONMENT, "PATH": self._path},
            cwd="/",
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{finding.remedy}\n{done.stdout}{done.stderr}"
        return self.asked.read_text() if self.asked.exists() else ""

    def is_well(self, *checks: str, **changes: Any) -> None:
        found = self.troubles(*checks, **changes)
        assert not found, found

    def command(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """The command itself."""
        return subprocess.run(
            self.node.command("doctor", *arguments),
            env={**ENVIRONMENT, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


def write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


@contextmanager
def apart() -> Iterator[None]:
    """In a network of its own, where root runs the tests, so that nothing is asked of the world."""
    if os.geteuid() != 0:
        yield
        return
    lan = Lan(Path("/"), {})
    try:
        lan.open()
        with lan.entered():
            yield
    finally:
        lan.close()


@contextmanager
def patient(**options: Any) -> Iterator[Patient]:
    """A node in a folder that named's own user may enter, where root runs the tests."""
    folder = Path(tempfile.mkdtemp(prefix="reconciler-doctor-"))
    folder.chmod(0o755)
    user = "bind" if os.geteuid() == 0 else None
    try:
        with apart(), running_node(folder, named_user=user, **options) as (node, clone):
            yield Patient(node, clone)
    finally:
        shutil.rmtree(folder)
