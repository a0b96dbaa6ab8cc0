"""Pushes, commits and connections that nobody should make: refused with a reason, and the node stays well."""

import contextlib
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from nodes import ENVIRONMENT, HOSTS, SITE, ZONES, Clone, ask, held_restart, reconciler, running_node, status
from servers import wait_until

from reconciler.audit.history import history
from reconciler.demo.pocket import PocketSite

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PocketSite, Clone]]:
    with running_node(tmp_path_factory.mktemp("node")) as made:
        yield made


@pytest.fixture
def node(pair: tuple[PocketSite, Clone]) -> Iterator[PocketSite]:
    node = pair[0]
    before = node.pid
    yield node
    assert node.pid == before, "the daemon ended: " + node.log.read_text()[-2000:]
    assert "Traceback" not in node.log.read_text()


@pytest.fixture
def clone(pair: tuple[PocketSite, Clone]) -> Clone:
    """A clone at the branch's head."""
    clone = pair[1]
    clone.run("fetch", "--quiet")
    clone.run("checkout", "--quiet", "--force", "-B", "main", "origin/main")
    clone.run("reset", "--quiet", "--hard", "origin/main")
    clone.run("clean", "--quiet", "-ffdx")
    return clone


def start_push(clone: Clone, commit: str = "HEAD") -> subprocess.Popen[str]:
    """A push that goes on beside us, in a process group of its own, as at a terminal."""
    return subprocess.Popen(
        ["git", "push", "origin", f"{commit}:refs/heads/main"],
        cwd=clone.path,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def head(node: PocketSite) -> str:
    argv = ["git", f"--git-dir={node.repo}", "rev-parse", "main"]
    return subprocess.run(argv, check=True, capture_output=True, text=True, env=ENVIRONMENT).stdout.strip()


def note(clone: Clone, commit: str) -> str:
    clone.run("fetch", "--quiet", "--force", "origin", "refs/notes/*:refs/notes/*")
    return clone.run("notes", "--ref=reconciler", "show", commit).stdout


def host(name: str, last: int) -> dict[str, str]:
    return {f"hosts/{name}.yaml": f"{name}: {{ipv4: 192.168.10.{last}}}\n"}


def connect(node: PocketSite) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(10)
    connection.connect(str(node.control))
    return connection


# The control socket


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\n",
        b"\0\xff\xfe" * 1000 + b"\n\n",
        b"verb\n\n",
        b"verb nonsense\n\n",
        b"verb \x1b[2J\x07\n\n",
        b"nothing status\n\n",
        b"verb post-receive\nupdate a b c d\n\n",
        b"verb pre-receive\nuid many\n\n",
        b"verb pre-receive\nuid " + b"9" * 4000 + b"\n\n",
        b"verb pre-receive\nupdate x y refs/heads/main\n\n",
        b"verb pre-receive\nupdate " + b"0" * 40 + b" " + b"1" * 40 + b" refs/heads/main\n\n",
        b"verb pre-receive\nenv GIT_OBJECT_DIRECTORY /etc\n\n",
        b"verb post-receive\nupdate " + b"0" * 40 + b" " + b"1" * 40 + b" refs/heads/other\n\n",
        b"verb rollback\ncommit --all\n\n",
        b"verb status",
        b"verb " + b"x" * 2_000_000,
    ],
)
def test_garbage_on_the_control_socket_gets_an_answer_and_harms_nothing(node: PocketSite, sent: bytes) -> None:
    before = head(node)
    with connect(node) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
            assert b"error of its own" not in answer
            assert b"\x1b" not in answer
    assert status(node)["healthy"]
    assert head(node) == before


def test_two_hundred_idle_connections_do_not_keep_a_push_waiting(node: PocketSite, clone: Clone) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(connect(node)).sendall(b"verb sta")
        assert "applied" in clone.change(host("idle", 101))
    assert status(node)["healthy"]


def test_who_does_not_read_the_answer_does_not_hold_up_others(node: PocketSite, clone: Clone) -> None:
    wrong = "".join(f"h{number}: {{ipv4: 10.{number // 250}.{number % 250}.300}}\n" for number in range(8000))
    bad = clone.commit({"hosts/many.yaml": wrong})
    said = clone.run("push", "origin", f"{bad}:refs/heads/many")
    assert said.returncode == 0, said.stdout[-500:]
    with connect(node) as deaf:
        deaf.sendall(f"verb pre-receive\nupdate {'0' * 40} {bad} refs/heads/again\n\n".encode())
        clone.run("reset", "--quiet", "--hard", "HEAD~1")
        assert "applied" in clone.change(host("prompt", 102))


# Whoever goes away in the middle


def test_ctrl_c_while_a_push_waits_for_its_outcome_does_not_stop_the_apply(node: PocketSite, clone: Clone) -> None:
    assert node.dnsmasq
    commit = clone.commit({"dnsmasq.d/cache.conf": "cache-size=501\n", **host("gone", 103)})
    with held_restart(node) as reached:
        push = start_push(clone)
        assert reached.wait(60)
        os.killpg(push.pid, signal.SIGINT)
        push.communicate(timeout=60)
    wait_until(lambda: status(node)["deployed"] == commit)
    assert ask(node.dnsmasq.port, "gone.office.example.net") == ["192.168.10.103"]
    assert "applied" in note(clone, commit)


def test_ctrl_c_before_a_push_was_judged_stores_nothing(node: PocketSite, clone: Clone) -> None:
    first = clone.commit({"dnsmasq.d/cache.conf": "cache-size=502\n"})
    clone.commit(host("never", 104))
    with held_restart(node) as reached:
        slow = start_push(clone, first)
        assert reached.wait(60)
        # The daemon is at work on the first push; the second waits to be checked.
        push = start_push(clone)
        wait_until(lambda: list((node.repo / "objects").glob("tmp_objdir-incoming-*")), what="the second push")
        os.killpg(push.pid, signal.SIGINT)
        push.communicate(timeout=60)
    assert slow.communicate(timeout=60)[0]
    assert head(node) == first
    clone.run("reset", "--quiet", "--hard", first)
    assert "applied" in clone.change(host("after", 105))


# Several at once


def test_of_two_pushes_at_once_one_wins_and_the_other_is_told_to_pull(
    node: PocketSite, clone: Clone, tmp_path: Path
) -> None:
    assert node.named
    other = Clone(node, tmp_path / "other")
    clone.commit(host("mine", 106))
    other.commit(host("theirs", 107))
    pushes = [start_push(clone), start_push(other)]
    said = [push.communicate(timeout=60)[0] for push in pushes]
    codes = [push.returncode for push in pushes]
    assert sorted(codes) == [0, 1], said
    lost = said[codes.index(1)]
    assert "rejected" in lost
    assert "fetch first" in lost or "non-fast-forward" in lost or "fast-forward" in lost or "lock" in lost
    loser = (clone, other)[codes.index(1)]
    assert loser.run("pull", "--quiet", "--rebase", "origin", "main").returncode == 0
    assert loser.push().returncode == 0
    assert ask(node.named.port, "mine.office.example.net") == ["192.168.10.106"]
    assert ask(node.named.port, "theirs.office.example.net") == ["192.168.10.107"]


def test_twenty_pushes_without_waiting_each_have_their_outcome(node: PocketSite, clone: Clone) -> None:
    assert node.named
    before = {entry.commit for entry in history(node.repo, limit=500)}
    commits = [clone.commit(host("quick", 110 + number)) for number in range(20)]
    pushes = []
    for commit in commits:
        pushes.append(start_push(clone, commit))
        wait_until(lambda commit=commit: head(node) == commit)
    for push in pushes:
        said, _ = push.communicate(timeout=60)
        assert push.returncode == 0, said
        assert "applied" in said, said
    assert ask(node.named.port, "quick.office.example.net") == ["192.168.10.129"]
    entries = [entry for entry in history(node.repo, limit=500) if entry.commit not in before]
    states = [entry.values("State")[0] for entry in entries]
    assert len(states) == len(set(states)), "something was applied twice"
    assert {entry.values("Result") for entry in entries} == {("applied",)}
    wanted = "office.example.net. "
    serials = [int(entry.values("Zones")[0].partition(wanted)[2].partition(",")[0]) for entry in entries]
    assert serials == sorted(set(serials), reverse=True)
    for commit in commits:
        text = note(clone, commit)
        assert text.startswith("applied on ns1" if commit in states else "superseded by "), text


def test_fifty_commits_in_one_push_make_one_apply_and_fifty_notes(node: PocketSite, clone: Clone) -> None:
    commits = [clone.commit(host("many", 130 + number)) for number in range(50)]
    assert "applied" in (done := clone.push()).stdout, done.stdout
    clone.run("fetch", "--quiet", "--force", "origin", "refs/notes/*:refs/notes/*")
    noted = clone.run("notes", "--ref=reconciler", "list").stdout
    assert all(commit in noted for commit in commits)
    assert f"superseded by {commits[-1][:12]}" in note(clone, commits[0])


# Commits that no state can be


def symlink(clone: Clone) -> None:
    (clone.path / "zones/extra.net.yaml").symlink_to("/etc/passwd")


def submodule(clone: Clone) -> None:
    clone.run("update-index", "--add", "--cacheinfo", f"160000,{clone.head()},hosts/sub")


def large_file(clone: Clone) -> None:
    with (clone.path / "zones/example.net.zone").open("wb") as stream:
        stream.truncate(300 * 1024 * 1024)


def not_utf8(clone: Clone) -> None:
    Path(os.fsdecode(os.fsencode(clone.path) + b"/hosts/\xff\xfe.yaml")).write_text("x: {ipv4: 192.168.10.9}\n")


def bomb(clone: Clone) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    clone.write({"hosts/bomb.yaml": "\n".join(lines) + "\n"})


def deep(clone: Clone) -> None:
    clone.write({"hosts/deep.yaml": "[" * 100_000})


def many_files(clone: Clone) -> None:
    clone.write({f"hosts/f{number}.yaml": "twin: {ipv4: 192.168.10.240}\n" for number in range(5000)})


def no_site(clone: Clone) -> None:
    (clone.path / "site.yaml").unlink()


def nothing(clone: Clone) -> None:
    clone.run("rm", "-r", "--quiet", ".")


def no_hosts(clone: Clone) -> None:
    clone.run("rm", "-r", "--quiet", "hosts.yaml")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (symlink, "zones/extra.net.yaml"),
        (submodule, "submodule"),
        (large_file, "MiB"),
        (not_utf8, "printable UTF-8"),
        (bomb, "anchor"),
        (deep, "nested deeper"),
        (many_files, "twin"),
        (no_site, "site.yaml"),
        (nothing, "site.yaml"),
        (no_hosts, "allow-mass-change"),
    ],
)
def test_what_no_state_can_be_is_refused_with_a_reason(
    node: PocketSite, clone: Clone, spoil: Callable[[Clone], None], reason: str
) -> None:
    assert node.named
    before = head(node)
    (clone.path / "hosts").mkdir(exist_ok=True)
    spoil(clone)
    if spoil is not submodule:
        clone.run("add", "--all")
    assert clone.run("commit", "--quiet", "--message", "odd").returncode == 0
    done = clone.push()
    assert done.returncode != 0
    assert reason in done.stdout, done.stdout[-3000:]
    assert "Traceback" not in done.stdout
    assert "error of its own" not in done.stdout
    assert head(node) == before
    assert ask(node.named.port, "host10.office.example.net") == ["192.168.10.10"]


def test_a_wrong_state_on_another_branch_is_told_and_stored(node: PocketSite, clone: Clone) -> None:
    clone.commit({"hosts/wrong.yaml": "wrong: {ipv4: 192.168.10.300}\n"})
    done = clone.run("push", "origin", "HEAD:refs/heads/draft")
    assert done.returncode == 0
    assert "192.168.10.300" in done.stdout
    assert "stored" in done.stdout
    assert "nothing was stored" not in done.stdout


def test_what_no_state_can_be_is_told_and_stored_on_another_branch(node: PocketSite, clone: Clone) -> None:
    submodule(clone)
    assert clone.run("commit", "--quiet", "--message", "odd").returncode == 0
    done = clone.run("push", "origin", "HEAD:refs/heads/odd")
    assert done.returncode == 0, done.stdout
    assert "refs/heads/odd could not be deployed as it is" in done.stdout
    assert "submodule" in done.stdout


def test_an_empty_commit_is_applied_without_touching_a_server(node: PocketSite, clone: Clone) -> None:
    before = {zone["name"]: zone["serial"] for zone in status(node)["zones"]}
    said = clone.change({})
    assert "applied" in said
    assert {zone["name"]: zone["serial"] for zone in status(node)["zones"]} == before
    assert "no serial changed" in note(clone, clone.head())


def test_a_branch_that_was_moved_back_is_held_until_the_operator_lets_it_through(
    node: PocketSite, clone: Clone
) -> None:
    assert node.named
    older = clone.head()
    clone.change(host("newest", 200))
    newest = clone.head()
    argv = ["git", f"--git-dir={node.repo}", "update-ref", "refs/heads/main"]
    subprocess.run([*argv, older], check=True, env=ENVIRONMENT)
    wait_until(lambda: status(node)["last"]["result"] == "held")
    said = reconciler(node, "status")
    assert said.returncode == 1
    assert "does not build on" in said.stdout
    assert "--allow-mass-change" in said.stdout
    assert reconciler(node, "apply").returncode == 1
    assert ask(node.named.port, "newest.office.example.net") == ["192.168.10.200"]
    assert reconciler(node, "apply", "--allow-mass-change").returncode == 0
    assert ask(node.named.port, "newest.office.example.net") == []
    subprocess.run([*argv, newest], check=True, env=ENVIRONMENT)
    wait_until(lambda: ask(node.named.port, "newest.office.example.net") == ["192.168.10.200"])
    assert status(node)["healthy"]


def test_all_of_this_left_the_node_with_its_threads_and_files_in_bounds(node: PocketSite, clone: Clone) -> None:
    clone.change({"site.yaml": SITE, "hosts.yaml": HOSTS, **ZONES})
    assert status(node)["healthy"]
    process = Path(f"/proc/{node.pid}")
    wait_until(lambda: len(list((process / "task").iterdir())) < 30, what="threads end")
    assert len(list((process / "fd").iterdir())) < 60
    assert threading.active_count() < 20
