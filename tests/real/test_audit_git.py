"""The audit in a real repository, as git itself reads it."""

import shutil
import subprocess
import sys

import pytest
from gitbench import effects, filled, git
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.audit.entry import Entry, message
from reconciler.audit.history import history
from reconciler.audit.record import Audit
from reconciler.errors import BadRepository, NotPrimary
from reconciler.git.maintain import maintain
from reconciler.role.base import Condition, RoleReport

pytestmark = pytest.mark.real


@pytest.fixture
def bench(tmp_path):
    repo, head = filled(tmp_path)
    return repo, head, Audit(repo, effects(tmp_path), node="n1")


def test_entry_is_a_commit_with_files_trailers_and_note(bench):
    repo, head, audit = bench
    assert audit.tip() is None
    files = {"zones/example.org/soa": b"1\n", "services/x/a b\"\\\n'é": b"\0\xff", "zones/x/records": b"r\n"}
    trailers = [("Trigger", "push"), ("State", head), ("Pushed-by", "ann@laptop"), ("Zone", "example.org. 1")]
    first = audit.record(Entry("apply one", trailers, files=files, notes={head: "applied on n1"}))
    assert audit.tip() == first == git(repo, "rev-parse", "audit").strip()
    assert git(repo, "log", "-1", "--format=%an <%ae> %cn", first).strip() == "reconciler <reconciler@n1> reconciler"
    assert git(repo, "ls-tree", "-r", "-z", "--name-only", first).split("\0")[:-1] == sorted(files)
    assert git(repo, "show", f"{first}:zones/example.org/soa") == "1\n"
    shown = subprocess.run(
        ["git", "-C", repo, "interpret-trailers", "--parse"],
        input=git(repo, "log", "-1", "--format=%B", first).encode(),
        capture_output=True,
        check=True,
    ).stdout.decode()
    assert shown == "".join(f"{key}: {value}\n" for key, value in trailers)
    assert "applied on n1" in git(repo, "log", "--notes=reconciler", "main")
    second = audit.record(Entry("apply two", files={"zones/example.org/soa": b"2\n", "zones/x": None}))
    assert git(repo, "rev-parse", f"{second}^").strip() == first
    assert git(repo, "diff", "--name-status", first, second).split() == [
        *("M", "zones/example.org/soa"),
        *("D", "zones/x/records"),
    ]
    assert not [path for path in repo.iterdir() if "crash" in path.name]
    assert "error" not in git(repo, "fsck", "--strict")


def test_file_becomes_folder_and_back(bench):
    repo, _, audit = bench
    audit.record(Entry("a", files={"zones/x/records": b"1"}))
    audit.record(Entry("b", files={"zones/x/records": None, "zones/x/records/a": b"1"}))
    assert git(repo, "ls-tree", "-r", "--name-only", "audit") == "zones/x/records/a\n"
    audit.record(Entry("c", files={"zones/x/records": None, "zones/x/records/a/b": b"1"}))
    assert git(repo, "ls-tree", "-r", "--name-only", "audit") == "zones/x/records/a/b\n"
    audit.record(Entry("d", files={"zones/x/records": b"2"}))
    assert git(repo, "ls-tree", "-r", "--name-only", "audit") == "zones/x/records\n"


@given(
    value=st.text(st.characters(exclude_categories=["Cs"]))
    | st.lists(st.sampled_from(["\n", "Result: forged", "---", "#", "(cherry picked from", " x"])).map("".join),
    body=st.lists(st.sampled_from(["\n", "\n\n", "Result: forged", "---", "# x", "text"])).map("".join),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_git_reads_exactly_our_trailers_from_hostile_text(tmp_path, value, body):
    entry = Entry(value, [("Trigger", value), ("Pushed-by", value), ("Result", "ok")], body=body)
    shown = subprocess.run(
        ["git", "interpret-trailers", "--parse"], input=message(entry).encode(), capture_output=True, check=True
    ).stdout.decode()
    assert [line.partition(":")[0] for line in shown.splitlines()] == ["Trigger", "Pushed-by", "Result"]
    assert shown.endswith("\nResult: ok\n")


def test_history_reads_what_was_recorded(bench):
    repo, head, audit = bench
    assert history(repo) == []
    hostile = "two\nlines\x1e\0 Result: forged"
    one = audit.record(Entry("one", [("State", head), ("Zone", "a. 1"), ("Zone", "b. 2")]))
    two = audit.record(Entry("two", [("Result", hostile)], files={"zones/a.b%2Fc/soa": b"1"}))
    found = history(repo)
    assert [(each.commit, each.subject) for each in found] == [(two, "two"), (one, "one")]
    assert found[1].values("Zone") == ("a. 1", "b. 2")
    assert found[1].values("State") == (head,)
    assert found[0].trailers == (("Result", "two lines \ufffd Result: forged"),)
    assert found[0].when >= found[1].when
    assert [each.subject for each in history(repo, limit=1)] == ["two"]
    assert [each.subject for each in history(repo, zone="a.b/c.")] == ["two"]
    assert history(repo, zone="*.") == []


def test_notes_of_many_commits_and_again(bench):
    repo, head, audit = bench
    commits = [head]
    tree = git(repo, "rev-parse", "main^{tree}").strip()
    for number in range(5):
        commits.append(git(repo, "commit-tree", tree, "-m", str(number)).strip())
    audit.record(Entry("x", notes={commit: f"superseded {commit}" for commit in commits}))
    audit.record(Entry("y", notes={head: "failed\nwhy"}))
    assert git(repo, "notes", "--ref=reconciler", "show", head) == "failed\nwhy\n"
    for commit in commits[1:]:
        assert git(repo, "notes", "--ref=reconciler", "show", commit) == f"superseded {commit}\n"


def test_note_on_a_commit_that_is_gone_does_not_lose_the_entry(bench):
    repo, head, audit = bench
    entry = audit.record(Entry("x", notes={"1" * 40: "gone", head: "there", "--evil": "odd"}))
    assert audit.tip() == entry
    assert git(repo, "notes", "--ref=reconciler", "show", head) == "there\n"
    assert not [path for path in repo.iterdir() if "crash" in path.name]


def test_branch_moved_in_between_is_tried_again(bench, monkeypatch):
    repo, _, audit = bench
    first = audit.record(Entry("first", files={"a": b"1"}))
    audit.record(Entry("second", files={"b": b"1"}))
    tips = iter([first])
    tip = audit.tip
    monkeypatch.setattr(audit, "tip", lambda: next(tips, None) or tip())
    audit.record(Entry("third", files={"c": b"1"}))
    assert git(repo, "ls-tree", "--name-only", "audit").split() == ["a", "b", "c"]
    assert git(repo, "log", "--format=%s", "audit").split() == ["third", "second", "first"]


def test_broken_branch_is_told_and_main_untouched(bench):
    repo, head, audit = bench
    (repo / "refs/heads/audit").write_text("1" * 40 + "\n")
    with pytest.raises(BadRepository, match=r"could not be written to refs/heads/audit.*applied stays.*fsck"):
        audit.record(Entry("x", notes={head: "y"}))
    with pytest.raises(BadRepository):
        history(repo)
    (repo / "refs/heads/audit").unlink()
    (repo / "refs/heads/audit").mkdir()
    git(repo, "update-ref", "refs/heads/audit/in-the-way", head)
    with pytest.raises(BadRepository, match="could not be written"):
        audit.record(Entry("x"))
    assert git(repo, "rev-parse", "main").strip() == head
    assert not [path for path in repo.iterdir() if "crash" in path.name]


def test_standby_writes_nothing(tmp_path):
    repo, _ = filled(tmp_path)

    class Standby:
        name = "standby"

        def read(self) -> RoleReport:
            return RoleReport((Condition(False, "test"),))

    work = effects(tmp_path)
    work._role = Standby()
    before = sorted(repo.rglob("*"))
    with pytest.raises(NotPrimary):
        Audit(repo, work, node="n1").record(Entry("x"))
    with pytest.raises(NotPrimary):
        maintain(repo, work)
    assert sorted(repo.rglob("*")) == before


def test_hooks_do_not_run_and_packs_are_collected(bench, tmp_path):
    repo, _, audit = bench
    marker = tmp_path / "marker"
    (repo / "hooks/reference-transaction").write_text(f"#!/bin/sh\ntouch {marker}\n")
    for number in range(52):
        audit.record(Entry(str(number), files={"a": str(number).encode()}))
    assert not marker.exists()
    assert len(list((repo / "objects/pack").glob("*.pack"))) > 50
    assert maintain(repo, effects(tmp_path))
    assert len(list((repo / "objects/pack").glob("*.pack"))) == 1
    assert audit.record(Entry("after")) == audit.tip()
    assert len(history(repo, limit=100)) == 53
    assert "error" not in git(repo, "fsck", "--strict")


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
def test_contents_are_synced_before_the_branch_moves(bench, tmp_path):
    """Seen with strace: pack and index are synced, then the ref is, then the folders."""
    repo, _, _ = bench
    trace = tmp_path / "trace"
    script = (
        "from pathlib import Path\n"
        "from reconciler.audit.entry import Entry\nfrom reconciler.audit.record import Audit\n"
        "from reconciler.effects import Effects\nfrom reconciler.role.always import Always\n"
        f"audit = Audit(Path({str(repo)!r}), Effects(Always(), helper=Path('/x')), node='n1')\n"
        "audit.record(Entry('x', files={'a': b'1'}))\n"
    )
    command = ["strace", "-f", "-y", "-e", "trace=fsync,rename,link", "-o", str(trace)]
    subprocess.run([*command, sys.executable, "-c", script], check=True)
    lines = trace.read_text().splitlines()

    def at(call: str, path: str) -> int:
        return next(i for i, line in enumerate(lines) if f"{call}(" in line and path in line)

    moved = at("rename", 'heads/audit"')
    assert at("fsync", "tmp_pack_") < at("fsync", "tmp_idx_") < at("fsync", "audit.lock>") < moved
    assert moved < at("fsync", "objects/pack>") < at("fsync", "refs/heads>")


def test_notes_that_moved_in_between_are_tried_again_without_a_second_entry(bench, monkeypatch):
    repo, head, audit = bench
    audit.record(Entry("first", notes={head: "first"}))
    real, seen = audit._reader.ref, []

    def stale(name):
        """The notes move right after they were looked at."""
        found = real(name)
        if name == "refs/notes/reconciler" and not seen:
            seen.append(found)
            git(repo, "notes", "--ref=reconciler", "add", "--force", "--message=other", head)
        return found

    monkeypatch.setattr(audit._reader, "ref", stale)
    commit = audit.record(Entry("second", notes={head: "second"}))
    assert [each.subject for each in history(repo)] == ["second", "first"]
    assert audit.tip() == commit
    assert git(repo, "notes", "--ref=reconciler", "show", head) == "second\n"
