"""The kernel's neighbour table: which MAC was seen behind which address (rtnetlink(7), RTM_NEWNEIGH).

SLAAC clients choose their IPv6 addresses by themselves; this table is where they show. Needs no rights.
"""

import socket
from collections.abc import Callable, Collection, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, NamedTuple

from pyroute2.netlink.rtnl import RTM_DELNEIGH, RTM_GETNEIGH, RTM_NEWNEIGH, RTMGRP_NEIGH
from pyroute2.netlink.rtnl.ndmsg import (
    NTF_PROXY,
    NUD_DELAY,
    NUD_PERMANENT,
    NUD_PROBE,
    NUD_REACHABLE,
    NUD_STALE,
    ndmsg,
)

from reconciler.watch import netlink
from reconciler.watch.mirror import Mirror
from reconciler.watch.thread import LATEST, QUIET, WatchThread

Address = IPv4Address | IPv6Address
Prefix = IPv4Network | IPv6Network

_STATES = {
    NUD_REACHABLE: "reachable",
    NUD_STALE: "stale",
    NUD_DELAY: "delay",
    NUD_PROBE: "probe",
    NUD_PERMANENT: "permanent",
}
"""States in which the kernel knows the MAC. Not `failed`, `incomplete`; `noarp` is no client."""


class Neighbour(NamedTuple):
    """One entry."""

    address: Address
    mac: str
    """Lower case, with colons."""
    interface: str
    """Its name."""
    state: str
    """`reachable`, `stale`, `delay`, `probe` or `permanent`."""


class Neighbours(WatchThread["Table"]):
    """Calls `wake()`, from its own thread, when an address in `prefixes` gets, changes or loses its MAC.

    And once when the table was read, at the start and after events were lost. `prefixes` may be set anew at any time.
    """

    def __init__(
        self,
        wake: Callable[[], None],
        prefixes: Collection[Prefix] = (),
        *,
        quiet: float = QUIET,
        latest: float = LATEST,
    ) -> None:
        self.prefixes = tuple(prefixes)
        super().__init__("the neighbour table", lambda: Table(self._wanted), wake, quiet, latest)

    def snapshot(self) -> tuple[Neighbour, ...]:
        """The entries in `prefixes`, by address; none before the first wake."""
        if self._source is None:
            return ()
        names: dict[int, str] = {}
        found = []
        for (interface, address), (mac, state) in self._source.entries():
            if self._wanted(address):
                name = names.get(interface) or names.setdefault(interface, _name(interface))
                found.append(Neighbour(address, mac, name, state))
        return tuple(sorted(found, key=lambda entry: (entry.address.version, int(entry.address), entry.interface)))

    def _wanted(self, address: Address) -> bool:
        return any(address in prefix for prefix in self.prefixes)


class Table(Mirror[tuple[int, Address], tuple[str, str]]):
    """The source: (MAC, state) by the interface's number and address."""

    def __init__(self, wanted: Callable[[Address], bool]) -> None:
        self._wanted = wanted
        super().__init__(RTMGRP_NEIGH)

    def _dumped(self) -> Iterable[Any]:
        return netlink.dumped(ndmsg(), RTM_GETNEIGH, RTM_NEWNEIGH, "neighbours")

    def _read(self, message: Any) -> tuple[tuple[int, Address], tuple[str, str] | None] | None:
        kind = message["header"]["type"]
        place = _place(message) if kind in (RTM_NEWNEIGH, RTM_DELNEIGH) else None
        return (place, _entry(message) if kind == RTM_NEWNEIGH else None) if place else None

    def _matters(self, key: tuple[int, Address], old: tuple[str, str] | None, new: tuple[str, str] | None) -> bool:
        return (old and old[0]) != (new and new[0]) and self._wanted(key[1])


def _place(message: Any) -> tuple[int, Address] | None:
    """Interface and address of an IP neighbour; None for what is no client's (a bridge's table, link-local …)."""
    text = message.get_attr("NDA_DST")
    if message["family"] not in (socket.AF_INET, socket.AF_INET6) or message["flags"] & NTF_PROXY or not text:
        return None
    address = ip_address(text)
    if address.is_link_local or address.is_multicast or address.is_loopback or address.is_unspecified:
        return None
    return message["ifindex"], address


def _entry(message: Any) -> tuple[str, str] | None:
    """(MAC, state); None while there is none."""
    mac = message.get_attr("NDA_LLADDR")
    state = _STATES.get(message["state"])
    if state is None or not isinstance(mac, str) or len(mac) != 17 or mac == "00:00:00:00:00:00":
        return None
    return mac.lower(), state


def _name(interface: int) -> str:
    try:
        return socket.if_indextoname(interface)
    except OSError:
        return f"#{interface}"
