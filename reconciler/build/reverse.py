"""Reverse zones of the site's networks, and the PTR records that hosts put into them."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from reconciler.checks.joined import Named, Record, ReverseZones, ZoneRecords
from reconciler.checks.lookup import Address, Prefix, PrefixMap
from reconciler.checks.report import Origin, Report, Source
from reconciler.dns import reverse
from reconciler.dns.reverse import ReverseZone
from reconciler.site import SiteNetwork
from reconciler.state.bounds import MAX_ZONES
from reconciler.state.model import State
from reconciler.state.problem import Position

_EXPLICIT = frozenset({"PTR", "CNAME", "NS", "DNAME"})


def reverse_zones(state: State, networks: Sequence[SiteNetwork], report: Report) -> ReverseZones:
    """Zones from files under zones/, from `reverse:`, and derived from prefixes that neither covers.

    An explicit `reverse:` stands for the families that it names; the other family is still derived.
    """
    zones: dict[str, ReverseZone] = {}
    asked: dict[str, Origin] = {}
    prefixes = [network.settings.ipv4 for network in networks if network.settings.ipv4]
    for file in state.zone_files:
        zone = _parse(file.zone, prefixes)
        if zone is not None:
            zones[file.zone], asked[file.zone] = zone, Position(file.path)
    from_files = tuple(zones.values())
    for network in networks:
        if network.settings.reverse == "no" or len(zones) > MAX_ZONES:
            continue
        explicit = list(_explicit(state, network, report))
        for zone, place in explicit:
            zones[zone.name] = zone
            asked.setdefault(zone.name, place)
        if len(explicit) < len(network.settings.reverse or ()):
            continue  # Some were refused: what is meant is not known.
        families = {zone.network.version for zone, _ in explicit}
        for prefix in (network.settings.ipv4, network.settings.prefix6):
            if prefix is None or prefix.version in families:
                continue
            if not any(_covers(zone.network, prefix) for zone in from_files):
                zones.update((zone.name, zone) for zone in _derived(state, network.name, prefix, report))
    return ReverseZones(zones, asked)


def domains(zones: ReverseZones, networks: Sequence[SiteNetwork]) -> dict[str, str]:
    """The domain of the first network that has addresses in a reverse zone, by zone."""
    found: dict[str, str] = {}
    by_zone: PrefixMap[str] = PrefixMap()
    by_network: PrefixMap[str] = PrefixMap()
    for zone in zones.zones.values():
        by_zone.add(zone.network, zone.name)
    for network in networks:
        for prefix in (network.settings.ipv4, network.settings.prefix6):
            if prefix is not None:
                by_network.add(prefix, network.domain)
                for name in by_zone.find(prefix.network_address):
                    found.setdefault(name, network.domain)
    for zone in zones.zones.values():
        for domain in by_network.find(zone.network.network_address):
            found.setdefault(zone.name, domain)
    return found


def _covers(wide: Prefix, narrow: Prefix) -> bool:
    return wide.version == narrow.version and narrow.network_address in wide and narrow.prefixlen >= wide.prefixlen


def _parse(name: str, prefixes: Sequence[Prefix]) -> ReverseZone | None:
    """A zone by its name; where that does not tell the addresses (RFC 2317), by the prefix that fits."""
    zone = reverse.parse_zone(name)
    if zone is not None and (zone.classless or zone.network.prefixlen <= 24 or zone.network.version == 6):
        return zone
    hinted = (reverse.parse_zone(name, prefix) for prefix in prefixes)
    return next((found for found in hinted if found is not None and found.classless), zone)


def _explicit(state: State, network: SiteNetwork, report: Report) -> Iterator[tuple[ReverseZone, Origin]]:
    settings = network.settings
    for index, name in enumerate(settings.reverse if isinstance(settings.reverse, list) else ()):
        place = state.site_locator.at("networks", network.name, "reverse", index)
        zone = reverse.parse_zone(name, settings.ipv4)
        if zone is None:
            report.error(
                place,
                f"{name} is no reverse zone whose addresses can be told",
                "write a name below in-addr.arpa or ip6.arpa, as your provider delegated it",
            )
            continue
        prefix = settings.ipv4 if zone.network.version == 4 else settings.prefix6
        if prefix is None or not (_covers(zone.network, prefix) or _covers(prefix, zone.network)):
            report.error(
                place,
                f'reverse zone {name} is for {zone.network}, which is not in network "{network.name}"',
                f"its prefix is {prefix}" if prefix else f"it has no IPv{zone.network.version} prefix",
            )
            continue
        yield zone, place


def _derived(state: State, network: str, prefix: Prefix, report: Report) -> Iterator[ReverseZone]:
    place = state.site_locator.at("networks", network, f"ipv{prefix.version}")
    try:
        found = reverse.zones_for(prefix)
    except ValueError as error:
        report.error(place, str(error), "or write `reverse: no`")
        return
    for name in found:
        zone = reverse.parse_zone(name, prefix)
        if zone is None:
            continue
        if zone.classless and state.site.dns.authoritative == "bind":
            report.warn(
                place,
                f'the name of the reverse zone of network "{network}" is a guess: {name} (RFC 2317)',
                f"ask your provider for it, and write `reverse: {name[:-1]}`, or `reverse: no`",
            )
        yield zone


def pointers(
    hosts: Sequence[Named],
    networks: Mapping[str, SiteNetwork],
    zones: ReverseZones,
    records: ZoneRecords,
    ttls: Mapping[str, int],
) -> Iterator[tuple[str, Record]]:
    """(zone, PTR record) for every host address that has a reverse zone of ours and no explicit record there.

    ttls: default TTL by zone.
    """
    classless: PrefixMap[ReverseZone] = PrefixMap()
    for zone in zones.zones.values():
        if zone.classless:
            classless.add(zone.network, zone)
    silent = {name for name, network in networks.items() if network.settings.reverse == "no"}
    for item in hosts:
        if item.host.ptr is None:
            continue
        entry = item.resident.entry
        for address, keys, network in item.addresses:
            if network in silent:
                continue
            owner = _owner(address, classless)
            home = records.zone_of(owner)
            if home is None or any(record.rtype in _EXPLICIT for record in records.at(home, owner)):
                continue
            ttl = ttls[home] if entry.host.ttl is None else entry.host.ttl
            yield home, Record(owner, ttl, "PTR", item.host.ptr, Source(entry, keys), generated=True)


def _owner(address: Address, classless: PrefixMap[ReverseZone]) -> str:
    found = classless.find(address)
    return found[0].owner(address) if found else reverse.ptr_name(address)


def classless_links(
    zones: ReverseZones, records: ZoneRecords, ttls: Mapping[str, int], children: Collection[str]
) -> None:
    """Where an RFC 2317 zone, one of `children`, and the zone above it are both ours: the CNAMEs that lead into it."""
    for zone in zones.zones.values():
        if not zone.classless or zone.name not in children:
            continue
        for address in zone.network:
            owner, target = reverse.ptr_name(address), zone.owner(address)
            above = records.zone_of(owner)
            if above in (None, zone.name) or records.at(above, owner):
                continue
            pointing = records.at(zone.name, target, "PTR")
            if pointing:
                link = Record(owner, ttls[above], "CNAME", target, pointing[0].origin, generated=True)
                records.add(above, link)
