"""The loop: wakes coalesce, temporary failures come back, whoever listens hears."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from reconciler.daemon.loop import Loop, backoff
from reconciler.daemon.outcome import PassReport, Result, Wake
from reconciler.errors import Temporary


class Scripted:
    """Stands for Passes: answers from a list, remembers what woke it."""

    def __init__(self, *results: Result) -> None:
        self.results = list(results)
        self.wakes: list[Wake] = []
        self.gate = threading.Event()
        self.gate.set()
        self.begun = threading.Event()
        self.superseded: tuple[str, ...] = ()

    def make(self, wake: Wake, say: Callable[[str], None]) -> PassReport:
        self.begun.set()
        self.gate.wait(10)
        self.wakes.append(wake)
        say("working")
        result = self.results.pop(0) if self.results else Result.UNCHANGED
        return PassReport(result, "c1", (f"line {len(self.wakes)}",), time.time(), superseded=self.superseded)


@contextmanager
def running(passes: Scripted, resync: float = 3600) -> Iterator[Loop]:
    loop = Loop(lambda wake, say: passes.make(wake, say), resync=resync)  # noqa: PLW0108  tests put another in
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        yield loop
    finally:
        passes.gate.set()
        loop.stop()
        thread.join(10)
        assert not thread.is_alive()


def report_of(loop: Loop, commit: str | None, wake: Wake | None = None) -> PassReport:
    listener = loop.listen(commit)
    if wake:
        loop.wake(wake)
    while True:
        item = listener.queue.get(timeout=60)
        if isinstance(item, PassReport):
            return item


def test_the_first_pass_is_made_at_the_start_and_looks_for_drift() -> None:
    passes = Scripted()
    with running(passes) as loop:
        report_of(loop, "c1")
    assert passes.wakes[0].trigger == "start"
    assert passes.wakes[0].thorough


def test_wakes_during_a_pass_make_one_further_pass() -> None:
    passes = Scripted()
    passes.gate.clear()
    with running(passes) as loop:
        assert passes.begun.wait(10)
        for _ in range(50):
            loop.wake(Wake("commit"))
        listener = loop.listen(None)
        loop.wake(Wake("push", by="ada"))
        passes.gate.set()
        while not isinstance(listener.queue.get(timeout=60), PassReport):
            pass
        assert [wake.trigger for wake in passes.wakes] == ["start", "push"]


def test_what_is_temporary_is_tried_again_without_any_event() -> None:
    passes = Scripted(Result.WAITING, Result.WAITING, Result.APPLIED)
    with running(passes) as loop:
        deadline = time.monotonic() + 10
        while (loop.last is None or loop.last.result is not Result.APPLIED) and time.monotonic() < deadline:
            threading.Event().wait(0.01)
        assert [wake.trigger for wake in passes.wakes] == ["start", "retry", "retry"]


def test_what_is_permanent_is_not_tried_again() -> None:
    passes = Scripted(Result.FAILED)
    with running(passes) as loop:
        report_of(loop, "c1")
        assert loop.retry_at is None


def test_a_resync_comes_without_any_event() -> None:
    passes = Scripted()
    with running(passes, resync=0.05) as loop:
        report_of(loop, None)
        report_of(loop, None)
    assert passes.wakes[-1] == Wake("resync", thorough=True, housekeeping=True)


def test_a_resync_is_not_starved_by_other_wakes() -> None:
    passes = Scripted()
    with running(passes, resync=0.2) as loop:
        deadline = time.monotonic() + 10
        while not any(wake.housekeeping for wake in passes.wakes) and time.monotonic() < deadline:
            loop.wake(Wake("lease"))
            report_of(loop, None, Wake("lease"))
        assert any(wake.housekeeping and wake.thorough for wake in passes.wakes)


def test_what_was_told_to_be_too_late_is_not_done() -> None:
    passes = Scripted()
    passes.gate.clear()
    with running(passes) as loop:
        assert passes.begun.wait(10)
        done: list[int] = []
        assert loop.submit(lambda: done.append(1)).cancel()
        passes.gate.set()
        report_of(loop, None, Wake("operator"))
        assert not done


def test_a_listener_for_the_next_pass_does_not_hear_of_one_that_had_begun() -> None:
    passes = Scripted()
    passes.gate.clear()
    with running(passes) as loop:
        assert passes.begun.wait(10)
        listener = loop.listen(None)
        loop.wake(Wake("operator", by="ada"))
        passes.gate.set()
        item = listener.queue.get(timeout=60)
        while not isinstance(item, PassReport):
            item = listener.queue.get(timeout=60)
        assert item.lines == ("line 2",)


def test_who_waits_for_a_superseded_commit_hears_of_the_pass_that_made_it_so() -> None:
    passes = Scripted(Result.APPLIED)
    passes.superseded = ("c0",)
    with running(passes) as loop:
        assert report_of(loop, "c0").commit == "c1"


def test_who_comes_after_a_further_pass_hears_of_the_one_that_applied() -> None:
    passes = Scripted(Result.APPLIED, Result.UNCHANGED, Result.FAILED)
    with running(passes) as loop:
        report_of(loop, "c1")
        report_of(loop, None, Wake("commit"))
        assert report_of(loop, "c1").result is Result.APPLIED
        report_of(loop, None, Wake("commit"))
        assert report_of(loop, "c1").result is Result.FAILED


def test_jobs_run_before_the_next_pass_and_in_the_loops_thread() -> None:
    passes = Scripted()
    with running(passes) as loop:
        done: list[str] = []
        finished = threading.Event()
        loop.submit(lambda: (done.append(threading.current_thread().name), finished.set())[0])
        assert finished.wait(10)
        assert done[0] != threading.current_thread().name


def test_what_is_tried_again_is_as_thorough_as_it_was() -> None:
    passes = Scripted(Result.WAITING)
    with running(passes) as loop:
        deadline = time.monotonic() + 10
        while len(passes.wakes) < 2 and time.monotonic() < deadline:
            threading.Event().wait(0.01)
        assert loop.retry_at is None
    assert passes.wakes == [Wake("start", thorough=True), Wake("retry", thorough=True)]


def test_a_mistake_of_the_programs_own_ends_a_pass_and_not_the_loop() -> None:
    passes = Scripted()
    with running(passes) as loop:
        report_of(loop, "c1")
        make, passes.make = passes.make, lambda wake, say: 1 / 0  # type: ignore[method-assign, assignment, return-value]
        assert "error of its own" in report_of(loop, None, Wake("commit")).lines[0]
        passes.make = make  # type: ignore[method-assign]
        assert report_of(loop, None, Wake("commit")).result is Result.UNCHANGED


def test_a_job_that_the_loop_did_not_come_to_says_so() -> None:
    passes = Scripted()
    passes.gate.clear()
    with running(passes) as loop:
        assert passes.begun.wait(10)
        future = loop.submit(lambda: 1)
    with pytest.raises(Temporary):
        future.result(timeout=60)
    with pytest.raises(Temporary):
        loop.submit(lambda: 1).result(timeout=60)


def test_who_listens_while_the_daemon_stops_is_told() -> None:
    passes = Scripted()
    with running(passes) as loop:
        report_of(loop, "c1")
        listener = loop.listen("other")
    item = listener.queue.get(timeout=60)
    while not isinstance(item, PassReport):
        item = listener.queue.get(timeout=60)
    assert item.result is Result.WAITING
    assert "stopping" in item.lines[0]


def test_delays_grow_to_a_minute_and_stay_there() -> None:
    delays = backoff()
    assert [next(delays) for _ in range(10)] == [0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60]
