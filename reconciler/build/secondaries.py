"""Who copies which zone, and the catalog zones that tell secondaries so (RFC 9432). Pure."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import dns.name

from reconciler.build.views import view_of
from reconciler.checks.special import is_suffix, node_addresses
from reconciler.dns import names
from reconciler.dns.records import group
from reconciler.dns.zone import NOWHERE, SOA, Zone
from reconciler.site import OwnAddresses, Site, SiteView, SiteZone
from reconciler.state.model import State
from reconciler.state.schema import Secondary, ZonePolicy

_TTL = 0
_SOA = SOA(NOWHERE, NOWHERE, refresh=3600, retry=600, expire=2147483646, minimum=0, ttl=_TTL)
"""Values of RFC 9432 appendix A: a catalog does not expire, or its zones would with it."""


def with_secondaries(site: Site, written: Mapping[str, ZonePolicy]) -> Site:
    """Say of each zone who copies it. `written`: policies as the state has them, by zone.

    A server copies of its own view what any client there is answered.
    """
    if not site.secondaries:
        return site
    chosen = {
        name: _chosen(site, policy.secondaries) for name, policy in written.items() if policy.secondaries is not None
    }
    default = default_secondaries(site)
    zones = {
        key: replace(item, secondaries=seen_by(site, key, chosen.get(item.zone.name, default)))
        for key, item in site.zones.items()
    }
    return replace(site, zones=zones)


def seen_by(site: Site, key: str, chosen: tuple[Secondary, ...]) -> tuple[Secondary, ...]:
    """Of these servers those in whose view the zone is."""
    if not site.views:
        return chosen
    found = ((item, view_of(site.views, item)) for item in chosen)
    return tuple(item for item, view in found if view is not None and key in view.zones.values())


def default_secondaries(site: Site) -> tuple[Secondary, ...]:
    """Who copies a zone that does not say otherwise."""
    return _chosen(site, site.dns.secondaries)


def with_catalogs(site: Site) -> Site:
    """The site with its catalogs, made anew of the zones that it has now."""
    readers: dict[str, list[Secondary]] = {}
    for item in site.secondaries.values():
        if item.catalog is not None:
            readers.setdefault(item.catalog, []).append(item)
    if not readers:
        return site
    zones = {name: item for name, item in site.zones.items() if name not in readers}
    members: dict[str, dict[str, None]] = {catalog: {} for catalog in readers}
    for zone in zones.values():
        for item in zone.secondaries:
            if item.catalog is not None:
                members[item.catalog][zone.zone.name] = None
    for catalog, found in members.items():
        zones[catalog] = _catalog(site, catalog, readers[catalog], found)
    if not site.views:
        return replace(site, zones=zones)
    found_in = {catalog: [view_of(site.views, item) for item in items] for catalog, items in readers.items()}
    views = tuple(_with_catalogs(view, found_in) for view in site.views)
    for catalog in readers:
        home = next((view.name for view in views if catalog in view.zones), None)
        if home is None:
            del zones[catalog]
        else:
            zones[catalog] = replace(zones[catalog], home=home)
    return replace(site, zones=zones, views=views)


def _with_catalogs(view: SiteView, found_in: Mapping[str, Sequence[SiteView | None]]) -> SiteView:
    """The view with the catalogs of servers in it; clients elsewhere are not to see them."""
    others = {name: key for name, key in view.zones.items() if name not in found_in}
    mine = {name: name for name, views in found_in.items() if any(item and item.name == view.name for item in views)}
    return replace(view, zones=others | mine)


def own_addresses(state: State) -> OwnAddresses:
    """Of a state in which prefixes that move are not filled in, so that addresses in them are suffixes yet."""
    virtual = (address for network in state.site.networks.values() for address in network.virtual_ips)
    nodes = (address for _, _, address in node_addresses(state))
    return OwnAddresses(*(tuple(item for item in found if not is_suffix(item)) for found in (virtual, nodes)))


def member_label(zone: str) -> str:
    """The label of a zone in its catalog: always the same, and another for each zone.

    It is the SHA-1 digest of the name on the wire, as in BIND's manual ("Catalog Zones"). Were the label to
    change, secondaries would drop the zone and copy it anew (RFC 9432 section 5.4).
    """
    return hashlib.sha1(_wire(zone), usedforsecurity=False).hexdigest()


def _wire(name: str) -> bytes:
    """A canonical name as RFC 1035 section 3.1 has it; one without escapes does not go through dnspython."""
    if "\\" in name:
        return dns.name.from_text(name).to_digestable()
    return b"".join(bytes((len(label),)) + label.encode() for label in names.labels(name)) + b"\0"


def _chosen(site: Site, written: Iterable[str]) -> tuple[Secondary, ...]:
    return tuple(site.secondaries[name] for name in dict.fromkeys(written) if name in site.secondaries)


def _catalog(site: Site, name: str, readers: Sequence[Secondary], members: Iterable[str]) -> SiteZone:
    """Section 4 of the RFC: `version` 2, and one PTR record a member."""
    rows = [(name, _TTL, "NS", NOWHERE), (f"version.{name}", _TTL, "TXT", '"2"')]
    rows += [(f"{member_label(zone)}.zones.{name}", _TTL, "PTR", zone) for zone in members]
    return SiteZone(
        Zone(name, _SOA, group(rows)),
        dynamic=False,
        drift="report",
        keep=(),
        update=(),
        serial=site.dns.serial,
        secondaries=tuple(readers),
    )
