"""A torn lease file of dnsmasq made whole from what is remembered. Pure.

dnsmasq empties its file and writes it anew, through a buffer of a block (lease.c, lease_update_file; stdio). A power
cut in between leaves the file empty, cut within a line, or, seldom, cut where block and line end together.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address
from typing import NamedTuple

from reconciler.leases import dnsmasq
from reconciler.leases.lease import Lease

BLOCK = 4096


class Restored(NamedTuple):
    """The content of a whole file. added: leases that were missing; left_out: known ones that it cannot express."""

    content: bytes
    added: tuple[Lease, ...]
    left_out: int


def is_torn(data: bytes, duid: str | None) -> bool:
    """Whether a lease file is not as dnsmasq leaves it when it has written all; duid: the server's, where known.

    An empty file is whole where there are no leases: see `restored`. A file of another kind is not torn.
    """
    if not data:
        return True
    lines = data.split(b"\n")
    whole = b"".join(line + b"\n" for line in lines[:-1] if b"\0" not in line)
    parsed = dnsmasq.parse(whole)
    if parsed.problems:
        return False
    cut = lines[-1] != b"" or b"\0" in data
    return cut or len(data) % BLOCK == 0 or (duid is not None and parsed.server_duid is None)


def restored(data: bytes, known: Iterable[Lease], duid: str | None, now: float) -> Restored | None:
    """The file with its whole lines and the `known` leases in force that it lacks; None where nothing is to be done.

    What the file says of an address is newer than what is remembered.
    """
    if not is_torn(data, duid):
        return None
    *whole, last = data.decode("utf-8", "surrogateescape").split("\n")
    kept = [line for line in whole if "\0" not in line]
    there = {lease.address for lease in dnsmasq.parse(_join(kept)).leases}
    missing = [lease for lease in known if lease.address not in there and _in_force(lease, now)]
    lines = {lease: text for lease in missing if (text := line(lease)) is not None}
    cut = dnsmasq.parse(_join([last])).leases
    if cut and cut[0].address not in there | {lease.address for lease in lines}:
        # Only the end of its last word can be missing.
        kept.append(last)
    if not lines and not kept:
        return None
    return _made(data, kept, lines, duid, len(missing) - len(lines))


def _made(
    data: bytes, kept: Sequence[str], lines: dict[Lease, str], duid: str | None, left_out: int
) -> Restored | None:
    mark = next((text for text in kept if text.startswith("duid ")), f"duid {duid}" if duid else None)
    rest = [text for text in kept if text != mark]
    upper = [text for text in rest if ":" not in _address(text)]
    lower = [text for text in rest if ":" in _address(text)]
    upper += [text for lease, text in lines.items() if lease.address.version == 4]
    lower += [text for lease, text in lines.items() if lease.address.version == 6]
    content = _join([*upper, *([mark] if mark else []), *lower])
    return Restored(content, tuple(lines), left_out) if content != data else None


def line(lease: Lease) -> str | None:
    """A lease as dnsmasq writes it; None where what is known of it does not suffice, or would not be read as it is."""
    expires, name = lease.expires or 0, lease.name or "*"
    if isinstance(lease.address, IPv4Address):
        text = f"{expires} {lease.mac} {lease.address} {name} {lease.client_id or '*'}"
    else:
        mark = "T" if lease.temporary else ""
        text = f"{expires} {mark}{lease.iaid} {lease.address} {name} {lease.duid or '*'}"
    read = dnsmasq.parse(_join([text])).leases
    return text if read and read[0].address == lease.address and read[0].expires == lease.expires else None


def _in_force(lease: Lease, now: float) -> bool:
    return lease.expires is None or lease.expires > now


def _address(text: str) -> str:
    return text.split(" ", 3)[2] if text.count(" ") >= 3 else ""


def _join(lines: Iterable[str]) -> bytes:
    return "".join(f"{text}\n" for text in lines).encode("utf-8", "surrogateescape")
