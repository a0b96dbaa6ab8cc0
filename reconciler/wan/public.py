"""Which addresses are public, and which of an interface's addresses is the public one."""

from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import NamedTuple

from reconciler.state.wan import Family

Address = IPv4Address | IPv6Address

SECONDARY = 0x01
"""IFA_F_SECONDARY of rtnetlink(7); the same bit is IFA_F_TEMPORARY (RFC 8981) of IPv6."""
_UNUSABLE = {0x08: "failed its check for duplicates", 0x20: "deprecated", 0x40: "tentative"}
"""IFA_F_DADFAILED, IFA_F_DEPRECATED, IFA_F_TENTATIVE (linux/if_addr.h)."""

_TUNNELS = tuple(map(ip_network, ("2002::/16", "64:ff9b::/96", "::ffff:0:0/96", "::/96")))
"""6to4 (RFC 3056), NAT64 (RFC 6052), and IPv4 in IPv6's clothes (RFC 4291): none is an address of a network's own."""


class Refusal(NamedTuple):
    """Why there is no address: a clause for people, without what an answer held."""

    reason: str


class Held(NamedTuple):
    """An address on an interface. flags: IFA_F_ of rtnetlink(7)."""

    address: Address
    flags: int = 0


def flaw(address: Address) -> str | None:
    """What keeps an address from being public, as a clause; None for one that is.

    Public is what IANA's special-purpose registries call globally reachable (`ipaddress.is_global`): so neither private
    (RFC 1918), unique local, link-local, nor behind a carrier's NAT (100.64.0.0/10, RFC 6598), nor for documentation.
    Multicast and addresses that carry an IPv4 address inside are not either.
    """
    if address.is_multicast or not address.is_global:
        kind = "link-local" if address.is_link_local else "private" if address.is_private else "not public"
        return f"{address} is {kind}"
    if any(address in network for network in _TUNNELS if network.version == address.version):
        return f"{address} carries an IPv4 address inside"
    return None


def of_interface(
    name: str, held: Collection[Held], family: Family, ours: Collection[Address] = ()
) -> Address | Refusal:
    """The one public address of an interface. ours: virtual IPs of the site, which move from node to node."""
    mine = [item for item in held if item.address.version == family.version]
    found, flaws = set[Address](), []
    for item in mine:
        said = _unusable(item, ours) or flaw(item.address)
        if said is None:
            found.add(item.address)
        else:
            flaws.append(said)
    if len(found) == 1:
        return found.pop()
    if found:
        several = ", ".join(map(str, sorted(found, key=int)))
        return Refusal(f"{name} has {len(found)} public {family} addresses: {several}")
    return Refusal(f"{name} has no public {family} address" + (f": {'; '.join(flaws[:5])}" if flaws else ""))


def _unusable(item: Held, ours: Collection[Address]) -> str | None:
    if item.address in ours:
        return f"{item.address} is a virtual IP"
    if item.flags & SECONDARY:
        return f"{item.address} is {'secondary' if item.address.version == 4 else 'temporary'}"
    return next((f"{item.address} is {word}" for bit, word in _UNUSABLE.items() if item.flags & bit), None)
