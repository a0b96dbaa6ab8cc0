"""Notices that a DHCP server wrote its lease file, wherever the file's folder comes and goes.

dnsmasq rewrites the file in place and keeps it open: only IN_MODIFY comes. Others append, or rename a new file over it.
So the folder is watched, and each folder above it for as long as it may appear or be replaced; a mount or unmount is
seen through /proc/self/mountinfo. Nothing is kept open: a watch does not keep a mount busy. Every event is only a wake.
"""

import contextlib
import ctypes
import errno
import logging
import os
import select
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import pyinotify

from reconciler.watch.mounts import Mounts
from reconciler.watch.thread import LATEST, QUIET, WatchThread

# What it logs, on a handler of its own, is each of our races with a folder that vanishes; all are expected.
logging.getLogger("pyinotify").setLevel(logging.CRITICAL + 1)

_SELF = pyinotify.IN_DELETE_SELF | pyinotify.IN_MOVE_SELF | pyinotify.IN_ONLYDIR
_ENTRY = pyinotify.IN_CREATE | pyinotify.IN_MOVED_TO | pyinotify.IN_ATTRIB
_CONTENT = _ENTRY | pyinotify.IN_MODIFY | pyinotify.IN_CLOSE_WRITE | pyinotify.IN_MOVED_FROM | pyinotify.IN_DELETE
"""Not the reading ones: whoever is woken reads the file, and would wake itself for ever."""
_GONE = pyinotify.IN_DELETE_SELF | pyinotify.IN_MOVE_SELF | pyinotify.IN_UNMOUNT | pyinotify.IN_IGNORED

_RETRY = 5.0
"""Seconds between tries where no event can tell: no watch left, or a folder that may not be watched."""

_LINKS = 3
"""Tries to find where symbolic links on the way lead, while they change."""

KEA_SIBLINGS = (".1", ".2", ".completed")
"""What Kea's lease file cleanup (LFC) adds to its lease file's name, of the files that hold leases."""


class LeaseWatch(WatchThread["Folder"]):
    """Calls `wake()`, from its own thread, when the lease file `path` may have changed, and once it begins to watch.

    beside: names of further files in its folder that matter. quiet, latest: seconds, see thread.py.
    """

    def __init__(
        self,
        path: Path,
        wake: Callable[[], None],
        *,
        beside: Collection[str] = (),
        quiet: float = QUIET,
        latest: float = LATEST,
    ) -> None:
        super().__init__(str(path), lambda: Folder(path, {path.name, *beside}), wake, quiet, latest)

    @property
    def problem(self) -> str | None:
        """Why no change would be noticed at present, as a sentence; None when all is well."""
        if self._source is None or not self.alive():
            return f"{self._name} is not watched"
        return self._source.problem


class Folder:
    """The source: one inotify instance and the mounts. Raises OSError when the kernel has no instance left."""

    def __init__(self, path: Path, names: Collection[str]) -> None:
        # Lexically: resolving it could hang, and here is the caller's thread.
        self._path = Path(os.path.abspath(path))  # noqa: PTH100
        self._names = frozenset({*names, ""})
        self._mounts = Mounts()
        try:
            self._manager = pyinotify.WatchManager()
        except OSError as error:
            self._mounts.close()
            reason = f"{error}; see fs.inotify.max_user_instances (sysctl)"
            raise OSError(ctypes.get_errno(), reason) from error
        os.set_inheritable(self._manager.get_fd(), False)
        self._notifier = pyinotify.Notifier(self._manager, self._take)
        self._watched: dict[int, frozenset[str]] = {}
        self._inside: int | None = None
        self._lookups = {str(self._path)}
        self._covering: frozenset[tuple[str, ...]] | None = None
        self._stale = self._changed = False
        self.problem: str | None = None
        self.retry: float | None = None

    def descriptors(self) -> Mapping[int, int]:
        """See Source."""
        return {self._manager.get_fd(): select.POLLIN, self._mounts.fileno(): select.POLLPRI}

    def ready(self, descriptors: Collection[int]) -> bool:
        """See Source."""
        self._changed, self._stale = False, not descriptors
        if self._manager.get_fd() in descriptors:
            self._read()
        told = self._covering is None or self._mounts.fileno() in descriptors
        if told and self._mounts.covering(self._lookups) != self._covering:
            # Only then: every look at the path is an instant in which an unmount would find it busy.
            self._changed = self._stale = True
        if self._stale:
            self._look()
        return self._changed

    def close(self) -> None:
        """See Source."""
        self._notifier.stop()
        self._mounts.close()

    def _read(self) -> None:
        try:
            self._notifier.read_events()
            self._notifier.process_events()
        except Exception:
            # pyinotify fails on a name that is not UTF-8, and the events behind it are lost: as with a full queue.
            self._stale = self._changed = True

    def _take(self, event: pyinotify.Event) -> None:
        if event.mask & pyinotify.IN_Q_OVERFLOW:
            self._stale = self._changed = True
        elif event.mask & _GONE:
            self._stale = self._stale or event.wd in self._watched
        elif event.name in self._watched.get(event.wd, ()):
            if event.wd == self._inside:
                self._changed = True
            else:
                self._stale = True

    def _look(self) -> None:
        """Put the watches where the path leads now."""
        for _ in range(_LINKS):
            # Before the walk: a mount that comes in its middle has to be news afterwards.
            self._covering = self._mounts.covering(self._lookups)
            self._walk()
            lookups = {str(self._path), os.path.realpath(self._path)}
            if lookups == self._lookups:
                return
            self._lookups = lookups

    def _walk(self) -> None:
        self.retry = self.problem = None
        fresh: dict[int, frozenset[str]] = {}
        inside = None
        steps = [*reversed(self._path.parents)]
        # From the top: what appears below after its parent was watched makes an event.
        for place, below in zip(steps, [*steps[1:], None], strict=True):
            found = self._add(place, _SELF | (_ENTRY if below else _CONTENT))
            if found is None:
                break
            if found >= 0:
                fresh[found] = fresh.get(found, frozenset()) | ({below.name} if below else self._names)
                inside = None if below else found
        if inside is not None:
            self.retry = None
        for old in self._watched.keys() - fresh.keys():
            self._manager.rm_watch(old)
        # The same folder keeps its descriptor, so a new one tells.
        self._changed = self._changed or inside != self._inside
        self._watched, self._inside = fresh, inside

    def _add(self, place: Path, mask: int) -> int | None:
        """The watch descriptor; negative where it may not be watched; None where there is no such folder."""
        with contextlib.suppress(pyinotify.WatchManagerError):
            found: int = self._manager.add_watch(str(place), mask, quiet=False)[str(place)]
            return found
        number = ctypes.get_errno()
        if number in (errno.ENOENT, errno.ENOTDIR):
            self.problem = f"{place} is not there (or no folder); waiting for it"
            return None
        self.retry = _RETRY
        reason = os.strerror(number)
        if number == errno.ENOSPC:
            reason = "no inotify watch left, see fs.inotify.max_user_watches (sysctl)"
        if place == self._path.parent:
            self.problem = f"cannot watch {place}: {reason}"
        return -1
