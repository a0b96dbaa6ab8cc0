"""Networks of the site, from DHCP ranges, `domain=` with a prefix, reverse zones, and addresses of hosts."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from reconciler.dns import names, reverse
from reconciler.importing.found import Address, Fate, FoundDhcp, FoundDns, FoundName, FoundRange, Prefix
from reconciler.importing.ledger import Ledger
from reconciler.state.types import _IDENTIFIER as IDENTIFIER
from reconciler.state.types import _INTERFACE as INTERFACE

_DEFAULT_LEASE = 3600
"""dnsmasq's own (dnsmasq(8), --dhcp-range)."""
_STAND_IN_INTERFACE = "eth0"


@dataclass(slots=True)
class Planned:
    """A network of the state, while it is put together. reverse: zones of named.conf, or ["no"]."""

    name: str = ""
    interface: str = ""
    domain: str = ""
    ipv4: IPv4Network | None = None
    ipv6: IPv6Network | None = None
    prefix_from: str = ""
    tags: set[str] = field(default_factory=set)
    dhcp: bool = False
    ranges: list[str] = field(default_factory=list)
    lease: int | None = None
    options: dict[str, list[str]] = field(default_factory=dict)
    router: str = ""
    virtual_ips: list[Address] = field(default_factory=list)
    ipv6_mode: str = ""
    default_router: bool = False
    slaac_names: bool = False
    reverse: list[str] = field(default_factory=list)

    def holds(self, address: Address) -> bool:
        """Whether an address lies in it."""
        prefix = self.ipv4 if address.version == 4 else self.ipv6
        return prefix is not None and address in prefix

    def written(self) -> dict[str, Any]:
        """As site.yaml has it."""
        dhcp: dict[str, Any] = {}
        if self.dhcp:
            dhcp = {"ranges": self.ranges} if self.ranges else {}
            dhcp["lease"] = span(_DEFAULT_LEASE if self.lease is None else self.lease)
            if self.options:
                dhcp["options"] = {key: _one_or_many(values) for key, values in self.options.items()}
        found: dict[str, Any] = {
            "interface": self.interface,
            "domain": self.domain.rstrip("."),
            "ipv4": str(self.ipv4) if self.ipv4 else "",
            "ipv6": {"prefix_from": self.prefix_from} if self.prefix_from else str(self.ipv6) if self.ipv6 else "",
            "router": self.router,
            "virtual_ips": [str(address) for address in self.virtual_ips],
            "dhcp": dhcp,
            "ipv6_mode": self.ipv6_mode,
            "router_advertisement_default": "yes" if self.default_router and self.ipv6_mode else "",
            "slaac_names": "yes" if self.slaac_names else "",
            "reverse": _one_or_many([zone if zone == "no" else zone[:-1] for zone in self.reverse]),
        }
        return {key: value for key, value in found.items() if value}


def _one_or_many(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values


def span(seconds: int) -> str:
    """Seconds as a person writes them; what is for ever is the longest that the state takes."""
    seconds = min(seconds, 2**31 - 1)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return str(seconds)


def plan(dns: FoundDns, dhcp: FoundDhcp, ledger: Ledger) -> list[Planned]:
    """All networks, named and in order."""
    work = _Work(dns, dhcp, ledger)
    work.ranges_v4()
    work.domains()
    work.reverse_zones()
    work.addresses()
    work.ranges_v6()
    work.prefixes_v6()
    work.interfaces()
    work.options()
    work.servers()
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

    def interfaces(self) -> None:
        """Which interface serves a network that needs one."""
        plain = [name for name in self._dhcp.interfaces if INTERFACE.fullmatch(name) and name != "lo"]
        taken = {network.interface for network in self.networks}
        free = [name for name in plain if name not in taken]
        waiting = [
            network for network in self.networks if not network.interface and (network.dhcp or network.ipv6_mode)
        ]
        for network in waiting:
            network.interface = free.pop(0) if free else plain[0] if len(plain) == 1 else _STAND_IN_INTERFACE
            if len(waiting) > 1 or network.interface not in plain or len(plain) > 1:
                self._ledger.guess(f"interface {network.interface} serves {network.ipv4 or network.ipv6}; correct it")
        for network in self.networks:
            if network.interface in self._dhcp.no_router:
                network.default_router = False
            elif network.default_router:
                what = f"this server goes on announcing itself as IPv6 router of {network.ipv4 or network.ipv6}"
                self._ledger.guess(f"{what} (router_advertisement_default)")

    def options(self) -> None:
        """DHCP options by tag or for all; what belongs to no network stays raw."""
        for option in self._dhcp.options:
            homes = [item for item in self.networks if item.dhcp or item.ipv6_mode]
            if option.tag:
                homes = [item for item in homes if option.tag in item.tags or option.tag == item.interface]
            if not homes:
                what = f"no network has the tag {option.tag}" if option.tag else "no network has DHCP"
                self._ledger.mark(option.path, option.number, Fate.HATCH, what)
            for network in homes:
                self._option(network, option.name, list(option.values), general=not option.tag, version=option.version)
                self._ledger.note(option.path, option.number, f"option {option.name} of the network's `dhcp:`")
        for network in self.networks:
            self._router(network)

    def _option(self, network: Planned, name: str, values: list[str], *, general: bool, version: int) -> None:
        """One with a tag goes before one without (dnsmasq(8), --dhcp-option); families stand side by side."""
        known = network.options.get(name, [])
        same = [value for value in known if (":" in value) == (version == 6)]
        if general and same:
            return
        network.options[name] = [value for value in known if value not in same] + values

    def _router(self, network: Planned) -> None:
        values = network.options.pop("router", None)
        if not network.dhcp or not network.ipv4:
            return
        if values is None:
            network.options["router"] = ["0.0.0.0"]  # noqa: S104  Means the server itself.
            what = f"this server stays the router of {network.ipv4}, as dnsmasq says where no option does"
            self._ledger.guess(f"{what}; write `router:` if another is meant")
        elif len(values) == 1 and values[0] != "0.0.0.0" and network.holds(_address(values[0])):  # noqa: S104
            network.router = values[0]
        elif values:
            network.options["router"] = values

    def servers(self) -> None:
        """Addresses that dnsmasq listens on are where DNS is answered."""
        for address in self._dhcp.listen:
            home = next((network for network in self.networks if network.holds(address)), None)
            if home is not None:
                home.virtual_ips.append(address)
                self._ledger.guess(f"{address}, where dnsmasq listens, is a virtual IP, or this server's own address")

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


def home_of(networks: Sequence[Planned], address: Address) -> Planned | None:
    """The network that an address lies in; of several with one IPv6 prefix the first."""
    return next((network for network in networks if network.holds(address)), None)


def completed(name: FoundName, text: str, networks: Sequence[Planned], default: str) -> str:
    """The absolute name of one in a hosts file: a bare one gets its network's domain, as with expand-hosts."""
    if "." in text:
        return names.parse(text)
    home = home_of(networks, name.address)
    return names.parse(text, (home.domain if home and home.domain else default) or ".")
