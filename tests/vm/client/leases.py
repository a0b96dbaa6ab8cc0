"""Leases addresses for one new DHCP client after another until told to stop: `leases.py RESULTS STOP FIRST`.

Client N (from FIRST on) calls itself clientN. Each that got a DHCPACK (RFC 2131) is a line of JSON in RESULTS: name,
mac, address, and when.
"""

import json
import os
import socket
import struct
import sys
import time
from pathlib import Path

DISCOVER, OFFER, REQUEST, ACK = 1, 2, 3, 5
MAGIC = b"\x63\x82\x53\x63"
HEADER = "!BBBBIHH4s4s4s4s16s192x"
BROADCAST = 0x8000
"""The answer is to be broadcast, since this address is nobody's yet."""
PAUSE = 2.0
"""Between clients; without, an emulated node has time for nothing else."""
PATIENCE = 8.0
"""dnsmasq pings an address for 3 s before it offers it."""


def message(kind: int, number: int, *options: bytes) -> bytes:
    header = struct.pack(HEADER, 1, 1, 6, 0, number, 0, BROADCAST, *[bytes(4)] * 4, mac(number).ljust(16, b"\0"))
    return header + MAGIC + bytes([53, 1, kind]) + b"".join(options) + option(12, f"client{number}".encode()) + b"\xff"


def option(code: int, value: bytes) -> bytes:
    return bytes([code, len(value)]) + value


def mac(number: int) -> bytes:
    return b"\x52\x54\x01" + number.to_bytes(3, "big")


def options(data: bytes) -> dict[int, bytes]:
    found, at = {}, 240
    while at < len(data) and data[at] != 255:
        if data[at] == 0:
            at += 1
            continue
        found[data[at]] = data[at + 2 : at + 2 + data[at + 1]]
        at += 2 + data[at + 1]
    return found


def exchange(link: socket.socket, request: bytes, number: int, kind: int) -> bytes | None:
    """The answer of that kind to the client; None when none came in time."""
    link.sendto(request, ("255.255.255.255", 67))
    end = time.monotonic() + PATIENCE
    while (left := end - time.monotonic()) > 0:
        link.settimeout(left)
        try:
            data = link.recv(2048)
        except TimeoutError:
            return None
        if len(data) > 240 and data[4:8] == number.to_bytes(4, "big") and options(data).get(53) == bytes([kind]):
            return data
    return None


def lease(link: socket.socket, number: int) -> str | None:
    """The address that a new client got."""
    offer = exchange(link, message(DISCOVER, number), number, OFFER)
    if offer is None:
        return None
    wanted = option(50, offer[16:20]) + option(54, options(offer)[54])
    ack = exchange(link, message(REQUEST, number, wanted), number, ACK)
    return socket.inet_ntoa(ack[16:20]) if ack else None


def main(results: Path, stop: Path, number: int) -> None:
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
    link.bind(("", 68))
    with results.open("a") as file:
        while not stop.exists():
            number += 1
            address = lease(link, number)
            if address:
                line = {"name": f"client{number}", "mac": mac(number).hex(":"), "address": address, "at": time.time()}
                file.write(json.dumps(line) + "\n")
                file.flush()
                os.fsync(file.fileno())
            time.sleep(PAUSE)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
