"""The site half joined, as checks look at it: hosts with their networks, records with their origins."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from reconciler.checks.lookup import Address, enclosing
from reconciler.checks.report import Origin
from reconciler.dns.reverse import ReverseZone
from reconciler.site import SiteHost
from reconciler.state.model import HostEntry

Keys = tuple[str | int, ...]
"""Path of a value inside a host entry."""


class Located(NamedTuple):
    """One address of a host: complete (suffixes joined), with its network's name, if it lies in one."""

    address: Address
    keys: Keys
    network: str | None


@dataclass(frozen=True, slots=True)
class Resident:
    """A host entry with its addresses located.

    home: network that decides where an address does not. automatic: made for a node, written by nobody.
    """

    entry: HostEntry
    addresses: tuple[Located, ...]
    home: str | None
    automatic: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """A host in one network, with the origin of each address and alias (in the order of `host`'s)."""

    host: SiteHost
    resident: Resident
    addresses: tuple[Located, ...]
    alias_keys: tuple[Keys, ...]


class Record(NamedTuple):
    """One record of the site. Generated ones have a Source as origin, or a place in site.yaml."""

    owner: str
    ttl: int
    rtype: str
    rdata: str
    origin: Origin
    generated: bool = False


class ZoneRecords:
    """Records by zone and owner; a name belongs to the closest zone that encloses it."""

    def __init__(self, zones: Iterable[str]) -> None:
        self.zones: Mapping[str, dict[str, list[Record]]] = {zone: {} for zone in sorted(zones)}

    def add(self, zone: str, record: Record) -> None:
        """Enter a record into a zone."""
        self.zones[zone].setdefault(record.owner, []).append(record)

    def zone_of(self, name: str) -> str | None:
        """The zone of ours that a name belongs to."""
        return enclosing(name, self.zones)

    def at(self, zone: str, owner: str, *rtypes: str) -> list[Record]:
        """Records of an owner, of the given types or of all."""
        found = self.zones[zone].get(owner, [])
        return [record for record in found if record.rtype in rtypes] if rtypes else found


class ReverseZones(NamedTuple):
    """The reverse zones of ours by name, and where each was asked for (nothing for derived ones)."""

    zones: Mapping[str, ReverseZone]
    asked: Mapping[str, Origin]
