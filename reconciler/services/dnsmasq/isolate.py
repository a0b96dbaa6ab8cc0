"""Who sees what where networks are isolated: the site as each dnsmasq is to know it. Pure.

An isolated network has a dnsmasq of its own, which hands out its addresses and knows its names, and what is no other
network's. The main one leaves its interface alone and knows all names. Two instances live together like this (dnsmasq
2.90, run in network namespaces):

* both with `bind-dynamic`, each with its `interface=` lines: for DNS each binds the addresses of its interfaces. The
  second one needs `except-interface=lo`, since `interface=` brings loopback along; it can be asked at a
  `listen-address` of its own all the same, 127.0.1.3 say, which no interface needs to have.
* DHCP: an instance with one interface binds its sockets to that device ("sockets bound exclusively to interface"), one
  with several has them on any; the kernel prefers the bound one. Where an interface is missing at the start neither is
  bound; both get what is broadcast, and each passes over what came by an interface that is not its own. Which of the
  two then gets a renewal, which is unicast, is chance (SO_REUSEPORT, socket(7)); the client's next try is broadcast.
* `bind-dynamic` also looks at the interface by which a query came: an address of another network, asked from the
  isolated one, gives no answer (UDP) or is hung up on (TCP). Not so with `listen-address=` of that other address, which
  lets UDP in, nor with `bind-interfaces` (node.yaml, `dhcp: no`): there only a firewall keeps networks apart.
* Whoever starts while another has an address on port 53 ends ("Address already in use"): what gives an interface up has
  to be restarted before what takes it.
* `port=0` and nothing else is a server that has no socket at all: what an instance does that has no network.
* `rev-server=PREFIX` without a server, of any length, is answered with NXDOMAIN here, as `local=` is.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network
from pathlib import PurePosixPath
from typing import TypeVar

from reconciler.deployed import DeployedZone, without
from reconciler.dns.names import is_under
from reconciler.dns.records import Key
from reconciler.dns.zone import Zone
from reconciler.services.dnsmasq.served import Mode, mode, reverse_address, visible
from reconciler.services.dnsmasq.sight import Sight, delegated, has
from reconciler.site import Site, SiteNetwork, SiteZone
from reconciler.state.schema import IPv6Mode


def instance(network: str | None) -> str:
    """What an isolated network's dnsmasq is called among the servers; without a network the main one's name."""
    return "dnsmasq" if network is None else f"dnsmasq@{network}"


def isolated(site: Site) -> tuple[str, ...]:
    """Names of networks that a dnsmasq of their own serves; none where dnsmasq answers no DNS."""
    if mode(site) is Mode.DHCP:
        return ()
    return tuple(sorted(name for name, network in site.networks.items() if network.settings.isolated))


@dataclass(frozen=True, slots=True)
class View:
    """What one instance is to know and do.

    apart: interfaces that it keeps away from. sight: what it may know; None where that is all. hidden, prefixes:
    domains and prefixes that it says do not exist. asked: names below which BIND is asked. others: networks whose
    names it knows, and whose addresses another instance hands out.
    """

    site: Site
    apart: tuple[str, ...] = ()
    sight: Sight | None = None
    hidden: tuple[str, ...] = ()
    prefixes: tuple[IPv4Network | IPv6Network, ...] = ()
    asked: tuple[str, ...] = ()
    others: tuple[SiteNetwork, ...] = ()


def main_view(site: Site) -> View:
    """The main instance: all names, and the work of all networks but the isolated ones."""
    site, catalogs = _without_catalogs(site)
    hidden = tuple(sorted(catalogs)) if mode(site) is Mode.FORWARD else ()
    away = isolated(site)
    if not away:
        return View(site, hidden=hidden)
    off = {"interface": None, "dhcp": None, "ipv6_mode": IPv6Mode.OFF}
    networks = {
        name: replace(network, settings=network.settings.model_copy(update=off)) if name in away else network
        for name, network in site.networks.items()
    }
    hatches = tuple(hatch for hatch in site.dnsmasq_hatches if PurePosixPath(hatch.path).stem not in away)
    found = (site.networks[name].settings.interface for name in away)
    apart = tuple(sorted({name for name in found if name is not None}))
    others = tuple(site.networks[name] for name in away)
    return View(replace(site, networks=networks, dnsmasq_hatches=hatches), apart, hidden=hidden, others=others)


def own_view(site: Site, name: str) -> View | None:
    """The instance of an isolated network; None where this one is not isolated, so that there is nothing to do."""
    if name not in isolated(site):
        return None
    site, catalogs = _without_catalogs(site)
    own = site.networks[name]
    sight = Sight(own, tuple(network for other, network in sorted(site.networks.items()) if other != name))
    past = {key for key in site.kept if key in site.zones and sight.leads_away(site.zones[key].zone)}
    present = {key: item for key, item in site.zones.items() if key not in past}
    zones = sighted(sight, present, mode(site))
    hosts = (sight.host(host) for host in site.hosts)
    known = replace(
        site,
        networks={name: own},
        hosts=tuple(host for host in hosts if host is not None),
        zones=zones,
        dnsmasq_hatches=tuple(h for h in site.dnsmasq_hatches if PurePosixPath(h.path).stem == name),
    )
    settings = (network.settings for network in sight.others)
    prefixes = [prefix for each in settings for prefix in (each.ipv4, each.prefix6) if prefix is not None]
    return View(
        known,
        ("lo",),
        sight,
        tuple(sorted({*_hidden(site, sight, past), *catalogs})),
        tuple(sorted(prefixes, key=lambda item: (item.version, item.network_address.packed, item.prefixlen))),
        tuple(sorted({own.domain, *(key for key in zones if not sight.hides(key))})),
    )


def _without_catalogs(site: Site) -> tuple[Site, frozenset[str]]:
    """The site without catalogs, and their names: not even BIND is asked, where they may lie below a zone that is.

    Where BIND has views, the zones are those that it answers dnsmasq with, by name.
    """
    zones = visible(site.inside)
    catalogs = frozenset(item.zone.name for item in site.zones.values() if item.zone.is_catalog)
    return (replace(site, zones=zones, views=()) if catalogs or site.views else site), catalogs


_Item = TypeVar("_Item", SiteZone, DeployedZone)


def sighted(sight: Sight, zones: Mapping[str, _Item], part: Mode) -> dict[str, _Item]:
    """What may be known of zones, without the leases that this dnsmasq hands out and knows by itself (served.py)."""
    state = {name: _without_own(item) if part is Mode.ALONE else item.zone for name, item in zones.items()}
    return {
        name: replace(zones[name], zone=zone, leases=zones[name].leases & zone.rrsets.keys())
        for name, zone in sight.zones(state).items()
    }


def _without_own(item: SiteZone | DeployedZone) -> Zone:
    known = {key for key in item.leases if key[1] != "AAAA" and not key[0].endswith(".ip6.arpa.")}
    return without(item.zone, known)


def _hidden(site: Site, sight: Sight, past: Set[str]) -> set[str]:
    """Names that do not exist for the network, with all below them. RFC 2317's with a `/` nobody can write here.

    past: reverse zones of prefixes that other networks had.
    """
    found = {*past, *(network.domain for network in sight.others)}
    found |= {text for network in sight.others for text in delegated(network)}
    found |= {name for name in site.zones if sight.hides(name)}
    if mode(site) is Mode.FORWARD:
        # Asked for such a name, BIND would tell with it what it leads to.
        found |= sight.leading({name: item.zone for name, item in site.zones.items() if name not in past})
    return {name for name in found if "/" not in name and name != "."} - {sight.own.domain}


def belongs(network: SiteNetwork, key: Key) -> bool:
    """Whether a lease with this key is one of the network's."""
    address = reverse_address(key[0]) if key[0].endswith(".arpa.") else None
    return is_under(key[0], network.domain) if address is None else has(network, address)
