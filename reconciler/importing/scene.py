"""What names are joined in: zones, networks, defaults."""

from collections import Counter
from collections.abc import Iterable, Sequence

from reconciler.checks.lookup import PrefixMap, enclosing
from reconciler.dns import names
from reconciler.dns.reverse import ReverseZone, parse_zone, ptr_name
from reconciler.importing.found import Address, FoundZone
from reconciler.importing.networks import Planned


class Scene:
    """What names are joined in: zones, networks, defaults."""

    def __init__(
        self,
        zones: Sequence[FoundZone],
        networks: Sequence[Planned],
        ours: Iterable[str],
        default_domain: str,
    ) -> None:
        """zones: those whose hosts may be joined. ours: all zones that the state will have."""
        self.zones = {zone.name: zone for zone in zones}
        self.networks = {network.name: network for network in networks}
        self.ours = frozenset(ours)
        self.default_domain = default_domain
        self.ttls = {zone.name: common_ttl(zone) for zone in zones}
        self._prefixes: PrefixMap[str] = PrefixMap()
        for network in networks:
            for prefix in (network.ipv4, network.ipv6):
                if prefix is not None:
                    self._prefixes.add(prefix, network.name)
        self._classless: PrefixMap[ReverseZone] = PrefixMap()
        for zone in zones:
            parsed = parse_zone(zone.name)
            if parsed is not None and parsed.classless:
                self._classless.add(parsed.network, parsed)

    def home(self, address: Address, wish: str = "") -> str:
        """The network of an address, "" for none; of several the wished one."""
        found = self._prefixes.find(address)
        return wish if wish in found else found[0] if found else ""

    def domain(self, network: str) -> str:
        """The domain that completes names in a network."""
        found = self.networks.get(network)
        return (found.domain if found else "") or self.default_domain

    def completed(self, text: str, network: str) -> str:
        """The absolute name: one with a dot as it is, a bare one in its network's domain."""
        return names.parse(text, "." if "." in text else self.domain(network) or ".")

    def zone_of(self, name: str) -> str | None:
        """The zone of ours that holds a name."""
        return enclosing(name, self.ours)

    def pointer(self, address: Address) -> tuple[str, str] | None:
        """(zone, owner) of the address's PTR record, where named has such a zone."""
        found = self._classless.find(address)
        owner = found[0].owner(address) if found else ptr_name(address)
        zone = enclosing(owner, self.zones)
        return (zone, owner) if zone is not None else None


def common_ttl(zone: FoundZone) -> int:
    """The TTL that most records of hosts have, or most records at all."""
    kinds = ("PTR",) if zone.name.endswith(".arpa.") else ("A", "AAAA", "CNAME")
    counts = Counter(record.ttl for record in zone.records if record.rtype in kinds)
    counts = counts or Counter(record.ttl for record in zone.records)
    return counts.most_common(1)[0][0] if counts else zone.soa.ttl
