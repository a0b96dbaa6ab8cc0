"""The watcher sees each way in which a branch can move, and not its own reader."""

import shutil
import threading

import pytest
from gitbench import Control, commit, effects, filled, git, wait_until

from reconciler.audit.entry import Entry
from reconciler.audit.record import Audit
from reconciler.errors import Temporary
from reconciler.git.repo import StateRepo
from reconciler.watch.git import GitWatch

pytestmark = pytest.mark.real


class Wakes:
    def __init__(self) -> None:
        self.count = 0
        self.event = threading.Event()

    def __call__(self) -> None:
        self.count += 1
        self.event.set()


@pytest.fixture
def watched(tmp_path):
    repo, head = filled(tmp_path)
    git(repo, "branch", "other", head)
    wakes = Wakes()
    watch = GitWatch(repo, "main", wakes)
    watch.start()
    yield repo, wakes, watch, tmp_path
    watch.stop()


def moves(repo, work):
    new = commit(work, {"hosts.yaml": f"n{git(work, 'rev-list', '--count', 'HEAD').strip()}: {{}}\n"})
    git(repo, "-c", "core.hooksPath=/dev/null", "fetch", "--quiet", str(work), "main:incoming")
    return new


def update_ref(repo, new, tmp_path):
    git(repo, "update-ref", "refs/heads/main", new)


def fetch(repo, new, tmp_path):
    git(repo, "fetch", "--quiet", str(tmp_path / "filler"), "main:main")


def push(repo, new, tmp_path):
    with Control(tmp_path / "control.sock"):
        git(tmp_path / "filler", "push", "--quiet", str(repo), "main:main")


def worktree_commit(repo, new, tmp_path):
    git(repo, "worktree", "add", "--quiet", str(tmp_path / "tree"), "main")
    commit(tmp_path / "tree", {"hosts.yaml": "worktree: {}\n"})


def write_by_hand(repo, new, tmp_path):
    (repo / "refs/heads/main").write_text(f"{new}\n")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("move", [update_ref, fetch, push, worktree_commit, write_by_hand])
def test_a_move_wakes(watched, move, packed):
    repo, wakes, _, tmp_path = watched
    old = StateRepo(repo).head("main")
    new = moves(repo, tmp_path / "filler")
    if packed:
        git(repo, "gc", "--quiet")
        wait_until(lambda: wakes.count >= 2)
        assert StateRepo(repo).head("main") == old
    wakes.event.clear()
    move(repo, new, tmp_path)
    assert wakes.event.wait(60)
    assert StateRepo(repo).head("main") != old


def test_deletion_and_branch_switch_wake(watched):
    repo, wakes, _, _ = watched
    git(repo, "symbolic-ref", "HEAD", "refs/heads/other")
    assert wakes.event.wait(60)
    wakes.event.clear()
    git(repo, "update-ref", "-d", "refs/heads/main")
    assert wakes.event.wait(60)


def test_branch_with_folder_that_appears(tmp_path):
    repo, head = filled(tmp_path)
    wakes = Wakes()
    watch = GitWatch(repo, "team/main", wakes)
    watch.start()
    try:
        git(repo, "update-ref", "refs/heads/team/main", head)
        assert wakes.event.wait(60)
        new = moves(repo, tmp_path / "filler")
        wakes.event.clear()
        git(repo, "update-ref", "refs/heads/team/main", new)
        assert wakes.event.wait(60)
        count = wakes.count
        shutil.move(repo / "refs/heads/team", tmp_path / "team")
        wait_until(lambda: wakes.count > count)
    finally:
        watch.stop()


def test_reading_other_branches_and_the_audit_do_not_wake(watched):
    repo, wakes, _, tmp_path = watched
    new = moves(repo, tmp_path / "filler")
    git(repo, "update-ref", "refs/heads/other", new)
    StateRepo(repo).tree(new)
    Audit(repo, effects(tmp_path), node="n1").record(Entry("x", notes={new: "applied"}))
    (repo / "refs/heads/main.lock").write_text("")
    (repo / "refs/heads/main.lock").unlink()
    assert wakes.count == 0
    # Events come in order, so after this one none of those before is still to come.
    git(repo, "update-ref", "refs/heads/main", new)
    assert wakes.event.wait(60)
    count = wakes.count
    for _ in range(20):
        StateRepo(repo).head("main")
    git(repo, "symbolic-ref", "HEAD", "refs/heads/other")
    wait_until(lambda: wakes.count > count)
    assert wakes.count <= count + 4


def test_vanished_folder_is_noticed_and_comes_back(watched):
    repo, wakes, watch, tmp_path = watched
    assert watch.alive()
    shutil.move(repo, tmp_path / "away")
    assert not watch.alive()
    # A new folder of the same name, as after an unmount and a mount, is another one.
    shutil.copytree(tmp_path / "away", repo, symlinks=True)
    assert not watch.alive()
    shutil.rmtree(repo)
    with pytest.raises(Temporary, match="cannot watch"):
        watch.start()
    assert not watch.alive()
    shutil.copytree(tmp_path / "away", repo, symlinks=True)
    watch.start()
    assert watch.alive()
    new = moves(repo, tmp_path / "filler")
    wakes.event.clear()
    git(repo, "update-ref", "refs/heads/main", new)
    assert wakes.event.wait(60)


def test_stop_ends_its_threads(watched):
    _, _, watch, _ = watched
    watch.stop()
    watch.stop()
    assert not watch.alive()
    wait_until(lambda: not [t for t in threading.enumerate() if "notify" in type(t).__name__.lower()])
