"""Zones that names of DHCP leases go into: they take dynamic updates unless the state says otherwise."""

from collections.abc import Mapping
from dataclasses import replace

from reconciler.leases.policy import lease_networks
from reconciler.site import Site
from reconciler.state.schema import ZonePolicy


def with_lease_zones(site: Site, written: Mapping[str, ZonePolicy]) -> Site:
    """Make zones dynamic that leases are published in. `written`: policies as the state has them, by zone."""
    if site.dns.authoritative != "bind":
        return site
    found: set[str] = set()
    for network in lease_networks(site):
        if network.enabled:
            found |= {network.zone, *(zone.name for zone in network.reverse)}
    free = {name for name in found if name not in written or written[name].dynamic is None}
    zones = {
        key: replace(zone, dynamic=True) if zone.inside and zone.zone.name in free else zone
        for key, zone in site.zones.items()
    }
    return replace(site, zones=zones)
