"""Who may speak to this node, as rules that ufw and nftables are written from. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_network

from reconciler.bootstrap import secondaries
from reconciler.bootstrap.facts import Address, Facts, Link, Prefix

LINK_LOCAL = ip_network("fe80::/10")
ANY6 = ip_network("::/0")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule for what comes in; the first that fits counts. protocol: tcp, udp or vrrp (IP protocol 112, no port).

    port: one or more, in ufw's form (`5404:5406`). None stands for every source, destination, interface.
    """

    why: str
    protocol: str = ""
    port: str = ""
    source: Prefix | Address | None = None
    to: Prefix | Address | None = None
    interface: str | None = None
    allow: bool = True
    first: bool = False
    """Has to come before rules that somebody else has made."""


def rules(facts: Facts) -> list[Rule]:
    """All rules, in order: what keeps isolated networks apart, DNS, secondaries, DHCP, the other node, ssh."""
    return [*_isolated(facts), *_dns(facts), *_secondaries(facts), *_dhcp(facts), *_peer(facts), *_ssh(facts)]


def _both(rule: Rule, port: int = 53) -> Iterator[Rule]:
    """A rule for DNS, which speaks over both."""
    for protocol in ("udp", "tcp"):
        yield replace(rule, protocol=protocol, port=str(port))


def _isolated(facts: Facts) -> Iterator[Rule]:
    """Clients of an isolated network ask at addresses of their own network, whichever way their questions come.

    BIND tells them by their addresses, wherever they ask.
    """
    for link in facts.links:
        if link.name not in facts.isolated:
            continue
        for own in (*link.virtual, *link.own):
            yield from _asked(link, own.ip)
        yield from _local(link, first=True)
        for source in link.prefixes:
            yield from _both(Rule(f"{link.name} is isolated", source=source, allow=False, first=True))
        if link.interface is not None:
            yield from _both(Rule(f"{link.name} is isolated", interface=link.interface, allow=False, first=True))


def _asked(link: Link, own: Address) -> Iterator[Rule]:
    """DNS at one of the addresses of an isolated network, from its prefix; from its interface where none is known."""
    sources = [prefix for prefix in link.prefixes if prefix.version == own.version]
    for source in sources:
        yield from _both(Rule(f"DNS in {link.name}", source=source, to=own, first=True))
    if not sources and link.interface is not None:
        yield from _both(Rule(f"DNS in {link.name}", interface=link.interface, to=own, first=True))


def _local(link: Link, *, first: bool = False) -> Iterator[Rule]:
    """Router advertisements may name the server by its link-local address."""
    if link.interface is not None and link.hands_out:
        why = f"DNS in {link.name}"
        yield from _both(Rule(why, interface=link.interface, source=LINK_LOCAL, to=LINK_LOCAL, first=first))


def _dns(facts: Facts) -> Iterator[Rule]:
    if facts.site.dns.clients_ask == "bind" and facts.site.dns.authoritative == "bind":
        yield from _both(Rule("DNS of our zones, for everybody"))
        return
    for link in facts.links:
        if link.name not in facts.isolated:
            for source, interface in _reach(link):
                yield from _both(Rule(f"DNS in {link.name}", source=source, interface=interface))
            yield from _local(link)


def _secondaries(facts: Facts) -> Iterator[Rule]:
    for name, item, at in secondaries.ways(facts):
        for each in item.address:
            if each.address.version == at.address.version:
                yield from _both(Rule(f"secondary {name}", source=each.address, to=at.address), at.port)


def _reach(link: Link) -> list[tuple[Prefix, str | None]]:
    """Where clients of a network come from; from a prefix that moves by its interface."""
    found: list[tuple[Prefix, str | None]] = [(prefix, None) for prefix in link.prefixes]
    if link.network.delegated is not None and link.interface is not None:
        found.append((ANY6, link.interface))
    return found


def _dhcp(facts: Facts) -> Iterator[Rule]:
    for link in facts.links:
        if link.interface is None:
            continue
        if link.network.dhcp is not None and link.network.ipv4 is not None:
            yield Rule(f"DHCP in {link.name}", "udp", "67", interface=link.interface)
        if link.with_dhcp6:
            yield Rule(f"DHCPv6 in {link.name}", "udp", "547", interface=link.interface, source=LINK_LOCAL)


def _peer(facts: Facts) -> Iterator[Rule]:
    shared = facts.shared
    if shared is None:
        return
    pair, peer = shared.pair, shared.peer
    between = Rule("DRBD", "tcp", str(shared.drbd.port), source=peer.addresses[0], to=facts.addresses[0])
    yield between
    if pair.manager == "heartbeat":
        yield replace(between, why="heartbeat", protocol="udp", port="694")
    if pair.manager == "pacemaker":
        yield replace(between, why="corosync", protocol="udp", port="5404:5406")
        yield replace(between, why="pcs", port="2224")
    if pair.manager == "keepalived":
        for version in (4, 6):
            ends = facts.between(version)
            if ends is not None:
                yield Rule("VRRP", "vrrp", source=ends[1], to=ends[0])


def _ssh(facts: Facts) -> Iterator[Rule]:
    for link in facts.links:
        if not link.network.isolated:
            for source, interface in _reach(link):
                yield Rule(f"ssh from {link.name}", "tcp", "22", source=source, interface=interface)
    if facts.shared is not None:
        yield Rule(f"ssh from {facts.shared.peer.name}", "tcp", "22", source=facts.shared.peer.addresses[0])
