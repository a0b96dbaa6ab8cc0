"""When delegated prefixes change: what moves, and the reverse zones of the old ones, which go on for a while. Pure."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv6Network

from reconciler.build.delegated import prefix_of
from reconciler.build.secondaries import default_secondaries, seen_by, with_catalogs
from reconciler.build.views import with_kept as with_kept_zones
from reconciler.deployed import Deployed
from reconciler.dns import reverse
from reconciler.site import Site, SiteNetwork, SiteZone

MOST = 64
"""Reverse zones that are kept at once; whoever advertises prefixes on the link could make more without end."""


def kept(site: Site, deployed: Deployed, now: float) -> dict[str, int]:
    """The reverse zones of old prefixes that are still to be served, each with its end. now: Unix time in seconds."""
    found = {name: end for name, end in deployed.kept.items() if end > now}
    for network, old, _ in _moved(site, deployed):
        if old is not None and network.delegated is not None and network.delegated.keep_old:
            for name in reverse.zones_for(old):
                found[name] = max(int(now) + network.delegated.keep_old, found.get(name, 0))
    served = {name: end for name, end in found.items() if name in deployed.zones and name not in site.zones}
    latest = sorted(served, key=lambda name: (-served[name], name))[:MOST]
    return {name: served[name] for name in latest}


def with_kept(site: Site, names: Mapping[str, int], deployed: Deployed) -> Site:
    """The site with these zones as they were when their prefix went."""
    zones, secondaries = dict[str, SiteZone](), default_secondaries(site)
    for name in names:
        old = deployed.zones[name]
        dynamic = old.dynamic and site.dns.authoritative == "bind"
        home = next((view.name for view in site.views if view.whole), "")
        zones[name] = SiteZone(old.zone, dynamic, "report", (), (), site.dns.serial, old.leases, home=home)
    if not zones:
        return site
    views = tuple(with_kept_zones(site.views, zones))
    site = replace(site, zones={**site.zones, **zones}, views=views, kept=dict(names))
    copied = {name: replace(item, secondaries=seen_by(site, name, secondaries)) for name, item in zones.items()}
    return with_catalogs(replace(site, zones={**site.zones, **copied}))


def moves(site: Site, deployed: Deployed) -> tuple[str, ...]:
    """What has changed in the prefixes since the last apply, as sentences; nothing where nothing has."""
    said = []
    for network, old, new in _moved(site, deployed):
        source = network.delegated.prefix_from if network.delegated else ""
        said.append(f"prefix of {network.name}: {f'{old} → ' if old else ''}{new} ({source})")
    for name, end in site.kept.items():
        if name not in deployed.kept:
            said.append(f"reverse zone {name} is kept until {_clock(end)}")
    said += [
        f"reverse zone {name} of an old prefix is not kept any longer"
        for name in deployed.kept
        if name not in site.kept and name in deployed.zones and name not in site.zones
    ]
    return tuple(said)


def _moved(site: Site, deployed: Deployed) -> Iterator[tuple[SiteNetwork, IPv6Network | None, IPv6Network]]:
    """(network, its old prefix if it had one, its new one) of each network whose delegated prefix is another now."""
    for network in site.networks.values():
        item, new = network.delegated, network.settings.prefix6
        if item is None or new is None:
            continue
        before, after = deployed.prefixes.get(item.prefix_from), site.prefixes[item.prefix_from]
        if before is None:
            yield network, None, new
        elif before.prefix != after.prefix:
            try:
                yield network, prefix_of(item, before.prefix), new
            except ValueError:  # Its subnet's number is new as well.
                yield network, None, new


def _clock(moment: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(moment))
