"""Carrying commits over onto another tip, so that history which grew in two places stays one line.

Each commit keeps its tree, author, time and message, and tells under which id it was first written. For branches whose
commits hold all that was in force then (the audit, the leases): the tree that follows from them stays right.
"""

import os
import re
from pathlib import Path

from reconciler import tools
from reconciler.effects import Effects
from reconciler.errors import BadRepository
from reconciler.git.command import git
from reconciler.git.follow import move, unseen

TRAILER = "First-written-as"

_SCRATCH = "refs/upstream/replay"
_LIMIT = 50_000
_TRAILER_LINE = re.compile(rb"[A-Za-z][A-Za-z0-9-]*: |[ \t]")


def replay(repo: Path, ref: str, old: str, onto: str, own: Effects) -> int:
    """Move `ref` from `old` to a line that goes on from `onto`, with every commit that only `old` has.

    Returns their number. Raises Temporary when the ref is not at `old` any more, BadRepository when git cannot.
    """
    commits = unseen(repo, [old], [onto])
    if len(commits) > _LIMIT:
        raise BadRepository(
            f"{repo}: {ref} has {len(commits)} commits that are not upstream; that is too many to carry"
        )
    command = git(repo, "-c", f"core.hooksPath={os.devnull}", "-c", "fastimport.unpackLimit=1", "-c", "core.fsync=all")
    stream = _stream(_read(repo, commits), onto)
    result = own.run([*command, "fast-import", "--quiet", "--force", "--done"], stdin=stream, timeout=120, cwd=_ROOT)
    if result.code:
        for path in repo.glob("fast_import_crash_*"):
            own.unlink(path)
        raise BadRepository(f"{repo}: {ref} could not be carried over: {result.stderr.strip()[:200]}")
    move(repo, {ref: (old, result.stdout.strip())}, own)
    own.run([*command, "update-ref", "-d", _SCRATCH], cwd=_ROOT)
    return len(commits)


def merge_notes(repo: Path, ref: str, theirs: str, identity: str, own: Effects) -> None:
    """Move the notes `ref` to a merge with `theirs`: of two notes on one commit both stay.

    identity: name of the merge's author. Raises as `replay`.
    """
    scratch = f"{ref}-merge"
    old = _ask(repo, "rev-parse", "--verify", ref).decode().strip()
    command = git(repo, "-c", f"core.hooksPath={os.devnull}", "-c", "core.fsync=all")
    who = ("-c", f"user.name={identity}", "-c", f"user.email={identity}@localhost")
    for arguments in (
        ("update-ref", scratch, old),
        (*who, "notes", f"--ref={scratch}", "merge", "--quiet", "--strategy=cat_sort_uniq", theirs),
    ):
        result = own.run([*command, *arguments], cwd=_ROOT)
        if result.code:
            raise BadRepository(f"{repo}: {ref} could not be merged with upstream's: {result.text[:200]}")
    move(repo, {ref: (old, _ask(repo, "rev-parse", "--verify", scratch).decode().strip())}, own)
    own.run([*command, "update-ref", "-d", scratch], cwd=_ROOT)


_ROOT = Path(os.sep)


def _read(repo: Path, commits: list[str]) -> list[tuple[str, bytes]]:
    """Id and content of each commit."""
    output = _ask(repo, "cat-file", "--batch", stdin="".join(f"{each}\n" for each in commits).encode())
    found, place = [], 0
    for commit in commits:
        end = output.index(b"\n", place)
        size = int(output[place:end].rsplit(b" ", 1)[1])
        found.append((commit, output[end + 1 : end + 1 + size]))
        place = end + size + 2
    return found


def _ask(repo: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    result = tools.run(git(repo, *arguments), stdin=stdin, timeout=60, cwd=_ROOT)
    if result.code:
        raise BadRepository(f"{repo}: git {arguments[0]}: {result.text[:200]}")
    return result.stdout_bytes


def _stream(commits: list[tuple[str, bytes]], onto: str) -> bytes:
    """For git-fast-import(1); the last one's id is printed."""
    parts = [b"feature done\n"]
    parent = onto.encode()
    for number, (commit, raw) in enumerate(commits, start=1):
        head, _, message = raw.partition(b"\n\n")
        # Continued lines (a signature) begin with a blank and are left out: it would not hold any more.
        fields = dict(line.partition(b" ")[::2] for line in head.split(b"\n") if not line.startswith(b" "))
        text = _marked(message, commit)
        parts.append(
            b'commit %b\nmark :%d\nauthor %b\ncommitter %b\ndata %d\n%b\nfrom %b\nM 040000 %b ""\n\n'
            % (
                *(_SCRATCH.encode(), number, fields[b"author"], fields[b"committer"]),
                *(len(text), text, parent, fields[b"tree"]),
            )
        )
        parent = b":%d" % number
    parts.append(b"get-mark :%d\ndone\n" % len(commits))
    return b"".join(parts)


def _marked(message: bytes, commit: str) -> bytes:
    text = message.rstrip(b"\n")
    last = text.rpartition(b"\n\n")[2] if b"\n\n" in text else b""
    trailers = bool(last) and all(_TRAILER_LINE.match(line) for line in last.split(b"\n"))
    return text + (b"\n" if trailers else b"\n\n") + f"{TRAILER}: {commit}\n".encode()
