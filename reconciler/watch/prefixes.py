"""Delegated prefixes, as the kernel's addresses and routes show them (rtnetlink(7)). Needs no rights."""

import contextlib
import select
import socket
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from ipaddress import IPv6Address, IPv6Network
from typing import Any

from pyroute2.netlink.rtnl import (
    RTM_GETADDR,
    RTM_GETROUTE,
    RTM_NEWADDR,
    RTM_NEWROUTE,
    RTMGRP_IPV6_IFADDR,
    RTMGRP_IPV6_ROUTE,
)
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from reconciler.site import KnownPrefix
from reconciler.watch import netlink
from reconciler.watch.shown import Follow, Held, Route, Table, shown, soonest
from reconciler.watch.thread import LATEST, QUIET, WatchThread

_LEAST = 0.1
"""Seconds between two looks, however many routes change."""
_DUMP_TRIES = 5
_MAIN, _UNICAST = 254, 1
_REJECTING = frozenset({6, 7, 8})
"""RTN_BLACKHOLE, _UNREACHABLE and _PROHIBIT of linux/rtnetlink.h."""
_FOR_EVER = 0xFFFF_FFFF


class Delegations(WatchThread["Kernel"]):
    """Calls `wake()`, from its own thread, when another prefix counts for one of the interfaces in `settle`.

    settle: how long a prefix must stand before it counts, in seconds, by interface. virtual: see `shown`. known: what
    counts at the start. Events only have everything read anew.
    """

    def __init__(
        self,
        wake: Callable[[], None],
        settle: Mapping[str, float],
        virtual: Collection[int] = (),
        known: Mapping[str, KnownPrefix] | None = None,
    ) -> None:
        super().__init__("delegated prefixes", lambda: Kernel(settle, virtual, known or {}), wake, QUIET, LATEST)

    @property
    def known(self) -> Mapping[str, KnownPrefix]:
        """What counts, by interface. Any thread may ask."""
        return self._source.known if self._source is not None else {}

    @property
    def seen(self) -> Mapping[str, IPv6Network | None] | None:
        """What each interface shows at present; None before the first look. Any thread may ask."""
        return self._source.seen if self._source is not None else None

    @property
    def addresses(self) -> frozenset[IPv6Address] | None:
        """All IPv6 addresses of this host; None before the first look. Any thread may ask."""
        return self._source.addresses if self._source is not None else None


class Kernel:
    """The source: see watch/thread.py. Raises OSError without netlink."""

    def __init__(self, settle: Mapping[str, float], virtual: Collection[int], known: Mapping[str, KnownPrefix]) -> None:
        self.retry: float | None = None
        self.known: Mapping[str, KnownPrefix] = dict(known)
        self.seen: Mapping[str, IPv6Network | None] | None = None
        self.addresses: frozenset[IPv6Address] | None = None
        self._settle = settle
        self._virtual = virtual
        self._follows = {name: Follow(known.get(name)) for name in settle}
        self._looked = 0.0
        self._events = netlink.listen(RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE)

    def descriptors(self) -> Mapping[int, int]:
        """See Source."""
        return {self._events.fileno(): select.POLLIN}

    def ready(self, descriptors: Collection[int]) -> bool:
        """See Source."""
        netlink.drain(self._events)
        now = time.monotonic()
        if now - self._looked < _LEAST:
            self.retry = _LEAST
            return False
        self._looked = now
        table = look()
        seen = {
            name: shown(table, name, self._virtual, follow.known.prefix if follow.known else None)
            for name, follow in self._follows.items()
        }
        moment = int(time.time())
        steps = [follow.step(seen[name], self._settle[name], now, moment) for name, follow in self._follows.items()]
        self.known = {name: follow.known for name, follow in self._follows.items() if follow.known is not None}
        self.seen, self.addresses = seen, table.usable
        self.retry = soonest(self._follows, self._settle, now)
        return any(steps)

    def close(self) -> None:
        """See Source."""
        self._events.close()


def look() -> Table:
    """What the kernel has now. Raises OSError."""
    names: dict[int, str] = {}
    addresses = _dumped(ifaddrmsg, RTM_GETADDR, RTM_NEWADDR, "addresses")
    routes = _dumped(rtmsg, RTM_GETROUTE, RTM_NEWROUTE, "routes")
    return Table(
        tuple(held for message in addresses if (held := _held(message, names))),
        tuple(route for message in routes if (route := _route(message, names))),
    )


def _dumped(make: Callable[[], Any], asked: int, kind: int, what: str) -> Iterator[Any]:
    for _ in range(_DUMP_TRIES):
        request = make()
        request["family"] = socket.AF_INET6
        found = list(netlink.dumped(request, asked, kind, what))
        if not any(message["header"]["flags"] & netlink.DUMP_INTERRUPTED for message in found):
            break
    # Interrupted each time: the events that did it are still to come, and have it read again.
    yield from (message for message in found if message["family"] == socket.AF_INET6)


def _held(message: Any, names: dict[int, str]) -> Held | None:
    # On a point-to-point link IFA_ADDRESS is the peer's.
    text = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
    if not text:
        return None
    flags, lifetimes = message.get_attr("IFA_FLAGS"), message.get_attr("IFA_CACHEINFO")
    preferred = lifetimes["ifa_preferred"] if lifetimes else _FOR_EVER
    return Held(
        _name(message["index"], names),
        IPv6Address(text),
        message["prefixlen"],
        int(message["flags"] if flags is None else flags),
        None if preferred == _FOR_EVER else preferred,
    )


def _route(message: Any, names: dict[int, str]) -> Route | None:
    kind = message["type"]
    if message["table"] != _MAIN or (kind != _UNICAST and kind not in _REJECTING):
        return None
    prefix = IPv6Network((message.get_attr("RTA_DST") or "::", message["dst_len"]), strict=False)
    ways = [message.get_attr("RTA_OIF"), *(hop["oif"] for hop in message.get_attr("RTA_MULTIPATH") or ())]
    interfaces = tuple(_name(way, names) for way in ways if way)
    return Route(prefix, kind in _REJECTING, message["proto"], interfaces)


def _name(index: int, names: dict[int, str]) -> str:
    if index not in names:
        names[index] = f"#{index}"
        with contextlib.suppress(OSError):
            names[index] = socket.if_indextoname(index)
    return names[index]
