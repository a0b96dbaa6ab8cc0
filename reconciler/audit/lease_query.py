"""Asking the history of leases: who had which address at a moment, and what became of one client, address or name."""

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from reconciler.audit import lease_branches, lease_tree
from reconciler.audit.lease_branches import ask
from reconciler.audit.lease_tree import RecordedLease
from reconciler.dns.reverse import Address
from reconciler.leases.lease import octets

_DIFF = ("-p", "--unified=0", "--no-renames", "--no-color", "--no-ext-diff", "--no-textconv", "--text")
_MARK = "\x01"
_LITERAL = re.compile(r"[^A-Za-z0-9:_-]+")


class What(StrEnum):
    """What happened to a lease."""

    GOT = "got"
    LOST = "lost"
    CHANGED = "changed"


class LeaseEvent(NamedTuple):
    """A client got or lost an address, or has another name or identity there.

    when: Unix time in seconds. record: as it became, for LOST as it was. before: what CHANGED took the place of.
    """

    when: int
    what: What
    record: RecordedLease
    before: RecordedLease | None = None


class Wanted:
    """What a person asks for: a MAC address, an IP address, a DUID or client identifier, or a name."""

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        self.address = _address(self.text)
        self._identity = octets(self.text)
        self._name = self.text.lower().rstrip(".")

    def matches(self, record: RecordedLease) -> bool:
        """Whether the record is of this address, client or name; a name may be given without its domain."""
        if self.address is not None:
            return record.address == self.address
        lease = record.lease
        if self._identity and self._identity in (lease.mac, lease.duid, lease.client_id):
            return True
        return same_name(self._name, lease.name, record.published)

    def pattern(self) -> str:
        """A POSIX extended regular expression that finds at least every line of what `matches` accepts."""
        # What may stand escaped in the line is left open. A name's case is, too.
        texts = [str(self.address)] if self.address else [self._name, self._identity or self._name]
        # A name that is one hyphen stands escaped as a whole, since a hyphen stands for nothing.
        return "|".join(".*" if text == "-" else _LITERAL.sub(".*", text) for text in texts)


def same_name(text: str, name: str | None, published: str | None) -> bool:
    """Whether a person who writes `text` means the client's own or the published name; case does not count."""
    wanted = text.lower().rstrip(".")
    names = {name.lower().rstrip(".")} if name else set()
    if published:
        whole = published.lower().rstrip(".")
        names |= {whole, whole.partition(".")[0]}
    return wanted in names


def at(repo: Path, moment: int) -> list[RecordedLease]:
    """Who had which address at a Unix time in seconds, by address, IPv4 first.

    A lease stands from the commit that tells it to the one that no longer does: renewals are not recorded, and
    `expires` says nothing here. Raises BadRepository when git cannot read the history, as does all of this.
    """
    limit = lease_branches.month_of(moment)
    for month, tip in reversed(lease_branches.months(repo).items()):
        if month <= limit:
            commit = ask(repo, "rev-list", "--max-count=1", f"--min-age={moment}", tip).decode().strip()
            if commit:
                return sorted(lease_branches.standing(repo, commit).values(), key=_order)
    return []


def began(repo: Path) -> int | None:
    """Unix time of the oldest commit, before which nothing is known; None when there is none."""
    tips = list(lease_branches.months(repo).values())
    return _time(repo, _root(repo, tips[0])) if tips else None


def history(repo: Path, text: str) -> list[LeaseEvent]:
    """What happened to a MAC address, IP address, name, DUID or client identifier, the newest first."""
    wanted = Wanted(text)
    return [event for event in _events(repo, wanted) if _concerns(event, wanted)]


def document(record: RecordedLease) -> dict[str, str | None]:
    """A lease for JSON; times in ISO 8601, UTC."""
    lease = record.lease
    return {
        "address": str(lease.address),
        "mac": lease.mac,
        "name": lease.name,
        "published": record.published,
        "since": lease_tree.time_text(record.since),
        "expires": None if lease.expires is None else lease_tree.time_text(lease.expires),
        "client_id": lease.client_id,
        "duid": lease.duid,
    }


def _events(repo: Path, wanted: Wanted) -> Iterator[LeaseEvent]:
    """Events of the commits that change a line of what is wanted; some of others are among them."""
    options = ("-i", f"-G{wanted.pattern()}", *_DIFF)
    paths = ("--", f":(literal){lease_tree.path(wanted.address)}") if wanted.address else ("--",)
    tips = list(lease_branches.months(repo).values())
    for before, tip in reversed(list(zip([None, *tips], tips, strict=False))):
        log = ("-c", "log.showRoot=false", "log", f"--format={_MARK}%ct", *options, tip, *paths)
        yield from _read(ask(repo, *log))
        # A month's first commit holds all that stands: what it changed shows against the month before.
        root = _root(repo, tip)
        head = f"{_MARK}{_time(repo, root)}\n".encode()
        compare = ("diff-tree", "--no-commit-id", "-r", *options, before or "--root", root, *paths)
        first = _read(head + ask(repo, *compare))
        yield from first if before else _since(first)


def _read(output: bytes) -> Iterator[LeaseEvent]:
    """The events of `git log` with _DIFF and _MARK, as they come there: the newest first."""
    for part in output.decode("utf-8", "replace").split(_MARK)[1:]:
        when, *lines = part.split("\n")
        before, after = (lease_tree.read_lines(line[1:] for line in lines if line.startswith(sign)) for sign in "-+")
        yield from reversed(list(_between(before, after, int(when))))


def _between(
    before: dict[Address, RecordedLease], after: dict[Address, RecordedLease], when: int
) -> Iterator[LeaseEvent]:
    for address in sorted(before.keys() | after.keys(), key=lambda each: (each.version, int(each))):
        old, new = before.get(address), after.get(address)
        if old and new and lease_tree.same_client(old.lease, new.lease):
            if not lease_tree.same_record(old, new):
                yield LeaseEvent(when, What.CHANGED, new, old)
            continue
        if old:
            yield LeaseEvent(when, What.LOST, old)
        if new:
            yield LeaseEvent(when, What.GOT, new)


def _since(events: Iterable[LeaseEvent]) -> list[LeaseEvent]:
    """Where the history begins a lease is already older than the commit that tells it."""
    return sorted((event._replace(when=event.record.since) for event in events), key=lambda event: -event.when)


def _concerns(event: LeaseEvent, wanted: Wanted) -> bool:
    return wanted.matches(event.record) or (event.before is not None and wanted.matches(event.before))


def _root(repo: Path, tip: str) -> str:
    return ask(repo, "rev-list", "--max-parents=0", "--max-count=1", tip).decode().strip()


def _time(repo: Path, commit: str) -> int:
    return int(ask(repo, "show", "--no-patch", "--format=%ct", commit))


def _order(record: RecordedLease) -> tuple[int, int]:
    return record.address.version, int(record.address)


def _address(text: str) -> Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
