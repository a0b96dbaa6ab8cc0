"""What dnsmasq is to answer, derived from the zones: the one source for its files and for verification.

dnsmasq alone knows neither zones nor delegation, so zone content is translated:
* an alias of a name that has only addresses becomes a further name of those addresses, because hosts files
  are reloaded without a restart while `cname=` is not; a query for the CNAME type itself finds nothing
  then. Before BIND it becomes both: dnsmasq has the addresses, BIND the alias;
* PTR records in an RFC 2317 zone stand under the plain names (`193.113.0.203.in-addr.arpa`), since nobody
  follows the parent's CNAME here;
* leases that dnsmasq hands out it knows by itself; alone it has to be told of AAAA records only, which stand under
  the name of the lease and answer backwards with it;
* TTLs of single records are lost: everything has the site's `ttl`; NS and SOA are not served.
"""

from collections.abc import Iterable, Mapping, Set
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeVar

from reconciler.deployed import DeployedZone, without
from reconciler.dns.records import Key, RRset
from reconciler.dns.zone import Zone
from reconciler.services.dnsmasq.syntax import Address
from reconciler.site import Site, SiteZone

ADDRESS_TYPES = ("A", "AAAA")
Answers = dict[Key, tuple[str, ...]]
"""Record data by owner and type, as clients are to get it."""

AnyZone = TypeVar("AnyZone", SiteZone, DeployedZone)

_V4_SUFFIX = ".in-addr.arpa."
_V6_SUFFIX = ".ip6.arpa."


class Mode(Enum):
    """The part that dnsmasq plays."""

    ALONE = "answers for our zones by itself"
    FORWARD = "forwards our zones to BIND"
    DHCP = "does not answer DNS"


def mode(site: Site) -> Mode:
    """Which part dnsmasq plays at this site."""
    if site.dns.clients_ask == "bind":
        return Mode.DHCP
    return Mode.FORWARD if site.dns.authoritative == "bind" else Mode.ALONE


def visible(zones: Mapping[str, AnyZone]) -> dict[str, AnyZone]:
    """The zones that clients may see; catalogs are for secondaries (RFC 9432 section 7)."""
    return {name: item for name, item in zones.items() if not item.zone.is_catalog}


def expected(zones: Iterable[SiteZone | DeployedZone], part: Mode) -> Answers:
    """`answers` of zones that leases may stand in. Before BIND without leases: dnsmasq answers its own as they come."""
    zones = list(zones)
    if part is Mode.FORWARD:
        return answers((without(item.zone, item.leases) for item in zones), part)
    return answers((item.zone for item in zones), part, frozenset().union(*(item.leases for item in zones)))


def answers(zones: Iterable[Zone], part: Mode, leases: Set[Key] = frozenset()) -> Answers:
    """What the port that clients ask answers for our zones; empty where dnsmasq answers no DNS.

    leases: keys of those RRsets that come from leases. They change no more than answers for addresses, so that they
    never change dnsmasq.conf.
    """
    if part is Mode.DHCP:
        return {}
    rrsets = {key: rrset for zone in zones for key, rrset in zone.rrsets.items()}
    found: Answers = {}
    types: dict[str, set[str]] = {}
    for owner, rtype in rrsets.keys() - leases:
        types.setdefault(owner, set()).add(rtype)
    for (owner, rtype), rrset in rrsets.items():
        if rtype == "PTR" and rrset.key in leases:
            continue
        address = reverse_address(owner) if rtype == "PTR" else None
        if address is not None:
            found[(reverse_pointer(address), "PTR")] = rrset.rdatas
        if part is Mode.FORWARD:
            if "/" not in owner:
                found[(owner, rtype)] = rrset.rdatas
            if rtype == "CNAME":
                target = _last(rrset, rrsets)
                kinds = types.get(target, set()) & set(ADDRESS_TYPES)
                found.update({(owner, kind): rrsets[(target, kind)].rdatas for kind in kinds})
        elif rtype == "CNAME":
            found.update(_alias(rrset, rrsets, types))
        elif address is None and rtype not in ("NS", "SOA"):
            found[(owner, rtype)] = rrset.rdatas
    return found


def _alias(rrset: RRset, rrsets: Mapping[Key, RRset], types: Mapping[str, set[str]]) -> Answers:
    """The alias as addresses where its last target has nothing else, as it stands otherwise."""
    target = _last(rrset, rrsets)
    kinds = types.get(target, set())
    if not kinds or not kinds <= set(ADDRESS_TYPES):
        return {rrset.key: rrset.rdatas}
    return {(rrset.owner, kind): rrsets[(target, kind)].rdatas for kind in ADDRESS_TYPES if (target, kind) in rrsets}


def _last(alias: RRset, rrsets: Mapping[Key, RRset]) -> str:
    target, steps = alias.rdatas[0], 0
    while (following := rrsets.get((target, "CNAME"))) is not None and steps < 16:
        target, steps = following.rdatas[0], steps + 1
    return target


def reverse_pointer(address: Address) -> str:
    """The canonical absolute name of an address in in-addr.arpa or ip6.arpa."""
    return address.reverse_pointer + "."


def reverse_address(owner: str) -> Address | None:
    """The address of a PTR owner, also inside an RFC 2317 zone (`193.192-255.113.0.203.in-addr.arpa.`)."""
    if owner.endswith(_V4_SUFFIX):
        labels = owner[: -len(_V4_SUFFIX)].split(".")
        if len(labels) in (4, 5) and all(label.isdecimal() for label in (labels[0], *labels[-3:])):
            return _address(".".join((*reversed(labels[-3:]), labels[0])))
    elif owner.endswith(_V6_SUFFIX):
        nibbles = owner[: -len(_V6_SUFFIX)].split(".")
        if len(nibbles) == 32 and all(len(nibble) == 1 for nibble in nibbles):
            digits = "".join(reversed(nibbles))
            return _address(":".join(digits[i : i + 4] for i in range(0, 32, 4)))
    return None


def classless_addresses(zones: Iterable[Zone]) -> dict[Address, tuple[str, ...]]:
    """Addresses with PTR records in RFC 2317 zones, with their targets."""
    return {
        address: rrset.rdatas
        for zone in zones
        for (owner, rtype), rrset in zone.rrsets.items()
        if rtype == "PTR" and (address := reverse_address(owner)) is not None and reverse_pointer(address) != owner
    }


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
