"""What the site lets leases do: per network where their names go, and the names that are not theirs to take."""

from collections.abc import Container, Iterable, Mapping, Set
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain
from typing import NamedTuple

from reconciler.dns import names, reverse
from reconciler.dns.records import Key
from reconciler.dns.reverse import Network, ReverseZone
from reconciler.site import Site, SiteNetwork
from reconciler.state import schema

DEFAULT_LEASE = 43200
"""Seconds; what the schema says for `lease`."""

MIN_TTL = 60
"""Below a minute caches stop helping, and few clients come back with another address that soon."""


class OnConflict(StrEnum):
    """What the second client with a name gets."""

    DROP = "drop"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class LeaseNetwork:
    """How one network names its leases.

    domain: canonical, absolute. zone: the zone of the site that holds it. reverse: zones of the site that hold PTR
    records of its addresses. ttl: of records at most, lease: how long a lease lasts, both in seconds. temporary:
    privacy addresses are published too. slaac: so are addresses that hosts gave themselves. reserved: further labels
    that no lease can take.
    """

    name: str
    domain: str
    zone: str
    prefixes: tuple[Network, ...]
    reverse: tuple[ReverseZone, ...] = ()
    enabled: bool = True
    generate: bool = False
    on_conflict: OnConflict = OnConflict.DROP
    temporary: bool = False
    slaac: bool = False
    ttl: int = 3600
    lease: int | None = DEFAULT_LEASE
    reserved: frozenset[str] = frozenset()

    @property
    def record_ttl(self) -> int:
        """TTL of lease records: half a lease, so that no cache outlives an address by more; a minute at least.

        The network's lease time counts and not what is left of a lease, or each renewal would be a change.
        """
        return self.ttl if self.lease is None else min(self.ttl, max(MIN_TTL, self.lease // 2))


class Reservation(NamedTuple):
    """A host of the state that is known by its MAC: its name, and where its addresses point back to (or None)."""

    name: str
    ptr: str | None


@dataclass(frozen=True, slots=True)
class Statics:
    """What the state says, and leases may not touch.

    names: owners in the site's zones, the names above them, zones, and domains of networks. records: keys of
    RRsets by zone. addresses: those that the state gives to somebody, as canonical text. labels: not to be taken in
    any network (nodes). reservations: by (network, MAC).
    """

    names: Set[str] = frozenset()
    records: Mapping[str, Container[Key]] = field(default_factory=dict)
    addresses: Set[str] = frozenset()
    labels: frozenset[str] = frozenset()
    reservations: Mapping[tuple[str, str], Reservation] = field(default_factory=dict)


def statics(site: Site, nodes: Iterable[str]) -> Statics:
    """What the site's own records and hosts keep from leases. `nodes`: names of the servers, as written.

    Cost grows with the site, so keep it as long as the site stays the same.
    """
    taken: set[str] = {network.domain for network in site.networks.values()}
    addresses: set[str] = set()
    for host in site.hosts:  # One without addresses owns no record; its name is its own all the same.
        taken.update((host.name, *host.aliases))
        addresses.update(map(str, (*host.ipv4, *host.ipv6)))
    for zone in site.zones.values():
        for (owner, rtype), rrset in zone.zone.rrsets.items():
            taken.add(owner)
            if rtype in ("A", "AAAA"):
                addresses.update(rrset.rdatas)
    # A name with others below it exists, even where it owns nothing (RFC 8020).
    forward = [name for name in taken if not name.endswith(".arpa.")]
    zones = {zone.zone.name for zone in site.zones.values()}
    for name in chain(forward, zones):
        above = names.parent(name)
        while above not in zones and above not in taken and above != ".":
            taken.add(above)
            above = names.parent(above)
    taken.update(zones)
    for network in site.networks.values():
        settings = network.settings
        addresses.update(str(address) for address in (*settings.virtual_ips, settings.router) if address is not None)
    reservations: dict[tuple[str, str], Reservation] = {}
    for host in sorted(site.hosts, key=lambda item: item.name):
        for mac in host.macs if host.network else ():
            reservations.setdefault((host.network or "", mac), Reservation(host.name, host.ptr))
    return Statics(
        taken,
        {name: zone.zone.rrsets for name, zone in site.inside.items()},
        addresses,
        frozenset(node.partition(".")[0].lower() for node in nodes),
        reservations,
    )


def lease_networks(site: Site) -> tuple[LeaseNetwork, ...]:
    """The site's networks as far as their settings tell; those whose domain no zone holds are left out."""
    explicit = {
        name: frozenset(network.settings.reverse if isinstance(network.settings.reverse, list) else ())
        for name, network in site.networks.items()
    }
    made = []
    zones = site.inside
    for name, network in sorted(site.networks.items()):
        zone = _enclosing(network.domain, zones)
        if zone is None:
            continue
        settings = network.settings
        others = frozenset(chain.from_iterable(found for other, found in explicit.items() if other != name))
        made.append(
            LeaseNetwork(
                name,
                network.domain,
                zone,
                tuple(prefix for prefix in (settings.ipv4, settings.prefix6) if prefix is not None),
                () if settings.reverse == "no" else tuple(_reverse_zones(network, zones, others)),
                enabled=settings.lease_names and hands_out_addresses(settings),
                generate=settings.generate_names,
                on_conflict=OnConflict(settings.name_conflicts),
                temporary=settings.privacy_addresses,
                slaac=settings.lease_names and _makes_addresses(settings),
                ttl=site.dns.ttl,
                lease=settings.dhcp.lease if settings.dhcp else DEFAULT_LEASE,
                reserved=frozenset(name.lower() for name in site.dns.reserved_names),
            )
        )
    return tuple(made)


def hands_out_addresses(settings: schema.Network) -> bool:
    """Whether clients of the network get addresses there, by DHCP or from router advertisements."""
    return settings.dhcp is not None or settings.ipv6_mode is not schema.IPv6Mode.OFF or _makes_addresses(settings)


def _makes_addresses(settings: schema.Network) -> bool:
    """Whether addresses that hosts made (whoever advertises the prefix) count; they need 64 bits for it (RFC 4291)."""
    return settings.slaac_names and settings.prefix6 is not None and settings.prefix6.prefixlen <= 64


def _reverse_zones(network: SiteNetwork, zones: Iterable[str], others: Set[str]) -> Iterable[ReverseZone]:
    """Zones that hold addresses of the network; `others`: those that other networks name as theirs.

    A name that does not tell its addresses (RFC 2317) is for the network that names it, or for any that fits.
    """
    prefixes = [prefix for prefix in (network.settings.ipv4, network.settings.prefix6) if prefix is not None]
    for name in sorted(zones):
        zone = reverse.parse_zone(name)
        if zone is None or not (zone.classless or zone.network.prefixlen <= 24 or zone.network.version == 6):
            hinted = None if name in others else reverse.parse_zone(name, network.settings.ipv4)
            zone = hinted if hinted is not None and hinted.classless else zone
        if zone is not None and any(_overlap(zone.network, prefix) for prefix in prefixes):
            yield zone


def _overlap(one: Network, other: Network) -> bool:
    return one.version == other.version and (one.network_address in other or other.network_address in one)


def _enclosing(name: str, zones: Container[str]) -> str | None:
    while name not in zones:
        if name == ".":
            return None
        name = names.parent(name)
    return name
