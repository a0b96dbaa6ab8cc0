"""The end of a term while pushes are under way, and what a git that was killed leaves."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from gitbench import IDENTITY, Control, answer, clone, commit, effects, git, state_repo, wait_until

from reconciler.daemon.hook_request import HookRequest
from reconciler.daemon.receiving import Receiver, Receiving
from reconciler.errors import Temporary
from reconciler.git import locks
from reconciler.git.receive import Update
from reconciler.git.repo import StateRepo

pytestmark = pytest.mark.real


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return state_repo(tmp_path)


@pytest.fixture
def receiving(repo: Path, tmp_path: Path) -> Receiving:
    return Receiving(repo, tmp_path / "control.sock")


@contextmanager
def held_push(
    repo: Path, work: Path, verb: str, seen: list[HookRequest]
) -> Iterator[tuple[subprocess.Popen[str], threading.Event]]:
    """A push that waits in a hook until the event is set."""
    asked, release = threading.Event(), threading.Event()

    def handler(request: HookRequest) -> bytes:
        seen.append(request)
        if request.verb == verb:
            asked.set()
            release.wait(60)
        return answer([], 0)

    with Control(repo.parent / "control.sock", handler):
        command = ["git", "-C", str(work), *IDENTITY, "push", "origin", "main"]
        push = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            assert asked.wait(60)
            yield push, release
        finally:
            release.set()
            push.communicate(timeout=60)


def leftovers(repo: Path) -> list[Path]:
    return list(repo.rglob("*.lock"))


def test_a_push_that_was_accepted_is_refused_at_the_last_instant(
    repo: Path, receiving: Receiving, tmp_path: Path
) -> None:
    work = clone(repo, tmp_path / "work")

    def handler(request: HookRequest) -> bytes:
        receiving.refuse_new("this node gives up its role\nnow")
        return answer([], 0)

    with Control(tmp_path / "control.sock", handler):
        text = git(work, "push", "origin", "main", check=False)
        assert "reconciler: refused: this node gives up its role now" in text
        assert receiving.closed == "this node gives up its role now"
        assert StateRepo(repo).head("main") is None
        assert not leftovers(repo)
        git(tmp_path, f"--git-dir={repo}", "fetch", "--quiet", str(work), "main:elsewhere")
        receiving.allow()
        receiving.refuse_new = lambda reason: None  # type: ignore[method-assign]
        assert receiving.closed == ""
        git(work, "push", "origin", "main")
    assert StateRepo(repo).head("main")


@pytest.mark.parametrize("verb", ["pre-receive", "post-receive"])
def test_running_pushes_are_known_and_ended(repo: Path, receiving: Receiving, tmp_path: Path, verb: str) -> None:
    work = clone(repo, tmp_path / "work")
    seen: list[HookRequest] = []
    assert receiving.running() == []
    with held_push(repo, work, verb, seen) as (push, _):
        pid = seen[0].pid
        assert pid is not None
        assert receiving.running() == [Receiver(pid)]
        receiving.accept(pid, [Update("0" * 40, "1" * 40, "refs/heads/main")], "ada")
        assert receiving.running() == [Receiver(pid, ("refs/heads/main",), "ada")]
        assert receiving.busy()
        assert receiving.wait_or_end(0.1) == [Receiver(pid, ("refs/heads/main",), "ada")]
        assert not receiving.running()
        assert not receiving.busy()
        assert push.wait(60) != 0
    stored = StateRepo(repo).head("main") is not None
    assert stored == (verb == "post-receive")
    assert not leftovers(repo)
    # git itself leaves its quarantine when it is ended by a signal.
    left = list(repo.glob("objects/tmp_objdir-*"))
    assert len(left) == (verb == "pre-receive")
    assert locks.clear(repo, receiving.busy, effects(tmp_path)) == left
    assert not list(repo.glob("objects/tmp_objdir-*"))


def test_a_push_that_ends_by_itself_is_waited_for(repo: Path, receiving: Receiving, tmp_path: Path) -> None:
    work = clone(repo, tmp_path / "work")
    with held_push(repo, work, "pre-receive", []) as (push, release):
        threading.Timer(0.3, release.set).start()
        assert receiving.wait_or_end(60) == []
        assert push.wait(60) == 0
    assert StateRepo(repo).head("main")


def test_a_stopped_one_is_killed_and_others_work_is_left_alone(
    repo: Path, receiving: Receiving, tmp_path: Path
) -> None:
    work = clone(repo, tmp_path / "work")
    elsewhere = subprocess.Popen(["sleep", "600"], cwd=repo.parent)
    seen: list[HookRequest] = []
    try:
        with held_push(repo, work, "pre-receive", seen) as (push, _):
            assert seen[0].pid is not None
            os.kill(seen[0].pid, signal.SIGSTOP)
            assert len(receiving.wait_or_end(0.0)) == 1
            assert push.wait(60) != 0
        assert elsewhere.poll() is None
    finally:
        elsewhere.kill()
        elsewhere.wait()
    assert not receiving.running()


def test_locks_of_a_killed_git_are_removed_but_not_of_one_at_work(
    repo: Path, receiving: Receiving, tmp_path: Path
) -> None:
    work = clone(repo, tmp_path / "work")
    git(work, "push", "origin", "main", check=False)
    with Control(tmp_path / "control.sock"):
        git(work, "push", "origin", "main")
        commit(work, {"hosts.yaml": "b: {}\n"})
        lock = repo / "refs/heads/main.lock"
        for path in (lock, repo / "packed-refs.lock", repo / "gc.pid"):
            path.write_text("1 elsewhere\n")
        assert "main.lock" in git(work, "push", "origin", "main", check=False)
        with pytest.raises(Temporary):
            locks.clear(repo, lambda: True, effects(tmp_path))
        assert lock.exists()
        removed = locks.clear(repo, receiving.busy, effects(tmp_path))
        assert {path.name for path in removed} == {"main.lock", "packed-refs.lock", "gc.pid"}
        git(work, "push", "origin", "main")
        git(repo, "gc", "--quiet")
    assert locks.clear(repo, receiving.busy, effects(tmp_path)) == []


def test_a_git_that_names_the_repository_from_elsewhere_makes_it_busy(repo: Path, receiving: Receiving) -> None:
    command = ["git", f"--git-dir={repo}", "cat-file", "--batch"]
    reader = subprocess.Popen(command, cwd="/", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        wait_until(receiving.busy)
    finally:
        assert reader.stdin
        reader.stdin.close()
        reader.wait(60)
    assert not receiving.busy()
