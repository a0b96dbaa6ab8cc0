"""The git hooks, with real pushes."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from gitbench import Control, answer, clone, commit, git, state_repo, wait_until

from reconciler.daemon.hook_request import HookRequest
from reconciler.errors import Refused
from reconciler.git.receive import Action, judge
from reconciler.git.repo import Quarantine, StateRepo

pytestmark = pytest.mark.real

ZERO = "0" * 40


def push(work: Path, *arguments: str, env: dict[str, str] | None = None) -> str:
    return git(work, "push", *arguments, check=False, env=env)


def test_push_carries_updates_options_and_name_and_shows_the_answer(tmp_path):
    repo = state_repo(tmp_path)
    work = clone(repo, tmp_path / "work")
    head = git(work, "rev-parse", "HEAD").strip()
    with Control(tmp_path / "control.sock", lambda r: answer([f"{r.verb} seen", "ü"], 0)) as control:
        text = push(
            work,
            *("-o", "allow-mass-change", "-o", "100% sûr\tx", "origin", "main"),
            env={"RECONCILER_PUSHED_BY": "ann@laptop"},
        )
    assert "remote: pre-receive seen" in text
    assert "remote: post-receive seen" in text
    assert "remote: ü" in text
    pre, post = control.requests
    assert (pre.verb, post.verb) == ("pre-receive", "post-receive")
    for request in (pre, post):
        assert request.updates == ((ZERO, head, "refs/heads/main"),)
        assert request.options == ("allow-mass-change", "100% sûr\tx")
        assert request.pushed_by == "ann@laptop"
        assert request.uid == os.getuid()
    assert "GIT_QUARANTINE_PATH" in pre.environment
    assert not post.environment


def test_refused_push_stores_nothing(tmp_path):
    repo = state_repo(tmp_path)
    work = clone(repo, tmp_path / "work")
    with Control(tmp_path / "control.sock", lambda r: answer(["hosts.yaml:1:1: no"], 1)) as control:
        text = push(work, "origin", "main")
    assert "remote: hosts.yaml:1:1: no" in text
    assert "pre-receive hook declined" in text
    assert len(control.requests) == 1
    assert StateRepo(repo).head("main") is None
    assert git(repo, "count-objects").startswith("0 objects")


def test_quarantined_commit_is_read_and_judged_before_it_is_stored(tmp_path):
    repo = state_repo(tmp_path)
    work = clone(repo, tmp_path / "work")
    seen: list[object] = []

    def handler(request: HookRequest) -> bytes:
        if request.verb == "pre-receive":
            new = request.updates[0].new
            quarantine = Quarantine.parse(request.environment, repo)
            inside = StateRepo(repo).quarantined(quarantine)
            seen.append(inside.tree(new)["hosts.yaml"].data)
            seen.append([verdict.action for verdict in judge(request.updates, "main", inside.is_ancestor)])
            seen.append(inside.between(None, new))
            with pytest.raises(Exception, match="missing"):
                StateRepo(repo).tree(new)
        return answer([], 0)

    with Control(tmp_path / "control.sock", handler):
        push(work, "origin", "main")
        head = commit(work, {"hosts.yaml": "b: {}\n"})
        push(work, "origin", "main")
        git(work, "commit", "--quiet", "--amend", "--message", "rewritten")
        rewritten = git(work, "rev-parse", "HEAD").strip()
        push(work, "--force", "origin", "main")
    assert seen[0] == b"a: {}\n"
    assert seen[1] == [Action.APPLY]
    assert seen[3] == b"b: {}\n"
    assert seen[4] == [Action.APPLY]
    assert seen[5][-1] == head
    assert seen[7] == [Action.REFUSE]
    assert seen[8][-1] == rewritten


@pytest.mark.parametrize("name", ["GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"])
def test_quarantine_outside_the_repository_is_refused(tmp_path, name):
    repo = state_repo(tmp_path)
    (repo / "objects/link").symlink_to("/etc")
    inside = {"GIT_OBJECT_DIRECTORY": str(repo / "objects/x")}
    assert Quarantine.parse(inside, repo) is not None
    assert Quarantine.parse({}, repo) is None
    for path in ("/etc", f"{repo}/objects/../hooks", f"{repo}/objects/link", f"{repo}/objects:/etc"):
        with pytest.raises(Refused, match="not inside"):
            Quarantine.parse({**inside, name: path}, repo)


def test_daemon_that_dies_refuses_before_and_keeps_after(tmp_path):
    repo = state_repo(tmp_path)
    work = clone(repo, tmp_path / "work")
    with Control(tmp_path / "control.sock", lambda r: b"|working on it\n"):
        text = push(work, "origin", "main")
    assert "working on it" in text
    assert "daemon ended before it had checked" in text
    assert StateRepo(repo).head("main") is None
    (tmp_path / "control.sock").unlink()

    def dies_after(request: HookRequest) -> bytes:
        return answer([], 0) if request.verb == "pre-receive" else b""

    with Control(tmp_path / "control.sock", dies_after):
        text = push(work, "origin", "main")
    assert "the push is stored" in text
    assert StateRepo(repo).head("main") is not None


def test_without_daemon_the_fallback_judges_with_quarantine_and_input(tmp_path):
    script = tmp_path / "check.py"
    script.write_text(
        "import subprocess, sys\n"
        "old, new, ref = sys.stdin.read().split()\n"
        "print(sys.argv[1:], ref)\n"
        "text = subprocess.run(['git', 'show', new + ':hosts.yaml'], capture_output=True, text=True).stdout\n"
        "print('read', text)\n"
        "sys.exit('bad' in text)\n"
    )
    repo = state_repo(tmp_path, fallback=[sys.executable, str(script), "hook", "pre-receive"])
    work = clone(repo, tmp_path / "work")
    text = push(work, "origin", "main")
    assert "['hook', 'pre-receive'] refs/heads/main" in text
    assert "read a: {}" in text
    assert "the daemon is not running: the push is stored and will be applied at its start" in text
    stored = StateRepo(repo).head("main")
    assert stored
    commit(work, {"hosts.yaml": "bad\n"})
    assert "pre-receive hook declined" in push(work, "origin", "main")
    assert StateRepo(repo).head("main") == stored


@pytest.mark.parametrize("fallback", [[], ["/nonexistent/python", "-m", "x"]])
def test_without_daemon_and_checker_a_push_is_refused(tmp_path, fallback):
    repo = state_repo(tmp_path, fallback=fallback)
    work = clone(repo, tmp_path / "work")
    text = push(work, "origin", "main")
    assert "the daemon is not running" in text
    assert "Traceback" not in text
    assert StateRepo(repo).head("main") is None


def test_interrupted_hook_says_no_traceback(tmp_path):
    repo = state_repo(tmp_path)
    work = clone(repo, tmp_path / "work")
    asked, release = threading.Event(), threading.Event()

    def handler(_: HookRequest) -> bytes:
        asked.set()
        release.wait(60)
        return answer([], 0)

    with Control(tmp_path / "control.sock", handler):
        hook = subprocess.Popen(
            [str(repo / "hooks/pre-receive")],
            cwd=repo,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        hook.stdin.close()
        assert asked.wait(60)
        hook.send_signal(signal.SIGINT)
        assert hook.wait(60) == 130
        assert not hook.stderr.read()
        hook.stderr.close()
        hook.stdout.close()
        release.set()
    assert StateRepo(repo).head("main") is None
    assert work.is_dir()


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
def test_reference_transaction_syncs_before_success_is_reported(tmp_path):
    repo = state_repo(tmp_path)
    work = clone(repo, tmp_path / "work")
    trace = tmp_path / "trace"
    with Control(tmp_path / "control.sock"):
        subprocess.run(
            [
                *("strace", "-f", "-s", "200", "-e", "trace=syncfs,write,rename", "-o", str(trace)),
                *("git", "-C", str(work), "push", "--quiet", "origin", "main"),
            ],
            check=True,
            capture_output=True,
        )
    lines = trace.read_text().splitlines()
    renamed = next(i for i, line in enumerate(lines) if "rename(" in line and 'refs/heads/main"' in line)
    synced = next(i for i, line in enumerate(lines) if "syncfs(" in line)
    reported = next(i for i, line in enumerate(lines) if "write(" in line and "unpack ok" in line)
    assert renamed < synced < reported


def test_reference_transaction_works_from_anywhere_and_without_syncfs(tmp_path):
    repo = state_repo(tmp_path)
    work = clone(repo, tmp_path / "work")
    head = git(work, "rev-parse", "HEAD").strip()
    git(tmp_path, f"--git-dir={repo}", "fetch", "--quiet", str(work), "main:elsewhere")
    assert StateRepo(repo).head("elsewhere") == head
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "sync").write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/calls\n[ $# = 0 ]\n')
    (tools / "sync").chmod(0o755)
    git(repo, "update-ref", "refs/heads/again", head, env={"PATH": f"{tools}:{os.environ['PATH']}"})
    calls = (tmp_path / "calls").read_text().splitlines()
    assert [call.partition(" ")[0] for call in calls] == ["-f", ""]
    assert Path(repo / calls[0].partition(" ")[2]).name == "reference-transaction"


def test_hooks_run_whatever_the_user_configured(tmp_path):
    repo = state_repo(tmp_path)
    work = clone(repo, tmp_path / "work")
    config = tmp_path / "gitconfig"
    config.write_text("[core]\n\thooksPath = /dev/null\n")
    text = push(work, "origin", "main", env={"GIT_CONFIG_GLOBAL": str(config)})
    assert "the daemon is not running" in text
    assert StateRepo(repo).head("main") is None


def test_a_push_whose_author_left_ends_the_hook(tmp_path):
    repo = state_repo(tmp_path)
    clone(repo, tmp_path / "work")
    reader, writer = os.pipe()
    os.close(reader)
    with Control(tmp_path / "control.sock", lambda r: answer(["x" * 1000] * 1000, 0)) as control:
        hook = subprocess.Popen(
            [str(repo / "hooks/post-receive")], cwd=repo, stdin=subprocess.DEVNULL, stdout=writer,
            stderr=subprocess.PIPE,
        )  # fmt: skip
        os.close(writer)
        assert hook.wait(60) != 0
        assert not hook.stderr.read()
        hook.stderr.close()
        wait_until(lambda: len(control.requests) == 1)
