"""Zones that come with BIND's packages: known by what is in them, not by name alone."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network

from reconciler.dns import names, reverse
from reconciler.dns.records import RRset

_LOCAL = ("localhost.", "localhost.localdomain.", "localdomain.")
_LOOPBACK = {"A": "127.0.0.1", "AAAA": "::1"}
_NETWORKS = tuple(IPv4Network(text) for text in ("127.0.0.0/8", "0.0.0.0/8", "255.0.0.0/8"))
_LOOPBACK6 = IPv6Network("::1/128")
_PRIVATE = tuple(IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))


def reason(name: str, rrsets: Iterable[RRset]) -> str:
    """Why a zone need not be taken; "" where it says more than the packages' own."""
    rest = [rrset for rrset in rrsets if rrset.rtype != "NS"]
    if name in _LOCAL:
        only_loopback = all(rrset.rdatas == (_LOOPBACK.get(rrset.rtype),) for rrset in rest)
        return "Debian's named.conf.default-zones has it" if only_loopback else ""
    zone = reverse.parse_zone(name)
    if zone is None:
        return ""
    if isinstance(zone.network, IPv6Network):
        special = zone.network.subnet_of(_LOOPBACK6)
    else:
        special = any(zone.network.subnet_of(network) for network in _NETWORKS)
    if special and all(_is_localhost(rrset) for rrset in rest):
        return "Debian's named.conf.default-zones has it"
    network = zone.network
    private = isinstance(network, IPv4Network) and any(network.subnet_of(one) for one in _PRIVATE)
    return "it is empty, as in Debian's zones.rfc1918" if private and not rest and network.prefixlen <= 16 else ""


def _is_localhost(rrset: RRset) -> bool:
    return rrset.rtype == "PTR" and all(names.labels(target)[:1] == ("localhost",) for target in rrset.rdatas)
