"""Names leases again and again: what a change cannot touch is kept as it is.

Leases can have to do with each other only where they share a link: the label that the client says, its MAC address,
DUID or client identifier, or its host in the state. So a change is solved for the leases that links lead to, from one
to the next, beginning with those that changed; all others keep their names and their RRsets, as the same objects.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from reconciler.dns.records import Key, RRset
from reconciler.dns.reverse import Address
from reconciler.leases import contest, labels, naming, render
from reconciler.leases.changes import diff
from reconciler.leases.clients import PrefixTable
from reconciler.leases.contest import Holders
from reconciler.leases.lease import Lease, duid_of_client_id, mac_of_duid
from reconciler.leases.policy import LeaseNetwork, OnConflict, Statics
from reconciler.leases.records import LeaseRecord

RRsets = dict[Key, RRset]


@dataclass(frozen=True, slots=True)
class Named:
    """What DNS says of leases: RRsets by zone, published names by address, and the rest as in `naming.Names`."""

    records: Mapping[str, RRsets] = field(default_factory=dict)
    published: Mapping[Address, str] = field(default_factory=dict)
    reports: tuple[str, ...] = ()
    holders: Holders = field(default_factory=dict)


class Namer:
    """Names the leases of one site. served: whether a record is for us to publish."""

    def __init__(
        self, networks: Iterable[LeaseNetwork], statics: Statics, served: Callable[[LeaseRecord], bool]
    ) -> None:
        networks = naming.sharing(networks)
        self._table = PrefixTable(networks)
        self._numbering = any(network.on_conflict is OnConflict.NUMBER for network in networks)
        self._statics = statics
        self._served = served
        self._begin()

    def _begin(self) -> None:
        """With nothing named."""
        self._leases: Mapping[Address, Lease] = {}
        self._told: Mapping[str, str] = {}
        self._named = Named()
        self._sharing = _Sharing()
        self._owners: dict[Address, str] = {}
        self._keys: dict[Address, tuple[tuple[str, Key], ...]] = {}
        self._reports: dict[Address, list[str]] = {}
        self._outside: set[Address] = set()

    def name(self, leases: Mapping[Address, Lease], told: Mapping[str, str], previous: Holders) -> Named:
        """The names of these leases, as `naming.assign` gives them; see there for `told` and `previous`."""
        touched = self._touched(leases, told)
        if touched and previous is not self._named.holders:
            # What was named last was never served, or not by us.
            self._begin()
            touched = set(leases)
        if touched:
            self._rename(self._related(touched, leases, told), leases, previous)
        self._leases, self._told = leases, told
        return self._named

    def _touched(self, leases: Mapping[Address, Lease], told: Mapping[str, str]) -> set[Address]:
        changes = diff(self._leases, leases)
        touched = {lease.address for lease in (*changes.added, *changes.removed)}
        touched.update(lease.address for _, lease in changes.changed)
        if told != self._told:
            duids = {duid for duid, _ in told.items() ^ self._told.items()}
            touched.update(address for address, lease in leases.items() if lease.duid in duids)
        return touched

    def _related(
        self, touched: Iterable[Address], leases: Mapping[Address, Lease], told: Mapping[str, str]
    ) -> set[Address]:
        """All that a change of these can touch. Takes note of their links."""
        before = {address: set(self._links(self._leases.get(address))) for address in touched}
        self._told = told
        after = {address: set(self._links(leases.get(address))) for address in touched}
        for address, links in after.items():
            self._sharing.add(address, links - before[address])
        found: set[Address] = set()
        waiting = set(after)
        ways = set[str]().union(*before.values())
        while waiting:
            found |= waiting
            ways.update(link for address in waiting for link in self._links(leases.get(address)))
            waiting = {address for link in ways for address in self._sharing.by(link)} - found
            ways.clear()
        for address, links in before.items():
            self._sharing.remove(address, links - after[address])
        return found

    def _links(self, lease: Lease | None) -> Iterator[str]:
        if lease is None:
            return
        macs = [lease.mac]
        if lease.duid is not None:
            yield lease.duid
            macs += [self._told.get(lease.duid), mac_of_duid(lease.duid)]
        elif lease.client_id is not None and (lease.mac is None or lease.client_id.startswith("ff:")):
            yield duid_of_client_id(lease.client_id) or lease.client_id
        network = self._table.find(lease.address)
        for mac in filter(None, macs):
            yield mac
            if network is not None and (host := self._statics.reservations.get((network.name, mac))):
                yield host.name
        label = labels.read(lease.name, network.domain).label if network and lease.name else None
        if label is not None:
            yield contest.stem(label) if self._numbering else label

    def _rename(self, related: set[Address], leases: Mapping[Address, Lease], previous: Holders) -> None:
        placed, outside = naming.place((leases[address] for address in related if address in leases), self._table)
        found = naming.solve(placed, self._statics, self._told, previous)
        records = {address: tuple(filter(self._served, made)) for address, made in found.records.items()}
        # Copies, which are cheap: others look at what was named before.
        published, holders = dict(self._named.published), dict(self._named.holders)
        for address in related:
            published.pop(address, None)
            holders.pop(self._owners.pop(address, ""), None)
            self._reports.pop(address, None)
        zones = self._zones(related, render.by_zone(chain.from_iterable(records.values())))
        for address, made in records.items():
            self._keys[address] = tuple((record.zone, (record.owner, record.rtype)) for record in made)
            published.update((address, record.owner) for record in made if record.rtype in ("A", "AAAA"))
        self._owners |= found.owners
        holders |= found.holders
        for address, text in found.reports:
            self._reports.setdefault(address, []).append(text)
        self._outside = (self._outside - related) | set(outside)
        reports = (*naming.told_outside(self._outside), *self._sorted_reports())
        self._named = Named(zones, published, reports, holders)

    def _zones(self, related: Iterable[Address], fresh: Mapping[str, RRsets]) -> dict[str, RRsets]:
        """RRsets by zone with those of `related` replaced. The others of an owner are related, so these are whole."""
        gone = [item for address in related for item in self._keys.pop(address, ())]
        zones: dict[str, RRsets] = dict(self._named.records)
        for name in {zone for zone, _ in gone} | fresh.keys():
            zones[name] = dict(zones.get(name, ()))
        for zone, key in gone:
            zones[zone].pop(key, None)
        for zone, rrsets in fresh.items():
            zones[zone] |= rrsets
        return {name: rrsets for name, rrsets in zones.items() if rrsets}

    def _sorted_reports(self) -> Iterator[str]:
        for address in sorted(self._reports, key=lambda each: (each.version, int(each))):
            yield from self._reports[address]


class _Sharing:
    """Addresses by link. Nearly all links have one only."""

    def __init__(self) -> None:
        self._sole: dict[str, Address] = {}
        self._more: dict[str, set[Address]] = {}

    def add(self, address: Address, links: Iterable[str]) -> None:
        """Enter links of an address that it did not have."""
        for link in links:
            first = self._sole.setdefault(link, address)
            if first is not address:
                self._more.setdefault(link, set()).add(address)

    def remove(self, address: Address, links: Iterable[str]) -> None:
        """Forget links that an address had."""
        for link in links:
            more = self._more.get(link, set())
            if address in more:
                more.remove(address)
            elif more:
                self._sole[link] = more.pop()
            else:
                self._sole.pop(link, None)
            if not more:
                self._more.pop(link, None)

    def by(self, link: str) -> set[Address]:
        """The addresses that have a link."""
        sole = self._sole.get(link)
        return {sole, *self._more.get(link, ())} if sole is not None else set()
