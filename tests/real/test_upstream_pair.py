"""Two nodes that follow one forge: each has a repository of its own, one acts, and the audit is one line in the end."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from forge import FILES, Forge, fetch, head, make_primary, node, pushed, run, running, status, wait_for
from nodes import HOSTS, reconciler

from reconciler.demo.pocket import PocketSite

pytestmark = pytest.mark.real


class Pair(NamedTuple):
    forge: Forge
    one: PocketSite
    two: PocketSite


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """ns1 is primary and has applied the first commit; ns2 stands by. A folder is what they share."""
    forge = Forge(tmp_path)
    forge.change(FILES, "first")
    one, two = (
        node(tmp_path / name, str(forge.repo), name=name, shared=tmp_path / "shared") for name in ("ns1", "ns2")
    )
    make_primary(one)
    with running(one, two):
        wait_for(lambda: pushed(forge, one), one, two)
        fetch(two)
        yield Pair(forge, one, two)


def hosts(*numbers: int) -> dict[str, str]:
    return {"hosts.yaml": HOSTS + "".join(f"more{n}: {{ipv4: 192.168.10.{n}}}\n" for n in numbers)}


def switch(down: PocketSite, up: PocketSite) -> None:
    make_primary(down, False)
    make_primary(up)
    wait_for(lambda: status(up)["role"] == "primary", up)
    reconciler(up, "apply")


def line(forge: Forge) -> list[str]:
    """The audit's Node and subject, the oldest first; every commit has one parent at most."""
    assert not run("rev-list", "--min-parents=2", "audit", cwd=forge.repo)
    return run(
        "log", "--reverse", "--format=%(trailers:key=Node,valueonly,separator=) %s", "audit", cwd=forge.repo
    ).split("\n")


def nodes(forge: Forge) -> list[str]:
    return [each.split(" ")[0] for each in line(forge)]


def test_a_standby_fetches_and_checks_and_touches_nothing_else(pair: Pair, tmp_path: Path) -> None:
    forge, _, two = pair
    new = forge.change(hosts(90), "more")
    before = sorted((path, path.stat().st_mtime_ns) for path in (tmp_path / "shared").rglob("*"))
    said = fetch(two)
    assert f"1 commit, main is {new[:12]}" in said
    assert "check     3 files, 21 hosts" in said
    assert head(two) == new
    assert sorted((path, path.stat().st_mtime_ns) for path in (tmp_path / "shared").rglob("*")) == before
    forge.change({"hosts.yaml": "broken"}, "mistake")
    done = reconciler(two, "fetch")
    assert done.returncode == 1
    assert "hosts.yaml:1:1" in done.stdout
    assert any("hosts.yaml:1:1" in text for text in status(two)["upstream"]["check"])
    assert "hosts.yaml:1:1" in reconciler(two, "status").stdout
    assert status(two)["last"]["result"] == "standby"
    # It knows what the primary has recorded, and writes nothing of its own.
    assert head(two, "audit") == forge.tip("audit")


def test_after_a_failover_the_audit_goes_on_as_one_line(pair: Pair) -> None:
    forge, one, two = pair
    forge.change(hosts(90), "on one")
    assert "applied" in fetch(one)
    wait_for(lambda: pushed(forge, one), one)
    one.kill_daemon()
    make_primary(one, False)
    make_primary(two)
    fetch(two)
    wait_for(lambda: status(two)["role"] == "primary", two)
    reconciler(two, "apply")
    new = forge.change(hosts(90, 91), "on two")
    assert "applied   on ns2" in fetch(two)
    wait_for(lambda: pushed(forge, two), two)
    assert nodes(forge)[-1] == "ns2"
    assert nodes(forge).index("ns2") == nodes(forge).count("ns1")
    assert run("merge-base", "--is-ancestor", head(one, "audit"), "audit", cwd=forge.repo, check=False) == ""
    changed = run("diff", "--name-only", "audit~1", "audit", cwd=forge.repo).splitlines()
    assert changed == ["zones/10.168.192.in-addr.arpa/records", "zones/office.example.net/records"], changed
    one.start_daemon()
    switch(two, one)
    forge.change(hosts(90, 91, 92), "on one again")
    assert "applied   on ns1" in fetch(one)
    wait_for(lambda: pushed(forge, one), one)
    assert nodes(forge)[-1] == "ns1"
    assert status(one)["deployed"] == forge.tip("main") != new


def test_what_was_recorded_apart_is_put_in_one_line(pair: Pair) -> None:
    forge, one, two = pair
    first, second = forge.commit(hosts(90), "on one"), forge.commit(hosts(90, 91), "on two")
    run("push", "--quiet", "origin", f"{first}:main", cwd=forge.work)
    fetch(two)
    # The forge takes no history while ns1 applies it.
    hook = forge.repo / "hooks/update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\n[ $1 = refs/heads/main ]\n")
    hook.chmod(0o755)
    assert "applied   on ns1" in fetch(one)
    wait_for(lambda: bool(status(one)["upstream"]["waiting"]), one)
    own = head(one, "audit")
    make_primary(one, False)
    hook.unlink()
    make_primary(two)
    wait_for(lambda: status(two)["role"] == "primary", two)
    run("push", "--quiet", "origin", f"{second}:main", cwd=forge.work)
    assert "applied   on ns2" in fetch(two)
    wait_for(lambda: pushed(forge, two), two)
    fetch(one)
    assert head(one, "audit") == own
    assert status(one)["upstream"]["waiting"]
    switch(two, one)
    wait_for(lambda: pushed(forge, one), one, two)
    told = line(forge)
    assert [each for each in told if first[:12] in each] == [f"ns1 Apply {first[:12]}: +2 ~0 -0 records"]
    assert [each for each in told if second[:12] in each] == [f"ns2 Apply {second[:12]}: +2 ~0 -0 records"]
    assert "First-written-as: " + own in run("log", "--format=%B", "audit", cwd=forge.repo)
    assert "had grown here and upstream" in one.log.read_text()
    for commit, name in ((first, "ns1"), (second, "ns2")):
        assert f"applied on {name}" in run("notes", "--ref=reconciler", "show", commit, cwd=forge.repo)
    # What follows is written against what is deployed, not against the entry that came late.
    forge.change(hosts(90, 91, 92), "goes on")
    assert "applied   on ns1" in fetch(one)
    wait_for(lambda: pushed(forge, one), one)
    shown = run("show", "audit:zones/office.example.net/records", cwd=forge.repo)
    assert all(f"more{n}" in shown for n in (90, 91, 92))


def test_a_node_that_is_behind_does_not_go_back_to_what_it_knows(pair: Pair) -> None:
    forge, one, two = pair
    old = head(two)
    new = forge.change(hosts(90), "only one has it\n\nAllow-Mass-Change: yes")
    assert "applied" in fetch(one)
    away = forge.repo.rename(forge.repo.with_name("away"))
    make_primary(one, False)
    make_primary(two)
    wait_for(lambda: status(two)["role"] == "primary", two)
    done = reconciler(two, "apply")
    assert done.returncode == 1
    assert f"waiting   {old[:12]}, the newest that this node has fetched, does not build on {new[:12]}" in done.stdout
    away.rename(forge.repo)
    fetch(two)
    wait_for(lambda: status(two)["last"]["result"] in ("applied", "unchanged"), two)
    assert status(two)["deployed"] == new


def test_without_an_answer_from_upstream_the_first_entry_says_so(pair: Pair) -> None:
    forge, one, two = pair
    new = forge.change(hosts(90), "more")
    fetch(two)
    make_primary(one, False)
    away = forge.repo.rename(forge.repo.with_name("away"))
    make_primary(two)
    wait_for(lambda: status(two)["deployed"] == new and not status(two)["busy_since"], two)
    away.rename(forge.repo)
    fetch(two)
    wait_for(lambda: pushed(forge, two), two)
    message = run("log", "-1", "--format=%B", "audit", cwd=forge.repo)
    assert f"State: {new}" in message
    assert "Upstream: history not looked at: " in message
    assert nodes(forge)[-1] == "ns2"
