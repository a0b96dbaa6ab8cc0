"""named's journals: which serials one spans, what it would change. Read only. Format: BIND's lib/dns/journal.c."""

import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from reconciler import tools
from reconciler.dns import zonetext
from reconciler.dns.records import Key, RRset, group
from reconciler.dns.zonetext import Record

HEADER = 64
"""Bytes of the header: format, first serial and offset, last serial and offset, and more."""

_FORMATS = (b";BIND LOG V9\n", b";BIND LOG V9.2\n")
_SERIAL = re.compile(r"\S+\s+\S+\s+([0-9]+)\s")

Identity = tuple[str, str, str]
"""(owner, type, rdata), canonical."""


class Span(NamedTuple):
    """The serials that a journal leads from and to; the same where it holds nothing."""

    first: int
    last: int


class Step(NamedTuple):
    """A record that a journal adds or deletes. after: the serial that the zone has then."""

    added: bool
    record: Record
    after: int


def span(header: bytes) -> Span | None:
    """What the first HEADER bytes say; None where this is no journal."""
    if len(header) < HEADER or header[:16].rstrip(b"\0") not in _FORMATS:
        return None
    first, begins, last, ends = struct.unpack_from("!4I", header, 16)
    return Span(first, last) if begins != ends else Span(first, first)


def span_of(path: Path) -> Span | None:
    """The span of a journal on disk."""
    with path.open("rb") as stream:
        return span(stream.read(HEADER))


def steps(path: Path, *, timeout: float) -> list[Step]:
    """All that a journal changes, SOA records left out. Raises BadRdata, and Temporary as `tools.run` does."""
    done = tools.run(["named-journalprint", str(path)], timeout=timeout)
    return list(_steps(done.stdout))


def _steps(text: str) -> Iterator[Step]:
    after = 0
    for line in text.split("\n"):
        verb, _, rest = line.partition(" ")
        if verb not in ("add", "del"):
            continue
        for record in zonetext.parse_full(rest):
            if record[2] != "SOA":
                yield Step(verb == "add", record, after)
            elif verb == "add" and (found := _SERIAL.match(record[3])):
                after = int(found[1])


def identity(record: Record) -> Identity:
    """A record without its TTL."""
    return record[0], record[2], record[3]


def fits(past: list[Step], zone_text: str) -> bool:
    """Whether a zone (one record a line) shows all that these steps, which lie behind it, did.

    named wrote its file from what it had in memory, so that a dump shows each. In a file that somebody put in its
    place, with a serial out of the middle of the journal, some are missing, and the rest must not be replayed over it.
    """
    outcome = {identity(step.record): step.added for step in past}
    owners = {owner for owner, _, _ in outcome}
    lines = (line for line in zone_text.split("\n") if line.partition("\t")[0].partition(" ")[0].lower() in owners)
    there = {identity(record) for record in zonetext.parse_full("\n".join(lines))}
    return all((record in there) == added for record, added in outcome.items())


def replay(rrsets: dict[Key, RRset], over: list[Step]) -> dict[Key, RRset]:
    """RRsets after these steps, as far as they can be taken: what is to be deleted and is not there is no error."""
    records = {(owner, rtype, rdata): rrset.ttl for (owner, rtype), rrset in rrsets.items() for rdata in rrset.rdatas}
    for added, record, _ in over:
        if added:
            records[identity(record)] = record[1]
        else:
            records.pop(identity(record), None)
    return group((owner, ttl, rtype, rdata) for (owner, rtype, rdata), ttl in records.items())
