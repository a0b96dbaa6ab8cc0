"""Pushes as files: bundles (gitformat-bundle(5), version 2), made of objects that may still be in quarantine.

`git bundle create` takes what it packs from refs, and before a push is accepted there are none: the header is
written here, the pack by `git pack-objects`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler import tools
from reconciler.errors import BadRepository
from reconciler.git.command import git
from reconciler.git.repo import Quarantine

_SIGNATURE = b"# v2 git bundle\n"
_LONGEST = 1 << 20
"""Bytes of a header; a push of thousands of refs is shorter."""
_PATIENCE = 120.0
_ID = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Header:
    """What a bundle holds: object id by full ref name; `needs` are commits that must be there before it."""

    refs: Mapping[str, str]
    needs: tuple[str, ...] = ()


def encode(header: Header) -> bytes:
    """The header as it stands before the pack. Pure."""
    needs = "".join(f"-{commit}\n" for commit in header.needs)
    refs = "".join(f"{commit} {ref}\n" for ref, commit in header.refs.items())
    return _SIGNATURE + f"{needs}{refs}\n".encode()


def decode(data: bytes) -> Header:
    """Read a header; `data` may go on with the pack. Raises ValueError for what is none."""
    head, end, _ = data.partition(b"\n\n")
    if not data.startswith(_SIGNATURE) or not end:
        raise ValueError("not a git bundle of version 2")
    needs: list[str] = []
    refs: dict[str, str] = {}
    for line in head[len(_SIGNATURE) :].decode("utf-8", "surrogateescape").split("\n"):
        identity, _, rest = line.removeprefix("-").partition(" ")
        if not _ID.fullmatch(identity):
            raise ValueError(f"{line[:60]!r} in a bundle's header names no object")
        if line.startswith("-"):
            needs.append(identity)
        else:
            refs[rest] = identity
    return Header(refs, tuple(needs))


def read(path: Path) -> Header:
    """The header of a bundle file. Raises ValueError, or OSError."""
    with path.open("rb") as stream:
        return decode(stream.read(_LONGEST))


def make(repo: Path, refs: Mapping[str, str], known: Sequence[str], quarantine: Quarantine | None) -> bytes:
    """A bundle of what `refs` have and the objects `known` have not. Raises BadRepository when git cannot."""
    revisions = "".join(f"{each}\n" for each in (*refs.values(), *(f"^{each}" for each in known))).encode()
    listed = _git(repo, quarantine, revisions, "rev-list", "--boundary", "--stdin").decode()
    lines = listed.splitlines()
    needs = tuple(line[1:] for line in lines if line.startswith("-"))
    pack = _git(repo, quarantine, revisions, "pack-objects", "--revs", "--stdout", "--quiet", "--delta-base-offset")
    if not lines:
        # Nothing but a new name for known commits: they have no boundary, and have to be there all the same.
        needs = tuple(known)
    return encode(Header(refs, needs)) + pack


def verify(repo: Path, path: Path) -> str:
    """Why `repo` cannot take the bundle, in git's words; "" if it can."""
    result = tools.run(git(repo, "bundle", "verify", str(path)), timeout=_PATIENCE, cwd=Path("/"))
    return " ".join(result.text.split()) or "git gave no reason" if result.code else ""


def _git(repo: Path, quarantine: Quarantine | None, stdin: bytes, *arguments: str) -> bytes:
    places = [f"{name}={value}" for name, value in quarantine.environment().items()] if quarantine else []
    result = tools.run(["env", *places, *git(repo, *arguments)], stdin=stdin, timeout=_PATIENCE, cwd=Path("/"))
    if result.code:
        raise BadRepository(f"{repo}: git {arguments[0]} failed: {' '.join(result.stderr.split())}")
    return result.stdout_bytes
