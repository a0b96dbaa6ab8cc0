"""Pushes to a node of a pair: standby, peer away, this side's data discarded, the end of a term."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from nodes import ENVIRONMENT, HOSTS, Clone, reconciler, status
from paired import PairedSite, paired_node
from servers import wait_until

from reconciler.daemon import unreplicated
from reconciler.daemon.receiving import Receiving
from reconciler.git import bundle

pytestmark = pytest.mark.real

ACCEPT = ("-o", "accept-unreplicated")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PairedSite, Clone]]:
    with paired_node(tmp_path_factory.mktemp("node"), resync=1) as pair:
        yield pair


@pytest.fixture
def node(made: tuple[PairedSite, Clone]) -> Iterator[PairedSite]:
    node, _ = made
    yield node
    node.pair.say()
    if node.pid is None:
        node.start_daemon()
    shutil.rmtree(node.kept, ignore_errors=True)
    for name in [*lost(node), "refs/heads/draft", "refs/heads/again", "refs/heads/by-hand", "refs/tags/v1"]:
        node.git("update-ref", "-d", name)


@pytest.fixture
def clone(made: tuple[PairedSite, Clone], node: PairedSite) -> Clone:
    _, clone = made
    clone.run("fetch", "--quiet", "--prune")
    clone.run("checkout", "--quiet", "-B", "main", "origin/main")
    return clone


_last = iter(range(60, 250))


def host() -> dict[str, str]:
    """A state with a host that no state before had."""
    number = next(_last)
    return {"hosts.yaml": HOSTS + f"extra{number}: {{ipv4: 192.168.10.{number}}}\n"}


def a_few_passes(node: PairedSite) -> None:
    """Return when the loop has kept house."""
    for _ in range(3):
        before = status(node)["last"]
        wait_until(lambda before=before: status(node)["last"] != before, timeout=60)  # type: ignore[misc]


def last_entry(node: PairedSite) -> str:
    return node.git("log", "-1", "--format=%B", "audit")


def lost(node: PairedSite) -> dict[str, str]:
    """Commit by the offered ref's name."""
    lines = node.git("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads/lost", "refs/tags/lost")
    return dict(line.split(" ") for line in lines.splitlines())


def in_one_second(node: PairedSite) -> None:
    """As if all that is kept aside had been pushed within the second of the first."""
    paths = node.bundles()
    for number, path in enumerate(paths):
        renamed = path.with_name(f"{paths[0].name[:16]}{number:06}{path.name[22:]}")
        path.with_suffix(".json").rename(renamed.with_suffix(".json"))
        path.rename(renamed)


@pytest.mark.parametrize("daemon", [True, False])
def test_a_standby_refuses_a_push(node: PairedSite, clone: Clone, daemon: bool) -> None:
    if not daemon:
        node.stop_daemon()
    before = node.git("rev-parse", "main")
    node.pair.say(primary=False)
    clone.commit(host())
    done = clone.push(*ACCEPT)
    assert done.returncode != 0
    assert "this node is on standby: DRBD resource r0 is Secondary here" in done.stdout
    assert "push to the primary" in done.stdout
    assert node.git("rev-parse", "main") == before
    assert not node.bundles()


@pytest.mark.parametrize("daemon", [True, False])
@pytest.mark.parametrize("refspec", ["HEAD:main", "HEAD:draft", "HEAD:refs/tags/v1"])
def test_without_the_peer_a_push_is_refused_and_told_how_to_go_on(
    node: PairedSite, clone: Clone, daemon: bool, refspec: str
) -> None:
    if not daemon:
        node.stop_daemon()
    node.pair.say(in_sync=False)
    before = node.git("rev-parse", "main"), node.git("tag"), node.git("branch")
    clone.commit(host())
    done = clone.run("push", "origin", refspec)
    assert done.returncode != 0
    assert "WFConnection, Primary/Unknown, disks UpToDate/DUnknown" in done.stdout
    assert "git push -o accept-unreplicated" in done.stdout
    assert (node.git("rev-parse", "main"), node.git("tag"), node.git("branch")) == before
    assert not node.bundles()


@pytest.mark.parametrize("daemon", [True, False])
def test_an_accepted_one_is_kept_aside_told_in_the_audit_and_removed_when_the_peer_has_it(
    node: PairedSite, clone: Clone, daemon: bool
) -> None:
    if not daemon:
        node.stop_daemon()
    node.pair.say(in_sync=False)
    before = clone.head()
    commit = clone.commit(host())
    done = clone.push(*ACCEPT, RECONCILER_PUSHED_BY="ada")
    assert done.returncode == 0, done.stdout
    (path,) = node.bundles()
    assert path.name in done.stdout
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert bundle.read(path) == bundle.Header({"refs/heads/main": commit}, (before,))
    assert f"{commit} refs/heads/main" in node.git("bundle", "list-heads", str(path))
    (kept,) = unreplicated.waiting(node.own)
    assert (kept.pushed_by, kept.refs) == ("ada", {"refs/heads/main": commit})
    if not daemon:
        node.start_daemon()
    assert [each["file"] for each in status(node)["kept_aside"]] == [str(path)]
    assert "1 push taken while the peer was away" in reconciler(node, "status").stdout
    assert "Unreplicated: yes" in last_entry(node)
    assert "Pushed-by: ada" in last_entry(node)
    assert not lost(node)
    a_few_passes(node)
    assert path.exists()
    node.pair.say()
    wait_until(lambda: not list(node.kept.iterdir()), timeout=60)
    clone.change(host(), *ACCEPT)
    assert "Unreplicated" not in last_entry(node)
    assert not node.bundles()


def test_a_peer_that_goes_while_a_push_is_checked_is_seen(node: PairedSite, clone: Clone) -> None:
    before = node.git("rev-parse", "main")
    commit = clone.commit(host())
    node.pair.say(until=(node.root / "state/pushes" / f"{commit}.json", "pushed_by"))
    done = clone.push()
    assert done.returncode != 0
    assert "git push -o accept-unreplicated" in done.stdout
    assert node.git("rev-parse", "main") == before
    assert not node.bundles()


def test_a_peer_that_goes_while_the_ref_moves_is_seen_too_late_to_refuse(node: PairedSite, clone: Clone) -> None:
    before = clone.head()
    commit = clone.commit(host())
    node.pair.say(until=(node.repo / "refs/heads/main", commit))
    done = clone.push()
    assert done.returncode == 0, done.stdout
    assert "the peer does not have this push yet" in done.stdout
    (path,) = node.bundles()
    assert bundle.read(path) == bundle.Header({"refs/heads/main": commit}, (before,))


def test_a_node_that_is_closed_refuses_and_takes_pushes_in_its_next_term(node: PairedSite, clone: Clone) -> None:
    Receiving(node.repo, node.control).refuse_new("this node gives up its role")
    clone.commit(host())
    assert "refused   this node gives up its role" in clone.push().stdout
    node.stop_daemon()
    assert "refused   this node gives up its role" in clone.push().stdout
    node.start_daemon()
    assert clone.push().returncode == 0


def test_a_demotion_ends_a_push_that_hangs_and_the_next_term_takes_pushes(node: PairedSite, clone: Clone) -> None:
    # Somebody who has connected, and sends nothing.
    hanging = subprocess.Popen(
        ["git", "receive-pack", str(node.repo)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd="/"
    )
    try:
        receiving = Receiving(node.repo, node.control)
        wait_until(lambda: len(receiving.running()) == 1, timeout=60)
        done = reconciler(node, "demote")
        assert done.returncode == 0, done.stdout
        assert "ended a push" in done.stdout
        assert hanging.wait(60) != 0
        assert not receiving.busy()
    finally:
        hanging.kill()
        hanging.communicate()
    clone.commit(host())
    assert "this node is on standby: demoted by" in clone.push().stdout
    node.pair.say(primary=False)
    wait_until(lambda: "Secondary here" in reconciler(node, "role").stdout, timeout=60)
    node.pair.say()
    wait_until(lambda: clone.push().returncode == 0, timeout=60)


def test_a_stale_lock_goes_also_where_somebody_is_connected_when_the_term_begins(
    node: PairedSite, clone: Clone
) -> None:
    node.pair.say(primary=False)
    wait_until(lambda: "Secondary here" in reconciler(node, "role").stdout, timeout=60)
    assert "standby" in reconciler(node, "apply").stdout
    lock = node.repo / "refs/heads/main.lock"
    lock.touch()
    hanging = subprocess.Popen(
        ["git", "receive-pack", str(node.repo)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd="/"
    )
    try:
        receiving = Receiving(node.repo, node.control)
        wait_until(lambda: len(receiving.running()) == 1, timeout=60)
        node.pair.say()
        wait_until(lambda: not receiving.closed, timeout=60)
        assert lock.exists()
    finally:
        hanging.kill()
        hanging.communicate()
    wait_until(lambda: not lock.exists(), timeout=60)
    assert "applied" in clone.change(host())


def test_with_the_policy_to_warn_a_push_is_taken_and_kept_aside(tmp_path: Path) -> None:
    with paired_node(tmp_path, policy="warn") as (node, clone):
        node.pair.say(in_sync=False)
        assert "the peer does not have this push yet" in clone.change(host())
        assert len(node.bundles()) == 1


def test_a_rollback_without_the_peer_is_kept_aside_too(node: PairedSite, clone: Clone) -> None:
    clone.change(host())
    node.pair.say(in_sync=False)
    assert reconciler(node, "rollback", "main~1").returncode == 0
    (kept,) = unreplicated.waiting(node.own)
    assert kept.refs == {"refs/heads/main": node.git("rev-parse", "main")}
    assert "Unreplicated: yes" in last_entry(node)


def test_what_cannot_be_kept_aside_is_refused(node: PairedSite, clone: Clone) -> None:
    node.pair.say(in_sync=False)
    node.kept.parent.mkdir(exist_ok=True)
    node.kept.write_text("in the way")
    clone.commit(host())
    done = clone.push(*ACCEPT)
    node.kept.unlink()
    assert done.returncode != 0
    assert "no copy could be kept aside" in done.stdout
    assert node.git("rev-parse", "main") != clone.head()


def test_discarded_pushes_come_back_as_branches_once(node: PairedSite, clone: Clone, tmp_path: Path) -> None:
    node.copy_disk(tmp_path / "peer")
    node.pair.say(in_sync=False)
    pushed = []
    for _ in range(2):
        pushed.append(clone.commit(host()))
        assert clone.push(*ACCEPT, RECONCILER_PUSHED_BY="ada").returncode == 0
    clone.run("tag", "--annotate", "--message", "x", "v1")
    tag = clone.run("rev-parse", "v1").stdout.strip()
    draft = clone.commit({"notes.txt": "an idea\n"})
    assert clone.run("push", *ACCEPT, "origin", "HEAD:draft", "v1").returncode == 0
    # Nothing but a new name for what is there: nothing of it is lost.
    assert clone.run("push", *ACCEPT, "origin", "HEAD~1:refs/heads/again").returncode == 0
    in_one_second(node)
    assert len(node.bundles()) == 4
    node.stop_daemon()
    node.discard_disk(tmp_path / "peer")
    node.pair.say()
    assert len(unreplicated.waiting(node.own)) == 4
    node.start_daemon()
    offered = lost(node)
    assert sorted(offered.values()) == sorted([*pushed, draft, tag])
    assert all(name.startswith(("refs/heads/lost/ns1/20", "refs/tags/lost/ns1/20")) for name in offered)
    assert all(commit[:9] in name for name, commit in offered.items())
    entry = node.git("log", "-1", "--grep=^Lost:", "--format=%B", "audit")
    assert entry.startswith("Lost: 3 pushes of ns1 offered as lost/ns1/")
    assert "pushed by ada" in entry
    assert node.git("fsck", "--strict") == ""
    wait_until(lambda: not unreplicated.waiting(node.own), timeout=60)
    assert len(list((node.kept / "offered").glob("*.bundle"))) == 3
    node.stop_daemon()
    node.start_daemon()
    assert lost(node) == offered
    assert len(node.git("log", "--grep=^Lost:", "--format=%h", "audit").split()) == 1
    # People look at them, take what they want, and delete them.
    clone.run("fetch", "--quiet", "origin")
    clone.run("reset", "--quiet", "--hard", "origin/main")
    assert clone.run("merge", "--quiet", pushed[-1]).returncode == 0
    assert clone.push().returncode == 0
    assert clone.run("push", "origin", "HEAD:refs/heads/lost/mine").returncode != 0
    done = clone.run("push", "origin", "--delete", *offered)
    assert done.returncode == 0, done.stdout
    node.stop_daemon()
    node.start_daemon()
    assert not lost(node)


def test_one_whose_base_is_missing_stays_and_is_told(node: PairedSite, clone: Clone, tmp_path: Path) -> None:
    node.copy_disk(tmp_path / "peer")
    node.pair.say(in_sync=False)
    for _ in range(2):
        clone.change(host(), *ACCEPT)
    first, second = node.bundles()
    first_copy = first.rename(tmp_path / first.name)
    node.stop_daemon()
    node.discard_disk(tmp_path / "peer")
    node.pair.say()
    node.start_daemon()
    assert node.bundles() == [second]
    assert not lost(node)
    assert "cannot be offered as a branch" in node.log.read_text()
    assert "lacks these prerequisite commits" in node.log.read_text()
    node.git("fetch", "--quiet", str(first_copy), "refs/heads/main:refs/heads/by-hand")
    node.stop_daemon()
    node.start_daemon()
    assert len(lost(node)) == 1
    assert not node.bundles()


def deadly(tmp_path: Path, number: int) -> dict[str, str]:
    return {"FATAL": str(number), "FATAL_LOG": str(tmp_path / "fatal")}


def test_killed_at_each_effect_a_push_is_there_whole_or_not_at_all(
    node: PairedSite, clone: Clone, tmp_path: Path
) -> None:
    node.stop_daemon()
    node.pair.say(in_sync=False)
    before = node.git("rev-parse", "main")
    commit = clone.commit(host())
    killed = []
    for number in range(1, 40):
        done = clone.push(*ACCEPT, **deadly(tmp_path, number))
        if done.returncode == 0:
            break
        killed.append((tmp_path / "fatal").read_text())
        assert node.git("rev-parse", "main") == before
        for path in node.bundles():
            node.git("bundle", "verify", "--quiet", str(path))
    assert node.git("rev-parse", "main") == commit
    assert any(effect.startswith("swap") and "bundle" in effect for effect in killed)
    assert node.bundles()


def test_killed_at_each_effect_an_offer_is_finished_by_the_next_start(
    node: PairedSite, clone: Clone, tmp_path: Path
) -> None:
    node.copy_disk(tmp_path / "peer")
    node.pair.say(in_sync=False)
    pushed = []
    for _ in range(2):
        pushed.append(clone.commit(host()))
        assert clone.push(*ACCEPT).returncode == 0
    node.stop_daemon()
    node.pair.say()
    shutil.copytree(node.own, tmp_path / "own")
    killed: list[str] = []
    for number in range(1, 60):
        node.discard_disk(tmp_path / "peer")
        shutil.rmtree(node.own)
        shutil.copytree(tmp_path / "own", node.own)
        (tmp_path / "fatal").unlink(missing_ok=True)
        environment = {**ENVIRONMENT, **deadly(tmp_path, number)}
        subprocess.run(node.command("apply"), env=environment, capture_output=True, check=False)
        subprocess.run(node.command("apply"), env=ENVIRONMENT, capture_output=True, check=False)
        assert sorted(lost(node).values()) == sorted(pushed)
        assert not node.bundles()
        assert len(list((node.kept / "offered").glob("*.bundle"))) == 2
        assert "Lost: " in node.git("log", "--format=%s", "audit")
        effect = (tmp_path / "fatal").read_text()
        killed.append(effect)
        if "zonestatus" in effect:
            # The pass itself has begun.
            break
    assert any("fetch" in effect for effect in killed)
    assert any("fast-import" in effect for effect in killed)
    assert sum("offered" in effect for effect in killed) >= 4


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
def test_bundle_ref_and_objects_are_durable_before_success_is_reported(
    node: PairedSite, clone: Clone, tmp_path: Path
) -> None:
    node.stop_daemon()
    node.pair.say(in_sync=False)
    clone.commit(host())
    trace = tmp_path / "trace"
    calls = "trace=fsync,syncfs,sync,rename,renameat,renameat2,write"
    strace = ["strace", "-f", "-y", "-s", "300", "-e", calls, "-o", str(trace)]
    push = ["git", "-C", str(clone.path), "push", "--quiet", *ACCEPT, "origin", "HEAD:main"]
    subprocess.run([*strace, *push], check=True, capture_output=True, env=ENVIRONMENT)
    lines = trace.read_text().splitlines()

    place = 0
    for texts in (
        ("rename", "pushes/", '.json"'),
        ("fsync(", f"{node.root}/state/pushes>"),
        ("fsync(", ".bundle."),
        ("rename", '.bundle"'),
        ("fsync(", f"{node.kept}>"),
        ("rename", 'refs/heads/main"'),
        ("syncfs(",),
        ("write(", "unpack ok"),
    ):
        # Each after the one before it.
        place = next(i for i in range(place, len(lines)) if all(text in lines[i] for text in texts)) + 1
    moved = next(i for i, line in enumerate(lines) if "rename" in line and 'refs/heads/main"' in line)
    synced = "".join(line for line in lines[:moved] if "fsync(" in line)
    assert "refs/heads/main.lock" in synced
    assert "tmp_objdir-incoming" in synced
    assert json.loads(unreplicated.waiting(node.own)[0].description.read_text())["node"] == "ns1"
