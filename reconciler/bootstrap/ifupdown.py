"""The node's interfaces for ifupdown (interfaces(5))."""

from collections.abc import Iterator

from reconciler.bootstrap.facts import Facts, Interface, Link
from reconciler.bootstrap.text import NodeFile, commented, word


def files(facts: Facts) -> dict[str, NodeFile]:
    """`/etc/network/interfaces.d/reconciler`; an interface must not stand in another file as well."""
    lines = [line for link in facts.links if link.interface for line in _interface(facts, link)]
    return {"etc/network/interfaces.d/reconciler": NodeFile(commented(lines))} if lines else {}


def _interface(facts: Facts, link: Link) -> Iterator[str]:
    name = word(link.interface)
    carried = [f"    vlan-raw-device {word(link.raw)}"] if link.raw else []
    yield from ("", f"auto {name}")
    if not link.own:
        # For the addresses that move.
        yield from (f"iface {name} inet manual", *carried)
    for own in link.own:
        family = "inet" if own.version == 4 else "inet6"
        yield from (f"iface {name} {family} static", *carried, f"    address {own.with_prefixlen}")
        if own.ip == facts.addresses[0]:
            yield from _way_out(facts, link, own)
        # Of the interface, so once.
        carried = []
    if link.finds_address:
        yield f"iface {name} inet6 auto"


def _way_out(facts: Facts, link: Link, own: Interface) -> Iterator[str]:
    if link.network.router is not None and own.version == 4:
        yield f"    gateway {link.network.router}"
    yield f"    dns-nameservers {' '.join(map(str, facts.resolvers))}"
