"""Checks of `views:`, of what names a view, and of isolated networks."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from reconciler.checks.joined import Named
from reconciler.checks.lookup import enclosing
from reconciler.checks.policies import zone_setting
from reconciler.checks.report import Origin, Report, Source
from reconciler.checks.sizes import MAX_FILENAME
from reconciler.dns import names, versions
from reconciler.site import Site
from reconciler.state import bindtext
from reconciler.state.model import State
from reconciler.state.problem import Position
from reconciler.state.schema import View
from reconciler.state.text import position

WORDS = ("any", "localhost", "localnets")
"""What a client can be that is neither a prefix nor a network."""

Prefix = IPv4Network | IPv6Network


def check(state: State, zones: Collection[str], hosts: Sequence[Named], report: Report) -> None:
    """Find views that cannot work, zones and files that fit none, and hosts that are for views their zone is not in."""
    views = state.site.views
    if views and state.site.dns.authoritative != "bind":
        report.error(
            state.site_locator.at("views"),
            "only BIND has views; dnsmasq alone answers all clients alike",
            "set `authoritative: bind` under `dns:`, or remove `views:`",
        )
    _check_clients(state, report)
    _check_order(state, report)
    if views and state.site.dns.clients_ask == "dnsmasq" and not _whole(state):
        report.error(
            state.site_locator.at("views"),
            "dnsmasq asks BIND for all its clients, and no view is for them",
            "give one view `zones: all`; dnsmasq's questions are answered there",
        )
    _check_named(state, report)
    for zone in sorted(zones):
        _check_zone(state, zone, report)
    _check_files(state, report)
    for item in hosts:
        _check_host(state, item, zones, report)


def _whole(state: State) -> list[str]:
    return [name for name, view in state.site.views.items() if view.zones == "all"]


def _seen(state: State, zone: str) -> tuple[list[str], bool]:
    """The views of a zone, and whether each has a version of its own."""
    policy = state.site.zones.get(zone)
    listed = [name for name in policy.views if name in state.site.views] if policy else []
    return listed or _whole(state), len(listed) > 1


def _check_clients(state: State, report: Report) -> None:
    for name, view in state.site.views.items():
        for index, client in enumerate(view.clients):
            if isinstance(client, str) and client not in WORDS and client not in state.site.networks:
                report.error(
                    state.site_locator.at("views", name, "clients", index),
                    f'there is no network "{client}"',
                    f"site.yaml has {', '.join(state.site.networks) or 'none'}; beside them {', '.join(WORDS)} can "
                    "be written, prefixes and addresses",
                )


def _check_order(state: State, report: Report) -> None:
    """A client gets the first view that it matches, so that a later one can be out of reach."""
    before: list[tuple[str, Prefix | str]] = []
    for name, view in state.site.views.items():
        mine = list(_clients(state, view))
        taken = {client: found for client in mine if (found := _taken(client, before))}
        place = state.site_locator.at("views", name)
        if mine and len(taken) == len(mine):
            first = next(iter(taken.values()))
            fix = f'write "{name}" before "{first}"'
            report.error(place, f'no client ever gets to view "{name}": view "{first}" has all of them before', fix)
        else:
            for client, found in taken.items():
                report.warn(place, f'{client} in view "{name}" has no effect: view "{found}" has these clients before')
        before += ((name, client) for client in mine)


def _clients(state: State, view: View) -> Iterator[Prefix | str]:
    for client in view.clients:
        network = state.site.networks.get(client) if isinstance(client, str) and client not in WORDS else None
        if network is None:
            yield client
        else:
            yield from (prefix for prefix in (network.ipv4, network.prefix6) if prefix is not None)


def _taken(client: Prefix | str, before: Sequence[tuple[str, Prefix | str]]) -> str:
    """The view whose clients these are already."""
    for name, other in before:
        if other in ("any", client):
            return name
        if not isinstance(client, str) and not isinstance(other, str) and _within(client, other):
            return name
    return ""


def _within(narrow: Prefix, wide: Prefix) -> bool:
    return narrow.version == wide.version and narrow.network_address in wide and narrow.prefixlen >= wide.prefixlen


def _check_named(state: State, report: Report) -> None:
    """Whatever names a view names one that there is."""
    for zone, policy in state.site.zones.items():
        for index, name in enumerate(policy.views):
            _exists(state, name, zone_setting(state, zone, "views", index), report)
    for entry in state.hosts:
        for index, name in enumerate(entry.host.view):
            _exists(state, name, Source(entry, ("view", index)), report)


def _exists(state: State, name: str, place: Origin, report: Report) -> bool:
    if name in state.site.views:
        return True
    known = f"site.yaml has {', '.join(state.site.views)}" if state.site.views else "add `views:` to site.yaml"
    report.error(place, f'there is no view "{name}"', known)
    return False


def _check_zone(state: State, zone: str, report: Report) -> None:
    seen, apart = _seen(state, zone)
    size = max((len(versions.filename(versions.zone_id(zone, view)).encode()) for view in seen if apart), default=0)
    if size > MAX_FILENAME:
        what = f"the zone's name with its view is too long for a file name ({size} octets; the limit is {MAX_FILENAME})"
        report.error(zone_setting(state, zone, "views"), what, "choose shorter names of views")
    if state.site.views and not seen:
        report.error(
            zone_setting(state, zone),
            f"zone {zone} is in no view, so nobody would be answered",
            f"write `{zone[:-1] or '.'}: {{views: [{next(iter(state.site.views))}]}}` under `zones:`, or give a view "
            "`zones: all`",
        )


def _check_files(state: State, report: Report) -> None:
    for file in state.zone_files:
        if not file.view:
            continue
        place = Position(file.path)
        if not _exists(state, file.view, place, report):
            continue
        seen, apart = _seen(state, file.zone)
        if file.view not in seen:
            fix = f"add `{file.zone[:-1]}: {{views: [{', '.join([*seen, file.view])}]}}` under `zones:`"
            report.error(place, f'zone {file.zone} is not in view "{file.view}"', fix)
        elif not apart and len(seen) > 1:
            report.error(place, *_shared(file.zone, seen))


def _shared(zone: str, seen: Sequence[str]) -> tuple[str, str]:
    return (
        f"zone {zone} has one version for the views {', '.join(seen)}",
        f"write `{zone[:-1]}: {{views: [{', '.join(seen)}]}}` under `zones:`, and each has a version of its own",
    )


def _check_host(state: State, item: Named, zones: Collection[str], report: Report) -> None:
    """The names of a marked host stand in zones that tell its views apart. What is open to all shows no address that
    only the site itself can reach."""
    entry = item.resident.entry
    marks = [name for name in entry.host.view if name in state.site.views]
    for name in (item.host.name, *item.host.aliases) if marks else ():
        zone = enclosing(name, zones)
        if zone is None:
            continue
        seen, apart = _seen(state, zone)
        there = [view for view in seen if view in marks]
        if not there:
            fix = f"its views are {', '.join(seen)}; add the view to `views:` of the zone"
            report.error(Source(entry, ("view",)), f"{name} would stand nowhere: zone {zone} is in no view of it", fix)
        elif not apart and len(there) < len(seen):
            report.error(Source(entry, ("view",)), *_shared(zone, seen))
    if not marks and state.site.views:
        _check_private(state, item, zones, report)


def _check_private(state: State, item: Named, zones: Collection[str], report: Report) -> None:
    zone = enclosing(item.host.name, zones)
    seen = _seen(state, zone)[0] if zone is not None else []
    for name in seen:
        view = state.site.views[name]
        if view.zones == "all" or "any" not in view.clients:
            continue
        for address, keys, _ in item.addresses:
            if _is_private(address):
                others = ", ".join(other for other in seen if other != name) or "NAME"
                report.warn(
                    Source(item.resident.entry, keys),
                    f'{item.host.name} {address} is answered in view "{name}" too, whose clients cannot reach it',
                    f"write `view: {others}` there, or an address for them in "
                    f"zones/{name}/{names.filename(zone or '.')}.yaml",
                )


def _is_private(address: IPv4Address | IPv6Address) -> bool:
    """RFC 1918, RFC 4193; addresses for examples are fine."""
    nets: tuple[Prefix, ...] = (
        *map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")),
        IPv6Network("fc00::/7"),
    )
    return any(net.version == address.version and address in net for net in nets)


def check_joined(state: State, site: Site, views: Mapping[str, str], report: Report) -> None:
    """What can be told once BIND's views are known. views: what each isolated network's is called, by network."""
    for name, view in views.items():
        _check_isolated(state, site, name, view, report)
    known = [view.name for view in site.views]
    for hatch in state.bind_hatches:
        if hatch.view and hatch.view not in known:
            what = f'there is no view "{hatch.view}", which this would stand in'
            report.error(Position(hatch.path), what, f"known are {', '.join(known) or 'none'}")
        index = bindtext.first_zone(hatch.text) if known and not hatch.view else None
        if index is not None:
            report.error(
                position(hatch.path, hatch.text, index),
                "where BIND has views each zone has to stand in one",
                f"move this into bind.d/VIEW/, where VIEW is {' or '.join(known)}",
            )


_LONGEST_VIEW = 60
"""Characters: a view's name is in file names and in a label of a key's name."""


def _check_isolated(state: State, site: Site, name: str, view: str, report: Report) -> None:
    place = state.site_locator.at("networks", name, "isolated")
    mine = site.networks[name]
    sharing = [other.name for other in site.networks.values() if other.name != name and other.domain == mine.domain]
    if sharing:
        report.error(
            place,
            f'network "{name}" is isolated and has its domain {mine.domain} in common with "{sharing[0]}"',
            f'give "{name}" a `domain:` of its own',
        )
    if len(view) > _LONGEST_VIEW:
        report.error(place, f'the name of the isolated network "{name}" is too long', "choose a shorter one")
