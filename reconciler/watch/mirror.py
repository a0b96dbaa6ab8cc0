"""A table of the kernel's, mirrored by its events over rtnetlink(7), and read anew after events were lost."""

import errno
import select
import threading
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from typing import Any, Generic, TypeVar

from pyroute2.netlink.rtnl.marshal import MarshalRtnl

from reconciler.watch import netlink

_BATCH = 256
"""Events between two looks at whether a wake is due."""
_DUMP_TRIES = 5

K = TypeVar("K")
V = TypeVar("V")


class Mirror(ABC, Generic[K, V]):
    """A source as in watch/thread.py. groups: of rtnetlink's events. Raises OSError without netlink."""

    retry: float | None = None

    def __init__(self, groups: int) -> None:
        self._entries: dict[K, V] = {}
        self._lock = threading.Lock()
        self._marshal = MarshalRtnl()
        self._events = netlink.listen(groups)

    @abstractmethod
    def _dumped(self) -> Iterable[Any]:
        """All messages of a dump of the table."""

    @abstractmethod
    def _read(self, message: Any) -> tuple[K, V | None] | None:
        """What a message says: the entry's key, and the entry, None where it is gone. None for what is no entry."""

    @abstractmethod
    def _matters(self, key: K, old: V | None, new: V | None) -> bool:
        """Whether this change is worth a wake."""

    def entries(self) -> list[tuple[K, V]]:
        """Every entry. Any thread may."""
        with self._lock:
            return list(self._entries.items())

    def descriptors(self) -> Mapping[int, int]:
        """See Source."""
        return {self._events.fileno(): select.POLLIN}

    def ready(self, descriptors: Collection[int]) -> bool:
        """See Source."""
        if not descriptors:
            self._dump()
            return True
        try:
            return self._take()
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
        # Events were lost. What waits still is older than the dump, and would spoil it.
        netlink.drain(self._events)
        self._dump()
        return True

    def close(self) -> None:
        """See Source."""
        self._events.close()

    def _take(self) -> bool:
        changed = False
        for data in islice(netlink.waiting(self._events), _BATCH):
            for message in self._marshal.parse(data):
                changed = self._apply(message) or changed
        return changed

    def _apply(self, message: Any) -> bool:
        found = self._read(message)
        if found is None:
            return False
        key, new = found
        with self._lock:
            old = self._entries.pop(key, None)
            if new is not None:
                self._entries[key] = new
        return self._matters(key, old, new)

    def _dump(self) -> None:
        for _ in range(_DUMP_TRIES):
            entries: dict[K, V] = {}
            whole = True
            for message in self._dumped():
                whole = whole and not message["header"]["flags"] & netlink.DUMP_INTERRUPTED
                found = self._read(message)
                if found is not None and found[1] is not None:
                    entries[found[0]] = found[1]
            if whole:
                break
        # Interrupted each time: the events that interrupted it are still to come, and make it whole.
        with self._lock:
            self._entries = entries
