"""Proves an import: what the state renders to against what the old servers' files say."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from reconciler import folder
from reconciler.build import build
from reconciler.dns.zone import Zone
from reconciler.errors import Refused
from reconciler.importing.dnsmasq.read import read_dnsmasq
from reconciler.importing.draft import HATCH
from reconciler.importing.found import Address
from reconciler.importing.join import Joined
from reconciler.importing.verify import verify
from reconciler.services.dnsmasq.served import expected, mode
from reconciler.site import Site
from reconciler.state.hatches import HatchAllowance
from reconciler.state.load import load
from reconciler.state.problem import Severity

_SHOWN = 50


class Finding(NamedTuple):
    """What was compared, how that ended (`same` or `differs`), and details."""

    what: str
    same: bool
    details: tuple[str, ...] = ()


def prove(joined: Joined, state: Path, root: Path | None) -> list[Finding]:
    """Compare each zone, and all of dnsmasq's names. Raises Refused where the state has mistakes."""
    site = site_of(state)
    return [*_zones(joined, site, root), *_names(joined, site, state)]


def site_of(state: Path) -> Site:
    """The site that a folder's state makes."""
    loaded = load(folder.read(state), allow=HatchAllowance())
    built = build(loaded.state) if loaded.state is not None else None
    if built is None or built.site is None:
        problems = (*loaded.problems, *(built.problems if built else ()))
        first = next(problem for problem in problems if problem.severity is Severity.ERROR)
        raise Refused(f"{state} has mistakes, so nothing can be compared: {first}")
    return built.site


def _zones(joined: Joined, site: Site, root: Path | None) -> Iterator[Finding]:
    """What dnsmasq's names add to a zone is no difference."""
    rendered: dict[tuple[str, str], Zone] = {}
    extra: dict[tuple[str, str], int] = {}
    for item in site.zones.values():
        added = joined.settled.additions.get(item.zone.name, frozenset())
        rrsets = {key: rrset for key, rrset in item.zone.rrsets.items() if key not in added}
        rendered[item.zone.name, item.zone.view] = replace(item.zone, rrsets=rrsets)
        extra[item.zone.name, item.zone.view] = len(item.zone.rrsets) - len(rrsets)
    for found in joined.zones:  # A version for all views stands for each.
        if (found.name, "") in rendered:
            rendered.setdefault((found.name, found.view), rendered[found.name, ""])
    for verdict in verify(joined.zones, rendered, root=root):
        what = f"zone {verdict.zone}{f' in view {verdict.view}' if verdict.view else ''}"
        details = (*verdict.differences, *([verdict.note] if verdict.note else ()))
        if more := extra.get((verdict.zone, verdict.view)) or extra.get((verdict.zone, "")):
            details = (*details, f"and {more} RRsets more, from names that dnsmasq has")
        yield Finding(what, verdict.equal, details)


def _names(joined: Joined, site: Site, state: Path) -> Iterator[Finding]:
    if not joined.names:
        return
    now: set[tuple[str, Address]] = {
        (owner, ip_address(text))
        for (owner, rtype), rdatas in expected(site.zones.values(), mode(site)).items()
        if rtype in ("A", "AAAA")
        for text in rdatas
    }
    if (state / HATCH).exists():
        raw = read_dnsmasq(str((state / HATCH).absolute()))
        now |= {(f"{name.name}.", name.address) for name in raw.names}
    missing = sorted(f"- {name} {address}" for name, address in joined.names - now)
    details = missing[:_SHOWN] + ([f"… {len(missing)} in all"] if len(missing) > _SHOWN else [])
    yield Finding(f"dnsmasq's {len(joined.names)} names and addresses", not missing, tuple(details))
