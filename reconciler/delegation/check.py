"""Asking the parent's name servers, and those that it names, about one of our zones. Looks only."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial

from reconciler.delegation import judge, links, parent, served
from reconciler.delegation.asking import Asker, Failed, Silent, servers_at
from reconciler.delegation.expected import Delegation
from reconciler.delegation.finding import Finding, Limits
from reconciler.delegation.parent import Place, View
from reconciler.delegation.served import Served
from reconciler.state.addresses import ServerAddress

DEFAULT = Limits()

_AT_ONCE = 8
"""Questions under way; name servers limit how many answers a second they give to one client."""


def check(
    zone: Delegation,
    *,
    resolvers: Sequence[ServerAddress] = (),
    parent_servers: Sequence[ServerAddress] = (),
    limits: Limits = DEFAULT,
) -> list[Finding]:
    """Whether the world's DNS leads to this zone, and to the same data everywhere. Never raises for what is answered.

    zone: from `expected.of`; `expected.public` names those that are worth it. resolvers: asked for the parent's
    servers and for addresses of name servers; the system's when left out. parent_servers: asked in place of those
    found. Without any answer from a resolver there is one error that says so.
    """
    asker = Asker(limits, resolvers)
    try:
        places = parent.servers(asker, zone, parent_servers)
    except Silent as error:
        return [_offline(error)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        findings = list(_all(asker, zone, places, pool))
    if asker.late:
        text = f"not everything could be asked within {limits.total:.0f} s"
        findings.append(Finding("error", "", text, "give it more time (--timeout), or see why servers are slow", "you"))
    return findings


def _offline(error: Silent) -> Finding:
    said = "resolvers answer, but are no help" if isinstance(error, Failed) else "no resolver answered"
    text = f"{said}; are you on the network? ({error})"
    return Finding("error", "", text, "see /etc/resolv.conf and the network, or name one with --resolver", "you")


def _all(asker: Asker, zone: Delegation, places: Sequence[Place], pool: Executor) -> Iterator[Finding]:
    views = list(zip(places, pool.map(lambda place: parent.ask(asker, place, zone.zone), places), strict=True))
    reached = [place for place, view in views if view.kind in ("delegates", "hosts", "missing")]
    if not reached:
        yield Finding("error", "", f"no name server of the zone above {zone.zone} answers for it", _REACH, "you")
    yield from judge.parents(zone, views)
    if zone.links:
        for place in reached:
            yield from links.judge(place, zone, links.ask(asker, place, zone, pool))
    yield from _children(asker, zone, views, pool)
    if any(view.ours for _, view in views) and not asker.late:
        yield Finding(
            "ok", "", "some servers have addresses to which this node has no route (IPv6?); these were not asked"
        )


_REACH = "look whether this node reaches other name servers (port 53); name one with --parent-server"


def _children(asker: Asker, zone: Delegation, views: Sequence[tuple[Place, View]], pool: Executor) -> Iterator[Finding]:
    listed = {name for _, view in views if view.kind == "delegates" for name in view.nameservers}
    hosts = [place for place, view in views if view.kind == "hosts"]
    found, failed = _ask(asker, zone, {*zone.nameservers, *listed}, views, pool, hosts)
    # Servers that none but another server names: an old set of NS records somewhere.
    more = {name for one in found for name in one.nameservers} - listed - {*zone.nameservers}
    further, further_failed = _ask(asker, zone, more - {place.name for place in hosts}, views, pool, [])
    found = [*found, *further]
    _, soa = judge.reference(zone, found)
    suspects = [one for one in found if one.soa and (one.soa != soa or one.place.name not in zone.nameservers)]
    said = dict(zip(suspects, pool.map(lambda one: served.compare(asker, one.place, zone), suspects), strict=True))
    yield from judge.unresolved({**failed, **further_failed})
    yield from judge.children(zone, listed, [one._replace(differing=said.get(one, ())) for one in found])


def _ask(
    asker: Asker,
    zone: Delegation,
    servers: set[str],
    views: Sequence[tuple[Place, View]],
    pool: Executor,
    hosts: Sequence[Place],
) -> tuple[list[Served], dict[str, str]]:
    """What these servers say, and why addresses of some could not be found, by name."""
    places, failed = dict.fromkeys(hosts), {}
    for name in sorted(servers):
        try:
            addresses = _addresses(asker, zone, name, views)
        except Silent as error:
            if not error.ours:
                failed[name] = str(error)
            continue
        places |= dict.fromkeys(Place(name, address) for address in addresses)
        if not addresses:
            failed[name] = "it has neither A nor AAAA"
    return list(pool.map(partial(_served, asker, zone.zone), places)), failed


def _served(asker: Asker, zone: str, place: Place) -> Served:
    return served.ask(asker, place, zone)


def _addresses(asker: Asker, zone: Delegation, name: str, views: Sequence[tuple[Place, View]]) -> list[ServerAddress]:
    """Of a server in the zone as the zone and the parent say, of others by the resolver. Raises Silent."""
    if name in zone.glue:
        given = (view.glue.get(name, ()) for _, view in views)
        return servers_at(dict.fromkeys((*zone.glue[name], *(text for texts in given for text in texts))))
    return asker.addresses(name)
