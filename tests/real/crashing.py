"""Passes in processes of their own, which end as by `kill -9`, or lose their role, right before an effect of choice."""

import multiprocessing
import os
import signal
from collections.abc import Sequence
from ipaddress import IPv6Network
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from reconciler import config
from reconciler.daemon import node as node_module
from reconciler.daemon.outcome import Wake
from reconciler.daemon.passes import Passes
from reconciler.effects import Effects
from reconciler.role.base import Condition, RoleProvider, RoleReport
from reconciler.site import KnownPrefix
from reconciler.tools import Completed

# A server that has imported everything forks each process, so that one begins within milliseconds.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["reconciler.daemon.node", "reconciler.daemon.passes"])


class Made(NamedTuple):
    """How a pass ended. killed: the effect before which it was killed; result: how it ended otherwise.

    lost: the effect before which the role was lost. touched: what was written to after that. reads, effects: how often
    the role was read, and how many effects asked for it.
    """

    killed: str = ""
    result: str = ""
    lines: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    lost: str = ""
    touched: tuple[str, ...] = ()
    reads: int = 0
    effects: int = 0


class _Deadly(Effects):
    """Counts effects, and ends the process before number `fatal` (from 1; 0 for never)."""

    def __init__(self, role: RoleProvider, *, helper: Path, fatal: int, answer: Connection) -> None:
        super().__init__(role, helper=helper)
        self._left = fatal
        self._answer = answer

    def check(self, effect: str) -> None:
        super().check(effect)
        # Writing goes on to stage and swap, which count; programs are counted below.
        if not effect.startswith(("write ", "run ")):
            self._count(effect)

    def run(self, argv: Sequence[str], **options: Any) -> Completed:
        # This one looks only.
        if "zonestatus" not in argv:
            self._count(f"run {' '.join(argv)}")
        return super().run(argv, **options)

    def _count(self, effect: str) -> None:
        self._left -= 1
        if self._left == 0:
            self._answer.send(Made(killed=effect))
            os.kill(os.getpid(), signal.SIGKILL)


class _Fickle:
    """A role that is counted, and can be lost."""

    name = "fickle"

    def __init__(self) -> None:
        self.reads = 0
        self.lost = False

    def read(self) -> RoleReport:
        self.reads += 1
        return RoleReport((Condition(not self.lost, "a test says so"),))


class _Losing(Effects):
    """Loses the role right before effect number `left` (from 1; 0 for never), and notes what the disk is then."""

    def __init__(self, role: _Fickle, *, helper: Path, left: int, folders: Sequence[Path]) -> None:
        super().__init__(role, helper=helper)
        self._fickle = role
        self._left = left
        self._folders = folders
        self.lost = ""
        self.effects = 0
        self.before: dict[str, tuple[int, ...]] = {}

    def check(self, effect: str) -> None:
        self.effects += 1
        # Writing goes on to stage and swap, which count.
        self._left -= not effect.startswith("write ")
        if self._left == 0 and not self.lost:
            self.lost = effect
            self.before = self.look()
            self._fickle.lost = True
        super().check(effect)

    def look(self) -> dict[str, tuple[int, ...]]:
        """Inode, size and time of every file. Zone files are left out: named may be writing them by itself."""
        files = (path for folder in self._folders for path in folder.rglob("*") if path.parent.name != "zones")
        found = ((str(path), path.lstat()) for path in files)
        return {path: (status.st_ino, status.st_size, status.st_mtime_ns) for path, status in found}


def make_pass(
    path: Path, *, fatal: int = 0, lose: int = 0, folders: Sequence[Path] = (), wan0: str = "", allow: bool = True
) -> Made:
    """Make one pass as a daemon does after its start, with an operator's word for whatever the guard says.

    fatal, lose: before which effect it is killed, or loses its role; 0 for never. folders: what must not change then.
    wan0: the prefix that this interface shows, "" for none. allow: whether there is the operator's word.
    """
    ours, theirs = _PROCESSES.Pipe()
    simple = (_pass, (theirs, path, fatal, wan0, allow))
    target, arguments = (_losing_pass, (theirs, path, lose, folders)) if lose else simple
    process = _PROCESSES.Process(target=target, args=arguments)
    process.start()
    theirs.close()
    try:
        made: Made = ours.recv()
    finally:
        process.join(60)
    assert process.exitcode == (-signal.SIGKILL if made.killed else 0), f"it ended with {process.exitcode}"
    return made


def _pass(answer: Connection, path: Path, fatal: int, wan0: str, allow: bool) -> None:
    def effects(role: RoleProvider, *, helper: Path) -> Effects:
        return _Deadly(role, helper=helper, fatal=fatal, answer=answer)

    node_module.Effects = effects  # type: ignore[misc, assignment]
    said: list[str] = []
    passes = Passes(node_module.assemble(config.load(path)))
    if wan0:
        passes.node.prefixes.known = {"wan0": KnownPrefix(IPv6Network(wan0), 1)}
    report = passes.make(Wake("start", allow=allow), said.append)
    answer.send(Made("", report.result.value, report.lines, tuple(said)))


def _losing_pass(answer: Connection, path: Path, lose: int, folders: Sequence[Path]) -> None:
    role, made = _Fickle(), []

    def effects(given: RoleProvider, *, helper: Path) -> Effects:
        made.append(_Losing(role, helper=helper, left=lose, folders=folders))
        return made[0]

    node_module.Effects = effects  # type: ignore[misc, assignment]
    passes = Passes(node_module.assemble(config.load(path), role))
    report = passes.make(Wake("start", allow=True), lambda text: None)
    (losing,) = made
    after = losing.look() if losing.lost else losing.before
    touched = {path for path, _ in losing.before.items() ^ after.items()}
    answer.send(
        Made(
            result=report.result.value,
            lines=report.lines,
            lost=losing.lost,
            touched=tuple(sorted(touched)),
            reads=role.reads,
            effects=losing.effects,
        )
    )
