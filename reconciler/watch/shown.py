"""Which delegated prefix an interface shows, and when a new one counts. Pure: values in, values out.

On-link prefixes stand in the interface's addresses. What a DHCPv6 client of this host was delegated (RFC 8415) stands
in no address: dhcpcd and systemd-networkd make an unreachable route for it, which the kernel hangs on `lo` whatever
interface it came from. It is taken for that of the interface with the default route.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network
from typing import NamedTuple

from reconciler.dns.prefixes import SUBNET, is_public
from reconciler.site import KnownPrefix

LOOPBACK = "lo"

_SHORTEST = 16
_TEMPORARY, _OPTIMISTIC, _FAILED, _DEPRECATED, _TENTATIVE, _PERMANENT = 0x01, 0x04, 0x08, 0x20, 0x40, 0x80
"""IFA_F_… of linux/if_addr.h."""
_UNFIT = _TEMPORARY | _OPTIMISTIC | _FAILED | _DEPRECATED | _TENTATIVE
_PROTOCOLS = frozenset({3, 4, 9, 16})
"""RTPROT_BOOT, _STATIC, _RA and _DHCP of linux/rtnetlink.h: who is no routing daemon."""


class Held(NamedTuple):
    """An IPv6 address of an interface. preferred: seconds for which it is so yet, None for ever. flags: IFA_F_…"""

    interface: str
    address: IPv6Address
    length: int
    flags: int
    preferred: int | None


class Route(NamedTuple):
    """A route of the main table. rejects: unreachable, blackhole or prohibit. interfaces: where others lead to."""

    prefix: IPv6Network
    rejects: bool
    protocol: int
    interfaces: tuple[str, ...]


class Table(NamedTuple):
    """What the kernel tells."""

    addresses: tuple[Held, ...] = ()
    routes: tuple[Route, ...] = ()

    @property
    def usable(self) -> frozenset[IPv6Address]:
        """All addresses that the host answers at."""
        return frozenset(held.address for held in self.addresses if not held.flags & (_TENTATIVE | _FAILED))


def shown(table: Table, interface: str, virtual: Collection[int], current: IPv6Network | None) -> IPv6Network | None:
    """The prefix that an interface shows, None for none. Of several the current one, else the longest preferred.

    virtual: the last 64 bits of virtual addresses. The pair's manager keeps them on the interface whatever happens to
    their prefix, so that they tell nothing.
    """
    found = _routed(table, interface) or _on_link(table, interface, virtual)
    if current in found:
        return current
    return max(found, key=lambda prefix: (found[prefix], -int(prefix.network_address)), default=None)


def _routed(table: Table, interface: str) -> dict[IPv6Network, float]:
    """Prefixes with their preferred lifetimes, as of `_on_link`."""
    upstream = {name for route in table.routes if _is_default(route) for name in route.interfaces}
    if interface != LOOPBACK and upstream != {interface}:
        return {}
    found = {route.prefix for route in table.routes if route.rejects and route.protocol in _PROTOCOLS}
    fit = [prefix for prefix in found if _fits(prefix)]
    return {prefix: math.inf for prefix in fit if not any(prefix != item and prefix.subnet_of(item) for item in fit)}


def _is_default(route: Route) -> bool:
    return route.prefix.prefixlen == 0 and not route.rejects


def _on_link(table: Table, interface: str, virtual: Collection[int]) -> dict[IPv6Network, float]:
    mine = [held for held in table.addresses if held.interface == interface and not held.flags & _UNFIT]
    mine = [held for held in mine if int(held.address) & (2**SUBNET - 1) not in virtual and held.preferred != 0]
    # What the network gives knows of a change; what was written down does not.
    given = [held for held in mine if not held.flags & _PERMANENT]
    found: dict[IPv6Network, float] = {}
    for held in given or mine:
        prefix = IPv6Network((held.address, held.length), strict=False)
        lifetime = math.inf if held.preferred is None else held.preferred
        if _fits(prefix):
            found[prefix] = max(lifetime, found.get(prefix, 0))
    return found


def _fits(prefix: IPv6Network) -> bool:
    return is_public(prefix.network_address) and _SHORTEST <= prefix.prefixlen <= SUBNET


@dataclass(slots=True)
class Follow:
    """What is believed of one interface, and what may come to be believed."""

    known: KnownPrefix | None = None
    candidate: IPv6Network | None = None
    first: float = 0.0
    """When the candidate was first seen, as `step` was told."""

    def step(self, seen: IPv6Network | None, settle: float, now: float, moment: int) -> bool:
        """Take in what is shown; whether another prefix is believed now. An interface that shows none changes nothing.

        now: seconds of a clock that never jumps; moment: Unix time, seconds.
        """
        if seen is None or (self.known is not None and seen == self.known.prefix):
            self.candidate = None
            return False
        if seen != self.candidate:
            self.candidate, self.first = seen, now
        if now - self.first < settle:
            return False
        self.known, self.candidate = KnownPrefix(seen, moment), None
        return True

    def due(self, settle: float, now: float) -> float | None:
        """Seconds until the candidate counts, if it stays; None without one."""
        return None if self.candidate is None else max(self.first + settle - now, 0.0)


def soonest(follows: Mapping[str, Follow], settle: Mapping[str, float], now: float) -> float | None:
    """Seconds until the next candidate counts; None without any."""
    waits: Iterable[float | None] = (follow.due(settle[name], now) for name, follow in follows.items())
    return min((wait for wait in waits if wait is not None), default=None)
