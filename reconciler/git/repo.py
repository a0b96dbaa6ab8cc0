"""Reading the state repository.

Each call opens the repository, reads through `git cat-file` and closes it again: a pack that stays open would
block the unmount at a failover. Replace refs are ignored, so that a commit id means what was committed.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISDIR, S_ISLNK, S_ISREG
from typing import NamedTuple, Self

import git
from git.db import GitCmdObjectDB
from git.exc import GitError, ODBError
from git.objects.fun import tree_entries_from_data

from reconciler.errors import BadRepository, Refused
from reconciler.git.blobs import BlobCache
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

    def __init__(self, path: Path, *, quarantine: Quarantine | None = None, blobs: BlobCache | None = None) -> None:
        self.path = path
        self._quarantine = quarantine
        self._blobs = BlobCache() if blobs is None else blobs

    def quarantined(self, quarantine: Quarantine | None) -> "StateRepo":
        """The same repository seen from inside a push, sharing what is remembered."""
        return StateRepo(self.path, quarantine=quarantine, blobs=self._blobs)

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
            first_line, _, _ = _read(repo, commit, "commit").partition(b"\n")
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
            older, newer = (git.Commit(repo, bytes.fromhex(_object_id(each))) for each in (ancestor, descendant))
            return bool(repo.is_ancestor(older, newer))

    def between(self, old: str | None, new: str) -> list[str]:
        """Commits that `new` has and `old` has not, parents first, the newest MAX_COMMITS at most."""
        exclude = [f"^{_object_id(old)}"] if old else []
        with self._open() as repo:
            options = ("--topo-order", f"--max-count={MAX_COMMITS}")
            text: str = repo.git.rev_list(*options, _object_id(new), *exclude)
            return text.split()[::-1]

    def subject(self, commit: str) -> str:
        """First line of a commit's message, unprintable characters replaced."""
        with self._open() as repo:
            return _printable(str(_as_commit(repo, commit).summary))

    def author(self, commit: str) -> str:
        """`Name <mail>` of a commit's author, as the commit claims: nothing checks it."""
        with self._open() as repo:
            actor = _as_commit(repo, commit).author
            return _printable(f"{actor.name or ''} <{actor.email or ''}>".strip())

    def _files(self, repo: git.Repo, root: str) -> Tree:
        files: dict[str, Blob] = {}
        size = 0
        for path, blob, mode in _walk(repo, root):
            data = self._blobs.get(blob)
            if data is None:
                data = _read(repo, blob, "blob", limit=MAX_BYTES - size)
                self._blobs.put(blob, data)
            size += len(data)
            if size > MAX_BYTES or len(files) >= MAX_FILES:
                raise _too_large()
            files[path] = Blob(blob, data, symlink=S_ISLNK(mode))
        return files

    @contextmanager
    def _open(self) -> Iterator[git.Repo]:
        try:
            repo = git.Repo(self.path, odbt=GitCmdObjectDB, expand_vars=False)
        except (GitError, OSError) as error:
            reason = f"not a git repository ({error})"
            raise BadRepository(f"{self.path}: {reason}; `reconciler init` makes one") from error
        try:
            repo.git.update_environment(GIT_DIR=str(repo.git_dir), GIT_NO_REPLACE_OBJECTS="1", GIT_OPTIONAL_LOCKS="0")
            if self._quarantine:
                repo.git.update_environment(**self._quarantine.environment())
            yield repo
        except (GitError, ODBError, OSError, ValueError, IndexError, AssertionError) as error:
            # GitPython asserts what it takes for granted of files that a crash can leave empty.
            reason = " ".join(str(error).split())
            raise BadRepository(
                f"{self.path}: cannot be read: {reason}; `git -C {self.path} fsck` tells more"
            ) from error
        finally:
            repo.close()


def _walk(repo: git.Repo, root: str) -> Iterator[tuple[str, str, int]]:
    """Path, blob id and mode of every file below a tree. A tree bomb ends at MAX_FILES entries."""
    pending = [("", root)]
    seen = 0
    while pending:
        prefix, tree = pending.pop()
        for binary, mode, name in tree_entries_from_data(_read(repo, tree, "tree")):
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


def _read(repo: git.Repo, object_id: str, kind: str, *, limit: int | None = None) -> bytes:
    """Content of an object, which must be a `kind`. With `limit` its size is asked for first."""
    binary = bytes.fromhex(_object_id(object_id))
    if limit is not None and repo.odb.info(binary).size > limit:
        raise _too_large()
    stream = repo.odb.stream(binary)
    data: bytes = stream.read()
    found = stream.type.decode() if isinstance(stream.type, bytes) else stream.type
    if found != kind:
        raise ValueError(f"{object_id} is a {found}, not a {kind}")
    if len(data) != stream.size:
        raise ValueError(f"{object_id} is cut short")
    return data


def _as_commit(repo: git.Repo, commit: str) -> git.Commit:
    _read(repo, commit, "commit")
    return git.Commit(repo, bytes.fromhex(commit))


def _object_id(text: str) -> str:
    if not _OBJECT_ID.fullmatch(text):
        raise ValueError(f"{text!r} is not an object id")
    return text


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _too_large() -> Refused:
    return Refused(
        f"the state has more than {MAX_FILES} files or {MAX_BYTES // 2**20} MiB, or is nested deeper than "
        f"{MAX_DEPTH} folders; keep only what is to be served in this repository"
    )
