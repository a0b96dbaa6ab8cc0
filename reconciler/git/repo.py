"""Reading the state repository.

Each call opens the repository, reads through `git cat-file` and closes it again: a pack that stays open would
block the unmount at a failover. Replace refs are ignored, so that a commit id means what was committed.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from stat import S_ISDIR, S_ISLNK, S_ISREG
from typing import NamedTuple, Self

import git
from git.db import GitCmdObjectDB
from git.exc import GitError, ODBError
from git.objects.fun import tree_entries_from_data

from reconciler.errors import BadRepository, Refused, words
from reconciler.git.objects import ObjectCache
from reconciler.state.tree import Blob, Tree

MAX_BYTES = 256 * 1024 * 1024
MAX_FILES = 100_000
MAX_DEPTH = 32
MAX_COMMITS = 1000

_OBJECT_ID = re.compile(r"[0-9a-f]{40}")
_QUARANTINE = ("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH")


class Quarantine(NamedTuple):
    """Where git keeps the objects of a push until pre-receive has said yes (git-receive-pack(1))."""

    objects: str
    alternates: str
    path: str

    @classmethod
    def parse(cls, environment: Mapping[str, str], repo: Path) -> Self | None:
        """Take it from a hook's environment; None when there is none.

        Raises Refused for a folder outside the repository's own objects.
        """
        if _QUARANTINE[0] not in environment:
            return None
        values = [environment.get(name, "") for name in _QUARANTINE]
        allowed = (repo / "objects").resolve()
        for value in values:
            folder = Path(value).resolve()
            if value and (":" in value or not folder.is_relative_to(allowed)):
                raise Refused(f"the push names the object folder {value}, which is not inside {allowed}")
        return cls(*values)

    def environment(self) -> dict[str, str]:
        """The variables that make git read the quarantined objects."""
        return {name: value for name, value in zip(_QUARANTINE, self, strict=True) if value}


class StateRepo:
    """A bare state repository; with `quarantine`, as a push that is being judged would leave it.

    Every method raises BadRepository when the repository is missing or damaged.
    """

    def __init__(
        self,
        path: Path,
        *,
        quarantine: Quarantine | None = None,
        objects: ObjectCache | None = None,
        shared: git.Repo | None = None,
    ) -> None:
        self.path = path
        self._quarantine = quarantine
        self._objects = ObjectCache() if objects is None else objects
        self._shared = shared
        self._repo: tuple[object, git.Repo] | None = None

    def quarantined(self, quarantine: Quarantine | None) -> "StateRepo":
        """The same repository seen from inside a push, sharing what is remembered."""
        return StateRepo(self.path, quarantine=quarantine, objects=self._objects)

    @contextmanager
    def opened(self) -> Iterator["StateRepo"]:
        """The same repository, with one `git cat-file` for all that is read inside the block."""
        with closing(self._git()) as shared:
            yield StateRepo(self.path, quarantine=self._quarantine, objects=self._objects, shared=shared)

    def head(self, branch: str) -> str | None:
        """Commit id of a branch, None when there is no such branch. Reads files only, starts no process."""
        return self.ref(f"refs/heads/{branch}")

    def ref(self, name: str) -> str | None:
        """Object id of a full ref name, None when there is none."""
        with self._open() as repo:
            try:
                return git.SymbolicReference.dereference_recursive(repo, name)
            except ValueError:
                if (self.path / name).is_file():
                    raise
                return None

    def resolve(self, name: str) -> str:
        """Commit id that a person's text (id, abbreviation, `main~2`) means. Raises Refused if none."""
        with self._open() as repo:
            try:
                text: str = repo.git.rev_parse("--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
            except git.GitCommandError:
                raise Refused(f"{name!r} names no commit in {self.path}; `git log` lists them") from None
            return _object_id(text)

    def tree(self, commit: str) -> Tree:
        """All files of a commit.

        A symbolic link's data is its target. Raises Refused, naming the file, for what no state can hold:
        submodules, names that are not printable UTF-8, more than MAX_FILES files or MAX_BYTES bytes.
        """
        with self._open() as repo:
            first_line, _, _ = self._object(repo, commit, "commit").partition(b"\n")
            return self._files(repo, first_line.removeprefix(b"tree ").decode("ascii"))

    def contains(self, commit: str) -> bool:
        """Whether a commit with this id is here."""
        with self._open() as repo:
            try:
                repo.odb.info(bytes.fromhex(_object_id(commit)))
            except (ODBError, ValueError):
                return False
            return True

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Whether `descendant` contains `ancestor`; a commit contains itself."""
        with self._open() as repo:
            if _object_id(ancestor) in self._parents(repo, descendant):
                return True
            older, newer = (git.Commit(repo, bytes.fromhex(each)) for each in (ancestor, descendant))
            return bool(repo.is_ancestor(older, newer))

    def builds_on(self, commit: str, older: str) -> bool:
        """Like `is_ancestor(older, commit)`, and False where `older` is not here any more."""
        with self._open() as repo:
            # Asked first: the usual case needs no process where the commit was read before.
            if older in self._parents(repo, commit):
                return True
        return self.contains(older) and self.is_ancestor(older, commit)

    def between(self, old: str | None, new: str) -> list[str]:
        """Commits that `new` has and `old` has not, parents first, the newest MAX_COMMITS at most."""
        exclude = [f"^{_object_id(old)}"] if old else []
        with self._open() as repo:
            if self._parents(repo, new) == [old]:
                return [new]
            options = ("--topo-order", f"--max-count={MAX_COMMITS}")
            text: str = repo.git.rev_list(*options, _object_id(new), *exclude)
            return text.split()[::-1]

    def _files(self, repo: git.Repo, root: str) -> Tree:
        files: dict[str, Blob] = {}
        size = 0
        for path, blob, mode in self._walk(repo, root):
            data = self._object(repo, blob, "blob", limit=MAX_BYTES - size)
            size += len(data)
            if size > MAX_BYTES or len(files) >= MAX_FILES:
                raise _too_large()
            files[path] = Blob(blob, data, symlink=S_ISLNK(mode))
        return files

    def _walk(self, repo: git.Repo, root: str) -> Iterator[tuple[str, str, int]]:
        """Path, blob id and mode of every file below a tree. A tree bomb ends at MAX_FILES entries."""
        pending = [("", root)]
        seen = 0
        while pending:
            prefix, tree = pending.pop()
            for binary, mode, name in tree_entries_from_data(self._object(repo, tree, "tree")):
                seen += 1
                path = prefix + name
                if not name.isprintable():
                    raise Refused(f"{path!r}: a file name must be printable UTF-8; rename it")
                if seen > MAX_FILES or path.count("/") > MAX_DEPTH:
                    raise _too_large()
                if S_ISDIR(mode):
                    pending.append((f"{path}/", binary.hex()))
                elif S_ISREG(mode) or S_ISLNK(mode):
                    yield path, binary.hex(), mode
                else:
                    raise Refused(f"{path}: a submodule; its files would not be seen, so copy them in")

    def _parents(self, repo: git.Repo, commit: str) -> list[str]:
        head, _, _ = self._object(repo, commit, "commit").partition(b"\n\n")
        lines = head.decode("ascii", "replace").split("\n")
        return [line.removeprefix("parent ") for line in lines if line.startswith("parent ")]

    def _object(self, repo: git.Repo, object_id: str, kind: str, *, limit: int = MAX_BYTES) -> bytes:
        """Content of an object, which must be a `kind` of at most `limit` bytes."""
        data = self._objects.get(kind, object_id)
        if data is None:
            data = _read(repo, object_id, kind, limit=limit)
            self._objects.put(kind, object_id, data)
        return data

    @contextmanager
    def _open(self) -> Iterator[git.Repo]:
        try:
            if self._shared is not None:
                yield self._shared
            else:
                with closing(self._git()) as repo:
                    yield repo
        except (GitError, ODBError, OSError, ValueError, IndexError, AssertionError) as error:
            # GitPython asserts what it takes for granted of files that a crash can leave empty.
            reason = " ".join(words(error).split())
            raise BadRepository(
                f"{self.path}: cannot be read: {reason}; `git -C {self.path} fsck` tells more"
            ) from error

    def _git(self) -> git.Repo:
        """Opened, but nothing of it is held open. Its settings are read again only where their file changed."""
        try:
            stamp = _stamp(self.path / "config")
            if self._repo is None or self._repo[0] != stamp:
                self._repo = (stamp, git.Repo(self.path, odbt=GitCmdObjectDB, expand_vars=False))
        except (GitError, OSError) as error:
            reason = f"not a git repository ({words(error)})"
            raise BadRepository(f"{self.path}: {reason}; `reconciler init` makes one") from error
        repo = self._repo[1]
        repo.git.update_environment(GIT_DIR=str(repo.git_dir), GIT_NO_REPLACE_OBJECTS="1", GIT_OPTIONAL_LOCKS="0")
        if self._quarantine:
            repo.git.update_environment(**self._quarantine.environment())
        return repo


def _stamp(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino, status.st_mtime_ns


def _read(repo: git.Repo, object_id: str, kind: str, *, limit: int) -> bytes:
    stream = repo.odb.stream(bytes.fromhex(_object_id(object_id)))
    if stream.size > limit:
        # git has begun to send it. End that now: a stream that is let go of reads on to its end.
        assert repo.git.cat_file_all is not None
        repo.git.cat_file_all.terminate()
        del stream
        raise _too_large()
    data: bytes = stream.read()
    found = stream.type.decode() if isinstance(stream.type, bytes) else stream.type
    if found != kind:
        raise ValueError(f"{object_id} is a {found}, not a {kind}")
    if len(data) != stream.size:
        raise ValueError(f"{object_id} is cut short")
    return data


def _object_id(text: str) -> str:
    if not _OBJECT_ID.fullmatch(text):
        raise ValueError(f"{text!r} is not an object id")
    return text


def _too_large() -> Refused:
    return Refused(
        f"the state has more than {MAX_FILES} files or {MAX_BYTES // 2**20} MiB, or is nested deeper than "
        f"{MAX_DEPTH} folders; keep only what is to be served in this repository"
    )
