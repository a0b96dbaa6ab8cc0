"""Dynamic update messages (RFC 2136) in wire form, signed with TSIG (RFC 8945). Pure.

dnspython makes such messages too, from one object a record and more; for thousands of leases that takes longer than
named does. Here a record is joined from its octets. Owners end in a pointer to the zone's name (RFC 1035 4.1.4), which
stands right after the header.
"""

import struct
from collections.abc import Iterable, Iterator
from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_pton
from typing import NamedTuple

import dns.exception
import dns.name
import dns.opcode
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.TSIG
import dns.tsig

from reconciler.dns.rdata import NAME_TYPES
from reconciler.dns.records import Key
from reconciler.services.bind.difference import RRsetChange
from reconciler.services.bind.render import TsigKey

ROOM = 65535 - 2048
"""Octets for changed records in one message; the zone's name, two SOA records and the signature need the rest."""

FUDGE = 300
"""Seconds by which the clocks of signer and server may differ (RFC 8945 section 10)."""

_SMALLEST = 12
_ZONE_POINTER = b"\xc0\x0c"
_HEADER = struct.Struct("!HHHHHH")
_FIXED = struct.Struct("!HHIH")
_FLAGS = dns.opcode.to_flags(dns.opcode.UPDATE)


class Part(NamedTuple):
    """Changed records that go into one message: how many, and in wire form."""

    records: int
    wire: bytes


class Signed(NamedTuple):
    """A message as it is sent, and its signature's MAC, which the answer's signature covers too."""

    wire: bytes
    mac: bytes


def parts(zone: str, changes: Iterable[RRsetChange]) -> tuple[Part, ...] | None:
    """The changes as few parts as fit, in order; None when they have record data that dnspython does not know.

    The records of one owner stay together as far as they fit: clients then never see the old ones gone and the new
    ones not there.
    """
    try:
        return tuple(_parts(zone, changes))
    except (dns.exception.DNSException, ValueError, NotImplementedError):
        return None


def may_fit_into_one(changes: Iterable[RRsetChange]) -> bool:
    """Whether it is worth while to see if the changes fit into one message: their records are not too many for that."""
    return sum(len(change.gone) + len(change.new) for change in changes) * _SMALLEST <= ROOM


def _parts(zone: str, changes: Iterable[RRsetChange]) -> Iterator[Part]:
    owners: dict[str, list[RRsetChange]] = {}
    for change in changes:
        owners.setdefault(change.key[0], []).append(change)
    held: list[bytes] = []
    size = 0
    for owner, own in owners.items():
        records = _records(zone, owner, own)
        length = sum(map(len, records))
        pieces = [records] if length <= ROOM else [[record] for record in records]
        for piece in pieces:
            length = sum(map(len, piece))
            if size + length > ROOM:
                yield Part(len(held), b"".join(held))
                held, size = [], 0
            held += piece
            size += length
    if held:
        yield Part(len(held), b"".join(held))


def _records(zone: str, owner: str, changes: list[RRsetChange]) -> list[bytes]:
    """Deletions first: a CNAME and other data shut each other out (RFC 2136 section 3.4.2.2).

    Not so for the zone's own NS records, of which the last one is never deleted (section 3.4.2.4).
    """
    name = _owner(owner, zone)
    first: list[bytes] = []
    middle: list[bytes] = []
    last: list[bytes] = []
    for change in changes:
        deletions = [_record(name, change.key, dns.rdataclass.NONE, 0, rdata) for rdata in change.gone]
        (last if change.key == (zone, "NS") else first).extend(deletions)
        middle += [_record(name, change.key, dns.rdataclass.IN, change.ttl, rdata) for rdata in change.new]
    return [*first, *middle, *last]


def _record(name: bytes, key: Key, rdclass: int, ttl: int, rdata: str) -> bytes:
    data = rdata_wire(key[1], rdata)
    return name + _FIXED.pack(_number(key[1]), rdclass, ttl, len(data)) + data


def unsigned(zone: str, part: Part, now: bytes, ttl: int, following: bytes, ident: int) -> bytes:
    """A message that changes the records of `part`, provided that the SOA has the data `now`; it gets `following`.

    ttl: of the new SOA. now, following: SOA record data in wire form. ident: the message's id.
    """
    soa = dns.rdatatype.SOA
    question = name_wire(zone) + struct.pack("!HH", soa, dns.rdataclass.IN)
    prerequisite = _ZONE_POINTER + _FIXED.pack(soa, dns.rdataclass.IN, 0, len(now)) + now
    raised = _ZONE_POINTER + _FIXED.pack(soa, dns.rdataclass.IN, ttl, len(following)) + following
    header = _HEADER.pack(ident, _FLAGS, 1, 1, part.records + 1, 0)
    return b"".join((header, question, prerequisite, part.wire, raised))


def signed(message: bytes, key: dns.tsig.Key, seconds: int) -> Signed:
    """Sign a message. seconds: the time now, since 1970."""
    ident, flags, *counts = _HEADER.unpack_from(message)
    empty = dns.rdtypes.ANY.TSIG.TSIG(  # type: ignore[no-untyped-call]
        dns.rdataclass.ANY, dns.rdatatype.TSIG, key.algorithm, 0, FUDGE, b"", ident, dns.rcode.NOERROR, b""
    )
    tsig, _ = dns.tsig.sign(message, key, empty, seconds)  # type: ignore[no-untyped-call]
    data = tsig.to_wire()
    record = (key.name.to_wire() or b"") + _FIXED.pack(dns.rdatatype.TSIG, dns.rdataclass.ANY, 0, len(data)) + data
    header = _HEADER.pack(ident, flags, *counts[:3], counts[3] + 1)
    return Signed(header + message[_HEADER.size :] + record, tsig.mac)


def tsig_key(key: TsigKey) -> dns.tsig.Key:
    """A key as dnspython takes it."""
    return dns.tsig.Key(key.name, key.secret, key.algorithm)


def rdata_wire(rtype: str, rdata: str) -> bytes:
    """Canonical record data in wire form."""
    if rtype == "A":
        return inet_pton(AF_INET, rdata)
    if rtype == "AAAA":
        return inet_pton(AF_INET6, rdata)
    if rtype in NAME_TYPES:
        return name_wire(rdata)
    return dns.rdata.from_text(dns.rdataclass.IN, _number(rtype), rdata, relativize=False).to_wire() or b""


def name_wire(name: str) -> bytes:
    """A canonical name in wire form, not compressed."""
    if "\\" in name or name == ".":
        return dns.name.from_text(name).to_wire() or b""
    return _labels(name[:-1]) + b"\0"


def _owner(name: str, zone: str) -> bytes:
    if name == zone:
        return _ZONE_POINTER
    head = name.removesuffix(f".{zone}")
    if "\\" in name or head == name:
        return name_wire(name)
    return _labels(head) + _ZONE_POINTER


def _labels(text: str) -> bytes:
    return b"".join(bytes((len(label),)) + label for label in text.encode("ascii").split(b"."))


@lru_cache(maxsize=128)
def _number(rtype: str) -> dns.rdatatype.RdataType:
    return dns.rdatatype.from_text(rtype)
