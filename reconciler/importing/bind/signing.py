"""Records that signing a zone makes (RFC 4034, 5155, 7344). The state holds zones unsigned: they are left."""

from collections import Counter
from collections.abc import Iterable

from reconciler.dns.zonetext import Record

SIGNING = frozenset({"RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "DNSKEY", "CDS", "CDNSKEY"})
_NOTES = "TYPE65534"
"""Where named keeps how far its signing has come (`sig-signing-type`)."""


def without_signing(records: Iterable[Record]) -> tuple[list[Record], Counter[str]]:
    """The records of the zone itself, and how many of each type of signing were left out."""
    kept: list[Record] = []
    left: Counter[str] = Counter()
    notes: list[Record] = []
    for record in records:
        if record[2] in SIGNING:
            left[record[2]] += 1
        elif record[2] == _NOTES:
            notes.append(record)
        else:
            kept.append(record)
    if left:
        left[_NOTES] += len(notes)
    else:
        kept += notes
    return kept, +left
