"""Joins the site with what is observed: names of leases stand in its zones beside those of the state. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from reconciler.dns.records import Key, RRset
from reconciler.site import Site, SiteZone

LeaseRecords = Mapping[str, Mapping[Key, RRset]]
"""RRsets that come from leases, by zone."""


def join(site: Site, leases: LeaseRecords) -> Site:
    """The site with lease names in its zones. What the state says of a name and type always wins.

    They are for clients of the site itself: versions of a zone for others get none.
    """
    if not leases:
        return site
    zones = {
        key: _zone(zone, leases.get(zone.zone.name, {}) if zone.inside else {}) for key, zone in site.zones.items()
    }
    return replace(site, zones=zones)


def _zone(zone: SiteZone, leases: Mapping[Key, RRset]) -> SiteZone:
    static = zone.zone.rrsets
    if clashing := static.keys() & leases.keys():
        leases = {key: rrset for key, rrset in leases.items() if key not in clashing}
    if not leases:
        return zone
    return replace(zone, zone=replace(zone.zone, rrsets={**static, **leases}), leases=frozenset(leases))
