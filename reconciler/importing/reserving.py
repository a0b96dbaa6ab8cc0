"""Reservations into hosts: who has an address, or a name, gets the MAC."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from reconciler.importing.found import Address, Fate, FoundDhcp, FoundRecord, FoundReservation
from reconciler.importing.ledger import Ledger
from reconciler.importing.people import Person
from reconciler.importing.scene import Scene


@dataclass(frozen=True, slots=True)
class Reserving:
    """hosts, owners (of addresses, by name) are added to. records: of named's zones, by owner."""

    scene: Scene
    ledger: Ledger
    dhcp: FoundDhcp
    hosts: dict[str, Person]
    owners: dict[Address, str]
    records: Mapping[str, Sequence[FoundRecord]]

    def reserve(self, item: FoundReservation) -> None:
        """Give the host of an address, or of a name, its MAC; make one where there is none."""
        addresses = [self._whole(address, item) for address in item.addresses]
        homes = [home for address in addresses if address and (home := self.scene.home(address))]
        home = homes[0] if homes else self._lease_home(item)
        if not home or None in addresses or any(not self._serves(one) for one in addresses if one):
            self._hatch(item, "its address is in no network with DHCP" if addresses else "its network is not known")
            return
        known = [address for address in addresses if address]
        owner = next((self.owners[address] for address in known if address in self.owners), "")
        name = self.scene.completed(item.name, home) if item.name else owner
        if not owner and name in self.hosts:
            owner = name
        person = self.hosts.get(owner)
        if person is None and (not name or name in self.records or self.scene.zone_of(name) is None):
            self._hatch(item, "nobody has a name for it" if not name else f"{name} is something else already")
            return
        if person is None:
            person = Person(name, extra=True, network="" if known else home)
            self.hosts[name] = person
        if not self._fits(person, known, home):
            self._hatch(item, f"host {person.name} has other addresses")
            return
        self._fill(person, item, known, name)

    def _serves(self, address: Address) -> bool:
        network = self.scene.networks.get(self.scene.home(address))
        return network is not None and (network.dhcp if address.version == 4 else network.ipv6_mode == "stateful")

    def _fits(self, person: Person, addresses: list[Address], home: str) -> bool:
        """Whether no other address of the host, in the same network and family, would be reserved instead."""
        if not addresses:
            return True
        mine = [one for one in person.addresses if self.scene.home(one) == home and one.version == addresses[0].version]
        return not mine or mine[0] == addresses[0]

    def _fill(self, person: Person, item: FoundReservation, addresses: list[Address], name: str) -> None:
        new = [address for address in addresses if address not in person.addresses]
        if new and person.served:
            self._hatch(item, f"named gives {person.name} other addresses")
            return
        person.addresses += new
        self.owners.update(dict.fromkeys(new, person.name))
        person.macs += [mac for mac in item.macs if mac not in person.macs]
        person.places[item.path, item.number] = None
        person.reservations.append(item)
        if name and name != person.name and name not in self.records and self.scene.zone_of(name):
            person.aliases[name] = None
        note = f"host {person.name}"
        if item.lease is not None:
            note += "; its own lease time is the network's now"
        self.ledger.note(item.path, item.number, note)

    def _whole(self, address: Address, item: FoundReservation) -> Address | None:
        """A suffix (`[::42]`) joined to the prefix of the network of the other address."""
        if address.version == 4 or int(address) >> 64:
            return address
        homes = [self.scene.home(one) for one in item.addresses if one.version == 4]
        prefix = self.scene.networks[homes[0]].ipv6 if homes and homes[0] else None
        return ip_address(int(prefix.network_address) | int(address)) if prefix else None

    def _lease_home(self, item: FoundReservation) -> str:
        """The network of a client without an address: the only one with DHCP, or where it has a lease."""
        if item.addresses:
            return ""
        serving = [network.name for network in self.scene.networks.values() if network.dhcp]
        if len(serving) == 1:
            return serving[0]
        found = [self.scene.home(lease.address) for lease in self.dhcp.leases if lease.mac in item.macs]
        return next((home for home in found if home in serving), "")

    def _hatch(self, item: FoundReservation, why: str) -> None:
        self.ledger.mark(item.path, item.number, Fate.HATCH, why)
