"""git's side of an upstream: bounds on what it sends, forward only, and two histories put in one line."""

import os
import subprocess
import threading
import time

import pytest
from forge import git_daemon, talker
from gitbench import commit, effects, filled, git, state_repo

from reconciler.audit import exchange
from reconciler.audit.entry import Entry
from reconciler.audit.exchange import AUDIT_REF, PATTERNS, Exchange
from reconciler.audit.lease_branches import month_of
from reconciler.audit.record import NOTES_REF, Audit
from reconciler.effects import Effects
from reconciler.errors import NotPrimary, Refused, Temporary
from reconciler.git import upstream as module
from reconciler.git.follow import Moved, advance, move, said
from reconciler.git.replay import replay
from reconciler.git.repo import StateRepo
from reconciler.git.upstream import Upstream, tracking
from reconciler.role.base import Condition, RoleReport

pytestmark = pytest.mark.real
MAIN = "refs/heads/main"


class Bench:
    """A node's repository, and a forge `there` with one commit and a clone `work`."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "forge").mkdir()
        self.there, self.first = filled(folder / "forge")
        # Nothing of ours answers there.
        git(self.there, "config", "core.hooksPath", os.devnull)
        git(self.there, "config", "transfer.fsckObjects", "false")
        self.work = folder / "forge/filler"
        self.own = effects(folder)
        self.repo = state_repo(folder)

    def upstream(self, url=None):
        return Upstream(self.repo, url or str(self.there), self.own, home=self.folder)

    def fetch(self, upstream=None):
        upstream = upstream or self.upstream()
        upstream.fetch(upstream.listed([MAIN]))
        return advance(self.repo, "main", git(self.repo, "rev-parse", tracking(MAIN)).strip(), self.own)

    def push(self, files, message="change"):
        new = commit(self.work, files, message)
        git(self.work, "push", "--quiet", "--force", "origin", "HEAD:main")
        return new

    def leftovers(self):
        incoming = [path for path in (self.repo / "objects/upstream").rglob("*") if path.is_file()]
        return incoming + list((self.repo / "objects/pack").glob("tmp_*")) + list((self.repo / "objects").glob("tmp_*"))


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    git(made.work, "remote", "set-url", "origin", str(made.there))
    return made


def test_it_moves_forward_and_takes_in_only_the_branch(bench):
    assert bench.fetch() == Moved(None, bench.first, 1)
    git(bench.work, "tag", "v1")
    git(bench.work, "push", "--quiet", "origin", "v1", "HEAD:other")
    new = bench.push({"a": "1"})
    assert bench.fetch() == Moved(bench.first, new, 1)
    assert bench.fetch() == Moved(new, new, 0)
    refs = git(bench.repo, "for-each-ref", "--format=%(refname)").split()
    assert refs == [MAIN, tracking(MAIN)]
    assert "error" not in git(bench.repo, "fsck", "--strict")
    assert not bench.leftovers()
    assert not (bench.repo / "FETCH_HEAD").exists()


def test_a_submodule_is_not_followed(bench):
    git(bench.work, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(bench.there), "sub")
    new = bench.push({})
    bench.fetch()
    assert StateRepo(bench.repo).head("main") == new
    assert not (bench.repo / "modules").exists()
    with pytest.raises(Refused, match="submodule"):
        StateRepo(bench.repo).tree(new)


def test_too_much_is_refused_and_leaves_nothing(bench, monkeypatch):
    bench.fetch()
    monkeypatch.setattr(module, "MAX_BYTES", 1 << 20)
    (bench.work / "large").write_bytes(os.urandom(2 << 20))
    bench.push({})
    with pytest.raises(Refused, match="sends more than 1 MiB at once"):
        bench.fetch()
    assert StateRepo(bench.repo).head("main") == bench.first
    assert not bench.leftovers()
    monkeypatch.setattr(module, "MAX_BYTES", 4 << 20)
    assert bench.fetch().commits == 1


def test_who_never_answers_is_left_and_git_ends_with_its_helpers(bench, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 1)
    with talker(b"", hang=True) as (url, seen):
        with pytest.raises(Temporary, match="gave no answer for 1 s"):
            bench.fetch(bench.upstream(url))
        assert seen
        mine = subprocess.run(["pgrep", "-f", url], capture_output=True, text=True, check=False).stdout.split()
        assert mine == []


@pytest.mark.parametrize("lines", ["0" * 40 + "\trefs/heads/main", "x\trefs/heads/main", "zz", "a" * 40 + " no tab"])
def test_ids_and_names_that_are_none_are_left_out(bench, monkeypatch, lines):
    upstream = bench.upstream()
    monkeypatch.setattr(
        upstream, "_git", lambda *_, **__: module.Completed(0, f"{lines}\n{'b' * 40}\t{MAIN}x\n".encode(), "")
    )
    assert upstream.listed([MAIN]).get(MAIN) in (None, "0" * 40)
    monkeypatch.undo()
    with pytest.raises(Temporary):
        upstream.fetch({MAIN: "b" * 40})
    assert StateRepo(bench.repo).ref(tracking(MAIN)) is None


def test_a_listing_that_lies_moves_nothing(bench):
    bench.fetch()
    upstream = bench.upstream()
    with pytest.raises(Temporary, match="did not send what it had listed"):
        upstream.fetch({MAIN: "c" * 40})
    assert git(bench.repo, "rev-parse", tracking(MAIN)).strip() == bench.first


def test_without_a_shell_or_a_helper_of_the_address(bench, tmp_path):
    marker = tmp_path / "ran"
    for url in (f"ext::touch {marker}", f"ext::sh -c touch% {marker}", f"--upload-pack=touch {marker}"):
        with pytest.raises(Temporary):
            bench.upstream(url).listed([MAIN])
    assert not marker.exists()


def test_trailers_are_read_as_git_reads_them(bench):
    cases = {
        "x\n\nAllow-Mass-Change: yes": True,
        "x\n\nallow-mass-change:   YES  \nSigned-off-by: A <a@b>": True,
        "x\n\nAllow-Mass-Change: no": False,
        "x\n\nAllow-Mass-Change: yes, please": False,
        "x\n\nAllow-Mass-Change: yes\n\nmore": False,
        "Allow-Mass-Change: yes": False,
        "x": False,
    }
    for message, allows in cases.items():
        git(bench.work, "commit", "--quiet", "--allow-empty", "--message", message)
        new = git(bench.work, "rev-parse", "HEAD").strip()
        assert said(bench.work / ".git", new) == ("Ann <ann@example.org>", allows), message


def test_a_ref_that_somebody_moved_meanwhile_is_left_to_them(bench):
    bench.fetch()
    new = bench.push({"a": "1"})
    bench.upstream().fetch({MAIN: new})
    with pytest.raises(Temporary):
        move(bench.repo, {MAIN: (new, bench.first)}, bench.own)
    with pytest.raises(Temporary):
        move(bench.repo, {MAIN: (None, new)}, bench.own)
    assert StateRepo(bench.repo).head("main") == bench.first


class Standby:
    name = "test"

    def read(self):
        return RoleReport((Condition(False, "the test says so"),))


class Node:
    """A repository with an audit of its own, on the bench's forge."""

    def __init__(self, bench, name):
        folder = bench.folder / name
        folder.mkdir()
        self.name = name
        self.own = effects(folder)
        self.repo = state_repo(folder)
        self.upstream = Upstream(self.repo, str(bench.there), self.own, home=folder)
        self.upstream.fetch(self.upstream.listed([MAIN]))
        self.audit = Audit(self.repo, self.own, node=name)
        self.exchange = Exchange(self.repo, self.upstream, self.own, node=name)
        self.state = bench.first

    def record(self, number, **notes):
        files = {"zones": None, "zones/x/records": f"{number}\n".encode()}
        entry = Entry(f"{self.name} {number}", [("Node", self.name)], files=files, notes=notes)
        return self.audit.record(entry, when=1_000_000 + number)

    def fetch(self):
        self.exchange.fetch(self.upstream.listed(PATTERNS))

    def push(self):
        return self.exchange.push(self.own)

    def subjects(self, ref=AUDIT_REF):
        return git(self.repo, "log", "--reverse", "--format=%s", ref).splitlines()


@pytest.fixture
def two(bench):
    return Node(bench, "n1"), Node(bench, "n2")


def test_histories_that_grew_apart_become_one_line_without_loss(two, bench):
    one, other = two
    one.record(1, **{bench.first: "from n1"})
    one.push()
    other.fetch()
    assert other.subjects() == ["n1 1"]
    one.record(2, **{bench.first: "again n1"})
    old = [other.record(3, **{bench.first: "from n2"}), other.record(4)]
    assert one.push() == ""
    assert other.push() == ""
    one.fetch()
    assert one.subjects() == other.subjects() == ["n1 1", "n1 2", "n2 3", "n2 4"]
    assert git(other.repo, "rev-list", "--min-parents=2", AUDIT_REF) == ""
    assert git(other.repo, "show", f"{AUDIT_REF}:zones/x/records") == "4\n"
    assert git(other.repo, "diff", "--stat", f"{AUDIT_REF}~1", AUDIT_REF) == git(other.repo, "diff", "--stat", *old)
    body = git(other.repo, "log", "-2", "--reverse", "--format=%(trailers)%an %at %ct", AUDIT_REF)
    assert [line for line in body.splitlines() if line.startswith("First")] == [f"First-written-as: {x}" for x in old]
    assert "reconciler 1000004 1000004" in body
    note = git(one.repo, "notes", "--ref=reconciler", "show", bench.first)
    assert set(note.split("\n")) >= {"again n1", "from n2"}
    assert "error" not in git(other.repo, "fsck", "--strict")
    refs = git(other.repo, "for-each-ref", "--format=%(refname)").split()
    assert [ref for ref in refs if "replay" in ref or "merge" in ref] == []


def test_two_beginnings_become_one_line(two):
    one, other = two
    one.record(1)
    other.record(2)
    one.push()
    other.push()
    assert other.subjects() == ["n1 1", "n2 2"]
    assert git(other.repo, "rev-list", "--max-parents=0", AUDIT_REF).count("\n") == 1


def test_a_standby_joins_and_pushes_nothing(two):
    one, other = two
    one.record(1)
    one.push()
    own = other.record(2)
    with pytest.raises(NotPrimary):
        other.exchange.push(Effects(Standby(), helper=other.repo))
    other.fetch()
    assert git(other.repo, "rev-parse", AUDIT_REF).strip() == own
    assert list(other.exchange.waiting()) == [AUDIT_REF]


def test_writing_while_history_is_joined_loses_nothing(two, bench):
    one, other = two
    for node in two:
        node.record(0)
    one.push()
    problems = []

    def write():
        for number in range(1, 25):
            try:
                other.record(number, **{bench.first: f"note {number}"})
            except Exception as error:
                problems.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    number = 100
    while thread.is_alive():
        number += 1
        one.record(number, **{bench.first: f"note {number}"})
        for node in two:
            try:
                node.push()
            except Temporary:
                time.sleep(0.01)
    thread.join()
    for node in (one, other, one, other):
        node.push()
        node.fetch()
    wanted = {f"n2 {n}" for n in range(25)} | {f"n1 {n}" for n in (0, *range(101, number + 1))}
    assert not problems
    assert sorted(other.subjects()) == sorted(wanted)
    assert git(other.repo, "rev-list", "--min-parents=2", AUDIT_REF) == ""


def test_what_moved_meanwhile_is_not_carried_over(two):
    one, other = two
    tip, theirs = other.record(1), one.record(2)
    git(other.repo, "fetch", "--quiet", str(one.repo), f"{AUDIT_REF}:refs/test/theirs")
    newer = other.record(3)
    with pytest.raises(Temporary):
        replay(other.repo, AUDIT_REF, tip, theirs, other.own)
    assert git(other.repo, "rev-parse", AUDIT_REF).strip() == newer


def test_leases_of_this_year_are_exchanged_and_older_ones_stay_gone(two, monkeypatch):
    one, other = two
    now = month_of(time.time())
    for month in (now, "2001-01", "2001-99", "x"):
        branch = Audit(one.repo, one.own, node="n1", branch=f"leases/{month}")
        tip = branch.record(Entry("lease", files={"ipv4/x": b"y\n"}))
        git(one.repo, "push", "--quiet", "--no-verify", one.upstream._url, f"{tip}:refs/heads/leases/{month}")
    other.fetch()
    refs = git(other.repo, "for-each-ref", "--format=%(refname)", "refs/heads/leases", "refs/upstream").split()
    assert refs == [f"refs/heads/leases/{now}", f"refs/upstream/heads/leases/{now}", tracking(MAIN)]


def test_a_rejected_ref_is_told_and_the_others_go(two, bench):
    one, _ = two
    one.record(1, **{bench.first: "note"})
    hook = bench.there / "allowed"
    hook.mkdir()
    (hook / "update").write_text("#!/bin/sh\n[ $1 != refs/heads/audit ]\n")
    (hook / "update").chmod(0o755)
    git(bench.there, "config", "core.hooksPath", str(hook))
    assert one.push() == f"{AUDIT_REF} [remote rejected] (hook declined)"
    assert list(one.exchange.waiting()) == [AUDIT_REF]
    assert git(bench.there, "rev-parse", NOTES_REF) == git(one.repo, "rev-parse", NOTES_REF)


def test_a_forge_that_only_lets_read_is_told(two, bench):
    one, _ = two
    one.record(1)
    with git_daemon(bench.folder, export=bench.there) as url:
        git(bench.there, "config", "daemon.receivepack", "false")
        one.upstream._url = url
        with pytest.raises(Temporary, match=r"does not take history: .*(denied|service not enabled)"):
            one.push()


def test_history_that_always_changes_is_given_up_for_now(two, monkeypatch):
    one, other = two
    one.record(0)
    other.record(0)
    real, number = one.upstream.push, iter(range(1, 50))

    def slow(refs, outside):
        other.record(next(number))
        other.push()
        return real(refs, outside)

    monkeypatch.setattr(one.upstream, "push", slow)
    with pytest.raises(Temporary, match="other history each time"):
        one.push()
    assert next(number) - 1 == exchange._TRIES
    monkeypatch.undo()
    one.push()
    assert one.subjects()[-1] == "n1 0"


def test_ssh_asks_nobody_and_uses_the_keys_on_the_own_disk_alone(bench, monkeypatch, tmp_path):
    """A stand-in for ssh tells how it was called, and speaks git's side of it."""
    told = tmp_path / "told"
    (tmp_path / "bin").mkdir()
    ssh = tmp_path / "bin/ssh"
    ssh.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" "HOME=$HOME" > {told}\nfor last; do :; done\neval "$last"\n')
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    upstream = Upstream(bench.repo, f"git@forge.test:{bench.there}", bench.own, home=tmp_path / "own disk")
    bench.fetch(upstream)
    said = told.read_text().splitlines()
    assert said[:2] == ["-F", "none"]
    assert {"BatchMode=yes", f"IdentityFile={tmp_path}/own disk/ssh/id_ed25519"} <= set(said)
    assert f"HOME={tmp_path}/own disk" in said
