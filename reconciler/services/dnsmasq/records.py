"""Lines of dnsmasq.conf for records that hosts files cannot hold. A change in them needs a restart.

Where dnsmasq has a setting of its own for a type it is used, because a person reads the file; `dns-rr=`
with wire data carries everything else. A name that has nothing but `dns-rr` records does not exist for
dnsmasq (NXDOMAIN for other types), so it gets a PTR record as a marker, which makes the answer an empty
one.
"""

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any

import dns.exception
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from reconciler.dns.zone import Zone
from reconciler.services.dnsmasq.served import ADDRESS_TYPES, Answers
from reconciler.services.dnsmasq.syntax import (
    Address,
    Unservable,
    domain_setting,
    name,
    quoted,
    raw_record,
    reverse_name,
    setting,
)

_UNABLE = "dnsmasq alone cannot serve {}; use BIND (dns.authoritative: bind)"


def complaints(zones: Mapping[str, Zone], answers: Answers, dynamic: Iterable[str], hosts: Iterable[str]) -> list[str]:
    """What dnsmasq alone cannot do at all, one sentence each. `hosts`: names that are known, with addresses or not."""
    found = [_UNABLE.format(f"the dynamic zone {zone}") for zone in dynamic]
    for zone in zones.values():
        for owner, rtype in zone.rrsets:
            # A delegation to another zone of ours needs none: dnsmasq answers for both.
            if rtype == "DNAME" or (rtype == "NS" and owner not in zones):
                found.append(_UNABLE.format(f"{owner} {rtype}"))
    owners = {*hosts, *(owner for owner, _ in answers)}
    for (owner, rtype), rdatas in answers.items():
        if owner.startswith("*.") and rtype not in ADDRESS_TYPES:
            found.append(_UNABLE.format(f"the wildcard {owner} {rtype}"))
        elif rtype == "CNAME" and not owner.endswith(".arpa.") and rdatas[0] not in owners:
            found.append(
                _UNABLE.format(f"{owner} CNAME {rdatas[0]}, which leads out of our zones (clients get no address)")
            )
    return found


def lines(answers: Answers) -> tuple[list[str], list[str]]:
    """(lines, complaints) for all answers that are no plain addresses or PTR records, in order."""
    made: list[str] = []
    problems: list[str] = []
    for owner, rtype in sorted(answers):
        rdatas = answers[(owner, rtype)]
        try:
            if owner.startswith("*."):
                made += _wildcard(owner, rtype, rdatas)
            elif rtype not in (*ADDRESS_TYPES, "PTR"):
                made += _records(owner, rtype, rdatas)
        except Unservable as problem:
            problems.append(str(problem))
    return [*made, *_markers(made)], problems


def silent(owners: Iterable[tuple[str, Address]]) -> list[str]:
    """Addresses without reverse names."""
    made = [
        raw_record(owner, 1 if address.version == 4 else 28, address.packed)
        for owner, address in sorted(owners, key=lambda item: (item[0], item[1].packed))
    ]
    return [*made, *_markers(made)]


def pointers(targets: Mapping[str, tuple[str, ...]]) -> list[str]:
    """PTR records; several for one name need `dns-rr`, as dnsmasq answers the first `ptr-record` only."""
    made: list[str] = []
    for owner in sorted(targets):
        if len(targets[owner]) == 1:
            made.append(setting("ptr-record", reverse_name(owner), name(targets[owner][0])))
        else:
            made += _raw(owner, "PTR", targets[owner])
    return made


def _wildcard(owner: str, rtype: str, rdatas: tuple[str, ...]) -> list[str]:
    if rtype not in ADDRESS_TYPES:
        return []  # `complaints` tells.
    # The empty second line turns the answer for other types from NXDOMAIN into an empty one.
    return [
        *(domain_setting("address", owner, str(ip_address(rdata))) for rdata in rdatas),
        domain_setting("local", owner),
    ]


def _records(owner: str, rtype: str, rdatas: tuple[str, ...]) -> list[str]:
    if rtype == "CNAME":
        return [setting("cname", reverse_name(owner), reverse_name(rdatas[0]))]
    native = [_native(owner, rtype, rdata) for rdata in rdatas]
    plain = [line for line in native if line is not None]
    # One setting for the whole set: dnsmasq does not join records from different settings.
    return plain if len(plain) == len(rdatas) else _raw(owner, rtype, rdatas)


def _native(owner: str, rtype: str, rdata: str) -> str | None:
    """The record as the setting that dnsmasq has for its type, None where it has none that fits."""
    parsed = _parse(owner, rtype, rdata)
    if rtype == "MX" and str(parsed.exchange) != ".":
        return setting("mx-host", name(owner), name(str(parsed.exchange)), str(parsed.preference))
    if rtype == "SRV" and str(parsed.target) != ".":
        numbers = (parsed.port, parsed.priority, parsed.weight)
        return setting("srv-host", name(owner), name(str(parsed.target)), *map(str, numbers))
    if rtype == "TXT":
        strings = [quoted(string) for string in parsed.strings]
        if all(strings) and not any("," in (string or "") for string in strings):
            return setting("txt-record", name(owner), *(string for string in strings if string))
    return None


def _raw(owner: str, rtype: str, rdatas: tuple[str, ...]) -> list[str]:
    number = int(dns.rdatatype.from_text(rtype))
    return [raw_record(owner, number, _parse(owner, rtype, rdata).to_wire()) for rdata in rdatas]


def _parse(owner: str, rtype: str, rdata: str) -> Any:
    try:
        return dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.from_text(rtype), rdata)
    except (dns.exception.DNSException, ValueError) as error:
        raise Unservable(_UNABLE.format(f"{owner} {rtype} ({error})")) from None


def _markers(made: Iterable[str]) -> list[str]:
    owners = {line.split("=", 1)[1].split(",", 1)[0] for line in made if line.startswith("dns-rr=")}
    return [f"ptr-record={owner},{owner}" for owner in sorted(owners) if not owner.endswith(".arpa")]
