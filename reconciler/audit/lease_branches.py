"""Reading the monthly history branches of leases with git: `refs/heads/leases/YYYY-MM`, months in UTC."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from reconciler import tools
from reconciler.audit import lease_tree
from reconciler.audit.lease_tree import RecordedLease
from reconciler.dns.reverse import Address
from reconciler.errors import BadRepository
from reconciler.git.command import git

FOLDER = "leases"
"""Branches are FOLDER/YYYY-MM."""
PREFIX = f"refs/heads/{FOLDER}/"
_PATIENCE = 120.0


def month_of(when: float) -> str:
    """The month that a Unix time in seconds lies in, as its branch is called."""
    moment = datetime.fromtimestamp(when, UTC)
    return f"{moment.year:04d}-{moment.month:02d}"


def months(repo: Path) -> dict[str, str]:
    """Tip by month, the oldest first. Raises BadRepository, as everything here does, when git cannot read."""
    lines = ask(repo, "for-each-ref", "--format=%(refname) %(objectname)", PREFIX).decode().splitlines()
    pairs = (line.removeprefix(PREFIX).split(" ") for line in lines)
    return dict(sorted((month, tip) for month, tip in pairs if _is_month(month)))


def standing(repo: Path, commit: str) -> dict[Address, RecordedLease]:
    """All leases that a commit tells."""
    listed = ask(repo, "ls-tree", "-r", "-z", commit).split(b"\0")
    blobs = [entry.split(b"\t")[0].split(b" ")[2].decode() for entry in listed if entry]
    found: dict[Address, RecordedLease] = {}
    for data in contents(repo, blobs):
        found |= lease_tree.read(data or b"")
    return found


def files(repo: Path, commit: str, paths: Iterable[str]) -> dict[str, bytes]:
    """Content of those of the paths that a commit has."""
    wanted = list(paths)
    found = contents(repo, [f"{commit}:{path}" for path in wanted])
    return {path: data for path, data in zip(wanted, found, strict=True) if data is not None}


def contents(repo: Path, names: Iterable[str]) -> Iterator[bytes | None]:
    """Content of each blob, by id or COMMIT:PATH; None where there is none."""
    asked = "".join(f"{name}\n" for name in names)
    if not asked:
        return
    output = ask(repo, "cat-file", "--batch", stdin=asked.encode())
    place = 0
    while place < len(output):
        end = output.index(b"\n", place)
        header = output[place:end]
        if header.endswith(b" missing"):
            yield None
            place = end + 1
        else:
            size = int(header.rsplit(b" ", 1)[1])
            yield output[end + 1 : end + 1 + size]
            place = end + size + 2


def ask(repo: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """What a git command that only looks prints."""
    result = tools.run(git(repo, *arguments), stdin=stdin, timeout=_PATIENCE, cwd=Path("/"))
    if result.code:
        raise BadRepository(
            f"{repo}: the lease history cannot be read: {result.stderr.strip()}; `git -C {repo} fsck` tells more"
        )
    return result.stdout_bytes


def _is_month(text: str) -> bool:
    year, _, month = text.partition("-")
    return text.isascii() and len(text) == 7 and year.isdigit() and month.isdigit()
