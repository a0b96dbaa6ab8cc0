"""Writing the history of leases: who had which address when. One commit a batch, on a branch a month.

The branches begin anew each month with all that stands, so that an old one can be deleted: MAC addresses are
personal data.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from reconciler.audit import lease_branches, lease_tree
from reconciler.audit.entry import Entry
from reconciler.audit.lease_tree import RecordedLease
from reconciler.audit.record import Audit
from reconciler.dns.reverse import Address
from reconciler.effects import Effects
from reconciler.errors import BadRepository
from reconciler.git.command import git
from reconciler.leases.changes import diff
from reconciler.leases.lease import Lease

KEEP_MONTHS = 12

Change = tuple[RecordedLease | None, RecordedLease | None]
"""(before, after) of one address; None where nobody has it."""
Changes = Mapping[Address, Change]


class LeaseHistory:
    """The lease branches of a state repository."""

    def __init__(self, repo: Path, effects: Effects, *, node: str) -> None:
        self._repo = repo
        self._effects = effects
        self._node = node
        self._tip: str | None = None
        self._names: Mapping[Address, str] = {}

    def record(
        self,
        old: Mapping[Address, Lease],
        new: Mapping[Address, Lease],
        *,
        names: Mapping[Address, str],
        when: int,
    ) -> str | None:
        """Record what changed from `old`, the last call's `new`, and return the commit; None if nothing did.

        names: what DNS has for an address. when: Unix time in seconds. A renewal is no change. The first call of
        a process, one after a failure and one on a branch that another node wrote compare all of `new` with what
        is recorded, so that nothing is lost whatever came between. Raises BadRepository when git cannot write
        it; the leases are served all the same.
        """
        month = lease_branches.month_of(when)
        audit = Audit(self._repo, self._effects, node=self._node, branch=f"{lease_branches.FOLDER}/{month}")
        tip = audit.tip()
        in_step = tip is not None and tip == self._tip
        touched = self._touched(old, new, names) if in_step else None
        self._tip = None
        if tip is None:
            commit = self._begin(audit, month, new, names, when)
        else:
            commit = self._append(audit, tip, touched, new, names, when)
        self._tip = commit or tip
        self._names = dict(names)
        return commit

    def prune(self, keep_months: int, now: int) -> tuple[str, ...]:
        """Delete the branches of months before the `keep_months` that come before this one; return which.

        The newest `keep_months` branches stay whatever `now` is: a clock that has jumped ahead must not make all of
        the history look old. git forgets the content of the others two weeks later, when it collects garbage.
        """
        year, month = map(int, lease_branches.month_of(now).split("-"))
        oldest = year * 12 + month - 1 - keep_months
        limit = f"{oldest // 12:04d}-{oldest % 12 + 1:02d}"
        known = lease_branches.months(self._repo)
        newest = set(list(known)[-keep_months:]) if keep_months else set()
        old = {name: tip for name, tip in known.items() if name < limit and name not in newest}
        if old:
            lines = "".join(f"delete {lease_branches.PREFIX}{name} {tip}\n" for name, tip in old.items())
            command = git(self._repo, "-c", "core.hooksPath=/dev/null", "update-ref", "--stdin")
            result = self._effects.run(command, stdin=lines.encode(), cwd=Path("/"))
            if result.code:
                raise BadRepository(f"{self._repo}: old lease branches could not be deleted: {result.text}")
        return tuple(old)

    def _touched(
        self, old: Mapping[Address, Lease], new: Mapping[Address, Lease], names: Mapping[Address, str]
    ) -> set[Address]:
        """Addresses whose lease or published name is not what it was."""
        changes = diff(old, new)
        touched = {lease.address for lease in (*changes.added, *changes.removed)}
        touched |= {lease.address for _, lease in changes.changed}
        return touched | _renamed(self._names, names) if names != self._names else touched

    def _append(
        self,
        audit: Audit,
        tip: str,
        touched: set[Address] | None,
        new: Mapping[Address, Lease],
        names: Mapping[Address, str],
        when: int,
    ) -> str | None:
        """Add to a month that has begun; `touched` None: look at everything."""
        if touched is None:
            known = lease_branches.standing(self._repo, tip)
            changes = _changes(known, new, names, known.keys() | new.keys(), when)
            paths = {lease_tree.path(address) for address in changes}
            files = lease_branches.files(self._repo, tip, paths)
        else:
            paths = {lease_tree.path(address) for address in touched}
            files = lease_branches.files(self._repo, tip, paths)
            known = {address: record for data in files.values() for address, record in lease_tree.read(data).items()}
            changes = _changes(known, new, names, touched, when)
        if not changes:
            return None
        written = lease_tree.changed(files, {address: after for address, (_, after) in changes.items()})
        return audit.record(Entry(_subject(changes), self._trailers(changes), files=written), when=when)

    def _begin(
        self,
        audit: Audit,
        month: str,
        new: Mapping[Address, Lease],
        names: Mapping[Address, str],
        when: int,
    ) -> str | None:
        """The first commit of a month: all that stands. It has no parent."""
        earlier = [tip for name, tip in lease_branches.months(self._repo).items() if name < month]
        known = lease_branches.standing(self._repo, earlier[-1]) if earlier else {}
        if not known and not new:
            return None
        changes = _changes(known, new, names, known.keys() | new.keys(), when)
        records = [_recorded(lease, names.get(address), known.get(address), when) for address, lease in new.items()]
        subject = _subject(changes) if changes else f"{_count(len(new), 'lease')} at the start of {month}"
        trailers = [*self._trailers(changes), ("Snapshot", _count(len(new), "lease"))]
        return audit.record(Entry(subject, trailers, files=lease_tree.snapshot(records)), when=when)

    def _trailers(self, changes: Changes) -> list[tuple[str, str]]:
        counts = zip(("Added", "Removed", "Changed"), map(str, _counts(changes)), strict=True)
        return [("Trigger", "lease"), ("Node", self._node), *counts]


def _renamed(old: Mapping[Address, str], new: Mapping[Address, str]) -> set[Address]:
    """Addresses that have another name or no longer one."""
    # Nearly all addresses are the very same objects: compared so, none of those is hashed.
    before, after = {id(address): name for address, name in old.items()}, set(map(id, new))
    candidates = [address for address, name in new.items() if before.get(id(address)) != name]
    gone = {address for address in old if id(address) not in after and address not in new}
    return gone | {address for address in candidates if old.get(address) != new[address]}


def _changes(
    known: Mapping[Address, RecordedLease],
    new: Mapping[Address, Lease],
    names: Mapping[Address, str],
    addresses: Iterable[Address],
    when: int,
) -> dict[Address, Change]:
    changes: dict[Address, Change] = {}
    for address in addresses:
        before, lease = known.get(address), new.get(address)
        after = _recorded(lease, names.get(address), before, when) if lease is not None else None
        if not lease_tree.same_record(before, after):
            changes[address] = before, after
    return changes


def _recorded(lease: Lease, published: str | None, before: RecordedLease | None, when: int) -> RecordedLease:
    same = before is not None and lease_tree.same_client(before.lease, lease)
    return RecordedLease(lease, published, before.since if before is not None and same else when)


def _counts(changes: Changes) -> tuple[int, int, int]:
    """How many addresses were added, removed, changed."""
    added = sum(before is None for before, _ in changes.values())
    removed = sum(after is None for _, after in changes.values())
    return added, removed, len(changes) - added - removed


def _subject(changes: Changes) -> str:
    if len(changes) == 1:
        [(address, (before, after))] = changes.items()
        return f"lease {address} {_what(before, after)}"
    added, removed, changed = _counts(changes)
    parts = ((added, _count(added, "lease")), (removed, f"{removed} ended"), (changed, f"{changed} changed"))
    return ", ".join(text for number, text in parts if number)


def _what(before: RecordedLease | None, after: RecordedLease | None) -> str:
    if before is None or after is None:
        return f"to {_who(after)}" if after else f"ended, it was with {_who(before)}"
    if lease_tree.same_client(before.lease, after.lease):
        return f"changed, it is with {_who(after)}"
    return f"from {_who(before)} to {_who(after)}"


def _who(record: RecordedLease | None) -> str:
    if record is None:
        return "nobody"
    lease = record.lease
    client = lease.mac or lease.duid or lease.client_id or "an unknown client"
    name = record.published.partition(".")[0] if record.published else lease.name
    return f"{client} ({name})" if name else client


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
