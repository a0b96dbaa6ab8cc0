"""From a state that has passed its checks to the facts of one node. Pure; raises Refused where they do not suffice."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_interface
from itertools import takewhile

from reconciler.bootstrap import bind, secondaries
from reconciler.bootstrap.facts import Address, Facts, Interface, Link, Peer, Shared
from reconciler.build.views import needs_views
from reconciler.checks.special import complete, is_suffix, node_addresses
from reconciler.errors import Refused
from reconciler.state.model import State
from reconciler.state.problem import Problem
from reconciler.state.schema import Network

_LENGTHS = {4: 32, 6: 64}
"""Prefix length of a virtual address that is in no known prefix."""


def facts(state: State, node: str, secrets: Mapping[str, str]) -> Facts:
    """The facts of `node`. secrets: contents by name. Raises Refused, with the place in site.yaml."""
    if node not in state.site.nodes:
        known = ", ".join(state.site.nodes) or "none"
        raise _refused(state, ("nodes",), f'there is no node "{node}"', f"`nodes:` has {known}")
    addresses = _addresses(state)
    links = tuple(_link(state, name, addresses[node]) for name in state.site.networks)
    shared = _shared(state, node, addresses, links)
    found = Facts(
        state.site,
        node,
        addresses[node],
        links,
        shared,
        _resolvers(state, addresses, links, node),
        needs_views(state),
        secrets,
    )
    notes = (*_notes(state, links, node), *bind.notes(found), *secondaries.notes(found))
    return replace(found, notes=notes)


def _refused(state: State, keys: tuple[str | int, ...], what: str, fix: str) -> Refused:
    return Refused(str(Problem(state.site_locator.at(*keys), what, fix)))


def _addresses(state: State) -> dict[str, tuple[Address, ...]]:
    found: dict[str, tuple[Address, ...]] = {}
    for name, _, address in node_addresses(state):
        found[name] = (*found.get(name, ()), address)
    return found


def _link(state: State, name: str, addresses: tuple[Address, ...]) -> Link:
    network = state.site.networks[name]
    # Where networks share a prefix, an address is in the first of them.
    before = [state.site.networks[other] for other in takewhile(lambda other: other != name, state.site.networks)]
    own = (
        _within(address, network)
        for address in addresses
        if not any(_within(address, other) is not None for other in before)
    )
    virtual = (_virtual(state, address, network) for address in network.virtual_ips)
    return Link(
        name,
        network,
        _carrier(state, name, network),
        tuple(each for each in own if each is not None),
        tuple(each for each in virtual if each is not None),
    )


def _within(address: Address, network: Network) -> Interface | None:
    for prefix in (network.ipv4, network.prefix6):
        if prefix is not None and address in prefix:
            return ip_interface(f"{address}/{prefix.prefixlen}")
    return None


def _virtual(state: State, written: Address, network: Network) -> Interface | None:
    """With the length of the prefix that holds it, its own network's first; None for a suffix to an unknown prefix."""
    address = complete(written, network.prefix6)
    if is_suffix(address):
        return None
    for other in (network, *state.site.networks.values()):
        found = _within(address, other)
        if found is not None:
            return found
    return ip_interface(f"{address}/{_LENGTHS[address.version]}")


def _carrier(state: State, name: str, network: Network) -> str | None:
    """The interface under a VLAN's: before the dot, or the only one of the site that carries no VLAN."""
    if network.vlan is None or network.interface is None:
        return None
    base, _, number = network.interface.rpartition(".")
    if base and number == str(network.vlan):
        return base
    plain = {other.interface for other in state.site.networks.values() if other.vlan is None and other.interface}
    if len(plain) != 1:
        what = f'which interface carries VLAN {network.vlan} of network "{name}" does not show'
        fix = f"name its interface after it, such as eth0.{network.vlan}, or leave `vlan:` out where it has no tag"
        raise _refused(state, ("networks", name, "interface"), what, fix)
    return plain.pop()


def _shared(
    state: State, node: str, addresses: Mapping[str, tuple[Address, ...]], links: tuple[Link, ...]
) -> Shared | None:
    pair = state.site.pair
    if pair is None:
        return None
    if pair.drbd is None:
        raise _refused(
            state, ("pair",), "the pair has no disk", "add `drbd:`, where the repository and leases will lie"
        )
    main = next((link for link in links if addresses[node][0] in {own.ip for own in link.own}), None)
    if main is None or main.interface is None:
        what = f"{addresses[node][0]}, the first address of {node}, is in no network that has an interface"
        raise _refused(state, ("nodes", node, "address", 0), what, "there the nodes of a pair speak to each other")
    peer = next(name for name in addresses if name != node)
    preferred = [name for name, each in state.site.nodes.items() if each.preferred]
    first = (preferred or list(state.site.nodes))[0]
    return Shared(pair, pair.drbd, Peer(peer, addresses[peer]), first, main)


def _resolvers(
    state: State, addresses: Mapping[str, tuple[Address, ...]], links: tuple[Link, ...], node: str
) -> tuple[Address, ...]:
    """The forwarders, or the nearest router; never what these servers answer at, which is silent on a standby."""
    ours = {own for each in addresses.values() for own in each}
    ours |= {virtual.ip for link in links for virtual in link.virtual}
    found: list[Address] = [each for each in state.site.dns.forwarders if each not in ours and not each.is_loopback]
    if not found:
        routers = (link.network.router for link in links if link.own)
        found += [router for router in routers if router is not None and router not in ours][:1]
    if not found:
        what = f"nobody is named whom {node} itself could ask, other than the servers that it looks after"
        raise _refused(state, ("dns",), what, "add `forwarders:` to `dns:`, or `router:` to the node's network")
    return tuple(found)


def _notes(state: State, links: tuple[Link, ...], node: str) -> Iterator[str]:
    nowhere = [link.name for link in links if link.interface is None]
    if nowhere:
        yield (
            f"No interface is named for {', '.join(nowhere)} (`interface:` in site.yaml), so the files of ifupdown and "
            "netplan leave it out."
        )
    for link in links:
        lost = [each for each in link.network.virtual_ips if is_suffix(complete(each, link.network.prefix6))]
        if lost:
            yield (
                f"{', '.join(map(str, lost))} of {link.name} is left out: it is a suffix to a prefix that moves, and "
                "the pair's manager takes whole addresses only."
            )
    moving = [str(virtual.ip) for link in links for virtual in link.virtual]
    if moving and state.site.pair is None:
        yield (
            f"{', '.join(moving)} of `virtual_ips:` is on no interface by these files: without `pair:` nothing moves "
            "it. Put it there yourself on the node that serves (`ip address add`)."
        )
    for address in _addresses(state)[node]:
        if not any(address == own.ip for link in links for own in link.own):
            yield f"{address} is in none of the networks, so no interface gets it."
