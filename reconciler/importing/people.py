"""Hosts while they are put together."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.importing.found import Address, FoundName, FoundRecord, FoundReservation

Place = tuple[str, int]
Row = tuple[str, str, str]
"""Owner, type, data of a record."""


@dataclass(slots=True, eq=False)
class Person:
    """A host entry while it is put together. name, aliases: absolute.

    ptr: another name that its addresses point back to, "no" for none. ttl: None for the zone's default.
    served: what a zone of named.conf says of it, which the entry stands for. extra: names that named did not have.
    places: lines it comes from.
    """

    name: str
    addresses: list[Address] = field(default_factory=list)
    macs: list[str] = field(default_factory=list)
    aliases: dict[str, None] = field(default_factory=dict)
    ptr: str = ""
    ttl: int | None = None
    network: str = ""
    view: str = ""
    served: list[Row] = field(default_factory=list)
    extra: bool = False
    places: dict[Place, None] = field(default_factory=dict)
    reservations: list[FoundReservation] = field(default_factory=list)


@dataclass(slots=True)
class People:
    """What the join made: hosts by name, and names of dnsmasq's that are plain records."""

    hosts: dict[str, Person] = field(default_factory=dict)
    records: list[FoundRecord] = field(default_factory=list)
    homeless: list[FoundName] = field(default_factory=list)


def served(hosts: Mapping[str, Person]) -> set[Row]:
    """All records that hosts stand for."""
    return {row for person in hosts.values() for row in person.served}
