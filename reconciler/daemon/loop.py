"""The loop: one thread that owns every effect. Events wake it, jobs are done in it, passes are made by it.

Wakes coalesce: any number of them before a pass begins make one pass. A pass that ended in something temporary is
tried again after a growing delay; a new wake cuts the delay short. Without any event a pass is made every `resync`.
"""

import logging
import queue
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator

from reconciler.daemon import notify
from reconciler.daemon.passes import Passes, PassReport, Result, Wake

log = logging.getLogger(__name__)

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

    resync: seconds. tend: called between them, each second at the least; must be quick.
    """

    def __init__(self, passes: Passes, *, resync: float, tend: Callable[[], None] = lambda: None) -> None:
        self.passes = passes
        self._tend = tend
        self.last: PassReport | None = None
        self.last_applied: PassReport | None = None
        self.retry_at: float | None = None
        self.busy_since: float | None = None
        self._resync = resync
        self._condition = threading.Condition()
        self._wakes: list[Wake] = []
        self._jobs: deque[Callable[[], None]] = deque()
        self._listeners: list[Listener] = []
        self._reports: OrderedDict[str, PassReport] = OrderedDict()
        self._stopping = False
        self._begun = 0
        self._delays = backoff()

    def wake(self, wake: Wake) -> None:
        """Ask for a pass. Any thread may."""
        with self._condition:
            self._wakes.append(wake)
            self._condition.notify_all()

    def submit(self, job: Callable[[], None]) -> None:
        """Have `job` run in the loop's thread before the next pass. Any thread may."""
        with self._condition:
            self._jobs.append(job)
            self._condition.notify_all()

    def listen(self, commit: str | None) -> Listener:
        """Hear of the next pass, or of the one that settles `commit` (also where that has been already)."""
        with self._condition:
            listener = Listener(commit, self._begun)
            report = self._reports.get(commit) if commit else None
            if report is not None:
                listener.queue.put(report)
            else:
                self._listeners.append(listener)
        return listener

    def dismiss(self, listener: Listener) -> None:
        """Stop listening."""
        with self._condition:
            if listener in self._listeners:
                self._listeners.remove(listener)

    def stop(self) -> None:
        """End `run` after the step it is in. Any thread and signal handlers may."""
        self._stopping = True

    def run(self) -> None:
        """Work until `stop`."""
        self.wake(Wake("start", thorough=True))
        resync_at = time.monotonic() + self._resync
        while not self._stopping:
            self._tend()
            job, wake = self._next(resync_at)
            if job is not None:
                job()
            elif wake is not None:
                if wake.thorough:
                    resync_at = time.monotonic() + self._resync
                self._pass(wake)
        self._dismiss_all()

    def _next(self, resync_at: float) -> tuple[Callable[[], None] | None, Wake | None]:
        with self._condition:
            now = time.monotonic()
            due = min(resync_at, self.retry_at or resync_at)
            if not self._jobs and not self._wakes and now < due:
                # Woken at least each second: a signal sets a flag, and systemd wants its sign of life.
                self._condition.wait(min(due - now, 1.0))
                notify.notify("WATCHDOG=1")
            if self._jobs:
                return self._jobs.popleft(), None
            if self._wakes:
                wakes, self._wakes = self._wakes, []
                return None, _coalesce(wakes)
            now = time.monotonic()
            if self.retry_at is not None and now >= self.retry_at:
                return None, Wake("retry")
            return None, Wake("resync", thorough=True) if now >= resync_at else None

    def _pass(self, wake: Wake) -> None:
        with self._condition:
            self._begun += 1
        self.busy_since, self.retry_at = time.time(), None
        report = self.passes.make(wake, self._say)
        self.busy_since = None
        if report.result is Result.WAITING:
            self.retry_at = time.monotonic() + next(self._delays)
        else:
            self._delays = backoff()
        self._log(wake, report)
        self._publish(report)

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
                self._reports[commit] = report
                self._reports.move_to_end(commit)
            while len(self._reports) > _REMEMBERED:
                self._reports.popitem(last=False)
            waiting = []
            for listener in self._listeners:
                if (
                    listener.commit in settled
                    or (listener.after < self._begun
                    and not (listener.commit and report.commit))
                ):
                    listener.queue.put(report)
                else:
                    waiting.append(listener)
            self._listeners = waiting

    def _dismiss_all(self) -> None:
        text = "the daemon is stopping; what is not applied yet is applied at its start"
        report = PassReport(Result.WAITING, None, (f"{'waiting':<9} {text}",), time.time())
        with self._condition:
            for listener in self._listeners:
                listener.queue.put(report)
            self._listeners.clear()

    def _log(self, wake: Wake, report: PassReport) -> None:
        if report.result is Result.UNCHANGED and not report.drift:
            return
        known = self.last is not None and self.last.lines == report.lines and self.last.result is report.result
        if known:
            return
        level = logging.INFO if report.result.good else logging.WARNING
        for text in report.lines:
            log.log(level, "%s: %s", wake.trigger, text, extra={"fields": {"commit": report.commit}})


def _coalesce(wakes: list[Wake]) -> Wake:
    """One wake for many: the first that somebody asked for names the trigger; wishes add up."""
    named = next((wake for wake in wakes if wake.by), wakes[0])
    return Wake(
        trigger=named.trigger,
        thorough=any(wake.thorough for wake in wakes),
        allow=any(wake.allow for wake in wakes),
        by=named.by,
    )
