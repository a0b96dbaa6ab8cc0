"""ISC dhcpd's lease databases, dhcpd.leases and dhcpd6.leases (their manual page is dhcpd.leases(5)).

The server adds to the end of the file, so the last entry for an address counts; now and then it writes the file
anew. Times are UTC (`4 2026/11/19 22:00:00`, the weekday first), or `epoch 1795125600`, or `never`.
"""

import re
from calendar import timegm
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Literal

from reconciler.dns.reverse import Address
from reconciler.leases.isctext import Reader, Statement, string
from reconciler.leases.lease import Complaints, Lease, Parsed, mac_or_none, octets, told_name
from reconciler.state.text import shown

_DATE = re.compile(r"([0-9]{4})/([0-9]{1,2})/([0-9]{1,2}) ([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})", re.ASCII)
_IGNORED = frozenset({"failover", "host", "group", "class", "subclass", "ia-pd"})
"""Statements about other things than the addresses of clients."""
_ETHERNET = frozenset({"ethernet", "token-ring", "fddi"})
_NAMES = ("client-hostname", "ddns-client-fqdn")
"""Where the client's own name stands, best first; ddns-fwd-name is what the server made of it."""


class _BadEntry(ValueError):
    """An entry cannot be read; its text says why."""


def parse(data: bytes) -> Parsed:
    """What the file holds. Never raises; an entry whose closing brace is missing is left out."""
    complaints = Complaints()
    reader = Reader(data.decode("latin-1"), complaints)
    reading = _Reading()
    entries = 0
    for statement in reader.statements():
        if statement.damaged:
            continue
        try:
            reading.take(statement)
            entries += 1
        except _BadEntry as error:
            complaints.add(statement.line, f"{shown(' '.join(statement.words))}: {error}")
    whole = reader.complete and data.endswith(b"\n") and b"\0" not in data
    plausible = 0 < entries >= complaints.count
    return Parsed(tuple(reading.leases.values()), reading.server_duid, complaints.listed(), whole and plausible)


class _Reading:
    """What has been read so far."""

    def __init__(self) -> None:
        self.leases: dict[Address, Lease] = {}
        self.server_duid: str | None = None
        self._order: Literal["little", "big"] = "little"
        self._associations: dict[tuple[str, bytes], list[Address]] = {}

    def take(self, statement: Statement) -> None:
        """Enter one statement. Raises _BadEntry."""
        keyword = statement.words[0] if statement.words else ""
        if keyword in _IGNORED:
            return
        value = statement.words[1] if len(statement.words) > 1 else ""
        if keyword == "lease" and statement.block is not None:
            self._lease(value, statement.block)
        elif keyword in ("ia-na", "ia-ta") and statement.block is not None:
            self._association(keyword, value, statement.block)
        elif keyword == "server-duid":
            self.server_duid = _octets(value, keyword).hex(":")
        elif keyword == "authoring-byte-order":
            self._order = "big" if value == "big-endian" else "little"
        else:
            raise _BadEntry("not a statement of ISC dhcpd's lease file")

    def _lease(self, text: str, block: list[Statement]) -> None:
        address = _address(text, IPv4Address)
        fields = _fields(block)
        if not _active(fields):
            self.leases.pop(address, None)
            return
        hardware, uid = fields.get("hardware", []), fields.get("uid")
        mac = octets(hardware[1]) if len(hardware) > 1 and hardware[0] in _ETHERNET else None
        self.leases[address] = Lease(
            address,
            mac_or_none(mac or ""),
            _name(fields),
            _ends(fields),
            _octets(uid[0], "uid").hex(":") if uid else None,
        )

    def _association(self, kind: str, text: str, block: list[Statement]) -> None:
        """An identity association (RFC 8415 section 4.2): the IAID's four octets, then the client's DUID.

        Each entry lists all its addresses, so those of the last one that it does not list are free.
        """
        octets_of_id = _octets(text, kind)
        if len(octets_of_id) < 5:
            raise _BadEntry("no IAID with a DUID after it")
        iaid, duid = int.from_bytes(octets_of_id[:4], self._order), octets_of_id[4:].hex(":")
        listed: dict[Address, Lease | None] = {}
        for statement in block:
            if statement.words[:1] != ["iaaddr"] or statement.block is None:
                continue
            address = _address(statement.words[1] if len(statement.words) > 1 else "", IPv6Address)
            fields = _fields(statement.block)
            held = _active(fields)
            listed[address] = (
                Lease(address, None, _name(fields), _ends(fields), None, duid, iaid, kind == "ia-ta") if held else None
            )
        for address in self._associations.get((kind, octets_of_id), ()):
            known = self.leases.get(address)
            if known is not None and (known.duid, known.iaid) == (duid, iaid):
                del self.leases[address]
        for address, lease in listed.items():
            self.leases.pop(address, None)
            if lease is not None:
                self.leases[address] = lease
        self._associations[kind, octets_of_id] = list(listed)


Fields = Mapping[str, list[str]]
"""What follows a statement's first word; of `set NAME = VALUE`, the value by NAME."""


def _fields(block: Iterable[Statement]) -> Fields:
    found: dict[str, list[str]] = {}
    for statement in block:
        words = statement.words
        if statement.block is not None or not words:
            continue
        if words[0] == "set" and len(words) > 3 and words[2] == "=":
            found[words[1]] = words[3:]
        else:
            found[words[0]] = words[1:]
    return found


def _active(fields: Fields) -> bool:
    """Whether a client holds the address. Very old servers wrote no binding state for those that one does."""
    if "abandoned" in fields or "deleted" in fields:
        return False
    state = fields.get("binding", ["state", "active"])
    return state[-1:] == ["active"]


def _ends(fields: Fields) -> int | None:
    words = fields.get("ends")
    if words == ["never"]:
        return None
    if words and len(words) == 2 and words[0] == "epoch" and words[1].isdecimal() and len(words[1]) < 13:
        return int(words[1])
    match = _DATE.fullmatch(" ".join(words[1:3])) if words else None
    if match is None:
        raise _BadEntry("no time in its `ends`" if words else "it does not say when it ends")
    try:
        return timegm(tuple(map(int, match.groups())))
    except ValueError:
        raise _BadEntry(f"{match[0]} is no time") from None


def _name(fields: Fields) -> str | None:
    for key in _NAMES:
        if words := fields.get(key):
            told = string(words[0])
            name = words[0] if told is None else told.decode("utf-8", "replace")
            if told_name(name):
                return name
    return None


def _octets(token: str, what: str) -> bytes:
    found = string(token)
    if not found:
        raise _BadEntry(f"{what} {shown(token)} is no string of octets")
    return found


def _address(text: str, kind: Callable[[str], Address]) -> Address:
    try:
        return kind(text)
    except ValueError:
        raise _BadEntry(f"{shown(text)} is no address") from None
