"""dnsmasq's lease file (dnsmasq 2.90, lease.c, lease_update_file).

    <expiry> <mac> <IPv4 address> <name> <client id>
    duid <the server's DUID>
    <expiry> [T]<iaid> <IPv6 address> <name> <client's DUID>

Expiry is Unix time, 0 for never; `*` stands for what is not known. Hardware other than Ethernet has its type
in front, `20-80:00…`. dnsmasq rewrites the file in place, so a reader can meet it empty or cut. A build with
HAVE_BROKEN_RTC writes lengths instead of times; these read as times in 1970, so that its leases count as ended.
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from reconciler.leases.lease import ETHERNET, Complaints, Lease, Parsed, mac_or_none
from reconciler.state.text import shown

_OCTETS = r"[0-9a-f]{2}(?::[0-9a-f]{2})*"
_PLAIN = re.compile(r"([0-9]{1,12}) ([0-9a-f:]{17}) ([0-9]{1,3}(?:\.[0-9]{1,3}){3}) ([^ ]+) (\*|[0-9a-f:]+)")
"""What nearly every line is; whether its octets are two digits each is looked at afterwards, which is faster."""
_V4 = re.compile(
    rf"([0-9]{{1,12}}) ([0-9a-f]{{2}})-((?:{_OCTETS})?) ([0-9]{{1,3}}(?:\.[0-9]{{1,3}}){{3}}) ([^ ]+) (\*|{_OCTETS})"
)
_V6 = re.compile(rf"([0-9]{{1,12}}) (T?)([0-9]{{1,10}}) ([0-9a-f:.]*:[0-9a-f:.]*) ([^ ]+) (\*|{_OCTETS})")
_DUID = re.compile(rf"duid ({_OCTETS})")
_OCTET = {str(number): number for number in range(256)}


class Parser:
    """Reads a lease file again and again: lines that have not changed since the last time are not parsed again.

    Unchanged lines give the same Lease objects, which `reconciler.leases.changes` makes use of.
    """

    def __init__(self) -> None:
        self._known: dict[str, Lease] = {}

    def parse(self, data: bytes) -> Parsed:
        """What the file holds. Never raises; a last line without newline is left out, for it may be cut."""
        text = data.decode("utf-8", "replace")
        lines = text.split("\n")
        ends_well = lines.pop() == "" and bool(lines)
        known, read = self._known, dict[str, Lease]()
        leases: dict[str, Lease] = {}
        complaints, duid = Complaints(), None
        for number, line in enumerate(lines, 1):
            lease = known.get(line) or _plain(line) or _other(line)
            if lease is not None:
                read[line] = lease
                # By the address's text: dnsmasq writes each in one way, and text is looked up faster.
                leases[line.split(" ", 3)[2]] = lease
            elif found := _DUID.fullmatch(line):
                duid = found[1]
            else:
                complaints.add(number, _trouble(line))
        self._known = read
        # More that cannot be read than can: a file of another kind. NUL bytes: a block that was never written.
        plausible = complaints.count <= len(leases) + (duid is not None) and "\0" not in text
        return Parsed(tuple(leases.values()), duid, complaints.listed(), ends_well and plausible)


def parse(data: bytes) -> Parsed:
    """What the file holds, read for once."""
    return Parser().parse(data)


def _plain(line: str) -> Lease | None:
    match = _PLAIN.fullmatch(line)
    if match is None:
        return None
    expires, mac, address, name, client_id = match.groups()
    number = _number(address)
    if number is None or not _are_octets(mac) or not (client_id == "*" or _are_octets(client_id)):
        return None
    return Lease(
        IPv4Address(number),
        mac_or_none(mac),
        None if name == "*" else name,
        int(expires) or None,
        None if client_id == "*" else client_id,
    )


def _are_octets(text: str) -> bool:
    """Whether hex digits and colons are two digits and a colon in turn: a colon at every third place, none else."""
    return len(text) % 3 == 2 and text[2::3] == ":" * text.count(":")


def _number(address: str) -> int | None:
    """An IPv4 address as a number; IPv4Address takes it four times as fast as text. The table refuses 256 and 01."""
    first, second, third, fourth = address.split(".")
    try:
        return _OCTET[first] << 24 | _OCTET[second] << 16 | _OCTET[third] << 8 | _OCTET[fourth]
    except KeyError:
        return None


def _other(line: str) -> Lease | None:
    """A lease of other hardware, or of DHCPv6."""
    if match := _V6.fullmatch(line):
        return _v6(*match.groups())
    match = _V4.fullmatch(line)
    number = _number(match[4]) if match else None
    if match is None or number is None:
        return None
    expires, hardware, mac, _, name, client_id = match.groups()
    return Lease(
        IPv4Address(number),
        mac_or_none(mac) if int(hardware, 16) in ETHERNET else None,
        None if name == "*" else name,
        int(expires) or None,
        None if client_id == "*" else client_id,
    )


def _v6(expires: str, temporary: str, iaid: str, text: str, name: str, duid: str) -> Lease | None:
    try:
        address = IPv6Address(text)
    except AddressValueError:
        return None
    return Lease(
        address,
        None,
        None if name == "*" else name,
        int(expires) or None,
        None,
        None if duid == "*" else duid,
        int(iaid),
        temporary == "T",
    )


def _trouble(line: str) -> str:
    return f"{shown(line)} is no lease of dnsmasq: expected EXPIRY MAC ADDRESS NAME CLIENT-ID"
