"""A daemon that notes when each of its larger steps begins and ends.

Run as `python -m bench.spans FILE COMMAND ...`, with the command and options of `reconciler`.
"""

import functools
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from reconciler import apply, evaluate, manifest, tools
from reconciler.audit import record
from reconciler.cli.main import main
from reconciler.daemon import passes, push, pushes
from reconciler.demo.pocket import PocketSite
from reconciler.git import repo
from reconciler.services.bind import serve, service, staged


class Span(NamedTuple):
    """A step: when it began, by time.perf_counter(), which all processes share on Linux; depth: steps around it."""

    label: str
    began: float
    seconds: float
    depth: int


class TracedSite(PocketSite):
    """A node whose daemon notes its steps."""

    def command(self, *arguments: str) -> list[str]:
        command = super().command(*arguments)
        if arguments[0] != "run":
            return command
        return [sys.executable, "-m", "bench.spans", str(self._trace), *command[1:]]

    @property
    def _trace(self) -> Path:
        return self.folder / "spans.jsonl"

    def spans(self) -> list[Span]:
        """The steps since the last call."""
        text = self._trace.read_text()
        os.truncate(self._trace, 0)
        return [Span(*json.loads(line)) for line in text.splitlines()]


_STEPS: list[tuple[Any, str, str]] = [
    (push, "pre_receive", "pre-receive: check and plan"),
    (repo.StateRepo, "tree", "read the commit"),
    (repo.StateRepo, "is_ancestor", "git merge-base"),
    (repo.StateRepo, "between", "git rev-list"),
    (evaluate.Evaluator, "_build", "parse and build"),
    (service.Bind, "check", "checkers"),
    (pushes.Pushes, "remember", "note the pusher"),
    (passes.Passes, "make", "pass"),
    (apply.Applier, "apply", "apply"),
    (service.Bind, "stage", "stage"),
    (manifest.ManifestStore, "begin", "manifest: pending"),
    (staged.BindStaged, "commit", "commit"),
    (serve, "_load", "reload and verify"),
    (serve, "wrong_answers", "ask for the changed records"),
    (manifest.ManifestStore, "save", "manifest: save"),
    (record.Audit, "record", "audit"),
    (pushes.Pushes, "forget", "forget the pusher"),
    (os, "fsync", "fsync"),
]


def _noted(stream: Any, label: str | None, function: Callable[..., Any], state: threading.local) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        depth = getattr(state, "depth", 0)
        state.depth = depth + 1
        began = time.perf_counter()
        try:
            return function(*arguments, **named)
        finally:
            state.depth = depth
            name = label or f"run {Path(arguments[0][0]).name}"
            stream.write(json.dumps([name, began, time.perf_counter() - began, depth]) + "\n")

    return wrapped


def _install(path: Path) -> None:
    # One write a line, seen by the reader as soon as the daemon has answered.
    stream = path.open("a", buffering=1)
    state = threading.local()
    for owner, name, label in _STEPS:
        setattr(owner, name, _noted(stream, label, getattr(owner, name), state))
    tools.run = _noted(stream, None, tools.run, state)


if __name__ == "__main__":
    _install(Path(sys.argv[1]))
    sys.argv[1:] = sys.argv[2:]
    main()
