"""A zone as a value: its SOA without serial, and its RRsets."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from reconciler.dns import versions
from reconciler.dns.names import sort_key
from reconciler.dns.records import Key, RRset

NOWHERE = "invalid."
"""The name server of a catalog, which needs none (RFC 9432 section 4.1)."""


@dataclass(frozen=True, slots=True)
class SOA:
    """Start of authority without its serial (RFC 1035 section 3.3.13); times in seconds.

    mname and rname are canonical absolute names; `minimum` is the negative-answer TTL (RFC 2308).
    """

    mname: str
    rname: str
    refresh: int = 7200
    retry: int = 900
    expire: int = 1209600
    minimum: int = 300
    ttl: int = 3600

    def line(self, zone: str, serial: int) -> str:
        """The SOA record as one master-file line."""
        return (
            f"{zone} {self.ttl} IN SOA {self.mname} {self.rname} "
            f"{serial} {self.refresh} {self.retry} {self.expire} {self.minimum}"
        )


@dataclass(frozen=True)
class Zone:
    """A zone's content. The SOA stands apart, because its serial is decided when it is applied.

    view: whose version of the zone this is; "" where there is one for all.
    """

    name: str
    soa: SOA
    rrsets: Mapping[Key, RRset]
    view: str = ""

    @cached_property
    def id(self) -> str:
        """What it is known by among all zones; see `reconciler.dns.versions`."""
        return versions.zone_id(self.name, self.view)

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """All records but the SOA, one master-file line each, in canonical order (RFC 4034 section 6.1)."""
        ordered = sorted(self.rrsets.values(), key=lambda rrset: (sort_key(rrset.owner), rrset.rtype))
        return tuple(line for rrset in ordered for line in rrset.lines())

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content; the serial does not count, so equal digests mean nothing to do."""
        text = "\n".join((self.soa.line(self.name, 0), *self.lines))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def is_catalog(self) -> bool:
        """Whether it lists zones for secondaries (RFC 9432 section 4); it is no part of the tree of names."""
        return self.soa.mname == NOWHERE and (f"version.{self.name}", "TXT") in self.rrsets

    def text(self, serial: int) -> str:
        """The zone as a master file with absolute names (RFC 1035 section 5)."""
        return "\n".join((self.soa.line(self.name, serial), *self.lines, ""))
