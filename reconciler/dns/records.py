"""RRsets as light values: canonical text in, canonical text out.

An RRset is what RFC 2181 section 5 calls one: all records of one owner and type, sharing one TTL.
"""

from collections.abc import Iterable
from typing import NamedTuple

Key = tuple[str, str]
"""(owner, type): identifies an RRset within a zone."""


class RRset(NamedTuple):
    """One RRset in canonical text.

    owner: absolute lower-case name with trailing dot, RFC 1035 escapes.
    ttl: seconds.
    rtype: upper-case mnemonic ("A", "TYPE65534").
    rdatas: canonical presentation text with absolute names; sorted, no duplicates, never empty.
    """

    owner: str
    ttl: int
    rtype: str
    rdatas: tuple[str, ...]

    @property
    def key(self) -> Key:
        """(owner, type)."""
        return (self.owner, self.rtype)

    def lines(self) -> list[str]:
        """One master-file line per record: `owner ttl IN type rdata`, without newline."""
        return [f"{self.owner} {self.ttl} IN {self.rtype} {rdata}" for rdata in self.rdatas]


def group(records: Iterable[tuple[str, int, str, str]]) -> dict[Key, RRset]:
    """RRsets from single records (owner, ttl, type, rdata), all canonical; the lowest TTL of an RRset wins.

    RFC 2181 section 5.2 forbids different TTLs in one RRset, and tells clients to take the lowest.
    """
    found: dict[Key, tuple[int, list[str]]] = {}
    for owner, ttl, rtype, rdata in records:
        known = found.setdefault((owner, rtype), (ttl, []))
        known[1].append(rdata)
        if ttl < known[0]:
            found[owner, rtype] = (ttl, known[1])
    return {
        key: RRset(key[0], ttl, key[1], tuple(rdatas) if len(rdatas) == 1 else tuple(sorted(set(rdatas))))
        for key, (ttl, rdatas) in found.items()
    }
