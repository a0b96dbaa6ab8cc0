"""A thread that waits for a source of events and wakes somebody. The kinds of source are the other files here."""

import contextlib
import logging
import math
import os
import select
import threading
import time
from collections.abc import Callable, Collection, Mapping
from typing import Generic, Protocol, TypeVar

from reconciler.errors import Temporary
from reconciler.watch.coalesce import Coalesce

log = logging.getLogger(__name__)

QUIET = 0.005
"""Seconds without a further event before a wake."""

LATEST = 0.1
"""Seconds that a wake is late at most, however long the events go on."""

PATIENCE = 5.0
"""Seconds that `stop` waits for a thread which hangs in a frozen filesystem."""


class Source(Protocol):
    """What the thread waits for. Used by that thread only, but for its making."""

    retry: float | None
    """Seconds after which `ready` is to be called though nothing came; None: never."""

    def descriptors(self) -> Mapping[int, int]:
        """The descriptors to wait for, with the events of poll(2)."""

    def ready(self, descriptors: Collection[int]) -> bool:
        """Take in what came on these descriptors, none at the begin and for a retry. Whether it matters."""

    def close(self) -> None:
        """Close the descriptors."""


S = TypeVar("S", bound=Source)


class WatchThread(Generic[S]):
    """Calls `wake()` from a thread of its own when the source that `make` makes says that something matters."""

    def __init__(self, name: str, make: Callable[[], S], wake: Callable[[], None], quiet: float, latest: float) -> None:
        self._name = name
        self._make = make
        self._wake = wake
        self._times = quiet, latest
        self._thread: threading.Thread | None = None
        self._stop = -1
        self._source: S | None = None

    def start(self) -> None:
        """Begin, anew if it runs already. Raises Temporary when the kernel grants no descriptor for it."""
        self.stop()
        with contextlib.ExitStack() as undo:
            try:
                source = self._make()
                undo.callback(source.close)
                self._stop = os.eventfd(0)
                undo.callback(os.close, self._stop)
                stop = os.dup(self._stop)
            except OSError as error:
                raise Temporary(f"cannot watch {self._name}: {error.strerror or error}") from error
            undo.pop_all()
        self._source = source
        # It owns its descriptors: one that hangs in a frozen filesystem when stopped closes them once it gets free.
        name = f"watch {self._name}"
        self._thread = threading.Thread(target=self._run, args=(source, stop), name=name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; does nothing when not started. Not to be called from `wake`."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        os.eventfd_write(self._stop, 1)
        os.close(self._stop)
        thread.join(PATIENCE)
        if thread.is_alive():
            log.warning("the thread that watches %s hangs in a filesystem; left behind", self._name)

    def alive(self) -> bool:
        """Whether the thread runs. Looks at nothing that could hang."""
        return self._thread is not None and self._thread.is_alive()

    def _run(self, source: S, stop: int) -> None:
        try:
            self._loop(source, stop)
        except Exception:
            log.exception("watching %s ended", self._name)
        finally:
            source.close()
            os.close(stop)

    def _loop(self, source: S, stop: int) -> None:
        poller = select.poll()
        poller.register(stop, select.POLLIN)
        for descriptor, events in source.descriptors().items():
            poller.register(descriptor, events)
        pending = Coalesce(*self._times)
        ready: Collection[int] = ()
        while stop not in ready:
            now = time.monotonic()
            due = pending.remaining(now)
            # A timeout that only ends a burst is no retry.
            if (ready or due is None) and source.ready(ready):
                pending.note(time.monotonic())
            if pending.take(time.monotonic()):
                self._call()
            wait = pending.remaining(time.monotonic())
            wait = source.retry if wait is None else wait
            found = poller.poll(None if wait is None else math.ceil(wait * 1000))
            ready = [descriptor for descriptor, _ in found]

    def _call(self) -> None:
        try:
            self._wake()
        except Exception:
            log.exception("what %s woke failed", self._name)
