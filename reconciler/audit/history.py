"""Reading the audit, for `reconciler log`."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from reconciler import tools
from reconciler.dns.versions import filename
from reconciler.errors import BadRepository
from reconciler.git.command import git

_FIELDS = 4
_ESCAPE = r"\\\g<0>"
_SPECIAL = re.compile(r"[*?\[\\]")
_FORMAT = "%H%x00%ct%x00%s%x00%(trailers:only,unfold,separator=%x1e)"


class Recorded(NamedTuple):
    """An audit commit. `trailers`: (key, value) in order, values unfolded to one line."""

    commit: str
    when: datetime
    subject: str
    trailers: tuple[tuple[str, str], ...]

    def values(self, key: str) -> tuple[str, ...]:
        """All values of a key."""
        return tuple(value for name, value in self.trailers if name == key)


def history(repo: Path, *, limit: int = 20, zone: str | None = None, branch: str = "audit") -> list[Recorded]:
    """The newest entries first; with `zone` (absolute name) only those that changed it.

    Empty before the first entry. Raises BadRepository when the branch cannot be read.
    """
    ref = f"refs/heads/{branch}"
    if tools.run(git(repo, "show-ref", "--verify", "--quiet", ref)).code == 1:
        return []
    paths = ["--", *(_paths(zone) if zone else ())]
    result = tools.run(git(repo, "log", "-z", f"--max-count={limit}", f"--format={_FORMAT}", ref, *paths))
    if result.code:
        raise BadRepository(f"{repo}: the audit cannot be read: {result.text}")
    return list(_parse(result.stdout))


def _paths(zone: str) -> tuple[str, str]:
    """Where the zone's records are, and those of its versions for single views (gitglossary(7), pathspec)."""
    name = filename(zone)
    return f":(literal)zones/{name}", f":(glob)zones/{_SPECIAL.sub(_ESCAPE, name)}@*/**"


def _parse(text: str) -> Iterator[Recorded]:
    fields = text.removesuffix("\0").split("\0")
    for start in range(0, len(fields) - _FIELDS + 1, _FIELDS):
        commit, when, subject, trailers = fields[start : start + _FIELDS]
        pairs = (line.partition(": ") for line in trailers.split("\x1e") if line)
        yield Recorded(
            commit,
            datetime.fromtimestamp(int(when), UTC),
            subject,
            tuple((key, value) for key, _, value in pairs),
        )
