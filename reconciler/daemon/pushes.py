"""What is known of commits that came by a push: who pushed, with which options.

Written before the push is accepted, so that a restart between push and apply forgets neither the pusher's name nor
a word that let the change through.
"""

import contextlib
import json
import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from reconciler.effects import Effects

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", re.ASCII)

_KEEP = 30 * 86400.0
"""Seconds; far longer than any pushed commit waits to be applied."""


@dataclass(frozen=True, slots=True)
class Push:
    """How a commit came: the pusher's name (of the ssh key, or of the local user), push options, and by what.

    unreplicated: the peer could not have it when it was taken.
    """

    pushed_by: str
    options: tuple[str, ...] = ()
    trigger: str = "push"
    unreplicated: bool = False


class Pushes:
    """A folder with one small file for each commit that was pushed and not yet applied."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def remember(self, commit: str, push: Push, effects: Effects) -> None:
        """Note durably how `commit` came."""
        for folder in (self._folder.parent, self._folder):  # An operator may have moved the whole of it aside.
            effects.make_folder(folder)
        effects.replace(self._path(commit), json.dumps(asdict(push)).encode())

    def find(self, commit: str) -> Push | None:
        """How `commit` came, or None where it is not known (a fetch, an update-ref)."""
        try:
            document = json.loads(self._path(commit).read_bytes())
            options = tuple(map(str, document["options"]))
            trigger, unreplicated = str(document.get("trigger", "push")), document.get("unreplicated") is True
            return Push(str(document["pushed_by"]), options, trigger, unreplicated)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def forget(self, commits: list[str], effects: Effects) -> None:
        """Remove what is no longer needed."""
        for commit in commits:
            if self._path(commit).exists():
                effects.unlink(self._path(commit))

    def recover(self, effects: Effects) -> None:
        """Remove files that a crash left half written."""
        for path in self._folder.glob(".*.tmp"):
            effects.unlink(path)

    def prune(self, effects: Effects) -> None:
        """Remove what was left by pushes that git did not take in the end."""
        limit = time.time() - _KEEP
        for path in self._folder.glob("*.json"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < limit:
                    effects.unlink(path)

    def _path(self, commit: str) -> Path:
        if not _COMMIT.fullmatch(commit):
            raise ValueError(f"{commit!r} is not a commit id")
        return self._folder / f"{commit}.json"
