"""Who sees which version of which zones: versions from the state, and BIND's views from both."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import NamedTuple

from reconciler.checks.joined import Named
from reconciler.checks.lookup import enclosing
from reconciler.dns.versions import zone_id
from reconciler.leases.policy import lease_networks
from reconciler.site import Site, SiteNetwork, SiteView, SiteZone
from reconciler.state.model import State, ZoneFile
from reconciler.state.schema import Secondary, View
from reconciler.state.types import ISOLATED

EVERYBODY = "default"
"""The view of all other clients, where only isolated networks make views necessary."""

Views = frozenset[str]


class Version(NamedTuple):
    """A version of a zone. view: the only one that it is for, "" for one that is shared. seen: all that answer it."""

    zone: str
    view: str
    seen: Views

    @property
    def id(self) -> str:
        """See `reconciler.dns.versions`."""
        return zone_id(self.zone, self.view)


def versions(state: State, zones: Iterable[str]) -> list[Version]:
    """All versions of all zones. Without views one for each zone, seen in none."""
    views = state.site.views
    whole = frozenset(name for name, view in views.items() if view.zones == "all")
    found = []
    for zone in sorted(zones):
        policy = state.site.zones.get(zone)
        listed = [name for name in dict.fromkeys(policy.views if policy else ()) if name in views]
        if len(listed) > 1:
            found += [Version(zone, name, frozenset({name})) for name in listed]
        else:
            found.append(Version(zone, "", frozenset(listed) or whole))
    return found


def visible(hosts: Iterable[Named], seen: Views) -> list[Named]:
    """The hosts whose names stand in zones that are seen there: those of no view, or of all of these."""
    return [item for item in hosts if not item.resident.entry.host.view or seen <= {*item.resident.entry.host.view}]


def of_views(files: Iterable[ZoneFile], seen: Views) -> list[ZoneFile]:
    """The files whose records stand there."""
    return [file for file in files if not file.view or seen == {file.view}]


def needs_views(state: State) -> bool:
    """Whether BIND is to answer clients differently."""
    return state.site.dns.authoritative == "bind" and bool(state.site.views or isolated(state))


def isolated(state: State) -> dict[str, str]:
    """Isolated networks whose clients ask BIND, and the name of the view of each."""
    if state.site.dns.clients_ask != "bind" or state.site.dns.authoritative != "bind":
        return {}
    return {name: _view_name(name) for name, network in state.site.networks.items() if network.isolated}


def _view_name(network: str) -> str:
    return ISOLATED + "".join(c if c.isdigit() or c == "-" or "a" <= c <= "z" else f"_{ord(c):02x}" for c in network)


def with_views(site: Site, state: State) -> Site:
    """The site with BIND's views, and its zones' places in them."""
    if not needs_views(state):
        return site
    # Catalogs are made of what has its place by then.
    site = replace(site, zones={key: zone for key, zone in site.zones.items() if not zone.zone.is_catalog})
    own = _of_state(site, state)
    listed = {zone for zone, policy in state.site.zones.items() if policy.views}
    apart = (_apart(site, site.networks[name], view, own, listed) for name, view in isolated(state).items())
    views = tuple(_with_keys([*apart, *own], state.site.secondaries.values()))
    homes: dict[str, str] = {}
    for view in views:
        for key in view.zones.values():
            homes.setdefault(key, view.name)
    inside = {key for view in own if view.whole for key in view.zones.values()}
    zones = {
        key: replace(zone, home=homes[key], inside=key in inside) for key, zone in site.zones.items() if key in homes
    }
    return replace(site, views=views, zones=zones)


def _with_keys(views: list[SiteView], secondaries: Iterable[Secondary]) -> Iterator[SiteView]:
    """Views with the keys of the servers in them: what is signed comes from there, also through address translation.

    A key that servers in several views have tells nothing.
    """
    places: dict[str, set[str]] = {}
    for item in secondaries:
        view = view_of(views, item)
        if item.key is not None and view is not None:
            places.setdefault(item.key.lower(), set()).add(view.name)
    for view in views:
        yield replace(view, keys=tuple(sorted(key for key, found in places.items() if found == {view.name})))


def _of_state(site: Site, state: State) -> list[SiteView]:
    """The views that are written, or the one that stands for all clients."""
    written = state.site.views
    if not written:
        return [SiteView(EVERYBODY, ("any",), {zone.zone.name: key for key, zone in site.zones.items()}, whole=True)]
    found = versions(state, dict.fromkeys(zone.zone.name for zone in site.zones.values()))
    views = [
        SiteView(
            name,
            _clients(view, site.networks),
            {item.zone: item.id for item in found if name in item.seen and item.id in site.zones},
            whole=view.zones == "all",
            recursion=view.recursion,
        )
        for name, view in written.items()
    ]
    named = any("localhost" in view.clients for view in views)
    return views if named and site.dns.clients_ask == "bind" else _with_own_server(views)


def _with_own_server(views: list[SiteView]) -> list[SiteView]:
    """This server is inside; dnsmasq, which asks from here for all its clients, in any case."""
    first = next((index for index, view in enumerate(views) if view.whole), len(views))
    found = [replace(view, clients=("!localhost", *view.clients)) for view in views[:first]]
    found += [replace(view, clients=("localhost", *view.clients)) for view in views[first : first + 1]]
    return [*found, *views[first + 1 :]]


def _clients(view: View, networks: Mapping[str, SiteNetwork]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for client in view.clients:
        network = networks.get(client) if isinstance(client, str) else None
        found |= dict.fromkeys(map(str, prefixes(network)) if network else [str(client)])
    return tuple(found) or ("none",)


def prefixes(network: SiteNetwork) -> list[IPv4Network | IPv6Network]:
    """The prefixes of a network, as far as they are known."""
    return [prefix for prefix in (network.settings.ipv4, network.settings.prefix6) if prefix is not None]


def _apart(site: Site, network: SiteNetwork, name: str, own: list[SiteView], listed: Collection[str]) -> SiteView:
    """The view of an isolated network: what it would see otherwise, without the domains and addresses of others.

    Names that are left out are answered as not existing: asked on, they would go to the Internet, or come back to this
    server and be answered in another view.
    """
    domains = {each.domain for each in site.networks.values()}
    names = {zone.zone.name for zone in site.zones.values()}
    foreign = {name for name in names if enclosing(name, domains) not in (None, network.domain)}
    by_network = {item.name: {zone.name for zone in item.reverse} for item in lease_networks(site)}
    foreign.update(*(zones for name, zones in by_network.items() if name != network.name))
    otherwise = next((view for view in own if _has(view, network)), None)
    mine = {network.domain, *by_network.get(network.name, ())}
    zones: dict[str, str] = {}
    for view in (*([otherwise] if otherwise else ()), *(view for view in own if view.whole)):
        for zone, key in view.zones.items():
            if zone not in foreign and (view is otherwise or zone not in listed or zone in mine):
                zones.setdefault(zone, key)
    clients = tuple(map(str, prefixes(network))) or ("none",)
    empty = sorted(names - zones.keys())
    return SiteView(name, clients, zones, empty=tuple(empty))


def _has(view: SiteView, network: SiteNetwork) -> bool:
    """Whether clients of the network would match a view."""
    return any(covers(client, prefix) for client in view.clients for prefix in prefixes(network))


def view_of(views: Iterable[SiteView], secondary: Secondary) -> SiteView | None:
    """The view that a server's address is in."""
    prefix = ip_network(secondary.address[0].address)
    return next((view for view in views if any(covers(client, prefix) for client in view.clients)), None)


def covers(client: str, prefix: IPv4Network | IPv6Network) -> bool:
    """Whether an element of a client list is for all of a prefix."""
    if client == "any" or "/" not in client:
        return client == "any"
    wide = IPv6Network(client) if ":" in client else IPv4Network(client)
    return wide.version == prefix.version and prefix.network_address in wide and prefix.prefixlen >= wide.prefixlen


def with_kept(views: Iterable[SiteView], zones: Mapping[str, SiteZone]) -> Iterator[SiteView]:
    """Views that have these zones too where they have all."""
    more = {zone.zone.name: key for key, zone in zones.items()}
    for view in views:
        yield replace(view, zones={**view.zones, **more}) if view.whole else view
