"""Unprivileged ports on loopback that nobody uses at the moment."""

import socket


def free_port(address: str = "127.0.0.1") -> int:
    """Return a port that is free for UDP and for TCP on `address`, from the kernel's ephemeral range."""
    while True:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
        ):
            udp.bind((address, 0))
            port = int(udp.getsockname()[1])
            try:
                tcp.bind((address, port))
            except OSError:
                continue
            return port
