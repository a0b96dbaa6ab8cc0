"""Writing commits: a stream for one `git fast-import` process (git-fast-import(1)). Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Files = Mapping[str, bytes | None]
"""Path to content, which takes the place of a folder of that name; None deletes it, with all below."""


@dataclass(frozen=True, slots=True)
class NewCommit:
    """A commit to be added to `ref` (full name) after `parent` (object id, None to begin the branch).

    identity: `Name <mail>` of author and committer. when: seconds since 1970. files: what changes against the
    parent.
    notes: text by the commit id that it is about, for a notes ref.
    """

    ref: str
    parent: str | None
    identity: str
    when: int
    message: str
    files: Files = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)


def encode(commits: Sequence[NewCommit]) -> bytes:
    """The stream that adds `commits`, to be run with `--done`; it prints the id of the first.

    Every text is sent with its length, every path quoted: nothing in them can become a command.
    """
    parts = [b"feature done\n"]
    for number, commit in enumerate(commits, start=1):
        parts.append(_commit(commit, number))
    parts.append(b"get-mark :1\ndone\n")
    return b"".join(parts)


def _commit(commit: NewCommit, mark: int) -> bytes:
    parts = [
        f"commit {commit.ref}\nmark :{mark}\ncommitter {commit.identity} {commit.when} +0000\n".encode(),
        _data(commit.message.encode()),
    ]
    if commit.parent:
        parts.append(f"from {commit.parent}\n".encode())
    # Deletions first: a path that turns from file to folder, or back, is gone before it comes anew.
    parts += [b"D " + _quoted(path) + b"\n" for path, data in commit.files.items() if data is None]
    for path, data in commit.files.items():
        if data is not None:
            parts.append(b"M 100644 inline " + _quoted(path) + b"\n" + _data(data))
    for about, text in commit.notes.items():
        parts.append(f"N inline {about}\n".encode() + _data(text.encode()))
    return b"".join(parts) + b"\n"


def _data(data: bytes) -> bytes:
    return b"data %d\n%b\n" % (len(data), data)


def _quoted(path: str) -> bytes:
    if any(part in {"", ".", "..", ".git"} for part in path.split("/")):
        raise ValueError(f"{path!r} is not a path for a git tree")
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'.encode()
