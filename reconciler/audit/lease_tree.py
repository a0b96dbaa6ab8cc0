"""The leases as files of a monthly history branch. Pure.

    ipv4/192.168/3/48-63          the leases of 192.168.3.48 to 192.168.3.63
    ipv6/2001-db8-0-1/f/c/9       those below 2001:db8:0:1::/64 whose last hex digits are fc9

One lease a line, by address: address, MAC, the client's own name, the published name, then `key=value` for since,
expires, id (DHCPv4 client identifier), duid, iaid, and the word `temporary`; `-` for what is not known. So a
change rewrites a file of a few lines and a few small folders, however many leases there are, and the layout
never has to be made anew when they become more.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import ip_address
from urllib.parse import unquote_to_bytes

from reconciler.dns.reverse import Address
from reconciler.git.fastimport import Files
from reconciler.leases.lease import Lease

_NOTHING = "-"
_EMPTY = "%"
_TEMPORARY = "temporary"
_PLAIN = re.compile("[!-$&-~]+")
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class RecordedLease:
    """A lease as the history tells it.

    The lease's `expires` is what was known when the line was written: renewals are not recorded. published: the
    name in DNS, None when it got none. since: Unix time in seconds when this client was first seen to hold the
    address.
    """

    lease: Lease
    published: str | None
    since: int

    @property
    def address(self) -> Address:
        """The address in use."""
        return self.lease.address


def same_client(one: Lease, other: Lease) -> bool:
    """Whether both leases are of one client; what only one of them knows is no difference."""
    pairs = ((one.mac, other.mac), (one.duid, other.duid), (one.client_id, other.client_id))
    if any(first and second for first, second in pairs):
        return any(first and first == second for first, second in pairs)
    return one.name == other.name


def same_record(one: RecordedLease | None, other: RecordedLease | None) -> bool:
    """Whether nothing but the expiry differs, or both are None."""
    if one is None or other is None:
        return one is other
    if (one.published, one.since) != (other.published, other.since):
        return False
    return one.lease == other.lease or replace(one.lease, expires=None) == replace(other.lease, expires=None)


def path(address: Address) -> str:
    """Path of the file that an address belongs in."""
    number = int(address)
    if address.version == 4:
        first = number & 0xF0
        return f"ipv4/{number >> 24}.{number >> 16 & 255}/{number >> 8 & 255}/{first}-{first + 15}"
    prefix = "-".join(f"{number >> shift & 0xFFFF:x}" for shift in (112, 96, 80, 64))
    # The last digits spread well whether a server counts up, hashes, or a client takes its MAC.
    return f"ipv6/{prefix}/{'/'.join(f'{number & 0xFFF:03x}')}"


def read(data: bytes) -> dict[Address, RecordedLease]:
    """The leases of a file; lines of another form (by another hand, by a later release) are left out."""
    # Not splitlines: a printable character of a client's name must not be taken for the end of a line.
    return read_lines(data.decode("utf-8", "replace").split("\n"))


def read_lines(lines: Iterable[str]) -> dict[Address, RecordedLease]:
    """The leases of those lines that tell one."""
    found = map(_parse, lines)
    return {record.address: record for record in found if record is not None}


def write(records: Iterable[RecordedLease]) -> bytes | None:
    """The content of a file; None when it has become empty."""
    ordered = sorted(records, key=lambda record: int(record.address))
    return "".join(f"{_line(record)}\n" for record in ordered).encode() or None


def snapshot(records: Iterable[RecordedLease]) -> Files:
    """All files for these leases."""
    files: dict[str, list[RecordedLease]] = {}
    for record in records:
        files.setdefault(path(record.address), []).append(record)
    return {name: write(content) for name, content in files.items()}


def changed(files: Mapping[str, bytes], changes: Mapping[Address, RecordedLease | None]) -> Files:
    """The files that `changes` (None: the lease has ended) make anew, from those among `files` that they touch."""
    touched: dict[str, dict[Address, RecordedLease]] = {}
    for address, record in changes.items():
        name = path(address)
        if name not in touched:
            touched[name] = read(files.get(name, b""))
        if record is None:
            touched[name].pop(address, None)
        else:
            touched[name][address] = record
    return {name: write(content.values()) for name, content in touched.items()}


def escaped(value: str | None) -> str:
    """A value as one word of printable characters."""
    if not value or value == _NOTHING:
        return _NOTHING if value is None else "%2D" if value else _EMPTY
    if _PLAIN.fullmatch(value):
        return value
    return "".join(map(_escaped, value))


def time_text(seconds: int) -> str:
    """A Unix time in ISO 8601; @SECONDS where the calendar ends, which a hostile expiry can reach."""
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return f"@{seconds}"
    return moment.strftime(_TIME) if moment.year >= 1000 else f"@{seconds}"


def _escaped(character: str) -> str:
    if character.isprintable() and character not in " %":
        return character
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def _unescaped(word: str) -> str | None:
    if word in (_NOTHING, _EMPTY):
        return None if word == _NOTHING else ""
    return unquote_to_bytes(word).decode("utf-8", "surrogatepass") if "%" in word else word


def _line(record: RecordedLease) -> str:
    lease = record.lease
    words = [escaped(str(lease.address)), escaped(lease.mac), escaped(lease.name), escaped(record.published)]
    words.append(f"since={time_text(record.since)}")
    optional = (
        ("expires", None if lease.expires is None else time_text(lease.expires)),
        ("id", lease.client_id),
        ("duid", lease.duid),
        ("iaid", None if lease.iaid is None else str(lease.iaid)),
    )
    words += [f"{key}={escaped(value)}" for key, value in optional if value is not None]
    return " ".join([*words, _TEMPORARY] if lease.temporary else words)


def _parse(line: str) -> RecordedLease | None:
    try:
        address, mac, name, published, *rest = line.split(" ")
        named = dict(_named(rest))
        expires, iaid = named.get("expires"), named.get("iaid")
        lease = Lease(
            ip_address(_unescaped(address) or ""),
            _unescaped(mac),
            _unescaped(name),
            None if expires is None else _seconds(expires),
            client_id=named.get("id"),
            duid=named.get("duid"),
            iaid=None if iaid is None else int(iaid),
            temporary=_TEMPORARY in rest,
        )
        return RecordedLease(lease, _unescaped(published), _seconds(named["since"]))
    except (ValueError, KeyError, OverflowError):
        return None


def _named(words: Iterable[str]) -> Iterator[tuple[str, str]]:
    for word in words:
        key, equals, value = word.partition("=")
        if equals:
            yield key, _unescaped(value) or ""


def _seconds(text: str) -> int:
    if text.startswith("@"):
        return int(text[1:])
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp())
