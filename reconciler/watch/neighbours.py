"""The kernel's neighbour table: which MAC was seen behind which address (rtnetlink(7), RTM_NEWNEIGH).

SLAAC clients choose their IPv6 addresses by themselves; this table is where they show. Needs no rights.
"""

import errno
import select
import socket
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from itertools import islice
from typing import Any, NamedTuple

from pyroute2.netlink import NLM_F_DUMP, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR
from pyroute2.netlink.rtnl import RTM_DELNEIGH, RTM_GETNEIGH, RTM_NEWNEIGH, RTMGRP_NEIGH
from pyroute2.netlink.rtnl.marshal import MarshalRtnl
from pyroute2.netlink.rtnl.ndmsg import (
    NTF_PROXY,
    NUD_DELAY,
    NUD_PERMANENT,
    NUD_PROBE,
    NUD_REACHABLE,
    NUD_STALE,
    ndmsg,
)

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

_BUFFER = 1 << 20
"""Bytes of events that may wait (the kernel may grant less)."""
_BATCH = 256
"""Events between two looks at whether a wake is due."""
_DUMP_TIMEOUT = 5.0
_DUMP_TRIES = 5
_DUMP_INTERRUPTED = 0x10
"""NLM_F_DUMP_INTR: the table changed during the dump, which may lack an entry."""


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


class Table:
    """The source: the table, kept by the kernel's events. Raises OSError without netlink."""

    retry: float | None = None

    def __init__(self, wanted: Callable[[Address], bool]) -> None:
        self._wanted = wanted
        self._entries: dict[tuple[int, Address], tuple[str, str]] = {}
        self._lock = threading.Lock()
        self._marshal = MarshalRtnl()
        self._events = _socket(RTMGRP_NEIGH)
        self._events.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        self._events.setblocking(False)

    def entries(self) -> list[tuple[tuple[int, Address], tuple[str, str]]]:
        """((interface's number, address), (MAC, state)) of each entry. Any thread may."""
        with self._lock:
            return list(self._entries.items())

    def descriptors(self) -> Mapping[int, int]:
        """See Source."""
        return {self._events.fileno(): select.POLLIN}

    def ready(self, descriptors: Collection[int]) -> bool:
        """See Source."""
        if not descriptors:
            self._dump()
            return True
        try:
            return self._take()
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
        # Events were lost. What waits still is older than the dump, and would spoil it.
        self._drain()
        self._dump()
        return True

    def close(self) -> None:
        """See Source."""
        self._events.close()

    def _take(self) -> bool:
        changed = False
        for data in islice(_waiting(self._events), _BATCH):
            for message in self._marshal.parse(data):
                changed = self._apply(message) or changed
        return changed

    def _apply(self, message: Any) -> bool:
        """Take one message into the table. Whether it changed a MAC that is asked for."""
        kind = message["header"]["type"]
        place = _place(message) if kind in (RTM_NEWNEIGH, RTM_DELNEIGH) else None
        if place is None:
            return False
        entry = _entry(message) if kind == RTM_NEWNEIGH else None
        with self._lock:
            old = self._entries.pop(place, None)
            if entry is not None:
                self._entries[place] = entry
        return (old and old[0]) != (entry and entry[0]) and self._wanted(place[1])

    def _drain(self) -> None:
        while True:
            try:
                for _ in _waiting(self._events):
                    pass
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise

    def _dump(self) -> None:
        for _ in range(_DUMP_TRIES):
            found = dict[tuple[int, Address], tuple[str, str]]()
            whole = True
            for message in self._dumped():
                place, entry = _place(message), _entry(message)
                whole = whole and not message["header"]["flags"] & _DUMP_INTERRUPTED
                if place is not None and entry is not None:
                    found[place] = entry
            if whole:
                break
        # Interrupted each time: the events that interrupted it are still to come, and make it whole.
        with self._lock:
            self._entries = found

    def _dumped(self) -> Iterator[Any]:
        request = ndmsg()
        request["header"]["type"] = RTM_GETNEIGH
        request["header"]["flags"] = NLM_F_REQUEST | NLM_F_DUMP
        request.encode()
        with _socket(0) as connection:
            connection.settimeout(_DUMP_TIMEOUT)
            connection.send(request.data)
            while True:
                for message in self._marshal.parse(connection.recv(1 << 18)):
                    kind = message["header"]["type"]
                    if kind == NLMSG_DONE:
                        return
                    if kind == NLMSG_ERROR:
                        raise OSError(errno.EIO, f"the kernel gave no neighbours: {message['header']['error']}")
                    if kind == RTM_NEWNEIGH:
                        yield message


def _socket(groups: int) -> socket.socket:
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    made.bind((0, groups))
    return made


def _waiting(events: socket.socket) -> Iterator[bytes]:
    """Every message from the kernel that waits."""
    while True:
        try:
            data, (sender, _) = events.recvfrom(1 << 18)
        except BlockingIOError:
            return
        if sender == 0:
            yield data


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
