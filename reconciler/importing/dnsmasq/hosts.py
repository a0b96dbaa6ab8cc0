"""Hosts files (hosts(5)) and ethers(5), as dnsmasq takes them."""

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address

from reconciler.dns import names
from reconciler.errors import BadName
from reconciler.importing.found import Address, Fate, FoundName, FoundReservation, Line
from reconciler.importing.source import Source, Unreadable, shown

_MAC = re.compile(r"[0-9a-f]{1,2}(?::[0-9a-f]{1,2}){5}", re.IGNORECASE | re.ASCII)

Progress = Callable[[str], None]


def address_of(text: str) -> Address | None:
    """The address that a text is; one with a scope is none here."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return None if isinstance(address, IPv6Address) and address.scope_id else address


def mac_of(text: str) -> str | None:
    """Canonical form of an Ethernet address without wildcards."""
    if not _MAC.fullmatch(text):
        return None
    return ":".join(part.zfill(2) for part in text.lower().split(":"))


def read_hosts(source: Source, path: str, lines: list[Line], progress: Progress) -> list[FoundName]:
    """The names of one file; `lines` gets a line for each."""
    try:
        text = source.text(path)
    except Unreadable as error:
        lines.append(Line(path, 1, "(the file)", Fate.LEFT, str(error)))
        return []
    if text.latin1:
        lines.append(Line(path, 1, "(the file)", Fate.TAKEN, "not UTF-8: read as ISO 8859-1 (Latin-1)"))
    found: list[FoundName] = []
    for number, line in text.lines():
        words = line.partition("#")[0].split()
        if not words:
            continue
        address = address_of(words[0])
        if address is None:
            lines.append(Line(path, number, shown(line), Fate.LEFT, f"{shown(words[0])} is no address"))
        elif reason := _own(address, words[1:]):
            lines.append(Line(path, number, shown(line), Fate.LEFT, reason))
        else:
            found.append(FoundName(words[1].lower(), address, tuple(map(str.lower, words[2:])), path, number))
            lines.append(Line(path, number, shown(line), Fate.TAKEN, ""))
        if number % 100_000 == 0:
            progress(f"{path}: {number} lines")
    return found


def _own(address: Address, words: list[str]) -> str:
    """Why a line is no business of others."""
    if address.is_loopback:
        return "the machine's own name"
    if address.is_multicast or (isinstance(address, IPv6Address) and address.is_link_local):
        return "an address of the machine's own links"
    if address in (IPv4Address("255.255.255.255"), IPv6Address("fe00::"), IPv6Address("ff00::")):
        return "no host's address"
    if not words:
        return "an address without a name"
    bad = next((word for word in words if not is_name(word)), None)
    return f"{shown(bad)} is no host name" if bad is not None else ""


def is_name(text: str) -> bool:
    """Whether a text can be a host's name."""
    try:
        return names.is_hostname(names.parse(text)) and "*" not in text
    except BadName:
        return False


def read_ethers(source: Source, path: str, lines: list[Line]) -> list[FoundReservation]:
    """The reservations of /etc/ethers: a MAC address, and an IPv4 address or a name."""
    try:
        text = source.text(path)
    except Unreadable as error:
        lines.append(Line(path, 1, "(the file)", Fate.LEFT, str(error)))
        return []
    found = []
    for number, line in text.lines():
        words = line.partition("#")[0].split()
        if not words:
            continue
        mac = mac_of(words[0])
        if mac is None or len(words) != 2:
            lines.append(Line(path, number, shown(line), Fate.LEFT, "not a MAC address with an address or name"))
            continue
        address = address_of(words[1])
        if address is None and not is_name(words[1]):
            lines.append(Line(path, number, shown(line), Fate.LEFT, f"{shown(words[1])} is neither address nor name"))
            continue
        name, addresses = ("", (address,)) if address else (words[1].lower(), ())
        found.append(FoundReservation((mac,), name, addresses, path=path, number=number))
        lines.append(Line(path, number, shown(line), Fate.TAKEN, ""))
    return found
