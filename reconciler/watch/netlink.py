"""Listening to the kernel over rtnetlink(7), and asking it for a whole table. Needs no rights."""

import errno
import socket
from collections.abc import Iterator
from typing import Any

from pyroute2.netlink import NLM_F_DUMP, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR
from pyroute2.netlink.rtnl.marshal import MarshalRtnl

DUMP_INTERRUPTED = 0x10
"""NLM_F_DUMP_INTR: the table changed during the dump, which may lack an entry."""

_BUFFER = 1 << 20
"""Bytes of events that may wait (the kernel may grant less)."""
_DUMP_TIMEOUT = 5.0


def listen(groups: int) -> socket.socket:
    """A socket that gets the events of these groups, and never blocks. Raises OSError."""
    made = _socket(groups)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    made.setblocking(False)
    return made


def waiting(events: socket.socket) -> Iterator[bytes]:
    """Every message from the kernel that waits. Raises OSError with ENOBUFS once after some were lost."""
    while True:
        try:
            data, (sender, _) = events.recvfrom(1 << 18)
        except BlockingIOError:
            return
        if sender == 0:
            yield data


def drain(events: socket.socket) -> None:
    """Throw away what waits."""
    while True:
        try:
            for _ in waiting(events):
                pass
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise


def dumped(request: Any, asked: int, kind: int, what: str) -> Iterator[Any]:
    """All entries of a table. asked: RTM_GET…; kind: RTM_NEW… of the entries; what: the table, for a message."""
    request["header"]["type"] = asked
    request["header"]["flags"] = NLM_F_REQUEST | NLM_F_DUMP
    request.encode()
    marshal = MarshalRtnl()
    with _socket(0) as connection:
        connection.settimeout(_DUMP_TIMEOUT)
        connection.send(request.data)
        while True:
            for message in marshal.parse(connection.recv(1 << 18)):
                found = message["header"]["type"]
                if found == NLMSG_DONE:
                    return
                if found == NLMSG_ERROR:
                    raise OSError(errno.EIO, f"the kernel gave no {what}: {message['header']['error']}")
                if found == kind:
                    yield message


def _socket(groups: int) -> socket.socket:
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    made.bind((0, groups))
    return made
