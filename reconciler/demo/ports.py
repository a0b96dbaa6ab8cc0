"""Unprivileged ports on loopback that nobody uses at the moment."""

import secrets
import socket

_FIRST, _LAST = 10_240, 32_000
"""Below the range from which the kernel takes ports for outgoing connections (ip(7)), which come and go."""


def free_port(address: str = "127.0.0.1") -> int:
    """Return a port that is free for UDP and for TCP on `address`."""
    while True:
        port = _FIRST + secrets.randbelow(_LAST - _FIRST)
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
        ):
            try:
                udp.bind((address, port))
                tcp.bind((address, port))
            except OSError:
                continue
            return port
