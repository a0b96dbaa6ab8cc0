"""The thread that follows DRBD's events, with a drbdsetup that ends, hangs, talks nonsense, or is not there."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path

import pytest
from drbd_data import section

from reconciler.errors import Temporary
from reconciler.tools import Stream
from reconciler.watch import drbd as module
from reconciler.watch.drbd import DrbdWatch

NOW = section("03-primary-a.node-a", "events2-now")
SPLIT = "call helper name:r0 peer-node-id:0 conn-name:peer volume:0 minor:0 helper:split-brain\n"


class Program:
    """A drbdsetup that prints what is put into its pipe, run after run; each run leaves its pid in `runs`."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.table = folder / "drbd"
        self.table.write_text("version: 8.4.11\n")
        self.woken = threading.Semaphore(0)
        self.watch = DrbdWatch("r0", self.woken.release, backoff=lambda: repeat(0.01), table=self.table)
        (folder / "bin").mkdir()
        monkeypatch.setenv("PATH", f"{folder}/bin:/usr/bin:/bin")

    def script(self, text: str) -> None:
        program = self.folder / "bin/drbdsetup"
        fresh = program.with_suffix(".new")
        fresh.write_text(f"#!/bin/sh\necho $$ >> '{self.folder}/runs'\n{text}\n")
        fresh.chmod(0o755)
        fresh.rename(program)

    def pipe(self, ignoring: str = "") -> None:
        os.mkfifo(self.folder / "pipe")
        # No process beside the shell, that would read on when the shell is ended.
        self.script(f"{ignoring}\nwhile :; do while read -r line; do echo \"$line\"; done < '{self.folder}/pipe'; done")

    def tell(self, text: str) -> None:
        with (self.folder / "pipe").open("w") as pipe:
            pipe.write(text)

    def runs(self) -> list[int]:
        return [int(pid) for pid in (self.folder / "runs").read_text().split()]

    def wake(self) -> None:
        assert self.woken.acquire(timeout=30), self.watch.problem

    def until(self, holds: Callable[[], object]) -> None:
        end = time.monotonic() + 30
        while not holds():
            assert time.monotonic() < end, self.watch.problem
            time.sleep(0.01)

    def saying(self, words: str) -> None:
        self.until(lambda: words in (self.watch.problem or ""))


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    program = Program(tmp_path, monkeypatch)
    yield program
    program.watch.stop()
    assert not program.watch.alive()
    if (tmp_path / "runs").exists():
        program.until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in program.runs()))


def test_wakes_once_complete_and_on_each_change(program: Program) -> None:
    assert program.watch.problem == "nothing follows them"
    program.pipe()
    program.watch.start()
    assert program.watch.alive()
    program.saying("not told yet")
    program.tell(NOW.removesuffix("exists -\n"))
    program.tell("exists -\n")
    program.wake()
    assert program.watch.problem is None
    program.tell("change resource name:other role:Secondary\nchange connection name:r0 peer-node-id:0\n")
    program.tell("change resource name:r0 role:Secondary\n")
    program.wake()
    assert not program.watch.split_brain
    program.tell(SPLIT)
    program.wake()
    assert program.watch.split_brain
    # Each wake had its reason: neither the other resource's change nor an empty one made a further one.
    assert not program.woken.acquire(blocking=False)
    assert len(program.runs()) == 1
    program.watch.stop()
    assert program.watch.problem == "nothing follows them"


def test_an_end_is_told_and_mended_and_nothing_is_kept(program: Program) -> None:
    (program.folder / "says").write_text(NOW + SPLIT)
    program.script(f"cat '{program.folder}/says'; while [ -e '{program.folder}/says' ]; do sleep 0.02; done; echo why")
    program.watch.start()
    program.until(lambda: program.watch.split_brain)
    program.wake()
    (program.folder / "says").unlink()
    program.saying("drbdsetup ended (why); it is tried again")
    program.wake()
    (program.folder / "says").write_text(NOW)
    program.until(lambda: program.watch.problem is None)
    assert not program.watch.split_brain
    assert len(program.runs()) > 1


def test_a_rename_begins_anew(program: Program) -> None:
    program.pipe()
    program.watch.start()
    program.tell(NOW)
    program.wake()
    program.tell("rename resource name:r0 new_name:r1\n")
    program.until(lambda: len(program.runs()) == 2)
    program.tell("exists -\n")
    program.until(lambda: program.watch.problem is None)


def test_a_program_that_is_not_there_yet(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(program.folder / "bin"))
    program.watch.start()
    program.saying("drbdsetup is not installed")
    assert program.watch.alive()
    program.script("echo 'exists -'; exec /bin/sleep 600")
    program.wake()
    assert program.watch.problem is None


def test_without_the_module_the_program_is_not_run(program: Program) -> None:
    program.table.unlink()
    program.script("echo 'exists -'; exec sleep 600")
    program.watch.start()
    program.saying("module is not loaded")
    assert not (program.folder / "runs").exists()
    program.table.write_text("version: 8.4.11\n")
    program.wake()


@pytest.mark.parametrize("script", ["exec sleep 600", "trap '' TERM; while :; do sleep 0.1; done", "exec yes nonsense"])
def test_one_that_never_tells_all_is_ended(program: Program, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    monkeypatch.setattr(module, "DEADLINE", 0.2)
    program.script(script)
    program.watch.start()
    program.saying("did not tell within")
    program.until(lambda: len(program.runs()) > 1)
    assert program.watch.problem is not None
    assert not program.woken.acquire(blocking=False)


def test_an_endless_line_ends_it(program: Program) -> None:
    program.script("echo 'exists -'; exec cat /dev/zero")
    program.watch.start()
    program.saying("says a line of more than")


def test_stop_ends_one_that_ignores_it(program: Program) -> None:
    program.pipe("trap '' TERM")
    program.watch.start()
    program.tell(NOW)
    program.wake()
    program.watch.stop()
    program.until(lambda: not Path(f"/proc/{program.runs()[0]}").exists())
    program.watch.start()
    program.tell(NOW)
    program.wake()


def test_tries_grow_rarer_and_are_quick_again_after_a_long_run(monkeypatch: pytest.MonkeyPatch) -> None:
    found = module.delays()
    first = [next(found) for _ in range(8)]
    assert first == sorted(first) and first[0] < 1 and first[-1] == first[-2] == 30


def test_a_short_run_does_not_make_tries_quick(program: Program) -> None:
    begun: list[Iterator[float]] = []

    def backoff() -> Iterator[float]:
        begun.append(repeat(0.01))
        return begun[-1]

    program.watch = DrbdWatch("r0", program.woken.release, backoff=backoff, table=program.table)
    program.script("echo 'exists -'")
    program.watch.start()
    program.until(lambda: (program.folder / "runs").exists() and len(program.runs()) > 3)
    assert len(begun) == 1


def test_a_long_run_does(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLED", 0.05)
    begun: list[int] = []

    def backoff() -> Iterator[float]:
        begun.append(0)
        return repeat(0.01)

    program.watch = DrbdWatch("r0", program.woken.release, backoff=backoff, table=program.table)
    program.script("echo 'exists -'; exec sleep 600")
    program.watch.start()
    program.until(lambda: len(begun) == 2)


def test_a_program_that_may_not_be_run_is_a_temporary_error(tmp_path: Path) -> None:
    program = tmp_path / "drbdsetup"
    program.write_text("no program")
    for mode in (0o644, 0o755):
        program.chmod(mode)
        with pytest.raises(Temporary, match="cannot be started"):
            Stream([str(program)])
