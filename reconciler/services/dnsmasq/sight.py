"""What clients of an isolated network may know of the site's names. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network

from reconciler.dns import reverse
from reconciler.dns.names import is_under, parent
from reconciler.dns.records import RRset
from reconciler.dns.zone import Zone
from reconciler.services.dnsmasq.served import reverse_address
from reconciler.services.dnsmasq.syntax import Address
from reconciler.site import SiteHost, SiteNetwork

_LEADING = ("CNAME", "DNAME", "PTR")
"""Types whose data is a name that is looked up in place of, or shown as, the owner."""


@dataclass(frozen=True)
class Sight:
    """What clients of one network may know. A name is the network's in whose domain it lies deepest."""

    own: SiteNetwork
    others: tuple[SiteNetwork, ...]

    def hides(self, name: str) -> bool:
        """Whether this name is another network's."""
        if name.endswith(".arpa."):
            return self._hides_reverse(name)
        domains = {**{network.domain: True for network in self.others}, self.own.domain: False}
        while name not in domains:
            if name == ".":
                return False
            name = parent(name)
        return domains[name]

    def hides_address(self, address: Address) -> bool:
        """Whether this address is another network's."""
        return not has(self.own, address) and any(has(network, address) for network in self.others)

    def host(self, host: SiteHost) -> SiteHost | None:
        """The host as far as it may be known."""
        if host.network != self.own.name and (host.network is not None or self.hides(host.name)):
            return None
        aliases = tuple(alias for alias in host.aliases if not self.hides(alias))
        return replace(host, aliases=aliases, ptr=None if host.ptr and self.hides(host.ptr) else host.ptr)

    def zones(self, zones: Mapping[str, Zone]) -> dict[str, Zone]:
        """The zones that have something to know, with that; the same objects where that is all."""
        leading = self.leading(zones)
        found = {}
        for name, zone in zones.items():
            if self.hides(name) and not is_under(self.own.domain, name):
                continue
            kept = {
                key: rrset for key, rrset in zone.rrsets.items() if key[0] not in leading and not self.hides(key[0])
            }
            if kept or not zone.rrsets:
                found[name] = zone if len(kept) == len(zone.rrsets) else replace(zone, rrsets=kept)
        return found

    def leading(self, zones: Mapping[str, Zone]) -> set[str]:
        """Names of ours that lead to another network's, also by way of each other."""
        alias = [
            rrset
            for zone in zones.values()
            for rrset in zone.rrsets.values()
            if rrset.rtype in _LEADING and not self.hides(rrset.owner)
        ]
        found = {rrset.owner for rrset in alias if self._leads(rrset)}
        while more := {r.owner for r in alias if r.owner not in found and not found.isdisjoint(r.rdatas)}:
            found |= more
        return found

    def leads_away(self, zone: Zone) -> bool:
        """Whether what stands in this reverse zone is other networks' alone."""
        pointers = [rrset for rrset in zone.rrsets.values() if rrset.rtype == "PTR"]
        return bool(pointers) and all(map(self._leads, pointers))

    def _leads(self, rrset: RRset) -> bool:
        return any(self.hides(target) for target in rrset.rdatas)

    def _hides_reverse(self, name: str) -> bool:
        if any(is_under(name, zone) for zone in delegated(self.own)):
            return False
        address = reverse_address(name)
        if address is not None:
            return self.hides_address(address)
        if any(is_under(name, zone) for network in self.others for zone in delegated(network)):
            return True
        zone = reverse.parse_zone(name)
        return (
            zone is not None
            and not _meets(self.own, zone.network)
            and any(_meets(network, zone.network) for network in self.others)
        )


def delegated(network: SiteNetwork) -> tuple[str, ...]:
    """Reverse zones that the network names as its own."""
    return tuple(network.settings.reverse) if isinstance(network.settings.reverse, list) else ()


def has(network: SiteNetwork, address: Address) -> bool:
    """Whether the address is in one of the network's prefixes, or moves with its primary."""
    """Whether the address is in one of the network's prefixes, or moves with its primary."""
    settings = network.settings
    prefix = settings.ipv4 if address.version == 4 else settings.prefix6
    return address in settings.virtual_ips or (prefix is not None and address in prefix)


def _meets(network: SiteNetwork, covered: IPv4Network | IPv6Network) -> bool:
    prefix = network.settings.ipv4 if covered.version == 4 else network.settings.prefix6
    return prefix is not None and (prefix.network_address in covered or covered.network_address in prefix)
