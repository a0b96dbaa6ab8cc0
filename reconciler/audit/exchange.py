"""Keeping the history that this program writes the same here and upstream: audit, notes, and leases.

It only ever grows, in both places. What two nodes wrote apart is put in one line: upstream's stays as it is, the
node's own entries come after it and say so.
"""

import logging
import re
import time
from collections.abc import Mapping
from pathlib import Path

from reconciler.audit import lease_branches
from reconciler.audit.leases import KEEP_MONTHS
from reconciler.audit.record import NOTES_REF
from reconciler.effects import Effects
from reconciler.errors import Temporary
from reconciler.git.follow import move
from reconciler.git.replay import merge_notes, replay
from reconciler.git.repo import StateRepo
from reconciler.git.upstream import Upstream, tracking

log = logging.getLogger(__name__)

AUDIT_REF = "refs/heads/audit"
PATTERNS = (AUDIT_REF, f"{lease_branches.PREFIX}*", NOTES_REF)
"""For `Upstream.listed`."""

_TRIES = 3
_MONTH = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])", re.ASCII)


class Exchange:
    """History of the bare repository `repo` on this node's own disk, and of `upstream`.

    own: effects on that disk. Not for two threads at once.
    """

    def __init__(self, repo: Path, upstream: Upstream, own: Effects, *, node: str) -> None:
        self._repo = repo
        self._reader = StateRepo(repo)
        self._upstream = upstream
        self._own = own
        self._node = node

    def fetch(self, listed: Mapping[str, str]) -> None:
        """Get upstream's history, and let ours follow where it is behind. listed: as `Upstream.listed` gave it.

        What upstream has lost is told in the log, and stays here.
        """
        there = {ref: new for ref, new in listed.items() if _kept(ref)}
        before = {ref: self._reader.ref(tracking(ref)) for ref in {*there, *self._refs()}}
        self._upstream.fetch(there)
        for ref, old in before.items():
            if old and ref not in there:
                log.warning("%s has no %s any more; it is pushed there again", self._upstream.shown, ref)
                self._upstream.forget(ref)
            elif old and not self._reader.builds_on(there[ref], old):
                log.warning("%s has rewritten %s; what it has lost is pushed again", self._upstream.shown, ref)
        for ref in there:
            self._follow(ref)

    def waiting(self) -> dict[str, str]:
        """What is to be pushed: commit by ref, of those that upstream does not have as they are here."""
        found = {}
        for ref in self._refs():
            here = self._reader.ref(ref)
            if here and here != self._reader.ref(tracking(ref)):
                found[ref] = here
        return found

    def push(self, outside: Effects) -> str:
        """Push what waits. Returns what upstream refused, "" when it has all of it.

        outside: effects that ask for the role of the pair. Raises Temporary when upstream gives no good answer.
        """
        for _ in range(_TRIES):
            waiting = self.waiting()
            if not waiting:
                return ""
            for ref in waiting:
                self._join(ref, outside)
            rejected = self._upstream.push(self.waiting(), outside)
            if not rejected:
                return ""
            if not all(re.search(r"fetch first|non-fast-forward|stale info", why) for why in rejected.values()):
                return "; ".join(f"{ref} {why}" for ref, why in rejected.items())
            # Somebody else pushed meanwhile.
            self.fetch(self._upstream.listed(PATTERNS))
        raise Temporary(f"{self._upstream.shown} has other history each time it is looked at; tried again later")

    def _refs(self) -> list[str]:
        months = lease_branches.months(self._repo)
        leases = [f"{lease_branches.PREFIX}{month}" for month in months]
        return [ref for ref in (AUDIT_REF, NOTES_REF, *leases) if _kept(ref)]

    def _follow(self, ref: str) -> None:
        """Forward to upstream's, where ours has nothing of its own."""
        here, there = self._reader.ref(ref), self._reader.ref(tracking(ref))
        if there and here != there and (here is None or self._reader.builds_on(there, here)):
            move(self._repo, {ref: (here, there)}, self._own)

    def _join(self, ref: str, outside: Effects) -> None:
        """Put ours after upstream's, where both have grown."""
        here, there = self._reader.ref(ref), self._reader.ref(tracking(ref))
        if here is None or there is None or self._reader.builds_on(here, there):
            return
        outside.check(f"join {ref} with upstream's")
        if self._reader.builds_on(there, here):
            self._follow(ref)
        elif ref == NOTES_REF:
            merge_notes(self._repo, ref, tracking(ref), "reconciler", self._own)
        else:
            count = replay(self._repo, ref, here, there, self._own)
            what = "%s had grown here and upstream; commits of %s that now come after upstream's %s: %d"
            log.warning(what, ref, self._node, there[:12], count)


def _kept(ref: str) -> bool:
    """Not the months that have been deleted here, or would be: leases are personal data."""
    if not ref.startswith(lease_branches.PREFIX):
        return ref in (AUDIT_REF, NOTES_REF)
    month = ref.removeprefix(lease_branches.PREFIX)
    if not _MONTH.fullmatch(month):
        return False
    now = lease_branches.month_of(time.time())
    return (int(now[:4]) - int(month[:4])) * 12 + int(now[5:]) - int(month[5:]) <= KEEP_MONTHS
