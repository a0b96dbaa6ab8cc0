"""What public DNS says of a domain's names: its own name servers are asked, not a cache that may be behind."""

import time
from collections.abc import Sequence
from ipaddress import ip_address

import dns.exception
import dns.resolver

from reconciler.errors import Temporary
from reconciler.state.addresses import ServerAddress
from reconciler.state.wan import Family
from reconciler.wan.publication import Seen
from reconciler.watch.whoami import records

_LIFETIME = 10.0
"""Seconds for one look-up through the host's resolver."""


def look(domain: str, names: Sequence[str], family: Family, servers: Sequence[ServerAddress]) -> Seen:
    """Ask for the addresses of `names`. servers: those to ask; the domain's own where there are none.

    A name has the addresses that any server gives: it counts as changed only once all servers say so. Servers that do
    not answer are passed over, as long as one does.
    """
    rtype = "A" if family is Family.IPV4 else "AAAA"
    found: dict[str, frozenset[str]] = {}
    try:
        asked = servers or authoritative(domain)
        for name in names:
            found[name] = _addresses(asked, name, rtype, recurse=bool(servers))
    except Temporary as error:
        return Seen(time.time(), {}, str(error))
    return Seen(time.time(), found)


def _addresses(servers: Sequence[ServerAddress], name: str, rtype: str, *, recurse: bool) -> frozenset[str]:
    found: set[str] = set()
    failures = []
    for server in servers:
        try:
            found.update(records(server, name, rtype, recurse=recurse))
        except Temporary as error:
            failures.append(str(error))
    if len(failures) == len(servers):
        raise Temporary("; ".join(failures))
    return frozenset(found)


def authoritative(domain: str, resolver: dns.resolver.Resolver | None = None) -> list[ServerAddress]:
    """Addresses of the name servers of the zone that the domain lies in, by the host's resolver. Raises Temporary."""
    try:
        resolver = resolver or dns.resolver.Resolver()
        resolver.lifetime = _LIFETIME
        zone = dns.resolver.zone_for_name(domain, resolver=resolver)
        servers = [str(rdata.target) for rdata in resolver.resolve(zone, "NS")]
        found = [address for server in sorted(servers) for address in resolver.resolve_name(server).addresses()]
    except dns.exception.DNSException as error:
        raise Temporary(f"the name servers of {domain} cannot be found ({type(error).__name__})") from None
    return [ServerAddress(ip_address(address)) for address in found]
