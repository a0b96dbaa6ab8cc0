"""Two roles of one node: a standby touches nothing, a primary begins anew, a demotion lets go of everything."""

import contextlib
import json
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from nodes import ENVIRONMENT, HOSTS, SITE, ZONES, Clone, ask, held_restart, reconciler, status
from servers import wait_until
from test_hostile_push import host, start_push

from reconciler.audit.history import history
from reconciler.daemon.client import ask as ask_daemon
from reconciler.daemon.duty import Duty
from reconciler.daemon.protocol import Request
from reconciler.demo.pocket import PocketSite
from reconciler.role.always import Always

pytestmark = pytest.mark.real


def become(node: PocketSite, word: str) -> None:
    """Write the role file as the scripts do, and wait until the daemon has noticed."""
    fresh = node.role_file.with_suffix(".tmp")
    fresh.write_text(f"{word}\n")
    fresh.rename(node.role_file)
    wait_until(lambda: status(node)["role"] == word, timeout=60, what=f"the node is {word}")


def is_answered(node: PocketSite, name: str, address: str) -> None:
    assert node.named
    port = node.named.port
    wait_until(lambda: ask(port, f"{name}.office.example.net") == [address], timeout=60, what=name)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PocketSite, Clone]]:
    folder = tmp_path_factory.mktemp("node")
    node = PocketSite(folder, role="file")
    try:
        done = subprocess.run(node.init_command(), env=ENVIRONMENT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        node.role_file.write_text("primary\n")
        node.start()
        clone = Clone(node, folder / "clone")
        clone.change({"site.yaml": SITE, "hosts.yaml": HOSTS, **ZONES})
        yield node, clone
    finally:
        node.stop()


@pytest.fixture
def node(made: tuple[PocketSite, Clone]) -> Iterator[PocketSite]:
    become(made[0], "primary")
    yield made[0]
    assert "Traceback" not in made[0].log.read_text()


@pytest.fixture
def clone(made: tuple[PocketSite, Clone], node: PocketSite) -> Clone:
    made[1].run("fetch", "--quiet")
    made[1].run("reset", "--quiet", "--hard", "origin/main")
    return made[1]


def move_branch(clone: Clone, commit: str) -> None:
    """The branch moves without a push that anybody checks: as if the other node had taken it."""
    clone.run("push", "--quiet", "origin", f"{commit}:refs/heads/side")
    argv = ["git", f"--git-dir={clone.node.repo}", "update-ref", "refs/heads/main", commit]
    subprocess.run(argv, check=True, env=ENVIRONMENT)


def test_what_came_meanwhile_is_applied_at_the_begin_of_a_term(node: PocketSite, clone: Clone) -> None:
    commit = clone.commit(host("meanwhile", 101))
    clone.run("push", "--quiet", "origin", f"{commit}:refs/heads/side")
    become(node, "standby")
    move_branch(clone, commit)
    assert ask(node.named.port, "meanwhile.office.example.net") == []  # type: ignore[union-attr]
    become(node, "primary")
    is_answered(node, "meanwhile", "192.168.10.101")
    wait_until(lambda: history(node.repo)[0].values("State") == (commit,), timeout=60)
    assert history(node.repo)[0].values("Trigger") == ("failover",)


def test_a_standby_is_well_and_says_what_it_would_do(node: PocketSite) -> None:
    become(node, "standby")
    shown = reconciler(node, "status")
    assert shown.returncode == 0, shown.stdout
    assert "(standby): well" in shown.stdout
    assert "promoted  as primary it would take over" in shown.stdout
    said = reconciler(node, "role")
    assert said.returncode == 1
    assert "NO  file has not made this node primary" in said.stdout
    assert "standby" in reconciler(node, "apply").stdout
    for command in ("log", "plan", "leases", "wan"):
        asked = reconciler(node, command)
        assert asked.returncode == 1
        assert "this node is standby" in asked.stdout
        assert "ask the primary" in asked.stdout


def test_a_push_to_a_standby_is_refused(node: PocketSite, clone: Clone) -> None:
    clone.commit(host("refused", 102))
    become(node, "standby")
    pushed = clone.push()
    assert pushed.returncode != 0
    assert "standby" in pushed.stdout


def test_a_rollback_on_a_standby_is_refused_before_anything_is_looked_at(node: PocketSite) -> None:
    become(node, "standby")
    hidden = node.repo.with_name("hidden")
    node.repo.rename(hidden)
    said = reconciler(node, "rollback", "main~1")
    hidden.rename(node.repo)
    assert said.returncode == 1
    assert "did not roll back" in said.stdout


def test_a_role_that_is_lost_in_the_middle_of_an_apply_stops_it_and_the_next_term_finishes_it(
    node: PocketSite, clone: Clone
) -> None:
    commit = clone.commit({"dnsmasq.d/cache.conf": "cache-size=701\n", **host("middle", 103)})
    with held_restart(node) as reached:
        push = start_push(clone)
        assert reached.wait(60)
        node.role_file.write_text("standby\n")
    said, _ = push.communicate(timeout=60)
    assert "standby" in said, said
    assert history(node.repo)[0].values("State") != (commit,)
    become(node, "primary")
    is_answered(node, "middle", "192.168.10.103")
    wait_until(lambda: status(node)["deployed"] == commit, timeout=60)
    assert status(node)["healthy"]


def open_below(pid: int, folder: Path) -> list[str]:
    """What a process has open, or is at home in, below a folder."""
    found = []
    for link in [*Path(f"/proc/{pid}/fd").iterdir(), Path(f"/proc/{pid}/cwd")]:
        with contextlib.suppress(FileNotFoundError):
            target = str(link.readlink())
            if target.startswith(str(folder)):
                found.append(target)
    return found


def watched_inodes(pid: int) -> set[int]:
    """Inodes of a process's inotify watches (proc(5), fdinfo)."""
    found = set()
    for info in Path(f"/proc/{pid}/fdinfo").iterdir():
        with contextlib.suppress(FileNotFoundError):
            for line in info.read_text().splitlines():
                if line.startswith("inotify "):
                    found.add(int(line.split("ino:")[1].split()[0], 16))
    return found


def test_a_demotion_lets_go_of_everything_and_lasts_until_the_role_has_gone_and_come_back(
    node: PocketSite, clone: Clone
) -> None:
    assert node.pid
    assert watched_inodes(node.pid) & {path.stat().st_ino for path in (node.repo, node.repo / "refs")}
    said = reconciler(node, "demote")
    assert said.returncode == 0, said.stdout
    assert "demoted" in said.stdout
    assert not open_below(node.pid, node.root)
    inodes = {path.stat().st_ino for path in (node.root, *node.root.rglob("*"))}
    assert not watched_inodes(node.pid) & inodes
    shown = reconciler(node, "role")
    assert shown.returncode == 1
    assert "demoted by" in shown.stdout
    assert reconciler(node, "demote").returncode == 0
    become(node, "standby")
    become(node, "primary")
    assert "applied" in clone.change(host("again", 104))


def test_a_demotion_after_which_nobody_went_on_is_told() -> None:
    duty = Duty(Always())
    duty.resign("demoted by root at 12:00:00", duty.read().given)
    assert duty.forsaken(60.0) == ""
    assert "no node acts" in duty.forsaken(0.0)
    assert "demoted by root" in duty.read().reasons[0]


def test_a_demotion_in_the_middle_of_an_apply_waits_for_it(node: PocketSite, clone: Clone) -> None:
    commit = clone.commit({"dnsmasq.d/cache.conf": "cache-size=702\n", **host("orderly", 105)})
    with held_restart(node) as reached:
        push = start_push(clone)
        assert reached.wait(60)
        demote = subprocess.Popen(node.command("demote"), env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    assert "demoted" in demote.communicate(timeout=90)[0]
    assert "applied" in push.communicate(timeout=60)[0]
    become(node, "standby")
    assert history(node.repo)[0].values("State") == (commit,)


def give_anew(node: PocketSite) -> None:
    """The role goes and comes back at once, before anybody has looked."""
    fresh = node.role_file.with_suffix(".tmp")
    fresh.write_text("primary\n")
    node.role_file.unlink()
    fresh.rename(node.role_file)


def test_a_role_that_comes_back_at_once_after_a_demotion_is_taken_up(node: PocketSite, clone: Clone) -> None:
    assert reconciler(node, "demote").returncode == 0
    assert node.pid
    os.kill(node.pid, signal.SIGSTOP)
    give_anew(node)
    os.kill(node.pid, signal.SIGCONT)
    wait_until(lambda: status(node)["role"] == "primary", timeout=60)
    assert "applied" in clone.change(host("again", 107))


def test_what_began_before_the_role_was_away_is_not_gone_on_with(node: PocketSite, clone: Clone) -> None:
    """Meanwhile the other node may have applied something newer."""
    older = clone.commit({"dnsmasq.d/cache.conf": "cache-size=703\n", **host("older", 108)})
    with held_restart(node) as reached:
        push = start_push(clone)
        assert reached.wait(60)
        give_anew(node)
    said, _ = push.communicate(timeout=60)
    assert "given to this node anew" in said, said
    wait_until(lambda: status(node)["deployed"] == older, timeout=60)
    is_answered(node, "older", "192.168.10.108")


def test_a_role_that_comes_and_goes_all_the_time_loses_no_push(node: PocketSite, clone: Clone) -> None:
    stop = threading.Event()

    def flap() -> None:
        while not stop.wait(random.uniform(0, 0.1)):
            give_anew(node)
            if random.random() < 0.3:
                node.role_file.write_text("standby\n")

    flapping = threading.Thread(target=flap)
    flapping.start()
    taken = []
    try:
        for number in range(12):
            commit = clone.commit(host(f"flap{number}", 130 + number))
            if clone.run("push", "--quiet", "origin", "main").returncode == 0:
                taken.append(number)
            else:
                clone.run("reset", "--quiet", "--hard", f"{commit}~1")
            if number % 4 == 3:
                reconciler(node, "demote")
    finally:
        stop.set()
        flapping.join()
    become(node, "primary")
    wait_until(lambda: status(node)["deployed"] == clone.head(), timeout=60)
    for number in taken:
        is_answered(node, f"flap{number}", f"192.168.10.{130 + number}")


def test_an_alarm_is_shown_until_the_disks_are_whole_and_outlives_a_restart(node: PocketSite) -> None:
    ask_daemon(node.control, Request("alarm", {"text": ("split brain of r0",)}), lambda text: None)
    shown = reconciler(node, "status")
    assert shown.returncode == 1
    assert "split brain of r0" in shown.stdout
    node.stop_daemon()
    node.start_daemon()
    assert json.loads(reconciler(node, "status", "--json").stdout)["alarms"]
    node.stop_daemon()
    (node.folder / "own/alarms.json").unlink()
    node.start_daemon()


def test_roles_are_told_after_a_restart(node: PocketSite) -> None:
    become(node, "standby")
    since = status(node)["pair"]["since"]
    node.stop_daemon()
    node.start_daemon()
    pair = status(node)["pair"]
    assert pair["since"] == since
    assert pair["became_primary"]


def test_a_clock_that_is_behind_is_told(node: PocketSite) -> None:
    become(node, "standby")
    manifest = node.root / "state/manifest.json"
    later = time.time() + 3600
    os.utime(manifest, (later, later))
    become(node, "primary")
    shown = reconciler(node, "status")
    assert "clocks of the two nodes differ" in shown.stdout
    os.utime(manifest)
