"""Passes in processes of their own, which end as by `kill -9` right before an effect of choice."""

import multiprocessing
import os
import signal
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from reconciler import config
from reconciler.daemon import node as node_module
from reconciler.daemon.outcome import Wake
from reconciler.daemon.passes import Passes
from reconciler.effects import Effects
from reconciler.role.base import RoleProvider
from reconciler.tools import Completed

# A server that has imported everything forks each process, so that one begins within milliseconds.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["reconciler.daemon.node", "reconciler.daemon.passes"])


class Made(NamedTuple):
    """How a pass ended. killed: the effect before which it was killed; result: how it ended otherwise."""

    killed: str = ""
    result: str = ""
    lines: tuple[str, ...] = ()
    said: tuple[str, ...] = ()


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


def make_pass(path: Path, *, fatal: int = 0) -> Made:
    """Make one pass as a daemon does after its start, with an operator's word for whatever the guard says."""
    ours, theirs = _PROCESSES.Pipe()
    process = _PROCESSES.Process(target=_pass, args=(theirs, path, fatal))
    process.start()
    theirs.close()
    try:
        made: Made = ours.recv()
    finally:
        process.join(60)
    assert process.exitcode == (-signal.SIGKILL if made.killed else 0), f"it ended with {process.exitcode}"
    return made


def _pass(answer: Connection, path: Path, fatal: int) -> None:
    def effects(role: RoleProvider, *, helper: Path) -> Effects:
        return _Deadly(role, helper=helper, fatal=fatal, answer=answer)

    node_module.Effects = effects  # type: ignore[misc, assignment]
    said: list[str] = []
    report = Passes(node_module.assemble(config.load(path))).make(Wake("start", allow=True), said.append)
    answer.send(Made("", report.result.value, report.lines, tuple(said)))
