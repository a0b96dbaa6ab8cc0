"""Names, addresses, MACs and reverse names from zones, hosts files and DHCP, joined into one entry a host."""

from collections.abc import Iterable, Sequence
from ipaddress import ip_address

from reconciler.checks.lookup import enclosing
from reconciler.dns import names
from reconciler.importing.found import INHERIT, Address, Fate, FoundDhcp, FoundName, FoundRecord
from reconciler.importing.ledger import Ledger
from reconciler.importing.people import People, Person
from reconciler.importing.reserving import Reserving
from reconciler.importing.scene import Scene


def join(scene: Scene, dhcp: FoundDhcp, ledger: Ledger) -> People:
    """All hosts that can stand for what was found."""
    return _Join(scene, ledger).run(dhcp)


class _Join:
    def __init__(self, scene: Scene, ledger: Ledger) -> None:
        self._scene = scene
        self._ledger = ledger
        self._records: dict[str, list[FoundRecord]] = {}
        for zone in scene.zones.values():
            for record in zone.records:
                self._records.setdefault(record.owner, []).append(record)
        self._owners: dict[Address, str] = {}
        self._people = People()

    def run(self, dhcp: FoundDhcp) -> People:
        candidates = self._from_zones()
        self._settle(candidates)
        self._from_files(dhcp.names)
        reserving = Reserving(self._scene, self._ledger, dhcp, self._people.hosts, self._owners, self._records)
        for reservation in dhcp.reservations:
            if reservation.plain:
                reserving.reserve(reservation)
        self._aliases()
        for person in self._people.hosts.values():
            self._pointers(person)
        return self._people

    def _from_zones(self) -> dict[str, Person]:
        """Names with addresses in zones of named.conf that a host entry could stand for."""
        found: dict[str, Person] = {}
        for owner, records in self._records.items():
            mine = [record for record in records if record.rtype in ("A", "AAAA")]
            if not mine or owner in self._scene.zones or "*" in owner or not names.is_hostname(owner):
                continue
            addresses: list[Address] = [ip_address(record.rdata) for record in mine]
            homes = [self._scene.home(address) for address in addresses]
            ttls = {record.ttl for record in mine}
            if not any(homes) or len(ttls) > 1:
                continue
            zone = enclosing(owner, self._scene.zones)
            ttl = ttls.pop()
            person = Person(owner, addresses, ttl=None if zone and ttl == self._scene.ttls[zone] else ttl)
            person.served = [(owner, record.rtype, record.rdata) for record in mine]
            person.places = {(record.path, record.number): None for record in mine}
            found[owner] = person
        return found

    def _settle(self, candidates: dict[str, Person]) -> None:
        """Each address has one host: the one that it points back to, else the first."""
        for owner in sorted(candidates, key=lambda owner: not self._pointed(candidates[owner])):
            person = candidates[owner]
            if not any(address in self._owners for address in person.addresses):
                self._people.hosts[owner] = person
                self._owners |= dict.fromkeys(person.addresses, owner)

    def _targets(self, address: Address) -> list[FoundRecord]:
        place = self._scene.pointer(address)
        return [record for record in self._records.get(place[1], ()) if record.rtype == "PTR"] if place else []

    def _pointed(self, person: Person) -> bool:
        return any(record.rdata == person.name for address in person.addresses for record in self._targets(address))

    def _from_files(self, found: Sequence[FoundName]) -> None:
        """Names of hosts files: further addresses of a host, a host of their own, or aliases of the address's."""
        grouped: dict[str, list[FoundName]] = {}
        spare: dict[str, list[FoundName]] = {}
        for item in found:
            home = self._scene.home(item.address)
            if not home and self._scene.zone_of(self._scene.completed(item.name, "")) is None:
                self._people.homeless.append(item)
                continue
            grouped.setdefault(self._scene.completed(item.name, home), []).append(item)
            for alias in item.aliases:
                spare.setdefault(self._scene.completed(alias, home), []).append(item)
        for owner, items in grouped.items():
            self._file_name(owner, items)
        for owner, items in spare.items():
            if owner not in grouped:
                self._further_name(owner, items)

    def _file_name(self, owner: str, items: list[FoundName]) -> None:
        addresses = list(dict.fromkeys(item.address for item in items))
        known = self._people.hosts.get(owner)
        if known is None and (self._scene.zone_of(owner) is None or owner in self._records):
            self._outside(owner, items)
        elif known is not None and not set(addresses) <= set(known.addresses) and known.served:
            self._contradicted(items, owner)
        elif known is None and any(address in self._owners for address in addresses):
            self._further_name(owner, items)
        elif known is None and not any(self._scene.home(address) for address in addresses):
            self._plain(owner, items)
        else:
            person = known or Person(owner, extra=True)
            person.addresses += [address for address in addresses if address not in person.addresses]
            person.places |= {(item.path, item.number): None for item in items}
            self._people.hosts[owner] = person
            self._owners |= dict.fromkeys(addresses, owner)
            self._told(items, f"host {person.name}")

    def _told(self, items: Iterable[FoundName], note: str) -> None:
        for item in items:
            self._ledger.note(item.path, item.number, note)

    def _contradicted(self, items: list[FoundName], owner: str) -> None:
        for item in items:
            self._ledger.mark(item.path, item.number, Fate.LEFT, f"named says otherwise of {owner}")

    def _outside(self, owner: str, items: list[FoundName]) -> None:
        """A name in no zone of ours, or one that named knows already."""
        if owner not in self._records:
            self._people.homeless += items
            return
        served = {record.rdata for record in self._records[owner] if record.rtype in ("A", "AAAA", "CNAME")}
        wrong = [item for item in items if str(item.address) not in served and not self._leads_to(owner, item.address)]
        self._contradicted(wrong, owner)
        self._told([item for item in items if item not in wrong], f"as in named's zone: {owner}")

    def _leads_to(self, owner: str, address: Address) -> bool:
        host = self._people.hosts.get(self._owners.get(address, ""))
        return host is not None and any(
            record.rtype == "CNAME" and record.rdata == host.name for record in self._records[owner]
        )

    def _further_name(self, owner: str, items: list[FoundName]) -> None:
        """A second name of an address: an alias of the first, where that has no other address."""
        addresses = {item.address for item in items}
        hosts = {self._owners.get(address) for address in addresses}
        host = self._people.hosts.get(next(iter(hosts)) or "") if len(hosts) == 1 else None
        if owner in self._people.hosts or owner in self._records:
            if owner not in self._people.hosts or not addresses <= set(self._people.hosts[owner].addresses):
                self._outside(owner, items)
        elif self._scene.zone_of(owner) is None:
            self._people.homeless += [FoundName(owner, item.address, (), item.path, item.number) for item in items]
        elif host is not None and {one.version for one in addresses} == {one.version for one in host.addresses}:
            host.aliases[owner] = None
            host.places |= {(item.path, item.number): None for item in items}
            self._told(items, f"an alias of host {host.name}")
        else:
            self._plain(owner, items)

    def _plain(self, owner: str, items: list[FoundName]) -> None:
        for item in items:
            rtype = "A" if item.address.version == 4 else "AAAA"
            self._people.records.append(FoundRecord(owner, INHERIT, rtype, str(item.address), item.path, item.number))
        self._told(items, f"a record in zones/: {owner}")

    def _aliases(self) -> None:
        """CNAMEs of named's zones that lead to a host, with its TTL."""
        for owner, records in self._records.items():
            record = records[0]
            if record.rtype != "CNAME" or len(records) > 1 or "*" in owner or owner.endswith(".arpa."):
                continue
            host = self._people.hosts.get(record.rdata)
            zone = enclosing(owner, self._scene.zones)
            home = enclosing(record.rdata, self._scene.zones)
            if host is None or not host.served or zone is None or home is None:
                continue
            if record.ttl == (self._scene.ttls[home] if host.ttl is None else host.ttl):
                host.aliases[owner] = None
                host.served.append((owner, "CNAME", record.rdata))
                host.places[record.path, record.number] = None

    def _pointers(self, person: Person) -> None:
        """What the host's addresses point back to; the PTR records that follow from it are not written any more."""
        found = {address: self._targets(address) for address in person.addresses if self._scene.pointer(address)}
        if not found:
            return
        if any(not records for records in found.values()) and not person.extra:
            person.ptr = "no"
            return
        targets = {record.rdata for records in found.values() for record in records}
        target = next(iter(targets)) if len(targets) == 1 else person.name
        for address, records in found.items():
            place = self._scene.pointer(address)
            if place is None or len(records) != 1 or records[0].rdata != target:
                continue
            if records[0].ttl == (self._scene.ttls[place[0]] if person.ttl is None else person.ttl):
                person.served.append((place[1], "PTR", target))
                person.places[records[0].path, records[0].number] = None
                if target != person.name:
                    person.ptr = target
