"""Addresses of network interfaces, as the kernel tells them (rtnetlink(7), RTM_NEWADDR and RTM_DELADDR)."""

import socket
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Any

from pyroute2.netlink.rtnl import (
    RTM_DELADDR,
    RTM_GETADDR,
    RTM_NEWADDR,
    RTMGRP_IPV4_IFADDR,
    RTMGRP_IPV6_IFADDR,
)
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg

from reconciler.wan.public import Held
from reconciler.watch import netlink
from reconciler.watch.mirror import Mirror
from reconciler.watch.thread import LATEST, QUIET, WatchThread

Place = tuple[int, str]
"""An interface's number, and an address of it as text."""


class Addresses(WatchThread["Table"]):
    """Calls `wake()`, from its own thread, when an address of any interface comes, goes or changes its flags.

    And once when all were read, at the start and after events were lost.
    """

    def __init__(self, wake: Callable[[], None], *, quiet: float = QUIET, latest: float = LATEST) -> None:
        super().__init__("the addresses of interfaces", Table, wake, quiet, latest)

    def of(self, interface: str) -> tuple[Held, ...]:
        """The addresses of an interface; none before the first wake, or where there is no such interface."""
        if self._source is None:
            return ()
        try:
            index = socket.if_nametoindex(interface)
        except OSError:
            return ()
        return tuple(held for (number, _), held in self._source.entries() if number == index)


class Table(Mirror[Place, Held]):
    """The source: all addresses."""

    def __init__(self) -> None:
        super().__init__(RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR)

    def _dumped(self) -> Iterable[Any]:
        return netlink.dumped(ifaddrmsg(), RTM_GETADDR, RTM_NEWADDR, "addresses")

    def _read(self, message: Any) -> tuple[Place, Held | None] | None:
        kind = message["header"]["type"]
        found = _address(message) if kind in (RTM_NEWADDR, RTM_DELADDR) else None
        return (found[0], found[1] if kind == RTM_NEWADDR else None) if found else None

    def _matters(self, key: Place, old: Held | None, new: Held | None) -> bool:
        return old != new


def _address(message: Any) -> tuple[Place, Held] | None:
    """One address; None for what is no IP address. On a point-to-point link IFA_ADDRESS is the peer's."""
    if message["family"] not in (socket.AF_INET, socket.AF_INET6):
        return None
    text = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
    if not text:
        return None
    # IFA_FLAGS has all of them, the header's field the low eight only.
    flags = message.get_attr("IFA_FLAGS")
    return (message["index"], text), Held(ip_address(text), int(message["flags"] if flags is None else flags))
