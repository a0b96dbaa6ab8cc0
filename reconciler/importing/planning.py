"""Networks of the site, from DHCP ranges, `domain=` with a prefix, reverse zones, and addresses of hosts."""

from collections import Counter
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from reconciler.dns import names, reverse
from reconciler.importing.found import Address, Fate, FoundDhcp, FoundDns, FoundRange, Prefix
from reconciler.importing.ledger import Ledger
from reconciler.importing.networks import Planned, span
from reconciler.importing.offering import offer
from reconciler.state.types import IDENTIFIER


def plan(dns: FoundDns, dhcp: FoundDhcp, ledger: Ledger) -> list[Planned]:
    """All networks, named and in order."""
    work = _Work(dns, dhcp, ledger)
    work.ranges_v4()
    work.domains()
    work.reverse_zones()
    work.addresses()
    work.ranges_v6()
    work.prefixes_v6()
    offer(work.networks, dhcp, ledger)
    work.name()
    return work.networks


class _Work:
    def __init__(self, dns: FoundDns, dhcp: FoundDhcp, ledger: Ledger) -> None:
        self.networks: list[Planned] = []
        self._dns = dns
        self._dhcp = dhcp
        self._ledger = ledger
        self._zones = [
            (zone.name, parsed) for zone in dns.zones if (parsed := reverse.parse_zone(zone.name)) is not None
        ]

    def _of(self, prefix: Prefix) -> Planned | None:
        """The network that has this prefix, or overlaps it."""
        for network in self.networks:
            own = network.ipv4 if prefix.version == 4 else network.ipv6
            if own is not None and own.overlaps(prefix):
                return network
        return None

    def ranges_v4(self) -> None:
        """A network for each prefix that ranges are in."""
        for item in self._dhcp.ranges:
            if item.first.version == 6:
                continue
            if item.mode == "proxy":
                self._ledger.mark(item.path, item.number, Fate.HATCH, "the state has no proxy DHCP")
                continue
            prefix = item.prefix or self._guessed(item)
            assert isinstance(prefix, IPv4Network)
            network = self._of(prefix)
            if network is None:
                network = Planned(ipv4=prefix, dhcp=True)
                self.networks.append(network)
            self._take(network, item)
            if item.mode != "static":
                network.ranges.append(f"{item.first}-{item.last}")

    def _take(self, network: Planned, item: FoundRange) -> None:
        network.tags |= {item.tag} if item.tag else set()
        network.interface = network.interface or item.interface
        if item.tag in self._dhcp.interfaces and not network.interface:
            network.interface = item.tag
        network.dhcp = True
        lease = item.lease
        if network.lease is None:
            network.lease = lease
        elif lease is not None and lease != network.lease:
            note = f"its lease time is now {span(network.lease)}, the network's"
            self._ledger.note(item.path, item.number, note)
        self._ledger.note(item.path, item.number, "a network's `dhcp:`")

    def _guessed(self, item: FoundRange) -> Prefix:
        """The prefix of a range without a netmask."""
        known = [prefix for prefix in self._dhcp.domains if prefix is not None]
        known += [zone.network for _, zone in self._zones if zone.network.prefixlen >= 16]
        for prefix in sorted(known, key=lambda prefix: -prefix.prefixlen):
            if item.first in prefix and item.last in prefix:
                return prefix
        prefix = ip_network(f"{item.first}/24", strict=False)
        while item.last not in prefix:
            prefix = prefix.supernet()
        self._ledger.guess(f"{prefix} as the prefix of the range {item.first}-{item.last}, which has no netmask")
        return prefix

    def domains(self) -> None:
        """`domain=NAME,PREFIX`."""
        for prefix, domain in self._dhcp.domains.items():
            if prefix is None:
                continue
            network = self._of(prefix)
            if network is None and isinstance(prefix, IPv4Network):
                network = Planned(ipv4=prefix)
                self.networks.append(network)
            if network is not None:
                network.domain = domain

    def reverse_zones(self) -> None:
        """A network for each IPv4 reverse zone that no network lies in; what the zones of the others are called."""
        for name, zone in self._zones:
            if not isinstance(zone.network, IPv4Network) or zone.network.prefixlen < 8:
                continue
            inside = [item for item in self.networks if item.ipv4 and item.ipv4.overlaps(zone.network)]
            if not inside and zone.network.prefixlen <= 30:
                self.networks.append(Planned(ipv4=zone.network))
                self._ledger.guess(f"a network {zone.network}, from the reverse zone {name}")
                inside = self.networks[-1:]
            for network in inside:
                if zone.classless:
                    network.reverse.append(name)

    def addresses(self) -> None:
        """Private addresses of bare names, and of names in domains of ours, that lie in no network: a /24 each."""
        ours = {*self._dhcp.domains.values(), *self._dhcp.local, *(zone.name for zone in self._dns.zones)}
        for item in self._dhcp.names:
            address = item.address
            if "." in item.name and not any(item.name.endswith(f".{domain[:-1]}") for domain in ours):
                continue
            if address.version == 4 and address.is_private and not address.is_unspecified:
                prefix = ip_network(f"{address}/24", strict=False)
                if self._of(prefix) is None and isinstance(prefix, IPv4Network):
                    self.networks.append(Planned(ipv4=prefix))
                    self._ledger.guess(f"a network {prefix}, from addresses in it")

    def ranges_v6(self) -> None:
        """IPv6 ranges go to the network with their tag or interface, or to the only one."""
        for item in self._dhcp.ranges:
            if item.first.version == 4:
                continue
            network = self._home_v6(item)
            if item.interface:
                network.prefix_from, network.interface = item.interface, network.interface or item.interface
            elif isinstance(item.prefix, IPv6Network):
                network.ipv6 = item.prefix
            modes = item.mode.split(",")
            if item.first != item.last or "static" in modes:
                network.ipv6_mode = "stateful"
                if item.first != item.last:
                    network.ranges.append(f"{item.first}-{item.last}")
                self._take(network, item)
            elif network.ipv6_mode != "stateful":
                network.ipv6_mode = "stateless" if "ra-stateless" in modes else "slaac"
            network.slaac_names = network.slaac_names or "ra-names" in modes
            network.default_router = True
            lost = [mode for mode in modes if mode in ("ra-advrouter", "off-link", "deprecated")]
            lost += ["slaac"] if network.ipv6_mode == "stateful" and "slaac" in modes else []
            note = f"ipv6_mode: {network.ipv6_mode}"
            self._ledger.note(item.path, item.number, f"{note}; left out: {', '.join(lost)}" if lost else note)

    def _home_v6(self, item: FoundRange) -> Planned:
        for network in self.networks:
            if (item.tag and item.tag in network.tags) or (item.interface and item.interface == network.interface):
                return network
        free = [network for network in self.networks if not network.ipv6 and not network.prefix_from and network.dhcp]
        if len(free) == 1 or (free and item.interface):
            if len(free) > 1:
                self._ledger.guess(f"IPv6 of interface {item.interface} belongs to network {free[0].ipv4}")
            return free[0]
        self.networks.append(Planned(interface=item.interface, tags={item.tag} if item.tag else set()))
        return self.networks[-1]

    def prefixes_v6(self) -> None:
        """The IPv6 prefix of a network, where no range says: most hosts' with an IPv4 address in it."""
        counts: list[Counter[IPv6Network]] = [Counter() for _ in self.networks]
        by_owner: dict[str, list[Address]] = {}
        for owner, address in self._all_addresses():
            by_owner.setdefault(owner, []).append(address)
        for addresses in by_owner.values():
            homes = {index for index, item in enumerate(self.networks) for one in addresses if item.holds(one)}
            for address in addresses:
                if address.version == 6 and not address.is_link_local and len(homes) == 1:
                    prefix = self._zone_v6(address) or ip_network(f"{address}/64", strict=False)
                    assert isinstance(prefix, IPv6Network)
                    counts[next(iter(homes))][prefix] += 1
        for network, counter in zip(self.networks, counts, strict=True):
            if counter and not network.ipv6:
                network.ipv6 = counter.most_common(1)[0][0]
                what = f"{network.ipv6} is the IPv6 prefix of {network.ipv4}, from hosts in both"
                moves = f"; `ipv6: {{prefix_from: {network.prefix_from}}}` would follow one that moves"
                self._ledger.guess(what + (moves if network.prefix_from else ""))
                network.prefix_from = ""

    def _zone_v6(self, address: Address) -> Prefix | None:
        lengths = (zone.network for _, zone in self._zones if zone.network.version == 6)
        return next((prefix for prefix in lengths if address in prefix and prefix.prefixlen >= 64), None)

    def _all_addresses(self) -> Iterable[tuple[str, Address]]:
        for zone in self._dns.zones:
            for record in zone.records:
                if record.rtype in ("A", "AAAA"):
                    yield record.owner, _address(record.rdata)
        for name in self._dhcp.names:
            for owner in (name.name, *name.aliases):
                yield owner, name.address
        for item in self._dhcp.reservations:
            for address in item.addresses:
                yield item.name, address

    def name(self) -> None:
        """A name for each: its tag, its domain's first label, its interface, or its prefix."""
        domains = Counter(network.domain for network in self.networks)
        taken: set[str] = set()
        for network in self.networks:
            own = names.labels(network.domain)[0] if network.domain and domains[network.domain] == 1 else ""
            alone = "lan" if len(self.networks) == 1 else ""
            prefix = str(network.ipv4 or network.ipv6 or network.prefix_from).split("/", 1)[0].replace(":", "-")
            tags = sorted(network.tags - set(self._dhcp.interfaces))
            choices = (*tags, own, alone, network.interface, f"net-{prefix.strip('-')}")
            network.name = next(item for item in choices if IDENTIFIER.fullmatch(item) and item not in taken)
            taken.add(network.name)


def _address(text: str) -> Address:
    return ip_address(text)
