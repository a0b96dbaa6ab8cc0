"""What a zone's parent has to hold, from the site: name servers, glue, and the CNAMEs of RFC 2317. Pure."""

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import NamedTuple

from reconciler.dns import names, reverse
from reconciler.dns.records import Key, RRset
from reconciler.dns.reverse import ClasslessStyle, Network, ReverseZone
from reconciler.errors import Refused
from reconciler.site import Site

_PRIVATE_NAMES = (
    "alt.",  # RFC 9476
    "example.",  # RFC 6761
    "invalid.",
    "localhost.",
    "test.",
    "home.arpa.",  # RFC 8375
    "local.",  # RFC 6762; its appendix G has the next ones
    "corp.",
    "home.",
    "internal.",
    "intranet.",
    "lan.",
    "private.",
    "onion.",  # RFC 7686
)
_ORGANISATION = tuple(
    ip_network(text)
    for text in (
        "10.0.0.0/8",  # RFC 1918
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",  # RFC 6598
        "169.254.0.0/16",  # RFC 3927
        "127.0.0.0/8",  # RFC 1122
        "fc00::/7",  # RFC 4193
        "fe80::/10",  # RFC 4291
    )
)


class Delegation(NamedTuple):
    """A zone seen from above.

    parent: the zone that the records go into, as far as the name tells. nameservers: absolute names, sorted. glue:
    addresses of those name servers that lie in the zone. network: what a reverse zone covers. links: name of the
    address's PTR record → name inside the zone, for each address of an RFC 2317 zone. others: names that this zone
    would have in the other styles of RFC 2317. rrsets: the zone's content. private: why nobody outside delegates it,
    or "".
    """

    zone: str
    parent: str
    nameservers: tuple[str, ...]
    ttl: int
    glue: Mapping[str, tuple[str, ...]]
    network: Network | None
    links: Mapping[str, str]
    others: tuple[str, ...]
    rrsets: Mapping[Key, RRset]
    private: str


def of(site: Site, zone: str) -> Delegation:
    """The delegation of one of the site's zones, by its canonical name. Raises Refused where it is none of them."""
    known = {item.zone.name: item for item in site.zones.values()} | dict(site.outside)
    if zone not in known:
        listed = ", ".join(name[:-1] for name in sorted(known)) or "none"
        raise Refused(f"zone {zone} is not in this state; its zones are: {listed}")
    rrsets = known[zone].zone.rrsets
    servers = rrsets.get((zone, "NS"))
    inside = [name for name in servers.rdatas if names.is_under(name, zone)] if servers else []
    found = _reverse_zone(site, zone)
    classless = found if found is not None and found.classless else None
    return Delegation(
        zone=zone,
        parent=names.parent(zone),
        nameservers=tuple(sorted(servers.rdatas)) if servers else (),
        ttl=servers.ttl if servers else 3600,
        glue={name: tuple(_addresses(rrsets, name)) for name in sorted(inside)},
        network=found.network if found else None,
        links=_links(classless) if classless else {},
        others=tuple(_others(classless)) if classless else (),
        rrsets=rrsets,
        private=_private(zone, found),
    )


def public(site: Site) -> list[str]:
    """Names of the zones that the world's DNS ought to lead to: of global prefixes, and not below a private name.

    Catalogs (RFC 9432) are for secondaries, and nobody delegates them.
    """
    zones = site.outside.keys() - {item.catalog for item in site.secondaries.values()}
    return [name for name in sorted(zones, key=names.sort_key) if _is_public(name, _reverse_zone(site, name))]


def _is_public(zone: str, found: ReverseZone | None) -> bool:
    if found is not None:
        return found.network.is_global
    return not _private(zone, None)


def _private(zone: str, found: ReverseZone | None) -> str:
    if found is not None:
        above = next((wide for wide in _ORGANISATION if _within(found.network, wide)), None)
        return f"{found.network} is private space ({above})" if above else ""
    below = next((name for name in _PRIVATE_NAMES if names.is_under(zone, name)), None)
    return f"{below} is a private name" if below else ""


def _within(network: Network, wide: IPv4Network | IPv6Network) -> bool:
    return network.version == wide.version and network.network_address in wide


def _reverse_zone(site: Site, zone: str) -> ReverseZone | None:
    """What a reverse zone covers; where its name does not tell (RFC 2317), the network of the site that fits."""
    found = reverse.parse_zone(zone)
    if found is not None and (found.classless or found.network.version == 6 or found.network.prefixlen <= 24):
        return found
    prefixes = [network.settings.ipv4 for network in site.networks.values() if network.settings.ipv4]
    hinted = (reverse.parse_zone(zone, prefix) for prefix in prefixes)
    return next((item for item in hinted if item is not None and item.classless), found)


def _links(zone: ReverseZone) -> dict[str, str]:
    return {reverse.ptr_name(address): zone.owner(address) for address in zone.network}


def _others(zone: ReverseZone) -> Iterable[str]:
    if isinstance(zone.network, IPv4Network) and zone.network.prefixlen > 24:
        for style in (ClasslessStyle.SLASH, ClasslessStyle.RANGE):
            name = reverse.classless_name(zone.network, style)
            if name != zone.name:
                yield name


def _addresses(rrsets: Mapping[Key, RRset], name: str) -> Iterable[str]:
    for rtype in ("A", "AAAA"):
        if found := rrsets.get((name, rtype)):
            yield from found.rdatas
