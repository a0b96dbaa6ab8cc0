"""Gives every host its names: one per network that it stands in, its aliases, and its PTR name."""

from collections.abc import Collection, Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from reconciler.build.networks import Networks
from reconciler.checks.joined import Keys, Located, Named, Resident
from reconciler.checks.lookup import enclosing
from reconciler.checks.report import Report, Source
from reconciler.dns import names
from reconciler.errors import BadName
from reconciler.site import SiteHost
from reconciler.state.model import State
from reconciler.state.schema import ZonePolicy

NO_PTR = "no"
"""What `ptr:` says where an address shall not point back."""


class Scope(NamedTuple):
    """What names are made from."""

    state: State
    networks: Networks
    zones: Collection[str]
    policies: Mapping[str, ZonePolicy]


def is_absolute(text: str) -> bool:
    """Whether a name as written needs no domain."""
    return text.endswith(".") and not text.endswith("\\.")


def named(residents: list[Resident], scope: Scope, report: Report) -> list[Named]:
    """All hosts by their names. A node that nobody wrote a host for gets its name if that is free."""
    written = [item for resident in residents if not resident.automatic for item in _named(resident, scope, report)]
    taken = {item.host.name for item in written}
    taken.update(alias for item in written for alias in item.host.aliases)
    taken.update(
        record.owner
        for zone in scope.state.zone_files
        if not zone.view
        for record in zone.records
        if record.rtype in {"A", "AAAA", "CNAME"}
    )
    automatic = (item for resident in residents if resident.automatic for item in _named(resident, scope, report))
    written.extend(item for item in automatic if item.host.name not in taken)
    return written


def _named(resident: Resident, scope: Scope, report: Report) -> Iterator[Named]:
    entry = resident.entry
    groups: dict[str | None, list[Located]] = {}
    for located in resident.addresses:
        groups.setdefault(located.network or resident.home, []).append(located)
    if not groups:
        if entry.host.ipv4 or entry.host.ipv6:
            return  # Its suffix could not be completed, and that has been told.
        if not entry.host.mac:
            report.error(entry.at(), f'host "{entry.name}" has neither address nor MAC', "add `ipv4:` or `ipv6:`")
            return
        groups[resident.home] = []
    seen: set[str] = set()
    for network, addresses in groups.items():
        item = _in_network(_Stay(resident, network, tuple(addresses)), seen, scope, report)
        if item is not None:
            yield item


class _Stay(NamedTuple):
    """A host in one network."""

    resident: Resident
    network: str | None
    addresses: tuple[Located, ...]


def _in_network(stay: _Stay, seen: set[str], scope: Scope, report: Report) -> Named | None:
    """`seen`: aliases that the host has got in networks before; those of this one are added."""
    found = _own_name(stay, scope, report)
    if found is None:
        return None
    name, zone, domain = found
    host = stay.resident.entry.host
    aliases = dict(_aliases(stay.resident, domain, seen, scope, report))
    seen.update(aliases)
    ptr: str | None = name
    if host.ptr is not None:
        source = Source(stay.resident.entry, ("ptr",))
        ptr = None if host.ptr == NO_PTR else _name(host.ptr, domain, source, report)
    policy = scope.policies.get(zone)
    addresses = [item.address for item in stay.addresses]
    site_host = SiteHost(
        name=name,
        network=stay.network,
        ipv4=tuple(address for address in addresses if isinstance(address, IPv4Address)),
        ipv6=tuple(address for address in addresses if isinstance(address, IPv6Address)),
        macs=tuple(host.mac),
        aliases=tuple(aliases),
        ptr=ptr,
        ttl=_first(host.ttl, policy.ttl if policy else None, scope.state.site.dns.ttl),
    )
    return Named(site_host, stay.resident, stay.addresses, tuple(aliases.values()))


def _own_name(stay: _Stay, scope: Scope, report: Report) -> tuple[str, str, str] | None:
    """The host's name, its zone, and the domain that completes its aliases (absolute names: the zone)."""
    entry = stay.resident.entry
    source = Source(entry)
    absolute = is_absolute(entry.name)
    domain = scope.networks.by_name[stay.network].domain if stay.network else scope.state.site.domain
    if domain is None and not absolute:
        report.error(
            source,
            f'host "{entry.name}" lies in no network, so its domain is not known',
            "correct its address, name its `network:`, or give the site a `domain:`",
        )
        return None
    name = _name(entry.name, domain or ".", source, report)
    if name is None:
        return None
    zone = enclosing(name, scope.zones)
    if zone is None:
        _report_homeless(name, source, report)
        return None
    return name, zone, zone if absolute or domain is None else domain


def _first(*choices: int | None) -> int:
    return next(choice for choice in choices if choice is not None)


def _aliases(
    resident: Resident, domain: str, seen: set[str], scope: Scope, report: Report
) -> Iterator[tuple[str, Keys]]:
    for index, alias in enumerate(resident.entry.host.aliases):
        keys = ("aliases", index)
        source = Source(resident.entry, keys)
        name = _name(alias, domain, source, report)
        if name is None or name in seen:
            continue  # An absolute alias of a host in several networks leads to the first of them.
        if enclosing(name, scope.zones) is None:
            _report_homeless(name, source, report)
        else:
            yield name, keys


def _report_homeless(name: str, source: Source, report: Report) -> None:
    report.error(
        source,
        f"no zone of this site holds the name {name}",
        f"use a name below one that does, or add zones/{names.filename(names.parent(name))}.yaml",
    )


def _name(text: str, domain: str, source: Source, report: Report) -> str | None:
    try:
        return names.parse(text, domain)
    except BadName as error:
        report.error(source, str(error), f"it is completed with the domain {domain}")
        return None
