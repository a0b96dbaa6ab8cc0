"""Following an upstream's branch: forward only, with the content of a commit's message that counts there."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from reconciler import tools
from reconciler.effects import Effects
from reconciler.errors import BadRepository, Refused, Temporary
from reconciler.git.command import git
from reconciler.git.repo import StateRepo

ALLOW_TRAILER = "Allow-Mass-Change"
"""The trailer whose value `yes` on the branch's head lets a change through that the guard holds back."""


class Moved(NamedTuple):
    """Where the branch was and is (None: no commit yet), and how many commits came."""

    old: str | None
    new: str | None
    commits: int


class Said(NamedTuple):
    """What a commit says of itself. committer: `Name <mail>`. allows: it carries the word for a mass change."""

    committer: str
    allows: bool


def advance(repo: Path, branch: str, new: str, own: Effects) -> Moved:
    """Move the branch of the node's own repository to `new`, which is here, if that builds on what it is.

    Raises Refused for anything but a step forward. Temporary: somebody else moved it meanwhile.
    """
    reader, ref = StateRepo(repo), f"refs/heads/{branch}"
    old = reader.ref(ref)
    if old == new:
        return Moved(old, new, 0)
    if old is not None and not reader.builds_on(new, old):
        raise Refused(_backwards(reader, branch, old, new))
    move(repo, {ref: (old, new)}, own)
    return Moved(old, new, _count(repo, old, new))


def move(repo: Path, refs: dict[str, tuple[str | None, str]], own: Effects) -> None:
    """Move refs, each from exactly what it was to something new; all or none.

    Raises Temporary when one is not what it was: whoever moved it goes first.
    """
    lines = "".join(f"update {ref} {new} {old or '0' * 40}\n" for ref, (old, new) in refs.items())
    command = git(repo, "-c", f"core.hooksPath={os.devnull}", "update-ref", "-m", "upstream", "--stdin")
    result = own.run(command, stdin=lines.encode(), cwd=Path(os.sep))
    if result.code:
        raise Temporary(f"{repo}: could not move {', '.join(refs)}: {result.text}")


def said(repo: Path, commit: str) -> Said:
    """Who committed it and whether it allows a mass change, as git itself reads trailers.

    Raises BadRepository when git cannot read it.
    """
    template = f"%cn <%ce>%x00%(trailers:key={ALLOW_TRAILER},valueonly,unfold,separator=%x00)"
    shown = ("log", "--max-count=1", "--no-mailmap", f"--format={template}", "--end-of-options", commit)
    result = tools.run(git(repo, "-c", "log.showSignature=false", *shown), cwd=Path(os.sep))
    if result.code:
        raise BadRepository(f"{repo}: commit {commit} cannot be read: {result.text}")
    committer, _, values = result.stdout.rstrip("\n").partition("\0")
    return Said(committer, any(value.strip().lower() == "yes" for value in values.split("\0")))


def unseen(repo: Path, commits: Sequence[str], known: Sequence[str]) -> list[str]:
    """Commits that the first have and the others have not, parents first."""
    options = ("--reverse", "--topo-order", "--end-of-options")
    result = tools.run(git(repo, "rev-list", *options, *commits, *(f"^{each}" for each in known)), cwd=Path(os.sep))
    if result.code:
        raise BadRepository(f"{repo}: history cannot be read: {result.text}")
    return result.stdout.split()


def _count(repo: Path, old: str | None, new: str) -> int:
    return len(unseen(repo, [new], [old] if old else []))


def _backwards(reader: StateRepo, branch: str, old: str, new: str) -> str:
    if reader.builds_on(old, new):
        what = f"went back to {new[:12]}, which is older than {old[:12]} that was fetched before"
    else:
        what = f"was rewritten: {new[:12]} does not build on {old[:12]}, which was fetched before"
    return (
        f"upstream's {branch} {what}; nothing was moved here. To take a change back, push `git revert` upstream; "
        f"push {old[:12]} there again to go on from it"
    )
