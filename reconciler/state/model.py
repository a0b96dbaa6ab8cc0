"""A state repository as read: typed settings, hosts, records and raw text, each with its position."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.dns.zone import SOA
from reconciler.state.problem import Position
from reconciler.state.schema import Host, Site

Path = tuple[str | int, ...]
"""Keys and list indexes that lead to a value inside a YAML document."""


@dataclass(frozen=True, slots=True)
class Locator:
    """Where the values of one YAML document stand."""

    path: str
    places: Mapping[Path, tuple[int, int]]

    def at(self, *keys: str | int) -> Position:
        """Position of the value under `keys`, or of the nearest enclosing one that is known."""
        for length in range(len(keys), -1, -1):
            place = self.places.get(keys[:length])
            if place is not None:
                return Position(self.path, *place)
        return Position(self.path)


@dataclass(frozen=True, slots=True)
class HostEntry:
    """One host as written: `name` is the key in the file; locator paths start with it."""

    name: str
    host: Host
    locator: Locator

    def at(self, *keys: str | int) -> Position:
        """Position of the host's name, or of one of its fields."""
        return self.locator.at(self.name, *keys)


@dataclass(frozen=True, slots=True)
class StateRecord:
    """One record from a zones/ file. `ttl` is None where the file leaves it to the zone's default."""

    owner: str
    ttl: int | None
    rtype: str
    rdata: str
    where: Position


@dataclass(frozen=True, slots=True)
class ZoneFile:
    """One file under zones/: its records without SOA; `soa` only where a master file brings one.

    generated: how many of the records $GENERATE made. view: the only one it is for, "" for all. serial: of its SOA.
    """

    zone: str
    path: str
    records: tuple[StateRecord, ...]
    soa: SOA | None = None
    generated: int = 0
    view: str = ""
    serial: int = 0


@dataclass(frozen=True, slots=True)
class Hatch:
    """Raw text for one server, from an escape hatch folder; already checked against the allow-list.

    view: the one of BIND's that it stands in, "" for none.
    """

    path: str
    text: str
    view: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """Everything that one commit says."""

    site: Site
    site_locator: Locator
    hosts: tuple[HostEntry, ...] = ()
    zone_files: tuple[ZoneFile, ...] = ()
    bind_hatches: tuple[Hatch, ...] = ()
    dnsmasq_hatches: tuple[Hatch, ...] = field(default=())
