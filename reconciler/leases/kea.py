"""Kea's memfile lease database, DHCPv4 and DHCPv6 (Kea's csv_lease_file4.cc, csv_lease_file6.cc, csv_file.cc).

The first line names the columns, of which later versions of the schema have more. Lines are only ever added: the
last one for an address counts, and a lifetime of 0 ends its lease. Now and then kea-lfc folds the file away into
others next to it, which `merge` reads as the server does when it starts.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from reconciler.dns.reverse import Address
from reconciler.leases.lease import Complaints, Lease, Parsed, mac_or_none, octets, told_name
from reconciler.state.text import shown

INPUT, PREVIOUS, COMPLETED = ".1", ".2", ".completed"
"""What follows the lease file's name: what kea-lfc reads, its last result, its result that is not yet renamed."""

_V4_COLUMNS: tuple[str, ...] = ("address", "hwaddr", "client_id", "valid_lifetime", "expire", "hostname")
_V6_COLUMNS: tuple[str, ...] = ("address", "duid", "valid_lifetime", "expire", "lease_type", "iaid", "hostname")
_ESCAPE = re.compile(r"&#x([0-9a-fA-F]{2})")
_ASSIGNED, _STATES = "0", 4
_NON_TEMPORARY, _TEMPORARY, _DELEGATED_PREFIX = "0", "1", "2"
_INFINITE = 0xFFFFFFFF
_NUMBER = re.compile(r"[0-9]{1,12}", re.ASCII)


class _BadRow(ValueError):
    """A row cannot be read; its text says why."""


@dataclass(slots=True)
class _Reading:
    """What has been read so far; `where` is put before each complaint."""

    leases: dict[Address, Lease] = field(default_factory=dict)
    complaints: Complaints = field(default_factory=Complaints)
    rows: int = 0
    where: str = ""


def parse(data: bytes) -> Parsed:
    """What one file holds. Never raises; a last line without newline is left out, for it may be cut."""
    reading = _Reading()
    complete = _read(data, reading)
    return Parsed(tuple(reading.leases.values()), None, reading.complaints.listed(), complete)


def merge(files: Mapping[str, bytes]) -> Parsed:
    """What lease files (DHCPv4, DHCPv6 or both) hold together with those of kea-lfc, by file name.

    The order is that of the server's start: `.completed`, or where there is none `.2` and `.1`, then the file
    itself, without which nothing is complete. kea-lfc renames these files: list the folder before and after
    reading them, and read again where it has changed.
    """
    reading = _Reading()
    complete = bool(files)
    for name in sorted({_lease_file(name) for name in files}):
        complete = complete and name in files
        older = (COMPLETED,) if name + COMPLETED in files else (PREVIOUS, INPUT)
        for key in (*(name + suffix for suffix in older), name):
            if key in files:
                reading.where = f"{key}: "
                complete = _read(files[key], reading) and complete
    return Parsed(tuple(reading.leases.values()), None, reading.complaints.listed(), complete)


def _lease_file(name: str) -> str:
    suffix = next((suffix for suffix in (INPUT, PREVIOUS, COMPLETED) if name.endswith(suffix)), "")
    return name.removesuffix(suffix)


def _read(data: bytes, reading: _Reading) -> bool:
    """Read one file; whether it is whole."""
    text = data.decode("utf-8", "replace")
    lines = text.split("\n")
    ends_well = lines.pop() == "" and bool(lines)
    if not lines:
        return False
    columns = {name.strip(): index for index, name in enumerate(lines[0].split(","))}
    kind = next((kind for kind in _KINDS if all(name in columns for name in kind[0])), None)
    if kind is None:
        reading.complaints.add(1, f"{reading.where}{shown(lines[0])} is no header of Kea's lease file")
        return False
    needed, row = kind
    least = max(columns[name] for name in needed) + 1
    read = bad = 0
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        values = line.split(",")
        try:
            if len(values) < least:
                raise _BadRow(f"{len(values)} columns instead of {len(columns)}")
            row(values, columns, reading.leases)
            read += 1
        except (_BadRow, AddressValueError) as error:
            bad += 1
            reading.complaints.add(number, f"{reading.where}{shown(line)}: {error}")
    return ends_well and bad <= read and "\0" not in text


def _row_v4(values: list[str], columns: Mapping[str, int], leases: dict[Address, Lease]) -> None:
    address = IPv4Address(values[columns["address"]])
    held, expires = _validity(values, columns)
    if not held:
        leases.pop(address, None)
        return
    leases[address] = Lease(
        address,
        _mac(values[columns["hwaddr"]]),
        told_name(_unescaped(values[columns["hostname"]])),
        expires,
        _hex(values[columns["client_id"]], "client_id"),
    )


def _row_v6(values: list[str], columns: Mapping[str, int], leases: dict[Address, Lease]) -> None:
    kind = values[columns["lease_type"]]
    if kind == _DELEGATED_PREFIX:
        return
    if kind not in (_NON_TEMPORARY, _TEMPORARY):
        raise _BadRow(f"lease_type {shown(kind)} is not known")
    address = IPv6Address(values[columns["address"]])
    held, expires = _validity(values, columns)
    if not held:
        leases.pop(address, None)
        return
    hardware = columns.get("hwaddr", len(values))
    leases[address] = Lease(
        address,
        _mac(values[hardware]) if hardware < len(values) else None,
        told_name(_unescaped(values[columns["hostname"]])),
        expires,
        None,
        _hex(values[columns["duid"]], "duid"),
        _number(values[columns["iaid"]], "iaid"),
        kind == _TEMPORARY,
    )


def _validity(values: list[str], columns: Mapping[str, int]) -> tuple[bool, int | None]:
    """(whether a client holds the address, expiry). Declined, reclaimed and released ones are held by nobody."""
    lifetime = _number(values[columns["valid_lifetime"]], "valid_lifetime")
    expire = _number(values[columns["expire"]], "expire")
    place = columns.get("state", len(values))
    state = values[place].strip() if place < len(values) else _ASSIGNED
    if state and not (state.isdecimal() and int(state) < _STATES):
        raise _BadRow(f"state {shown(state)} is not known")
    held = lifetime != 0 and state in ("", _ASSIGNED)
    return held, None if lifetime == _INFINITE else expire


def _number(text: str, what: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise _BadRow(f"{what} {shown(text)} is no number")
    return int(text)


def _hex(text: str, what: str) -> str | None:
    found = octets(text)
    if text and found is None:
        raise _BadRow(f"{what} {shown(text)} is not in hex octets")
    return found


def _mac(text: str) -> str | None:
    """A MAC address; Kea itself only warns of one that it cannot read."""
    return mac_or_none(octets(text) or "")


def _unescaped(text: str) -> str:
    """A comma in a value is written as `&#x2c`, without a semicolon."""
    if "&#x" not in text:
        return text
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)


_KINDS = ((_V6_COLUMNS, _row_v6), (_V4_COLUMNS, _row_v4))
