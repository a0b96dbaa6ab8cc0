"""Reading real repositories, sound and damaged, and hostile trees."""

import os
import subprocess
from pathlib import Path

import pytest
from gitbench import FILES, commit, effects, filled, git, state_repo

from reconciler.errors import BadRepository, Refused
from reconciler.git import repo as module
from reconciler.git.maintain import due, maintain
from reconciler.git.objects import ObjectCache
from reconciler.git.repo import StateRepo

pytestmark = pytest.mark.real


def mktree(repo: Path, *entries: str) -> str:
    """A commit of a tree with literal `mode type id\tname` entries."""
    text = "".join(f"{entry}\n" for entry in entries).encode()
    tree = run(repo, "mktree", "--missing", stdin=text)
    return run(repo, "-c", "user.name=x", "-c", "user.email=x", "commit-tree", tree, "-m", "odd")


def run(repo: Path, *arguments: str, stdin: bytes = b"") -> str:
    return subprocess.run(
        ["git", "-C", str(repo), *arguments], input=stdin, capture_output=True, check=True
    ).stdout.decode().strip()  # fmt: skip


def blob(repo: Path, data: bytes) -> str:
    return run(repo, "hash-object", "-w", "--stdin", stdin=data)


def test_reads_a_commit(tmp_path):
    path, head = filled(tmp_path)
    repo = StateRepo(path)
    assert repo.head("main") == head
    assert repo.head("nothing") is None
    tree = repo.tree(head)
    assert {name: found.data.decode() for name, found in tree.items()} == FILES
    assert not any(found.symlink for found in tree.values())
    assert tree["site.yaml"].id == git(path, "rev-parse", f"{head}:site.yaml").strip()


def test_history(tmp_path):
    path, first = filled(tmp_path)
    work = tmp_path / "filler"
    second = commit(work, {"hosts.yaml": "b: {}\n"}, "second")
    third = commit(work, {"hosts.yaml": "c: {}\n"}, "third")
    git(path, "-c", "core.hooksPath=/dev/null", "fetch", "--quiet", str(work), "main:main")
    repo = StateRepo(path)
    assert repo.between(first, third) == [second, third]
    assert repo.between(None, third) == [first, second, third]
    assert repo.between(third, first) == []
    assert repo.is_ancestor(first, third)
    assert repo.is_ancestor(first, first)
    assert not repo.is_ancestor(third, first)
    for view in (repo, StateRepo(path)):
        assert view.builds_on(third, second)
        assert view.builds_on(third, first)
        assert view.builds_on(first, first)
        assert not view.builds_on(first, third)
        assert not view.builds_on(third, "1" * 40)
    assert repo.resolve("main~1") == second
    assert repo.resolve(third[:8]) == third
    for name in ("nothing", "--all", "-h", "main:hosts.yaml", ""):
        with pytest.raises(Refused, match="names no commit"):
            repo.resolve(name)


def test_only_new_contents_are_read(tmp_path, monkeypatch):
    path, first = filled(tmp_path)
    second = commit(tmp_path / "filler", {"hosts.yaml": "b: {}\n"})
    git(path, "-c", "core.hooksPath=/dev/null", "fetch", "--quiet", str(tmp_path / "filler"), "main:main")
    kinds: list[str] = []
    read = module._read

    def counting(repo, object_id, kind, **options):
        kinds.append(kind)
        return read(repo, object_id, kind, **options)

    monkeypatch.setattr(module, "_read", counting)
    repo = StateRepo(path)
    repo.tree(first)
    assert kinds.count("blob") == len(FILES)
    kinds.clear()
    assert repo.quarantined(None).tree(second)["hosts.yaml"].data == b"b: {}\n"
    assert kinds.count("blob") == 1


def test_cache_is_bounded():
    cache = ObjectCache(limit=10)
    cache.put("blob", "a", b"12345")
    cache.put("blob", "b", b"12345")
    assert cache.get("blob", "a")
    cache.put("blob", "c", b"1")
    assert (cache.get("blob", "a"), cache.get("blob", "b"), cache.get("blob", "c")) == (b"12345", None, b"1")
    cache.put("blob", "d", b"x" * 11)
    assert cache.get("blob", "d") is None
    assert cache.get("blob", "c") == b"1"


def test_nothing_stays_open(tmp_path):
    path, head = filled(tmp_path)
    git(path, "gc", "--quiet")
    StateRepo(path).tree(head)
    links = [str(entry.readlink()) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    assert not [link for link in links if link.startswith(str(path))]
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    names = [Path(f"/proc/{child}/comm").read_text().strip() for child in children]
    assert "git" not in names


def test_one_process_reads_all_of_a_block(tmp_path):
    path, head = filled(tmp_path)
    children = Path("/proc/self/task") / str(os.getpid()) / "children"
    before = set(children.read_text().split())
    with StateRepo(path).opened() as repo:
        repo.is_ancestor(head, head)
        tree = repo.tree(head)
        assert len(set(children.read_text().split()) - before) == 1
        with pytest.raises(BadRepository):
            repo.tree("1" * 40)
        assert repo.tree(head) == tree
    assert not set(children.read_text().split()) - before


def test_symbolic_link_is_marked_and_submodule_refused(tmp_path):
    path, head = filled(tmp_path)
    target = blob(path, b"/etc/passwd")
    linked = StateRepo(path).tree(mktree(path, f"120000 blob {target}\thosts.yaml"))
    assert linked["hosts.yaml"].symlink
    assert linked["hosts.yaml"].data == b"/etc/passwd"
    with pytest.raises(Refused, match="sub: a submodule"):
        StateRepo(path).tree(mktree(path, f"160000 commit {head}\tsub"))


@pytest.mark.parametrize("name", ["a\x1b[2J", "a\x7fb", "\u202etxt"])
def test_names_that_would_steer_a_terminal_are_refused(tmp_path, name):
    path, _ = filled(tmp_path)
    with pytest.raises(Refused, match="printable"):
        StateRepo(path).tree(mktree(path, f"100644 blob {blob(path, b'')}\t{name}"))


def test_limits(tmp_path, monkeypatch):
    path, head = filled(tmp_path)
    monkeypatch.setattr(module, "MAX_BYTES", 20)
    with pytest.raises(Refused, match="more than"):
        StateRepo(path).tree(head)
    monkeypatch.undo()
    monkeypatch.setattr(module, "MAX_FILES", 2)
    with pytest.raises(Refused, match="more than"):
        StateRepo(path).tree(head)


def test_tree_bomb_ends(tmp_path):
    path, _ = filled(tmp_path)
    kind, inner = "blob", blob(path, b"")
    for _ in range(12):
        mode = "100644" if kind == "blob" else "040000"
        entries = "".join(f"{mode} {kind} {inner}\t{number}\n" for number in range(10))
        kind, inner = "tree", run(path, "mktree", stdin=entries.encode())
    bomb = run(path, "-c", "user.name=x", "-c", "user.email=x", "commit-tree", inner, "-m", "bomb")
    with pytest.raises(Refused, match="more than"):
        StateRepo(path).tree(bomb)


def test_replace_refs_do_not_change_what_a_commit_means(tmp_path):
    path, head = filled(tmp_path)
    other = mktree(path, f"100644 blob {blob(path, b'evil')}\thosts.yaml")
    git(path, "replace", head, other)
    assert git(path, "show", f"{head}:hosts.yaml") == "evil"
    assert StateRepo(path).tree(head)["hosts.yaml"].data == b"a: {}\n"


def test_missing_or_foreign_folder(tmp_path):
    for folder in (tmp_path / "nothing", tmp_path):
        with pytest.raises(BadRepository, match="not a git repository"):
            StateRepo(folder).head("main")


def test_a_folder_inside_another_repository_is_not_taken_for_it(tmp_path):
    git(tmp_path, "init", "--quiet")
    (tmp_path / "state.git").mkdir()
    with pytest.raises(BadRepository, match="not a git repository"):
        StateRepo(tmp_path / "state.git").head("main")


def test_damage_is_told_in_a_sentence(tmp_path):
    path = state_repo(tmp_path)
    hosts = blob(path, b"a: {}")
    head = mktree(path, f"100644 blob {hosts}\thosts.yaml")
    loose = path / f"objects/{hosts[:2]}/{hosts[2:]}"
    loose.chmod(0o644)
    loose.write_bytes(b"garbage")
    with pytest.raises(BadRepository, match="fsck"):
        StateRepo(path).tree(head)
    loose.unlink()
    with pytest.raises(BadRepository, match=hosts):
        StateRepo(path).tree(head)
    for odd in ("0" * 40, hosts[:8], "main", "", f"{head}\n"):
        with pytest.raises(BadRepository, match="fsck"):
            StateRepo(path).tree(odd)
        with pytest.raises(BadRepository):
            StateRepo(path).is_ancestor(odd, head)
    tree = git(path, "rev-parse", f"{head}^{{tree}}").strip()
    with pytest.raises(BadRepository, match="is a tree, not a commit"):
        StateRepo(path).tree(tree)
    (path / "refs/heads/main").write_text("")
    with pytest.raises(BadRepository):
        StateRepo(path).head("main")


def test_setup_again_harms_nothing_and_repairs(tmp_path):
    path, head = filled(tmp_path)
    before = {file: file.stat().st_mtime_ns for file in path.rglob("*") if file.is_file()}
    state_repo(tmp_path)
    assert {file: file.stat().st_mtime_ns for file in path.rglob("*") if file.is_file()} == before
    (path / "hooks/pre-receive").chmod(0o644)
    (path / "hooks/post-receive").write_text("")
    git(path, "config", "gc.auto", "1000")
    git(path, "config", "--add", "core.fsync", "none")
    state_repo(tmp_path)
    assert (path / "hooks/pre-receive").stat().st_mode & 0o777 == 0o755
    assert (path / "hooks/post-receive").read_bytes() == (path / "hooks/pre-receive").read_bytes()
    assert git(path, "config", "--get-all", "gc.auto").strip() == "0"
    assert git(path, "config", "--get-all", "core.fsync").strip() == "all"
    assert StateRepo(path).head("main") == head
    assert path.stat().st_mode & 0o777 == 0o700


def test_setup_does_not_touch_what_is_no_state_repository(tmp_path):
    path = tmp_path / "state.git"
    path.mkdir()
    (path / "precious").write_text("x")
    with pytest.raises(BadRepository, match="is no git repository"):
        state_repo(tmp_path)
    assert [file.name for file in path.iterdir()] == ["precious"]


def test_maintenance_is_done_when_due(tmp_path):
    path, head = filled(tmp_path)
    work = effects(tmp_path)
    assert maintain(path, work)
    assert git(path, "count-objects").startswith("0 objects")
    assert not maintain(path, work)
    stamp = (path / "reconciler.gc").stat().st_mtime
    assert not due(path, now=stamp + 86_000)
    assert due(path, now=stamp + 86_500)
    assert due(path, now=stamp - 500)
    for number in range(1100):
        folder = path / f"objects/{number % 256:02x}"
        folder.mkdir(exist_ok=True)
        (folder / f"{number:038x}").touch()
    assert due(path, now=stamp + 700)
    assert not due(path, now=stamp + 100)
    assert StateRepo(path).head("main") == head
