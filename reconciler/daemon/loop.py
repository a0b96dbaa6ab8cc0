"""The loop: one thread that owns every effect. Events wake it, jobs are done in it, passes are made by it.

Wakes coalesce: any number of them before a pass begins make one pass. A pass that ended in something temporary is
tried again after a growing delay; a new wake cuts the delay short. Without any event a pass is made every `resync`.
"""

import gc
import logging
import queue
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import TypeVar

from reconciler.daemon import notify
from reconciler.daemon.outcome import PassReport, Result, Wake
from reconciler.errors import Temporary
from reconciler.services.base import Say

T = TypeVar("T")

Make = Callable[[Wake, Say], PassReport]

log = logging.getLogger(__name__)

_RESYNC = Wake("resync", thorough=True, housekeeping=True)

_REMEMBERED = 256
"""Commits whose report is kept for those who ask what became of their push."""


def backoff() -> Iterator[float]:
    """Seconds between tries: 0.5, 1, 2 … 60."""
    delay = 0.5
    while True:
        yield delay
        delay = min(delay * 2, 60.0)


class Listener:
    """Receives progress lines, then the report of the pass that settled a commit.

    Without a commit: of the first pass that begins after `after` passes have begun.
    """

    def __init__(self, commit: str | None, after: int) -> None:
        self.commit = commit
        self.after = after
        self.queue: queue.Queue[str | PassReport] = queue.Queue()


class Loop:
    """Runs passes and jobs, one after the other, in the thread that calls `run`.

    make: makes a pass. resync: seconds. tend: called before each of them, each second at the least; must be quick.
    """

    def __init__(self, make: Make, *, resync: float, tend: Callable[[], None] = lambda: None) -> None:
        self._make_pass = make
        self._tend = tend
        self.last: PassReport | None = None
        self.last_applied: PassReport | None = None
        self.retry_at: float | None = None
        self.busy_since: float | None = None
        self._resync = resync
        self._condition = threading.Condition()
        self._wakes: list[Wake] = []
        self._jobs: deque[_Job] = deque()
        self._listeners: list[Listener] = []
        self._reports: OrderedDict[str, PassReport] = OrderedDict()
        self.thread: int | None = None
        """The kernel's number of the thread that `run` runs in."""
        self._stopping = False
        self._nudged = False
        self._ended = False
        self._begun = 0
        self._delays = backoff()
        self._retry = Wake("retry")
        self._lease_end: float | None = None

    def wake(self, wake: Wake) -> None:
        """Ask for a pass. Any thread may."""
        with self._condition:
            self._wakes.append(wake)
            self._condition.notify_all()

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Have `work` done in the loop's thread before the next pass. Any thread may.

        What it returns or raises stands in the future; Temporary if the loop ends before.
        """
        future: Future[T] = Future()

        def job(ended: bool) -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                if ended:
                    raise Temporary("the daemon is stopping or reading new settings; try again")
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)

        with self._condition:
            ended = self._ended
            if not ended:
                self._jobs.append(job)
                self._condition.notify_all()
        if ended:
            job(True)
        return future

    def listen(self, commit: str | None) -> Listener:
        """Hear of the next pass, or of the one that settles `commit` (also where that has been already)."""
        with self._condition:
            listener = Listener(commit, self._begun)
            report = self._reports.get(commit) if commit else None
            if report is not None or self._ended:
                listener.queue.put(report or _stopping())
            else:
                self._listeners.append(listener)
        return listener

    def dismiss(self, listener: Listener) -> None:
        """Stop listening."""
        with self._condition:
            if listener in self._listeners:
                self._listeners.remove(listener)

    def nudge(self) -> None:
        """Have `tend` called now, without a pass. Any thread may."""
        with self._condition:
            self._nudged = True
            self._condition.notify_all()

    def renew(self) -> None:
        """A term began or ended: what was to be tried again, or awaited, is so no more. In the loop's thread only."""
        self.retry_at = self._lease_end = self.last_applied = None
        self._delays = backoff()

    def stop(self) -> None:
        """End `run` after the step it is in. Any thread may, signal handlers may not."""
        with self._condition:
            self._stopping = True
            self._condition.notify_all()

    def run(self) -> None:
        """Work until `stop`."""
        self.thread = threading.get_native_id()
        self.wake(Wake("start", thorough=True))
        resync_at = time.monotonic() + self._resync
        while True:
            self._tend()
            if self._stopping:
                break
            job, wake = self._next(resync_at)
            if job is not None:
                job(False)
            elif wake is not None:
                self._tend()
                if wake.thorough:
                    resync_at = time.monotonic() + self._resync
                self._pass(wake)
        self._dismiss_all()

    def _next(self, resync_at: float) -> tuple["_Job | None", Wake | None]:
        with self._condition:
            now = time.monotonic()
            due = min(resync_at, self.retry_at or resync_at, self._lease_end or resync_at)
            idle = not (self._jobs or self._wakes or self._stopping or self._nudged)
            if idle and now < due:
                # Woken at least each second: watches are tended, and systemd wants its sign of life.
                self._condition.wait(min(due - now, 1.0))
                notify.notify("WATCHDOG=1")
            nudged, self._nudged = self._nudged, False
            if self._stopping or nudged:
                return None, None
            if self._jobs:
                return self._jobs.popleft(), None
            if self._wakes:
                wakes, self._wakes = self._wakes, []
                if time.monotonic() >= resync_at:
                    # However many wakes come, a full pass is made in its time.
                    wakes.append(_RESYNC)
                return None, _coalesce(wakes)
            now = time.monotonic()
            if self.retry_at is not None and now >= self.retry_at:
                return None, self._retry
            if self._lease_end is not None and now >= self._lease_end:
                return None, Wake("lease")
            return None, _RESYNC if now >= resync_at else None

    def _pass(self, wake: Wake) -> None:
        with self._condition:
            self._begun += 1
        notify.notify("WATCHDOG=1")
        begun = time.time()
        self.busy_since, self.retry_at = begun, None
        report = self._make(wake)
        self.busy_since = None
        # One that had ended before was not looked at (paused, standby), and would wake us for ever.
        ends = report.again_at if report.again_at is not None and report.again_at > begun else None
        self._lease_end = time.monotonic() + ends - time.time() if ends is not None else None
        if report.result is Result.WAITING:
            self._retry = Wake("retry", thorough=wake.thorough)
            self.retry_at = time.monotonic() + next(self._delays)
        else:
            self._delays = backoff()
        self._log(wake, report)
        self._publish(report)
        _tidy(everything=wake.housekeeping)

    def _make(self, wake: Wake) -> PassReport:
        try:
            return self._make_pass(wake, self._say)
        except Exception:
            # A mistake of this program's own must not end it: the push that mends or avoids it has to be served.
            log.exception("a pass could not be made")
            text = f"{'failed':<9} the daemon met an error of its own, see its log"
            return PassReport(Result.FAILED, None, (text,), time.time())

    def _say(self, text: str) -> None:
        notify.notify("WATCHDOG=1")
        with self._condition:
            for listener in self._listeners:
                listener.queue.put(text)

    def _publish(self, report: PassReport) -> None:
        with self._condition:
            self.last = report
            if report.result is Result.APPLIED:
                self.last_applied = report
            settled = {commit for commit in (report.commit, *report.superseded) if commit}
            for commit in settled:
                # Who comes late wants to hear of the pass that applied the commit, not of one that found it done.
                known = self._reports.get(commit)
                if known is None or known.result is not Result.APPLIED or report.result is not Result.UNCHANGED:
                    self._reports[commit] = report
                self._reports.move_to_end(commit)
            while len(self._reports) > _REMEMBERED:
                self._reports.popitem(last=False)
            waiting = []
            for listener in self._listeners:
                # Who waits for a commit began to after it was stored: a pass that began later had it, or one on top.
                if listener.commit in settled or listener.after < self._begun:
                    listener.queue.put(report)
                else:
                    waiting.append(listener)
            self._listeners = waiting

    def _dismiss_all(self) -> None:
        with self._condition:
            self._ended = True
            listeners, self._listeners = self._listeners, []
            jobs, self._jobs = self._jobs, deque()
        for listener in listeners:
            listener.queue.put(_stopping())
        for job in jobs:
            job(True)

    def _log(self, wake: Wake, report: PassReport) -> None:
        if report.result is Result.UNCHANGED and not report.drift:
            return
        known = self.last is not None and self.last.lines == report.lines and self.last.result is report.result
        if known:
            return
        level = logging.INFO if report.result.good else logging.WARNING
        for text in report.lines:
            log.log(level, "%s: %s", wake.trigger, text, extra={"fields": {"commit": report.commit}})


def _tidy(*, everything: bool) -> None:
    """Take what a pass has made out of the garbage collector's sight: looking through it would slow down each next one.

    Nearly all of it is freed without the collector. everything: look through what is kept as well, which takes long.
    """
    if everything:
        gc.unfreeze()
    gc.collect()
    gc.freeze()


_Job = Callable[[bool], None]
"""Something to be done; told whether the loop has ended instead."""


def _stopping() -> PassReport:
    text = "the daemon is stopping or reading new settings; what is not applied yet is applied when it is back"
    return PassReport(Result.WAITING, None, (f"{'waiting':<9} {text}",), time.time())


def _coalesce(wakes: list[Wake]) -> Wake:
    """One wake for many: the first that somebody asked for names the trigger; wishes add up."""
    named = next((wake for wake in wakes if wake.by), wakes[0])
    return Wake(
        trigger=named.trigger,
        thorough=any(wake.thorough for wake in wakes),
        allow=any(wake.allow for wake in wakes),
        again=any(wake.again for wake in wakes),
        housekeeping=any(wake.housekeeping for wake in wakes),
        by=named.by,
    )
