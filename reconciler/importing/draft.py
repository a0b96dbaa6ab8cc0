"""The state while it is put together: site, hosts, records, hatches; and the files that it is written as."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from reconciler.dns import names
from reconciler.dns.zone import SOA
from reconciler.importing.found import INHERIT, FoundRecord
from reconciler.importing.people import Person, Row
from reconciler.importing.scene import Scene
from reconciler.importing.yamltext import dump
from reconciler.state import dots

HATCH = "dnsmasq.d/imported.conf"
_IN_ONE_FILE = 500
_IN_A_FILE = 20_000
"""Hosts: fewer stand in hosts.yaml, more in files by network of this size at most."""


class HatchLine(NamedTuple):
    """A line of a hatch, and where it comes from."""

    text: str
    path: str
    number: int


@dataclass(slots=True)
class ZoneDraft:
    """A master file: its SOA with the serial that was found, and records without those that hosts stand for.

    view: "" for the records of all views.
    """

    name: str
    records: list[FoundRecord]
    soa: SOA | None = None
    serial: int = 0
    view: str = ""

    @property
    def path(self) -> str:
        """Where it stands in the repository."""
        return f"zones/{f'{self.view}/' if self.view else ''}{names.filename(self.name)}.zone"


@dataclass(slots=True)
class Draft:
    """All of it. site: as site.yaml has it, in order."""

    scene: Scene
    site: dict[str, Any]
    hosts: dict[str, Person]
    zones: list[ZoneDraft] = field(default_factory=list)
    hatch: list[HatchLine] = field(default_factory=list)
    bind_hatches: dict[str, str] = field(default_factory=dict)
    inside: str = ""
    """The view that further records of a zone go into that has several versions."""
    lines_of_zones: dict[str, list[FoundRecord | None]] = field(default_factory=dict)
    """By path the record of each line; made with `files`."""
    hosts_by_file: dict[str, dict[str, Person]] = field(default_factory=dict)
    """By path the host of each key; made with `files`."""

    def files(self) -> dict[str, bytes]:
        """Every file of the repository by path."""
        found = {"site.yaml": dump(self.site).encode()}
        self.hosts_by_file = dict(self._host_files())
        for path, persons in self.hosts_by_file.items():
            found[path] = dump({key: self._entry(person) for key, person in persons.items()}).encode()
        stood_for = {
            view: {row for person in self.hosts.values() if view in ("", person.view) for row in person.served}
            for view in {zone.view for zone in self.zones}
        }
        self.lines_of_zones = {}
        for zone in self.zones:
            lines, records = zone_lines(zone, stood_for[zone.view])
            if records or zone.soa is not None:
                found[zone.path] = "".join(f"{line}\n" for line in lines).encode()
                self.lines_of_zones[zone.path] = [*[None] * (len(lines) - len(records)), *records]
        if self.hatch:
            found[HATCH] = "".join(f"{line.text}\n" for line in self.hatch).encode()
        for name, text in self.bind_hatches.items():
            found[f"bind.d/{name}"] = text.rstrip("\n").encode() + b"\n"
        return found

    def add(self, record: FoundRecord) -> bool:
        """One more record; False where no zone holds its name."""
        zone = self.scene.zone_of(record.owner)
        if zone is None:
            return False
        found = [item for item in self.zones if item.name == zone and item.view in ("", self.inside)]
        home = next((item for item in found if item.view), found[0] if found else None)
        if home is None:
            home = ZoneDraft(zone, [])
            self.zones.append(home)
        home.records.append(record)
        return True

    def _host_files(self) -> Iterator[tuple[str, dict[str, Person]]]:
        if len(self.hosts) <= _IN_ONE_FILE:
            if self.hosts:
                yield "hosts.yaml", self._keyed(self.hosts.values())
            return
        by_network: dict[str, list[Person]] = {}
        for person in self.hosts.values():
            by_network.setdefault(self._network(person) or "others", []).append(person)
        for network, persons in by_network.items():
            for count, start in enumerate(range(0, len(persons), _IN_A_FILE)):
                part = f"-{count + 1}" if count else ""
                yield f"hosts/{network}{part}.yaml", self._keyed(persons[start : start + _IN_A_FILE])

    def _keyed(self, persons: Iterable[Person]) -> dict[str, Person]:
        """By the name that stands in the file: the bare one where that is nobody else's."""
        found: dict[str, Person] = {}
        for person in persons:
            key = self._relative(person, person.name)
            found[person.name if key in found or key == "@" else key] = person
        return found

    def _network(self, person: Person) -> str:
        if person.network:
            return person.network
        return next((home for address in person.addresses if (home := self.scene.home(address))), "")

    def _relative(self, person: Person, name: str) -> str:
        """A name as it is written in the host's entry: relative where all its networks have one domain."""
        homes = {self.scene.home(address) for address in person.addresses} - {""} or {person.network}
        domains = {self.scene.domain(home) for home in homes}
        domain = domains.pop() if len(domains) == 1 else ""
        if not domain or not names.is_under(name, domain) or name == domain:
            return name
        short = names.relativize(name, domain)
        return name if short == "no" else short

    def _entry(self, person: Person) -> dict[str, Any]:
        v4 = [str(address) for address in person.addresses if address.version == 4]
        v6 = [str(address) for address in person.addresses if address.version == 6]
        entry: dict[str, Any] = {
            "mac": _some(person.macs),
            "ipv4": _some(v4),
            "ipv6": _some(v6),
            "network": person.network,
            "view": person.view,
            "aliases": [self._relative(person, alias) for alias in person.aliases],
            "ptr": person.ptr if person.ptr in ("", "no") else self._relative(person, person.ptr),
            "ttl": "" if person.ttl is None else str(person.ttl),
        }
        return {key: value for key, value in entry.items() if value}


def _some(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values


def zone_lines(zone: ZoneDraft, stood_for: set[Row]) -> tuple[list[str], list[FoundRecord]]:
    """The lines of a master file, and its records, which are its last lines, one each."""
    soa = zone.soa
    head = [f"$ORIGIN {zone.name}"]
    if soa is not None:
        times = f"{soa.refresh} {soa.retry} {soa.expire} {soa.minimum}"
        head.append("; The serial is kept by the reconciler, and begins after this one.")
        head.append(f"@ {soa.ttl} IN SOA {soa.mname} {soa.rname} {zone.serial} {times}")
    # An RRset is there as a whole or not at all: a host stands for some of its records only where it names the rest.
    left = [item for item in zone.records if (item.owner, item.rtype, item.rdata) not in stood_for]
    return [*head, *(_line(item, zone.name) for item in left)], left


def _line(record: FoundRecord, zone: str) -> str:
    owner = names.relativize(record.owner, zone)
    if dots.missing(owner, zone):
        owner = record.owner
    ttl = "" if record.ttl == INHERIT else f"{record.ttl} "
    return f"{owner} {ttl}IN {record.rtype} {record.rdata}"
