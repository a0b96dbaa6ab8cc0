"""Something done again and again by a thread of its own, because it may hang: talking to somebody on the network."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Generic, TypeVar

from reconciler.errors import ReconcilerError, Temporary, words

T = TypeVar("T")
log = logging.getLogger(__name__)

PATIENCE = 2.0
"""Seconds that `stop` waits; a conversation that hangs ends by its own bound."""


def growing(first: float, longest: float) -> Iterator[float]:
    """Seconds between tries: `first`, twice that … `longest`, or `first` where that is longer already."""
    delay = first
    while True:
        yield delay
        delay = max(first, min(delay * 2, longest))


class Repeater(Generic[T]):
    """Calls `work` from a thread of its own.

    pause: gives the seconds until the next call after one that went well, None to wait for `poke`. tries: gives the
    delays after calls that raised a ReconcilerError or OSError. quiet: seconds that a poke waits for further ones.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], T],
        *,
        pause: Callable[[], float | None],
        tries: Callable[[], Iterator[float]],
        quiet: float = 0.0,
    ) -> None:
        self.problem: str | None = None
        """Why the last call failed; None when it went well."""
        self.last_good: float | None = None
        """When a call last went well, Unix time."""
        self._name = name
        self._work = work
        self._pause = pause
        self._new_tries = tries
        self._tries = tries()
        self._quiet = quiet
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._generation = 0
        self._due: float | None = None
        self._asked: list[Future[T]] = []

    def start(self) -> None:
        """Begin with a call at once; does nothing where it runs already."""
        with self._condition:
            if self.alive():
                return
            self._generation += 1
            self._due = time.monotonic()
            self._tries = self._new_tries()
            args = (self._generation,)
            self._thread = threading.Thread(target=self._run, args=args, name=self._name, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End; a call that is under way is left to itself. Does nothing when not started."""
        with self._condition:
            thread, self._thread = self._thread, None
            self._generation += 1
            asked, self._asked = self._asked, []
            self._condition.notify_all()
        for future in asked:
            future.set_exception(Temporary("the daemon is stopping or reading new settings; try again"))
        if thread is not None:
            thread.join(PATIENCE)

    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def poke(self) -> None:
        """Ask for a call soon. While calls fail, the delay after a failure is kept. Any thread may."""
        with self._condition:
            if self.problem is None:
                soon = time.monotonic() + self._quiet
                self._due = soon if self._due is None else min(self._due, soon)
                self._condition.notify_all()

    def now(self) -> "Future[T]":
        """Ask for a call that begins after this one, at once. Any thread may.

        What it returns or raises stands in the future.
        """
        future: Future[T] = Future()
        with self._condition:
            alive = self.alive()
            if alive:
                self._asked.append(future)
                self._condition.notify_all()
        if not alive:
            future.set_exception(Temporary(f"{self._name} is not at work"))
        return future

    def _run(self, generation: int) -> None:
        while True:
            with self._condition:
                while generation == self._generation and not self._asked and not self._is_due():
                    wait = None if self._due is None else max(self._due - time.monotonic(), 0.0)
                    self._condition.wait(wait)
                if generation != self._generation:
                    return
                asked, self._asked, self._due = self._asked, [], None
            self._call(generation, asked)

    def _is_due(self) -> bool:
        return self._due is not None and time.monotonic() >= self._due

    def _call(self, generation: int, asked: "list[Future[T]]") -> None:
        result: T | None = None
        failure: Exception | None = None
        try:
            result = self._work()
        except (ReconcilerError, OSError) as error:
            failure = error
        except Exception as error:
            # A mistake of this program's own must not end the thread.
            log.exception("%s failed", self._name)
            failure = error
        with self._condition:
            if generation == self._generation:
                self._settle(failure)
        for future in asked:
            with contextlib.suppress(Exception):
                if failure is not None:
                    future.set_exception(failure)
                else:
                    future.set_result(result)  # type: ignore[arg-type]

    def _settle(self, failure: Exception | None) -> None:
        """Note how it went, and when to go on."""
        if failure is None:
            if self.problem is not None:
                log.info("%s: works again", self._name)
            self.problem, self.last_good, self._tries = None, time.time(), self._new_tries()
            pause = self._pause()
        else:
            text = words(failure)
            if text != self.problem:
                log.warning("%s: %s", self._name, text)
            self.problem = text
            pause = next(self._tries)
        due = None if pause is None else time.monotonic() + pause
        self._due = due if self._due is None or due is None else min(self._due, due)
        if failure is not None:
            self._due = due
