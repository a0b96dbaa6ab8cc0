"""Follows DRBD's events (`drbdsetup events2`, drbdsetup(8)), so that a change of role is noticed at once.

They only wake: whoever is woken reads the role anew. Of their own they tell two things: that they can be followed at
all, and that DRBD called for help about a split brain.
"""

import itertools
import select
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from reconciler.errors import Temporary
from reconciler.role.drbd import proc
from reconciler.role.drbd.events import StateMap
from reconciler.tools import Stream
from reconciler.watch.thread import LATEST, QUIET, WatchThread

COMMAND = ("drbdsetup", "events2")
"""Of all resources: named alone, one that is not up yet is an error, and its coming up no event."""

DEADLINE = 10.0
"""Seconds within which a new run has to have told all that exists."""

SETTLED = 10.0
"""Seconds that a run has to last for the next respawn to be quick again."""


def delays() -> Iterator[float]:
    """Seconds before each next try, after one that failed."""
    yield from (0.1, 0.3, 1.0, 3.0, 10.0)
    yield from itertools.repeat(30.0)


class DrbdWatch(WatchThread["Events"]):
    """Calls `wake()`, from its own thread, when the DRBD resource changed, and when its events are lost or back."""

    def __init__(
        self,
        resource: str,
        wake: Callable[[], None],
        *,
        backoff: Callable[[], Iterator[float]] = delays,
        table: Path = proc.PATH,
    ) -> None:
        super().__init__(f"DRBD resource {resource}", lambda: Events(resource, backoff, table), wake, QUIET, LATEST)

    @property
    def problem(self) -> str | None:
        """Why no change would be noticed at present, as a sentence; None when all is well."""
        source = self._source
        return source.problem if source is not None and self.alive() else "nothing follows them"

    @property
    def split_brain(self) -> bool:
        """Whether DRBD found a split brain that it could not resolve, as far as was heard."""
        return self._source is not None and self._source.state.split_brain


class Events:
    """The source: one run of events2 after the other; nothing that one told is taken over into the next."""

    def __init__(self, resource: str, backoff: Callable[[], Iterator[float]], table: Path) -> None:
        self._resource = resource
        self._table = table
        self._backoff = backoff
        self._delays = backoff()
        self._stream: Stream | None = None
        # Each run has a descriptor of its own, the thread waits for one that stays.
        self._epoll = select.epoll()
        self._due: float | None = time.monotonic()
        self.state = StateMap(resource)
        self.problem: str | None = "drbdsetup events2 has not been started yet"
        self.retry: float | None = None

    def descriptors(self) -> Mapping[int, int]:
        """See Source."""
        return {self._epoll.fileno(): select.POLLIN}

    def ready(self, descriptors: Collection[int]) -> bool:
        """See Source."""
        try:
            matters = self._read(self._stream) if self._stream and descriptors else False
            self._tend()
        except Temporary as error:
            matters = self._end(str(error))
        self.retry = None if self._due is None else max(self._due - time.monotonic(), 0.0)
        return matters

    def close(self) -> None:
        """See Source."""
        if self._stream is not None:
            self._stream.close()
        self._epoll.close()

    def _tend(self) -> None:
        """Do what is due."""
        if self._due is None or time.monotonic() < self._due:
            return
        if self._stream is None:
            # Without the module drbdsetup would load it, and here is only looked.
            if not self._table.exists():
                raise Temporary(proc.not_loaded(self._table))
            self.state = StateMap(self._resource)
            self._stream = Stream(COMMAND)
            self._epoll.register(self._stream, select.EPOLLIN)
            self.problem = "drbdsetup events2 has not told yet all that exists"
            self._due = time.monotonic() + DEADLINE
            return
        if not self.state.complete:
            raise Temporary(f"drbdsetup events2 did not tell within {DEADLINE:.0f} s all that exists")
        self._delays, self._due = self._backoff(), None

    def _read(self, stream: Stream) -> bool:
        before = self.state.complete
        changed = [self.state.feed(line) for line in stream.lines()]
        if before and not self.state.complete:
            raise Temporary(f"DRBD resource {self._resource} was renamed, or another one to its name")
        if self.state.complete and not before:
            self.problem = None
            self._due = time.monotonic() + SETTLED
        return self.state.complete and any(changed)

    def _end(self, why: str) -> bool:
        """The run is over, or none could be begun; whether that is news."""
        news = self.problem is None
        said = f" ({self.state.strange})" if self.state.strange else ""
        self.problem = f"{why}{said}; it is tried again"
        if self._stream is not None:
            self._epoll.unregister(self._stream)
            self._stream.close()
            self._stream = None
        self._due = time.monotonic() + next(self._delays)
        return news
