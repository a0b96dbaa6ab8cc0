"""Checks of `secondaries:`: servers, their keys and catalogs, and which zones they get."""

from collections.abc import Collection, Mapping, Sequence
from itertools import chain, islice

from reconciler.checks.lookup import Address, enclosing
from reconciler.checks.policies import zone_setting
from reconciler.checks.report import Origin, Report
from reconciler.checks.sizes import MAX_FILENAME
from reconciler.checks.special import Kind, special
from reconciler.dns import names
from reconciler.dns.versions import shown
from reconciler.errors import BadName
from reconciler.site import SiteZone
from reconciler.state.model import State
from reconciler.state.schema import Secondary

MAX_COPIES = 1_000_000
"""Zones of all secondaries together: each one is a record of a catalog and a server in named's configuration."""

_SHOWN = 3


def check(state: State, zones: Collection[str], report: Report) -> None:
    """Find secondaries that cannot work, and names of secondaries that there are not."""
    site, at = state.site, state.site_locator.at
    for index, name in enumerate(site.dns.secondaries):
        _check_known(state, name, at("dns", "secondaries", index), report)
    for zone, policy in site.zones.items():
        for index, name in enumerate(policy.secondaries or ()):
            _check_known(state, name, zone_setting(state, zone, "secondaries", index), report)
    if site.secondaries and site.dns.authoritative != "bind":
        fix = "set `authoritative: bind` under `dns:`"
        report.error(at("secondaries"), "there is nothing that secondaries could copy zones from without BIND", fix)
    own = {address: use.text for address, use in special(state).items() if use.kind in (Kind.NODE, Kind.VIRTUAL_IP)}
    for name, item in site.secondaries.items():
        _check_server(state, name, item, own, report)
        if item.catalog is not None:
            _check_catalog(state, name, item.catalog, zones, report)


def check_zones(state: State, zones: Mapping[str, SiteZone], report: Report) -> None:
    """Find what is wrong with what each secondary gets; `zones`: all but catalogs."""
    if not state.site.secondaries:
        return
    at = state.site_locator.at
    if sum(len(zone.secondaries) for zone in zones.values()) > MAX_COPIES:
        what = f"the zones of all secondaries together are more than {MAX_COPIES}"
        report.error(at("secondaries"), what, "remove some secondaries")
        return
    # By identity: two secondaries may say the same.
    copied: dict[int, dict[str, None]] = {}
    for zone, served in zones.items():
        for item in served.secondaries:
            copied.setdefault(id(item), {})[zone] = None
    for name, item in state.site.secondaries.items():
        if id(item) not in copied:
            fix = f"write `secondaries: [{name}]` under `dns:`, or at a zone under `zones:`"
            report.warn(at("secondaries", name), f'secondary "{name}" gets no zone', fix)
    readers: dict[str, list[str]] = {}
    for name, item in state.site.secondaries.items():
        if item.catalog is not None:
            readers.setdefault(item.catalog, []).append(name)
    for catalog, sharing in readers.items():
        _check_shared(state, catalog, sharing, copied, report)
    _check_hidden(state, readers, zones, report)


def _check_known(state: State, name: str, place: Origin, report: Report) -> None:
    if name not in state.site.secondaries:
        known = ", ".join(state.site.secondaries) or "none"
        report.error(place, f'there is no secondary "{name}"', f"add it under `secondaries:`, which has {known}")


def _check_server(state: State, name: str, item: Secondary, own: Mapping[Address, str], report: Report) -> None:
    """own: our addresses, and what each is."""
    at = state.site_locator.at
    if item.key is not None and item.key not in state.site.keys:
        report.error(
            at("secondaries", name, "key"),
            f'there is no key "{item.key}"',
            f"add it under `keys:`, which has {', '.join(state.site.keys) or 'none'}",
        )
    for index, server in enumerate(item.address):
        place = at("secondaries", name, "address", index)
        if server.address in own:
            fix = "a secondary is a further server; write its address"
            report.error(place, f"{server.address} is {own[server.address]}", fix)
        elif server.address.is_unspecified or server.address.is_multicast:
            report.error(place, f"{server.address} is no server's address", "write the secondary's own")
    if not item.primary and state.site.dns.clients_ask == "dnsmasq" and state.site.dns.authoritative == "bind":
        report.warn(
            at("secondaries", name),
            f"it is not known where secondary \"{name}\" reaches BIND: port 53 of this site's addresses is dnsmasq's",
            "write `primary: ADDRESS:PORT`, where BIND listens",
        )


def _check_catalog(state: State, name: str, catalog: str, zones: Collection[str], report: Report) -> None:
    place = state.site_locator.at("secondaries", name, "catalog")
    fix = f"write another name, such as catalog.{(state.site.domain or 'example.net.').removesuffix('.')}"
    if catalog in zones:
        report.error(place, f"{catalog} is a zone of this site", fix)
    elif not names.is_hostname(catalog) or catalog == "." or names.is_under(catalog, "arpa."):
        report.error(place, f"{catalog} cannot be the name of a catalog", fix)
    elif not _fits(catalog):
        report.error(place, f"the catalog's name {catalog} is too long: members' names below it have no room", fix)


def _fits(catalog: str) -> bool:
    try:
        names.parse(f"{'0' * 40}.zones", catalog)
    except BadName:
        return False
    return len(names.filename(catalog).encode()) <= MAX_FILENAME


def _check_shared(
    state: State, catalog: str, sharing: Sequence[str], copied: Mapping[int, Mapping[str, None]], report: Report
) -> None:
    """A catalog has one list of zones, so who shares it gets the same ones. copied: zones by secondary."""
    first, *others = sharing
    settings = state.site.secondaries
    one = copied.get(id(settings[first]), {})
    for name in others:
        other = copied.get(id(settings[name]), {})
        count = len(one) + len(other) - 2 * len(one.keys() & other.keys())
        if count:
            differing = chain((zone for zone in one if zone not in other), (zone for zone in other if zone not in one))
            more = f" and {count - _SHOWN} more" if count > _SHOWN else ""
            report.error(
                state.site_locator.at("secondaries", name, "catalog"),
                f'"{first}" and "{name}" share catalog {catalog}, but only one of them gets '
                f"{', '.join(map(shown, islice(differing, _SHOWN)))}{more}",
                "give both the same zones, or each a catalog of its own",
            )


def _check_hidden(
    state: State, readers: Mapping[str, Sequence[str]], zones: Mapping[str, SiteZone], report: Report
) -> None:
    """Names of a zone around a catalog that nobody would find any more (RFC 2181 section 6.1)."""
    zone_names = {item.zone.name for item in zones.values()}
    around = {above for catalog in readers if (above := enclosing(catalog, zone_names)) is not None}
    told: set[str] = set()
    for zone in (item.zone for item in zones.values() if item.zone.name in around):
        for owner, _ in zone.rrsets:
            name = owner
            while name != zone.name:
                if name in readers and name not in told:
                    told.add(name)
                    report.error(
                        state.site_locator.at("secondaries", readers[name][0], "catalog"),
                        f"the catalog {name} would hide {owner}, which is in zone {zone.name}",
                        "write another name for the catalog",
                    )
                name = names.parent(name)
