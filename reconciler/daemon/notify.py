"""Telling systemd how the service is (sd_notify(3)): readiness, status text, signs of life."""

import os
import socket


def notify(*fields: str) -> None:
    """Send fields such as `READY=1`; nothing happens where systemd did not start us."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as connection:
        try:
            connection.sendto("\n".join(fields).encode(), address)
        except OSError:
            # The service must not fail because systemd's socket did.
            return
