"""heartbeat's three files (ha.cf(5), authkeys(5), and /etc/ha.d/README.config for haresources)."""

from ipaddress import IPv6Address, IPv6Interface

from reconciler.bootstrap import secret
from reconciler.bootstrap.facts import Facts, Interface, Shared
from reconciler.bootstrap.text import SECRET, NodeFile, argument, commented, word

OPTIONS = "noatime,nosuid,nodev"
"""Of the mount. Never `noexec`: git passes over hooks that it may not run."""

_LONGEST = 255


def files(facts: Facts) -> dict[str, NodeFile]:
    """ha.cf, authkeys, haresources: all three the same on both nodes."""
    shared = facts.shared
    if shared is None or shared.pair.manager != "heartbeat":
        return {}
    return {
        "etc/ha.d/ha.cf": NodeFile(commented(_ha_cf(facts, shared), "The same on both nodes; ha.cf(5).")),
        "etc/ha.d/authkeys": NodeFile(commented(_authkeys(facts), "The same on both nodes."), SECRET),
        "etc/ha.d/haresources": NodeFile(
            commented([" ".join((word(shared.first), *resources(facts)))], "The same on both nodes, one line.")
        ),
    }


def _ha_cf(facts: Facts, shared: Shared) -> list[str]:
    nodes = {facts.node: facts.addresses[0], shared.peer.name: shared.peer.addresses[0]}
    names = sorted(nodes)
    # Each node leaves its own address out by itself.
    media = "ucast6" if isinstance(facts.addresses[0], IPv6Address) else "ucast"
    return [
        "logfacility daemon",
        "keepalive 500ms",
        "warntime 3",
        "deadtime 6",
        "initdead 30",
        "udpport 694",
        *(f"{media} {word(shared.main.interface)} {nodes[name]}" for name in names),
        f"auto_failback {'on' if shared.pair.auto_failback else 'off'}",
        f"node {' '.join(word(name) for name in names)}",
    ]


def _authkeys(facts: Facts) -> list[str]:
    reference = secret.auth(facts.site.pair)
    assert reference is not None
    known = secret.value(facts, reference, _LONGEST)
    return ["auth 1", f"1 {secret.placeholder(reference)}" if known is None else f"1 sha1 {known}"]


def resources(facts: Facts) -> list[str]:
    """What moves, in the order of its start: disk, addresses, the disk's content, servers, and last the role."""
    shared = facts.shared
    assert shared is not None
    drbd = shared.drbd
    return [
        f"drbddisk::{argument(drbd.resource)}",
        f"Filesystem::{argument(drbd.device)}::{argument(drbd.mount)}::{drbd.filesystem}::{OPTIONS}",
        *(_address(address, link.interface) for link in facts.links for address in link.virtual),
        "reconciler-prepare",
        *(f"reconciler-service::{argument(unit)}" for unit in facts.servers),
        "reconciler-active",
    ]


def _address(address: Interface, interface: str | None) -> str:
    """An IPv6 address is written in full: `::` divides arguments."""
    length = address.network.prefixlen
    if isinstance(address, IPv6Interface):
        return f"IPv6addr::{address.ip.exploded}/{length}/{argument(interface)}"
    return f"IPaddr2::{address.ip}/{length}/{argument(interface)}"
