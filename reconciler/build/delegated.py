"""Networks whose IPv6 prefix a provider delegates and may change.

A commit has to be right whatever the prefix is, so it is checked with stand-ins, from space that nobody has. With the
prefixes that are known it is then built for the servers; what hangs on one that is not known yet is left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv6Address, IPv6Network

from reconciler.checks.report import Report
from reconciler.checks.special import complete, is_suffix
from reconciler.dns import prefixes, reverse
from reconciler.dns.records import Key, RRset
from reconciler.site import KnownPrefix, Site, SiteHost, SiteNetwork, SiteZone
from reconciler.state.model import State
from reconciler.state.schema import DelegatedPrefix, Dhcp, Network

Known = Mapping[str, KnownPrefix]
"""What is delegated, by the interface that shows it."""

_STAND_IN, _MOST = 0x4000, 0x2000
"""First 16 bits of the first stand-in, and how many: 4000::/3 is not assigned (IANA's IPv6 address space registry)."""
_LONGEST = 48
"""Length of a stand-in, where nothing is said of the length; shorter where a subnet's number asks for it."""


def delegations(state: State) -> dict[str, DelegatedPrefix]:
    """Networks whose prefix is delegated, by name."""
    found = ((name, network.delegated) for name, network in state.site.networks.items())
    return {name: item for name, item in found if item is not None}


def choose(state: State, *candidates: Known) -> tuple[dict[str, KnownPrefix], tuple[str, ...]]:
    """For each interface the first of the candidates that all its networks fit into; why others do not."""
    chosen: dict[str, KnownPrefix] = {}
    problems: dict[str, None] = {}
    found = delegations(state)
    for source in dict.fromkeys(item.prefix_from for item in found.values()):
        mine = {name: item for name, item in found.items() if item.prefix_from == source}
        for candidate in candidates:
            if source in candidate and source not in chosen:
                misfits = [text for name, item in mine.items() if (text := _misfit(name, item, candidate[source]))]
                problems |= dict.fromkeys(misfits)
                if not misfits:
                    chosen[source] = candidate[source]
    return chosen, tuple(problems)


def _misfit(name: str, item: DelegatedPrefix, known: KnownPrefix) -> str:
    try:
        prefix_of(item, known.prefix)
    except ValueError as error:
        text = f"network {name}: {item.prefix_from} shows {known.prefix}, and {error}"
        return f"{text}; say `length:` or another `subnet:`" if item.length is None else text
    return ""


def prefix_of(item: DelegatedPrefix, seen: IPv6Network) -> IPv6Network:
    """The network's prefix, where `seen` is shown. Raises ValueError where it has no such subnet."""
    return prefixes.subnet(prefixes.delegated(seen, item.length), item.subnet)


def stand_ins(state: State) -> dict[str, KnownPrefix]:
    """A prefix for each interface, to check with."""
    lengths: dict[str, int] = {}
    for item in delegations(state).values():
        length = item.length or min(_LONGEST, prefixes.SUBNET - item.subnet.bit_length())
        lengths[item.prefix_from] = min(length, lengths.get(item.prefix_from, length))
    return {
        source: KnownPrefix(IPv6Network(((_STAND_IN + number % _MOST) << 112, length)))
        for number, (source, length) in enumerate(lengths.items())
    }


def virtual_suffixes(network: Network) -> frozenset[int]:
    """The last 64 bits of its virtual IPv6 addresses."""
    return frozenset(int(address) & (2**64 - 1) for address in network.virtual_ips if address.version == 6)


def check(state: State, report: Report) -> None:
    """Find subnets that do not fit into what is delegated, as far as its length is written."""
    for name, item in delegations(state).items():
        if item.length is not None and item.subnet >> (prefixes.SUBNET - item.length):
            try:
                prefixes.subnet(IPv6Network((0, item.length)), item.subnet)
            except ValueError as error:
                fix = "give another number, or the delegated prefix's true `length:`"
                report.error(state.site_locator.at("networks", name, "ipv6", "subnet"), str(error), fix)


def resolve(state: State, known: Known) -> State:
    """The state with these prefixes written out: in networks, virtual addresses and DHCP options."""
    networks = {}
    for name, network in state.site.networks.items():
        item = network.delegated
        networks[name] = network if item is None else _resolved(network, _fitting(item, known[item.prefix_from]))
    return replace(state, site=state.site.model_copy(update={"networks": networks}))


def _fitting(item: DelegatedPrefix, known: KnownPrefix) -> IPv6Network:
    try:
        return prefix_of(item, known.prefix)
    except ValueError:  # `check` tells; all else is checked too.
        return prefixes.subnet(known.prefix, 0)


def _resolved(network: Network, prefix: IPv6Network) -> Network:
    changes: dict[str, object] = {
        "ipv6": prefix,
        "virtual_ips": [complete(address, prefix) for address in network.virtual_ips],
    }
    if network.dhcp is not None:
        changes["dhcp"] = _with_options(network.dhcp, prefix)
    return network.model_copy(update=changes)


def _with_options(dhcp: Dhcp, prefix: IPv6Network) -> Dhcp:
    options = {name: [_completed(text, prefix) for text in values] for name, values in dhcp.options.items()}
    return dhcp.model_copy(update={"options": options})


def _completed(text: str, prefix: IPv6Network) -> str:
    try:
        address = IPv6Address(text)
    except ValueError:
        return text
    # The unspecified address means the server itself to dnsmasq.
    return str(complete(address, prefix)) if is_suffix(address) and int(address) else text


def strip(site: Site, unknown: Mapping[str, KnownPrefix]) -> Site:
    """The site without what hangs on these prefixes, which are stand-ins."""
    if not unknown:
        return site
    found = tuple(item.prefix for item in unknown.values())
    zones = {name: _zone(zone, found) for name, zone in site.zones.items() if not _reverses(name, found)}
    hosts = (_host(host, found) for host in site.hosts)
    return replace(
        site,
        networks={name: _network(network, found) for name, network in site.networks.items()},
        hosts=tuple(host for host in hosts if host is not None),
        zones=zones,
    )


def _within(address: object, found: Sequence[IPv6Network]) -> bool:
    return isinstance(address, IPv6Address) and any(address in prefix for prefix in found)


def _reverses(name: str, found: Sequence[IPv6Network]) -> bool:
    zone = reverse.parse_zone(name)
    return zone is not None and _within(zone.network.network_address, found)


def _zone(zone: SiteZone, found: Sequence[IPv6Network]) -> SiteZone:
    rrsets: dict[Key, RRset] = {}
    for key, rrset in zone.zone.rrsets.items():
        if key[1] != "AAAA":
            rrsets[key] = rrset
        elif left := tuple(text for text in rrset.rdatas if not _within(IPv6Address(text), found)):
            rrsets[key] = rrset._replace(rdatas=left)
    return replace(zone, zone=replace(zone.zone, rrsets=rrsets))


def _host(host: SiteHost, found: Sequence[IPv6Network]) -> SiteHost | None:
    """None for one that has nothing left; a MAC address alone still reserves a name."""
    left = tuple(address for address in host.ipv6 if not _within(address, found))
    if left == host.ipv6:
        return host
    return replace(host, ipv6=left) if left or host.ipv4 or host.macs else None


def _network(network: SiteNetwork, found: Sequence[IPv6Network]) -> SiteNetwork:
    prefix = network.settings.prefix6
    if prefix is None or not _within(prefix.network_address, found):
        return network
    virtual = [address for address in network.settings.virtual_ips if not _within(address, found)]
    return replace(network, settings=network.settings.model_copy(update={"ipv6": None, "virtual_ips": virtual}))
