"""What differs between a site and what is deployed, as far as dnsmasq needs more than new files for it. Pure."""

import difflib
from collections import Counter
from collections.abc import Set
from dataclasses import replace

from reconciler.deployed import Deployed, without
from reconciler.dns.records import Key
from reconciler.services.base import File
from reconciler.services.dnsmasq.folder import Swap
from reconciler.services.dnsmasq.isolate import View, belongs, sighted
from reconciler.services.dnsmasq.served import mode, visible
from reconciler.site import Site


def from_inside(site: Site, deployed: Deployed) -> Deployed:
    """What is deployed, by name, without versions of zones that BIND does not answer dnsmasq with.

    Of a version that goes it is not known whether it was one of them; where there are several, they keep their ids.
    """
    others = {key for key, zone in site.zones.items() if not zone.inside}
    mine = {key: zone for key, zone in deployed.zones.items() if key not in others}
    if mine.keys() == deployed.zones.keys() == {zone.zone.name for zone in mine.values()}:
        return deployed
    count = Counter(zone.zone.name for zone in mine.values())
    zones = {zone.zone.name if count[zone.zone.name] == 1 else key: zone for key, zone in mine.items()}
    return replace(deployed, zones=zones)


def seen_by(view: View | None, deployed: Deployed) -> Deployed:
    """What is deployed, as far as this instance knows of it."""
    if view is None:
        return deployed
    zones = visible(deployed.zones)
    return replace(deployed, zones=sighted(view.sight, zones, mode(view.site)) if view.sight else zones)


def zones_differ(view: View, deployed: Deployed, *, with_leases: bool) -> bool:
    """Leases count where another server hands them out: dnsmasq drops what it knows of a name that its own one gets.

    with_leases: that is so for all of them, not only for those of isolated networks.
    """
    site = view.site
    if site.zones.keys() != deployed.zones.keys():
        return True
    pairs = [(item, deployed.zones[name]) for name, item in site.zones.items()]
    differing = [(now, old) for now, old in pairs if now.zone.digest != old.zone.digest]
    if with_leases:
        return bool(differing)
    for now, old in differing:
        own, before = (_own_leases(view, each.leases) for each in (now, old))
        if without(now.zone, own).digest != without(old.zone, before).digest:
            return True
    return False


def _own_leases(view: View, leases: Set[Key]) -> Set[Key]:
    if not view.others:
        return leases
    return {key for key in leases if not any(belongs(network, key) for network in view.others)}


def only_adds(swap: Swap | None) -> bool:
    """dnsmasq takes new reservations in by itself; it forgets none, and keeps the first for an address."""
    if swap is None or swap.new is None:
        return False
    return set((swap.old or b"").splitlines()) <= set(swap.new.splitlines())


def difference(file: File | None, now: bytes, known: str) -> str:
    """How a file was changed by hand, in a few words. known: the digest that it is to have."""
    if file is None or file.digest != known:
        return "changed by hand"
    before, after = (content.decode(errors="replace").splitlines() for content in (file.content, now))
    lines = [line for line in difflib.ndiff(before, after) if line[:2] in ("+ ", "- ")]
    return f"changed by hand, {len(lines)} lines, first: {lines[0][:100]}" if lines else "changed by hand"
