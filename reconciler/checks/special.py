"""Addresses that are somebody's already: of networks, routers, nodes, and those that move (virtual IPs)."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Address, IPv6Network
from typing import NamedTuple

from reconciler.checks.lookup import Address, Prefix
from reconciler.state.model import State
from reconciler.state.pair import Node


class Kind(StrEnum):
    """What an address is reserved for."""

    UNUSABLE = "unusable"
    ROUTER = "router"
    VIRTUAL_IP = "virtual IP"
    NODE = "node"


class Special(NamedTuple):
    """A use of an address, and its owner in words: `the virtual IP of network "internal"`."""

    kind: Kind
    text: str


def unusable(prefix: Prefix) -> dict[Address, str]:
    """Addresses of a prefix that no host can have (RFC 4291 section 2.6.1; RFC 3021 excepts /31)."""
    if prefix.prefixlen >= prefix.max_prefixlen - 1:
        return {}
    if isinstance(prefix, IPv4Network):
        return {prefix.network_address: "network address", prefix.broadcast_address: "broadcast address"}
    return {prefix.network_address: "subnet-router anycast address"}


def is_suffix(address: Address) -> bool:
    """Whether an IPv6 address is written as a suffix: its first 64 bits are zero."""
    return isinstance(address, IPv6Address) and int(address) >> 64 == 0


def complete(address: Address, prefix: Prefix | None) -> Address:
    """A suffix joined to an IPv6 prefix; every other address as it is."""
    if prefix is not None and prefix.version == 6 and is_suffix(address):
        return IPv6Address(int(prefix.network_address) | int(address))
    return address


def node_addresses(state: State) -> Iterator[tuple[str, tuple[str | int, ...], Address]]:
    """(node, field's keys, address) for every node; a suffix gets the prefix of the node's first IPv4 network."""
    for name, node in state.site.nodes.items():
        prefix = _home_prefix(state, node)
        for index, address in enumerate(node.address):
            yield name, ("address", index), complete(address, prefix)
        if node.ipv6 is not None:
            yield name, ("ipv6",), complete(node.ipv6, prefix)


def _home_prefix(state: State, node: Node) -> IPv6Network | None:
    networks = state.site.networks.values()
    return next((net.prefix6 for own in node.address for net in networks if net.ipv4 and own in net.ipv4), None)


def special(state: State) -> Mapping[Address, Special]:
    """Every special address of the site; of several uses, the one that leaves a host least."""
    found: dict[Address, Special] = {}
    for name, network in state.site.networks.items():
        for prefix in (network.ipv4, network.prefix6):
            for address, what in unusable(prefix).items() if prefix else ():
                found.setdefault(address, Special(Kind.UNUSABLE, f'the {what} of network "{name}"'))
    for name, network in state.site.networks.items():
        for address in network.virtual_ips:
            found.setdefault(address, Special(Kind.VIRTUAL_IP, f'the virtual IP of network "{name}"'))
    for name, _, address in node_addresses(state):
        found.setdefault(address, Special(Kind.NODE, f'the address of node "{name}"'))
    for name, network in state.site.networks.items():
        if network.router is not None:
            found.setdefault(network.router, Special(Kind.ROUTER, f'the router of network "{name}"'))
    return found
