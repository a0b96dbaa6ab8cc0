"""Notices that the deployed branch may have moved, however it was moved.

A push renames a lock file over refs/heads/BRANCH; `git gc` replaces packed-refs and then deletes the loose
ref, which is no deletion of the branch. So every event is only a wake: the reader resolves the ref anew.
Events are hints that can get lost (an unmount, a full queue); the daemon's resync catches up.
"""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from reconciler.errors import Temporary

_EVENTS: list[type[FileSystemEvent]] = [
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
]
"""Not the reading ones: whoever is woken reads refs, and would wake itself for ever."""


class GitWatch:
    """Calls `wake()`, from its own thread, when `branch` of the bare repository `repo` may have moved."""

    def __init__(self, repo: Path, branch: str, wake: Callable[[], None]) -> None:
        self._repo = repo
        self._handler = _Handler(repo, branch, wake)
        self._observer: BaseObserver | None = None
        self._watched: tuple[int, int] | None = None

    def start(self) -> None:
        """Begin to watch. Raises Temporary when there is no repository, or no inotify watch left."""
        self.stop()
        observer = Observer()
        try:
            # Never objects/: its folders of incoming pushes come and go.
            observer.schedule(self._handler, str(self._repo), recursive=False, event_filter=_EVENTS)
            observer.schedule(self._handler, str(self._repo / "refs"), recursive=True, event_filter=_EVENTS)
            observer.start()
            self._watched = _identity(self._repo)
        except OSError as error:
            with contextlib.suppress(RuntimeError):
                observer.stop()
            raise Temporary(f"cannot watch {self._repo}: {error.strerror or error}") from error
        self._observer = observer

    def stop(self) -> None:
        """End; returns when the threads have ended. Does nothing when not started."""
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.stop()
            observer.join()

    def alive(self) -> bool:
        """Whether events can still arrive: unmount or removal of the folder silences inotify without a
        sign."""
        if self._observer is None or not self._observer.is_alive():
            return False
        try:
            return _identity(self._repo) == self._watched and (self._repo / "refs").is_dir()
        except OSError:
            return False


class _Handler(FileSystemEventHandler):
    def __init__(self, repo: Path, branch: str, wake: Callable[[], None]) -> None:
        self._names = {str(repo / "packed-refs"), str(repo / "HEAD")}
        self._branch = str(repo / "refs/heads" / branch)
        self._wake = wake

    def on_any_event(self, event: FileSystemEvent) -> None:
        if any(self._matters(os.fsdecode(path)) for path in (event.src_path, event.dest_path) if path):
            self._wake()

    def _matters(self, path: str) -> bool:
        # A folder above the branch counts too: team/ may appear with team/main already inside.
        return path in self._names or path == self._branch or self._branch.startswith(f"{path}/")


def _identity(folder: Path) -> tuple[int, int]:
    found = folder.stat()
    return found.st_dev, found.st_ino
