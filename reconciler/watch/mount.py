"""Notices that something was mounted at, above or over a path, or unmounted there. Touches no filesystem."""

import select
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from reconciler.watch.mounts import Mounts
from reconciler.watch.thread import LATEST, QUIET, WatchThread


class MountWatch(WatchThread["Table"]):
    """Calls `wake()`, from its own thread, when the mounts on the way to `path` have changed."""

    def __init__(self, path: Path, wake: Callable[[], None]) -> None:
        super().__init__(f"what is mounted at {path}", lambda: Table(path), wake, QUIET, LATEST)


class Table:
    """The source: /proc/self/mountinfo, which is ready for POLLPRI when any mount changed (proc(5))."""

    retry: float | None = None

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._mounts = Mounts()
        self._covering = self._mounts.covering([self._path])

    def descriptors(self) -> Mapping[int, int]:
        """See Source."""
        return {self._mounts.fileno(): select.POLLPRI}

    def ready(self, descriptors: Collection[int]) -> bool:
        """See Source."""
        before, self._covering = self._covering, self._mounts.covering([self._path])
        return not descriptors or self._covering != before

    def close(self) -> None:
        """See Source."""
        self._mounts.close()
