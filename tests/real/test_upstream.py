"""One node that follows a forge: what comes is applied, history goes back, and nothing bad upstream moves anything."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from forge import FILES, Forge, fetch, git_daemon, head, node, pushed, run, running, status, talker, wait_for
from nodes import ENVIRONMENT, HOSTS, ask, reconciler

from reconciler.demo.pocket import PocketSite

pytestmark = pytest.mark.real

MORE = HOSTS + "new: {ipv4: 192.168.10.99}\n"
FEWER = "".join(HOSTS.splitlines(keepends=True)[:12])


@pytest.fixture
def forge(tmp_path: Path) -> Forge:
    return Forge(tmp_path)


@pytest.fixture
def followed(tmp_path: Path, forge: Forge) -> Iterator[tuple[Forge, PocketSite]]:
    """A node without servers, which has applied the forge's first commit."""
    forge.change(FILES, "first")
    site = node(tmp_path / "ns1", str(forge.repo))
    with running(site):
        wait_for(lambda: pushed(forge, site), site)
        yield forge, site


def deployed(site: PocketSite) -> str:
    return str(status(site)["deployed"])


def test_a_commit_in_the_forge_is_fetched_applied_and_answered_and_its_history_goes_back(
    tmp_path: Path, forge: Forge
) -> None:
    forge.change(FILES, "first")
    site = node(tmp_path / "ns1", f"file://{forge.repo}", bind=True, dnsmasq=True)
    assert site.dnsmasq
    with running(site):
        wait_for(lambda: pushed(forge, site), site)
        assert ask(site.dnsmasq.port, "host10.office.example.net") == ["192.168.10.10"]
        new = forge.change({"hosts.yaml": MORE}, "add new")
        said = fetch(site)
        assert f"fetch     1 commit, main is {new[:12]}" in said
        assert "applied   on ns1" in said
        assert ask(site.dnsmasq.port, "new.office.example.net") == ["192.168.10.99"]
        wait_for(lambda: pushed(forge, site), site)
        assert forge.subjects()[0] == f"Apply {new[:12]}: +2 ~0 -0 records"
        trailers = run("log", "-1", "--format=%(trailers)", "audit", cwd=forge.repo)
        assert "Committed-by: Ada <ada@example.net>" in trailers
        assert "Trigger: upstream" in trailers
        assert "Pushed-by" not in trailers
        assert "applied on ns1" in run("notes", "--ref=reconciler", "show", new, cwd=forge.repo)
        assert fetch(site) == f"fetch     up to date, main is {new[:12]}\n"
        shown = reconciler(site, "status")
        assert f"upstream  file://{forge.repo}, fetched 20" in shown.stdout
        assert shown.returncode == 0, shown.stdout


def test_polling_finds_what_no_webhook_told(tmp_path: Path, forge: Forge) -> None:
    forge.change(FILES, "first")
    site = node(tmp_path / "ns1", str(forge.repo), poll=1)
    with running(site):
        new = forge.change({"hosts.yaml": MORE})
        wait_for(lambda: deployed(site) == new, site)


def test_several_commits_at_once_are_one_apply_with_notes_on_all(followed: tuple[Forge, PocketSite]) -> None:
    forge, site = followed
    one = forge.commit({"hosts.yaml": MORE}, "one")
    two = forge.change({"hosts.yaml": MORE + "more: {ipv4: 192.168.10.98}\n"}, "two")
    assert "fetch     2 commits" in fetch(site)
    wait_for(lambda: pushed(forge, site), site)
    assert f"superseded by {two[:12]}" in run("notes", "--ref=reconciler", "show", one, cwd=forge.repo)


def test_over_the_network_by_git_protocol(tmp_path: Path, forge: Forge) -> None:
    forge.change(FILES, "first")
    with git_daemon(tmp_path, export=forge.repo) as url:
        site = node(tmp_path / "ns1", url)
        with running(site):
            wait_for(lambda: pushed(forge, site), site)
            new = forge.change({"hosts.yaml": MORE})
            assert "applied" in fetch(site)
            assert deployed(site) == new


def test_pushes_to_the_node_are_refused_and_told_where_to_go(tmp_path: Path, forge: Forge) -> None:
    forge.change(FILES, "first")
    url = f"ssh://git:hush@127.0.0.1:1{forge.repo}"
    site = node(tmp_path / "ns1", url)
    with running(site):
        done = run("push", str(site.repo), "HEAD:main", "HEAD:other", cwd=forge.work, check=False)
        assert f"this node follows ssh://git@127.0.0.1:1{forge.repo}: push there" in done
        assert "hush" not in done
        assert head(site) == ""
    done = run("push", str(site.repo), "HEAD:main", cwd=forge.work, check=False)
    assert "push there" in done, done
    assert head(site) == ""


def test_the_word_for_a_mass_change_is_a_trailer_of_the_head(followed: tuple[Forge, PocketSite]) -> None:
    forge, site = followed
    before = deployed(site)
    forge.change({"hosts.yaml": FEWER}, "fewer\n\nAllow-Mass-Change: no")
    done = reconciler(site, "fetch")
    assert done.returncode == 1
    assert 'if this is meant: a commit upstream whose message ends with "Allow-Mass-Change: yes"' in done.stdout
    assert deployed(site) == before
    forge.change({}, "Allow-Mass-Change: yes\n\nis no trailer there")
    assert reconciler(site, "fetch").returncode == 1
    assert deployed(site) == before
    meant = forge.change({}, "meant\n\nAllow-Mass-Change: yes")
    assert "applied" in fetch(site)
    assert deployed(site) == meant
    # The word was for that commit.
    forge.change({"hosts.yaml": "".join(FEWER.splitlines(keepends=True)[:6])}, "fewer still")
    assert reconciler(site, "fetch").returncode == 1
    assert deployed(site) == meant


def test_a_mistake_is_told_and_a_later_commit_mends_it(followed: tuple[Forge, PocketSite]) -> None:
    forge, site = followed
    before = deployed(site)
    bad = forge.change({"hosts.yaml": MORE + "other: {ipv4: 192.168.10.99}\n"}, "mistake")
    done = reconciler(site, "fetch")
    assert done.returncode == 1
    assert "address 192.168.10.99 is already used" in done.stdout
    assert deployed(site) == before
    wait_for(lambda: pushed(forge, site), site)
    assert "already used" in run("notes", "--ref=reconciler", "show", bad, cwd=forge.repo)
    good = forge.change({"hosts.yaml": MORE}, "mended")
    assert "applied" in fetch(site)
    assert deployed(site) == good


def problem(site: PocketSite) -> str:
    return str(status(site)["upstream"]["problem"])


def test_a_rewritten_history_moves_nothing(followed: tuple[Forge, PocketSite]) -> None:
    forge, site = followed
    first = deployed(site)
    second = forge.change({"hosts.yaml": MORE}, "second")
    fetch(site)
    run("reset", "--quiet", "--hard", first, cwd=forge.work)
    forged = forge.commit({"hosts.yaml": FEWER}, "rewritten\n\nAllow-Mass-Change: yes")
    forge.push("--force")
    done = reconciler(site, "fetch")
    assert done.returncode == 1
    assert f"upstream's main was rewritten: {forged[:12]} does not build on {second[:12]}" in done.stdout
    assert (head(site), deployed(site)) == (second, second)
    shown = reconciler(site, "status")
    assert "was rewritten" in shown.stdout
    assert shown.returncode == 1
    assert "was rewritten" in site.log.read_text()
    run("reset", "--quiet", "--hard", first, cwd=forge.work)
    forge.push("--force")
    assert f"went back to {first[:12]}, which is older than {second[:12]}" in reconciler(site, "fetch").stdout
    run("reset", "--quiet", "--hard", second, cwd=forge.work)
    third = forge.change({"hosts.yaml": HOSTS}, "third")
    fetch(site)
    assert deployed(site) == third
    assert problem(site) == "None"
    assert status(site)["healthy"]


def test_a_rewrite_that_is_meant_is_taken_by_an_operator(followed: tuple[Forge, PocketSite]) -> None:
    forge, site = followed
    run("commit", "--quiet", "--amend", "--message", "first, rewritten", cwd=forge.work)
    new = forge.commit({"hosts.yaml": MORE}, "second")
    forge.push("--force")
    assert reconciler(site, "fetch").returncode == 1
    run("update-ref", "refs/heads/main", "refs/upstream/heads/main", cwd=site.repo)
    assert "does not build on" in reconciler(site, "apply").stdout
    assert "applied" in reconciler(site, "apply", "--allow-mass-change").stdout
    assert deployed(site) == new
    assert "up to date" in fetch(site)


def test_upstream_gone_or_without_the_branch_changes_nothing(followed: tuple[Forge, PocketSite]) -> None:
    forge, site = followed
    first = deployed(site)
    away = forge.repo.rename(forge.repo.with_name("away"))
    done = reconciler(site, "fetch")
    assert done.returncode == 1
    assert "does not appear to be a git repository" in done.stdout
    assert (head(site), deployed(site)) == (first, first)
    assert "does not appear" in problem(site)
    assert status(site)["last"]["result"] in ("applied", "unchanged")
    away.rename(forge.repo)
    run("update-ref", "-d", "refs/heads/main", cwd=forge.repo)
    assert f"{forge.repo} has no branch main; nothing was moved here" in reconciler(site, "fetch").stdout
    assert head(site) == first
    forge.push()
    assert "up to date" in fetch(site)
    assert problem(site) == "None"


def test_an_empty_forge_is_waited_for(tmp_path: Path, forge: Forge) -> None:
    site = node(tmp_path / "ns1", str(forge.repo))
    with running(site):
        assert "has no branch main" in reconciler(site, "fetch").stdout
        new = forge.change(FILES, "first")
        fetch(site)
        assert deployed(site) == new


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.0 200 OK\r\n\r\n<html>", b"", b"0006a\n" * 10, b"ffff" + b"\0" * 70000], ids=range(4)
)
def test_garbage_is_told_in_a_line_and_not_asked_for_again_and_again(
    tmp_path: Path, answer: bytes, forge: Forge
) -> None:
    with talker(answer) as (url, seen):
        site = node(tmp_path / "ns1", url)
        with running(site):
            done = reconciler(site, "fetch")
            assert done.returncode == 1
            assert f"{url} cannot be read: " in done.stdout
            assert done.stdout.count("\n") == 1
            # The daemon's first, ours, and nothing of its own before a poll's time is over.
            assert len(seen) == 2
            assert site.pid


def test_a_forge_that_hangs_blocks_neither_status_nor_passes_nor_the_end(tmp_path: Path) -> None:
    with talker(b"", hang=True) as (url, seen):
        site = node(tmp_path / "ns1", url)
        with running(site):
            wait_for(lambda: bool(seen), site)
            assert "branch main has no commit yet" in reconciler(site, "apply").stdout
            assert status(site)["upstream"]["fetched"] is None
        assert site.log.read_text().rstrip().endswith("stopped")


def test_what_is_not_sound_or_too_large_is_not_taken_in(followed: tuple[Forge, PocketSite], tmp_path: Path) -> None:
    forge, site = followed
    first = deployed(site)
    tree = run("rev-parse", "HEAD^{tree}", cwd=forge.work)
    bad = f"tree {tree}\nparent {first}\nauthor A <a@b> 1 +0000\ncommitter broken\n\nx\n"
    (tmp_path / "commit").write_text(bad)
    run("hash-object", "-t", "commit", "-w", "--literally", str(tmp_path / "commit"), cwd=forge.repo)
    unsound = run("hash-object", "-t", "commit", "--literally", str(tmp_path / "commit"), cwd=forge.repo)
    run("update-ref", "refs/heads/main", unsound, cwd=forge.repo)
    done = reconciler(site, "fetch")
    assert done.returncode == 1
    assert "sends objects that are not sound" in done.stdout, done.stdout
    assert head(site) == first
    assert "could not get object info" in run("cat-file", "-t", unsound, cwd=site.repo, check=False)
    assert not [path for path in (site.repo / "objects/upstream").rglob("*") if path.is_file()]


def test_history_that_cannot_be_pushed_is_told_and_tried_again(tmp_path: Path, forge: Forge) -> None:
    forge.change(FILES, "first")
    hook = forge.repo / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho no audit here; exit 1\n")
    hook.chmod(0o755)
    site = node(tmp_path / "ns1", str(forge.repo))
    with running(site):
        wait_for(lambda: "pre-receive hook declined" in str(status(site)["upstream"]["history_problem"]), site)
        document = status(site)
        assert document["upstream"]["waiting"] == ["audit", "refs/notes/reconciler"]
        assert document["last"]["result"] in ("applied", "unchanged")
        assert "history   not upstream yet: audit" in reconciler(site, "status").stdout
        hook.unlink()
        wait_for(lambda: pushed(forge, site), site)
        wait_for(lambda: bool(status(site)["healthy"]), site)


def test_history_that_upstream_lost_or_rewrote_comes_back(followed: tuple[Forge, PocketSite]) -> None:
    forge, site = followed
    run("update-ref", "-d", "refs/heads/audit", cwd=forge.repo)
    fetch(site)
    wait_for(lambda: pushed(forge, site), site)
    assert "has no refs/heads/audit any more" in site.log.read_text()
    tree = run("rev-parse", "HEAD^{tree}", cwd=forge.work)
    alien = run("commit-tree", tree, "-m", "alien", cwd=forge.work)
    run("push", "--quiet", "--force", "origin", f"{alien}:refs/heads/audit", cwd=forge.work)
    own = head(site, "audit")
    fetch(site)
    wait_for(lambda: pushed(forge, site), site)
    assert "has rewritten refs/heads/audit" in site.log.read_text()
    assert forge.subjects()[-1] == "alien"
    assert forge.subjects()[0].startswith("Apply")
    message = run("log", "-1", "--format=%B", "audit", cwd=forge.repo)
    assert f"First-written-as: {own}" in message


def test_without_push_back_the_forge_gets_nothing(tmp_path: Path, forge: Forge) -> None:
    forge.change(FILES, "first")
    site = node(tmp_path / "ns1", str(forge.repo), push_back=False)
    with running(site):
        wait_for(lambda: bool(head(site, "audit")), site)
        fetch(site)
    assert forge.tip("refs/heads/audit") == ""


@pytest.mark.parametrize("url", ["ext::sh -c true", "http://example.net/x", "-u/x", "relative/path", "fd::17"])
def test_an_address_that_git_is_not_to_be_given_is_refused_at_the_start(tmp_path: Path, url: str) -> None:
    site = node(tmp_path / "ns1", url)
    done = reconciler(site, "run")
    assert done.returncode == 1
    assert "node.yaml: upstream.url" in done.stdout


def test_a_password_in_the_address_is_told_to_nobody(tmp_path: Path) -> None:
    with talker(b"") as (url, _):
        secret = url.replace("git://", "https://tok%40en:s3cr%40t@")
        site = node(tmp_path / "ns1", secret)
        with running(site):
            said = reconciler(site, "fetch").stdout + json.dumps(status(site)) + reconciler(site, "status").stdout
            said += reconciler(site, "rollback", "HEAD").stdout
            said += run("push", str(site.repo), "HEAD:main", cwd=Path.cwd(), check=False)
        said += site.log.read_text()
    assert url.replace("git://", "https://") in said
    for word in ("s3cr", "tok%40en", "tok@en"):
        assert word not in said, said


def test_fetch_where_nothing_is_followed(tmp_path: Path) -> None:
    site = PocketSite(tmp_path, bind=False, dnsmasq=False)
    subprocess.run(site.init_command(), env=ENVIRONMENT, capture_output=True, check=True)
    with running(site):
        done = reconciler(site, "fetch")
        assert done.returncode == 1
        assert "node.yaml has no `upstream:`" in done.stdout
