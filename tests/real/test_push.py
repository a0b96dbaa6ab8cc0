"""From `git push` to the servers' answers, with a real daemon, named, dnsmasq and git."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from nodes import ENVIRONMENT, HOSTS, SITE, Clone, ask, reconciler, running_node, status
from servers import wait_until

from reconciler.demo.pocket import PocketSite

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PocketSite, Clone]]:
    with running_node(tmp_path_factory.mktemp("node")) as made:
        yield made


@pytest.fixture
def node(pair: tuple[PocketSite, Clone]) -> PocketSite:
    return pair[0]


@pytest.fixture
def clone(pair: tuple[PocketSite, Clone]) -> Iterator[Clone]:
    _, clone = pair
    yield clone
    # Every test begins with the state of the first push.
    clone.run("fetch", "--quiet")
    clone.run("reset", "--quiet", "--hard", "origin/main")
    clone.run("checkout", "--quiet", "-B", "main", "origin/main")
    clone.change({"site.yaml": SITE, "hosts.yaml": HOSTS}, "-o", "allow-mass-change")


def servers(node: PocketSite) -> list[int]:
    assert node.named
    assert node.dnsmasq
    return [node.named.port, node.dnsmasq.port]


def test_a_pushed_host_answers_forward_and_reverse_when_the_push_returns(node: PocketSite, clone: Clone) -> None:
    said = clone.change({"hosts.yaml": HOSTS + "new: {ipv4: 192.168.10.99}\n"})
    for port in servers(node):
        assert ask(port, "new.office.example.net") == ["192.168.10.99"]
        assert ask(port, "99.10.168.192.in-addr.arpa", "PTR") == ["new.office.example.net."]
    assert "+ new.office.example.net. 3600 A 192.168.10.99" in said
    assert "verified against bind and dnsmasq" in said
    assert "negative answer" in said


def test_a_mistake_is_refused_with_its_place_and_nothing_is_stored(node: PocketSite, clone: Clone) -> None:
    before = clone.head()
    clone.commit({"hosts.yaml": HOSTS + "twin: {ipv4: 192.168.10.10}\nodd: {ipv4: 192.168.10.300}\n"})
    done = clone.push()
    assert done.returncode != 0
    assert "hosts.yaml:22:" in done.stdout
    assert "192.168.10.300" in done.stdout
    assert clone.run("ls-remote", "origin", "main").stdout.split()[0] == before


def test_deleting_much_is_held_by_the_guard_and_let_through_on_request(node: PocketSite, clone: Clone) -> None:
    few = "".join(HOSTS.splitlines(keepends=True)[:5])
    clone.commit({"hosts.yaml": few})
    refused = clone.push()
    assert refused.returncode != 0
    assert "git push -o allow-mass-change" in refused.stdout
    assert ask(servers(node)[0], "host29.office.example.net") == ["192.168.10.29"]
    assert clone.push("-o", "allow-mass-change").returncode == 0
    for port in servers(node):
        assert ask(port, "host29.office.example.net") == []


@pytest.mark.parametrize(
    ("refspec", "reason"),
    [
        (":main", "cannot be deleted"),
        ("+HEAD~1:main", "not a fast-forward"),
        ("+HEAD:audit", "kept for the reconciler"),
        ("+HEAD:refs/notes/reconciler", "kept for the reconciler"),
    ],
)
def test_what_must_not_be_pushed_is_refused_with_a_reason(clone: Clone, refspec: str, reason: str) -> None:
    clone.change({"hosts.yaml": HOSTS + "extra: {ipv4: 192.168.10.98}\n"})
    done = clone.run("push", "origin", refspec)
    assert done.returncode != 0
    assert reason in done.stdout


def test_another_branch_is_checked_and_planned_but_not_applied(node: PocketSite, clone: Clone) -> None:
    clone.commit({"hosts.yaml": HOSTS + "idea: {ipv4: 192.168.10.97}\n"})
    done = clone.run("push", "origin", "HEAD:idea")
    assert done.returncode == 0
    assert "idea.office.example.net." in done.stdout
    assert "not the deployed branch" in done.stdout
    assert ask(servers(node)[0], "idea.office.example.net") == []
    clone.run("push", "origin", ":idea")


def test_a_commit_that_came_without_a_push_is_applied_by_itself(node: PocketSite, clone: Clone) -> None:
    commit = clone.commit({"hosts.yaml": HOSTS + "quiet: {ipv4: 192.168.10.96}\n"})
    clone.run("push", "origin", "HEAD:side")
    bare = ["git", f"--git-dir={node.repo}"]
    subprocess.run([*bare, "update-ref", "refs/heads/main", commit], check=True, env=ENVIRONMENT)
    wait_until(lambda: ask(servers(node)[0], "quiet.office.example.net") == ["192.168.10.96"])
    subprocess.run([*bare, "gc", "--quiet"], check=True, env=ENVIRONMENT)
    assert not (node.repo / "refs/heads/main").exists()
    later = clone.commit({"hosts.yaml": HOSTS + "packed: {ipv4: 192.168.10.95}\n"})
    clone.run("push", "--force", "origin", "HEAD:side")
    subprocess.run([*bare, "update-ref", "refs/heads/main", later], check=True, env=ENVIRONMENT)
    wait_until(lambda: ask(servers(node)[0], "packed.office.example.net") == ["192.168.10.95"])
    clone.run("push", "origin", ":side")


def test_named_away_for_a_while_converges_without_another_event(node: PocketSite, clone: Clone) -> None:
    assert node.named
    node.named.stop()
    try:
        said = clone.change({"hosts.yaml": HOSTS + "late: {ipv4: 192.168.10.94}\n"})
        assert "waiting" in said
        assert status(node)["retry_in"] is not None
    finally:
        node.named.start()
    wait_until(lambda: ask(servers(node)[0], "late.office.example.net") == ["192.168.10.94"])
    wait_until(lambda: bool(status(node)["healthy"]))


def test_a_push_while_the_daemon_is_down_is_checked_stored_and_applied_at_its_start(
    node: PocketSite, clone: Clone
) -> None:
    node.stop_daemon()
    try:
        clone.commit({"hosts.yaml": HOSTS + "twin: {ipv4: 192.168.10.10}\n"})
        assert "192.168.10.10" in (refused := clone.push()).stdout
        assert refused.returncode != 0
        clone.run("reset", "--quiet", "--hard", "HEAD~1")
        said = clone.change({"hosts.yaml": HOSTS + "down: {ipv4: 192.168.10.93}\n"})
        assert "applied at its start" in said
    finally:
        node.start_daemon()
    assert ask(servers(node)[0], "down.office.example.net") == ["192.168.10.93"]


def test_what_bind_says_about_a_record_reaches_the_pusher(node: PocketSite, clone: Clone) -> None:
    clone.commit({"bind.d/acl.conf": 'acl "broken" { 192.0.2.0/33; };\n'})
    done = clone.push()
    assert done.returncode != 0
    assert "named-checkconf" in done.stdout
    assert ask(servers(node)[0], "host10.office.example.net") == ["192.168.10.10"]


def test_what_dnsmasq_says_about_a_directive_reaches_the_pusher(node: PocketSite, clone: Clone) -> None:
    clone.commit({"dnsmasq.d/odd.conf": "cache-size=many\n"})
    done = clone.push()
    assert done.returncode != 0
    assert "dnsmasq" in done.stdout
    assert ask(servers(node)[1], "host10.office.example.net") == ["192.168.10.10"]


def test_drift_of_one_zone_stands_while_another_is_changed(node: PocketSite, clone: Clone) -> None:
    assert node.named
    key = str(node.named.bind / "reconciler.key")
    for verb in ("add intruder.dyn.example.net 300 A 192.0.2.1", "delete intruder.dyn.example.net"):
        update = f"server 127.0.0.1 {node.named.port}\nzone dyn.example.net\nupdate {verb}\nsend\n"
        subprocess.run(["nsupdate", "-k", key], input=update, text=True, check=True)
        if verb.startswith("add"):
            assert "intruder" in reconciler(node, "apply").stdout
            clone.change({"hosts.yaml": HOSTS + "other: {ipv4: 192.168.10.85}\n"})
            assert "intruder" in str(status(node)["drift"])
    reconciler(node, "apply")
    assert status(node)["drift"] == []


def test_pause_stores_and_resume_applies(node: PocketSite, clone: Clone) -> None:
    assert reconciler(node, "pause", "--reason", "moving the rack").returncode == 0
    assert not status(node)["healthy"]
    node.stop_daemon()
    node.start_daemon()
    said = clone.change({"hosts.yaml": HOSTS + "later: {ipv4: 192.168.10.92}\n"})
    assert "moving the rack" in said
    assert ask(servers(node)[0], "later.office.example.net") == []
    assert reconciler(node, "resume").returncode == 0
    assert ask(servers(node)[0], "later.office.example.net") == ["192.168.10.92"]


def test_rollback_brings_an_older_state_back_as_a_new_commit(node: PocketSite, clone: Clone) -> None:
    clone.change({"hosts.yaml": HOSTS + "wrong: {ipv4: 192.168.10.91}\n"})
    wrong = clone.head()
    done = reconciler(node, "rollback", "main~1")
    assert done.returncode == 0, done.stdout
    assert ask(servers(node)[0], "wrong.office.example.net") == []
    clone.run("pull", "--quiet", "--ff-only", "origin", "main")
    assert clone.run("rev-parse", "HEAD~1").stdout.strip() == wrong
    assert reconciler(node, "rollback", "nonsense").returncode == 1


def test_a_rollback_that_the_guard_would_hold_moves_nothing_until_it_is_meant(node: PocketSite, clone: Clone) -> None:
    clone.change({"hosts.yaml": HOSTS + "".join(f"more{n}: {{ipv4: 192.168.10.{n}}}\n" for n in range(50, 80))})
    done = reconciler(node, "rollback", "main~1")
    assert done.returncode == 1
    assert "--allow-mass-change" in done.stdout
    assert clone.run("ls-remote", "origin", "main").stdout.split()[0] == clone.head()
    assert reconciler(node, "rollback", "--allow-mass-change", "main~1").returncode == 0
    assert ask(servers(node)[0], "more50.office.example.net") == []


def test_who_pushed_is_the_keys_name_not_the_commits_author(node: PocketSite, clone: Clone, tmp_path: Path) -> None:
    for name, last in (("ada", 90), ("grace", 89)):
        ssh = tmp_path / f"ssh-{name}"
        shell = Path(__file__).parents[2] / "hooks/reconciler-git-shell"
        ssh.write_text(f'#!/bin/sh\nshift\nSSH_ORIGINAL_COMMAND="$*" exec {shell} {name} {node.repo}\n')
        ssh.chmod(0o755)
        clone.commit({"hosts.yaml": HOSTS + f"by-{name}: {{ipv4: 192.168.10.{last}}}\n"})
        by_ssh = {"GIT_SSH_COMMAND": str(ssh), "GIT_SSH_VARIANT": "simple"}
        done = clone.run("push", f"ssh://node{node.repo}", "HEAD:main", **by_ssh)
        assert done.returncode == 0, done.stdout
    entries = json.loads(reconciler(node, "log", "--json", "-n", "2").stdout)
    assert [dict(entry["trailers"])["Pushed-by"] for entry in entries] == ["grace", "ada"]


def test_notes_answer_whether_a_commit_was_applied_and_what_superseded_it(node: PocketSite, clone: Clone) -> None:
    first = clone.commit({"hosts.yaml": HOSTS + "a: {ipv4: 192.168.10.88}\n"})
    second = clone.commit({"hosts.yaml": HOSTS + "a: {ipv4: 192.168.10.87}\n"})
    clone.push()
    clone.run("fetch", "--quiet", "origin", "+refs/notes/*:refs/notes/*")
    assert "applied on ns1" in clone.run("notes", "--ref=reconciler", "show", second).stdout
    assert f"superseded by {second[:12]}" in clone.run("notes", "--ref=reconciler", "show", first).stdout


def test_a_second_daemon_on_the_same_node_is_refused(node: PocketSite, clone: Clone) -> None:
    done = reconciler(node, "run")
    assert done.returncode == 1
    assert "another reconciler is at work" in done.stdout


def test_plan_and_status_speak_json(node: PocketSite, clone: Clone) -> None:
    clone.write({"hosts.yaml": HOSTS + "planned: {ipv4: 192.168.10.86}\n"})
    document = json.loads(reconciler(node, "plan", "--json", "--dir", str(clone.path)).stdout)
    assert document["valid"]
    assert {"sign": "+", "record": "planned.office.example.net. 3600 A 192.168.10.86"} in [
        change for zone in document["zones"] for change in zone["changes"]
    ]
    assert status(node)["zones"][0]["serial"] > 0
    clone.run("checkout", "--quiet", "--", ".")
