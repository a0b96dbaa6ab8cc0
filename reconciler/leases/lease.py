"""The lease, whichever DHCP server wrote it down, and what a reading of its file gives."""

import re
from dataclasses import dataclass
from typing import NamedTuple

from reconciler.dns.reverse import Address

MAX_PROBLEMS = 100
"""A file of another format must not fill the memory with complaints."""

ETHERNET = frozenset({1, 6})
"""Hardware types whose addresses are EUI-48 ones: Ethernet and IEEE 802 (IANA, ARP parameters)."""

_HEX = re.compile(r"[0-9a-f]{1,2}(?:[:-][0-9a-f]{1,2})*", re.ASCII | re.IGNORECASE)
_DUID_LLT, _DUID_LL = "00:01:", "00:03:"
_ETHERNET_TEXT = ("00:01:", "00:06:")
_NODE_SPECIFIC = "ff:"
_NO_MAC = "00:00:00:00:00:00"


@dataclass(frozen=True, slots=True)
class Lease:
    """An address in use by a DHCP client.

    mac: canonical (lower case, colons), None where the server does not know it. name: what the client calls
    itself, unchecked: it is hostile until `reconciler.leases.naming` has looked at it. expires: Unix time in
    seconds, None for never. client_id: DHCPv4 option 61, duid: that of the DHCPv6 client; hex octets with colons,
    lower case. temporary: a privacy address (IA_TA, RFC 8415 section 6.5).
    """

    address: Address
    mac: str | None
    name: str | None
    expires: int | None
    client_id: str | None = None
    duid: str | None = None
    iaid: int | None = None
    temporary: bool = False


class LineProblem(NamedTuple):
    """A line (from 1) that could not be read, and why."""

    line: int
    what: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a lease file holds; one lease an address, in the order of the file.

    complete: False for an empty or cut file, or one of another format: then a lease that is not in it may well
    still be held. problems: at most MAX_PROBLEMS; their lines are left out, the others count.
    """

    leases: tuple[Lease, ...] = ()
    server_duid: str | None = None
    problems: tuple[LineProblem, ...] = ()
    complete: bool = False


class Complaints:
    """Collects problems, all of them counted, the first MAX_PROBLEMS kept."""

    def __init__(self) -> None:
        self.kept: list[LineProblem] = []
        self.count = 0

    def add(self, line: int, what: str) -> None:
        """One more line that cannot be read."""
        self.count += 1
        if self.count <= MAX_PROBLEMS:
            self.kept.append(LineProblem(line, what))

    def listed(self) -> tuple[LineProblem, ...]:
        """The problems, with a word on those that were not kept."""
        if self.count <= MAX_PROBLEMS:
            return tuple(self.kept)
        more = f"and {self.count - MAX_PROBLEMS + 1} more lines from here on"
        return (*self.kept[:-1], LineProblem(self.kept[-1].line, more))


def octets(text: str) -> str | None:
    """Hex octets with colons or hyphens in canonical form (two digits, lower case, colons); None if they are not."""
    if not _HEX.fullmatch(text):
        return None
    return ":".join(part.zfill(2) for part in text.lower().replace("-", ":").split(":"))


def mac_or_none(text: str) -> str | None:
    """Canonical octets where they are an EUI-48 address; all zeros are nobody's."""
    return text if len(text) == 17 and text != _NO_MAC else None


def mac_of_duid(duid: str) -> str | None:
    """The MAC address in a canonical DUID-LLT or DUID-LL (RFC 8415 sections 11.2 and 11.4); None for all others."""
    kind, hardware = duid[:6], duid[6:12]
    if hardware not in _ETHERNET_TEXT:
        return None
    if kind == _DUID_LLT:
        return mac_or_none(duid[24:])
    return mac_or_none(duid[12:]) if kind == _DUID_LL else None


def duid_of_client_id(client_id: str) -> str | None:
    """The DUID in a canonical DHCPv4 client identifier of type 255 (RFC 4361 section 6.1), after its IAID."""
    return client_id[15:] or None if client_id.startswith(_NODE_SPECIFIC) else None


def told_name(text: str) -> str | None:
    """A client's name as it stands in a file; an empty one is none."""
    return text or None
