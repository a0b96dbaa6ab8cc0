"""`reconciler` as on one node of a pair: role and replication stand in a file, in place of DRBD.

`python paired.py ROLE COMMAND …`, where ROLE is a JSON file {"primary": …, "in_sync": …, "until": …}: in sync until a
file of that name has a certain text. With the variable FATAL=N
the process ends before its effect number N as by `kill -9`, which it names in the file FATAL_LOG.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nodes import ENVIRONMENT, HOSTS, SITE, ZONES, Clone

from reconciler import node_role
from reconciler.cli.main import main
from reconciler.daemon import node as node_module
from reconciler.demo.pocket import PocketSite
from reconciler.effects import Effects
from reconciler.role.base import Condition, Replication, RoleReport
from reconciler.tools import Completed


class Pair:
    """The role provider. Also for the test itself, to say what is so."""

    name = "test"

    def __init__(self, path: Path) -> None:
        self._path = path

    def say(self, *, primary: bool = True, in_sync: bool = True, until: tuple[Path, str] | None = None) -> None:
        staged = self._path.with_suffix(".tmp")
        gone = [str(word) for word in until] if until else None
        staged.write_text(json.dumps({"primary": primary, "in_sync": in_sync, "until": gone}))
        staged.rename(self._path)

    def read(self) -> RoleReport:
        said = json.loads(self._path.read_bytes())
        if said["until"]:
            path, text = said["until"]
            said["in_sync"] = not (Path(path).exists() and text in Path(path).read_text())
        role = "Primary" if said["primary"] else "Secondary"
        peer = ("Secondary", "UpToDate") if said["in_sync"] else ("Unknown", "DUnknown")
        connection = "Connected" if said["in_sync"] else "WFConnection"
        replication = Replication(said["in_sync"], connection, role, peer[0], "UpToDate", peer[1])
        return RoleReport((Condition(said["primary"], f"DRBD resource r0 is {role} here"),), replication)


class Deadly(Effects):
    """Ends the process before effect number FATAL."""

    _left = int(os.environ.get("FATAL", "0"))

    def check(self, effect: str) -> None:
        super().check(effect)
        if not effect.startswith(("write ", "run ")):
            self._count(effect)

    def run(self, argv: Sequence[str], **options: Any) -> Completed:
        self._count(f"run {' '.join(argv)}")
        return super().run(argv, **options)

    @classmethod
    def _count(cls, effect: str) -> None:
        cls._left -= 1
        if cls._left == 0:
            Path(os.environ["FATAL_LOG"]).write_text(effect)
            os.kill(os.getpid(), signal.SIGKILL)


class PairedSite(PocketSite):
    """A node whose disk may be discarded. Its peer is nothing but a word."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.own = folder / "own"
        self.kept = self.own / "unreplicated"
        self.pair = Pair(folder / "role.json")
        self.pair.say()
        self.policy = options.pop("policy", "refuse")
        # Whose word counts is `Pair`'s all the same.
        super().__init__(folder, role="file", **options)

    def command(self, *arguments: str) -> list[str]:
        program = [sys.executable, str(Path(__file__)), str(self.folder / "role.json")]
        return [*program, *arguments, "--config", str(self.config)]

    def bundles(self) -> list[Path]:
        """Those that wait."""
        return sorted(self.kept.glob("*.bundle"))

    def copy_disk(self, to: Path) -> None:
        """Of what is replicated, as the peer has it."""
        shutil.copytree(self.root, to, symlinks=True, dirs_exist_ok=True)

    def discard_disk(self, copy: Path) -> None:
        """As DRBD does with this side's data: the peer's take their place. The daemon must be down."""
        shutil.rmtree(self.root)
        shutil.copytree(copy, self.root, symlinks=True)

    def git(self, *arguments: str) -> str:
        """Git's output in the bare repository."""
        command = ["git", f"--git-dir={self.repo}", *arguments]
        return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True).stdout.strip()

    def _settings(self, resync: int) -> dict[str, Any]:
        return {**super()._settings(resync), "own": self.own, "unreplicated": self.policy}


@contextmanager
def paired_node(folder: Path, **options: Any) -> Iterator[tuple[PairedSite, Clone]]:
    """A node in sync that serves SITE, HOSTS and ZONES, and a clone."""
    node = PairedSite(folder, **options)
    try:
        made = subprocess.run(node.init_command(), env=ENVIRONMENT, capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stdout + made.stderr
        fallback = node.command("hook", "pre-receive")
        (node.repo / "reconciler.fallback").write_text("".join(f"{word}\n" for word in fallback))
        node.start()
        clone = Clone(node, folder / "clone")
        said = clone.change({"site.yaml": SITE, "hosts.yaml": HOSTS, **ZONES})
        assert "applied" in said, said + node.log.read_text()
        yield node, clone
    finally:
        node.stop()


if __name__ == "__main__":
    provider = Pair(Path(sys.argv.pop(1)))
    node_role.provider = lambda settings, drbd=None: provider
    node_module.Effects = Deadly  # type: ignore[misc]
    main()
