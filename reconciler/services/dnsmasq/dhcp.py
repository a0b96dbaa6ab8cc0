"""DHCP, DHCPv6 and router advertisements: lines of dnsmasq.conf, and reservations.d/, one file a network.

Each network has its own tag (`net-NAME`), so its options reach its clients only. dnsmasq sees a new
reservation by itself; a removed or changed one needs SIGHUP; a change in ranges or options needs a restart.
"""

import contextlib
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from reconciler.dns.names import is_hostname, parent
from reconciler.services.dnsmasq import reserved
from reconciler.services.dnsmasq.reserved import TAG, Reserved
from reconciler.services.dnsmasq.served import Mode
from reconciler.services.dnsmasq.syntax import Address, Unservable, name, reservation, setting, value, word
from reconciler.site import Site, SiteHost, SiteNetwork
from reconciler.state.schema import AddressRange, IPv6Mode

_DEFAULT_LEASE = 43200
_STATEFUL_FIRST, _STATEFUL_LAST = 0x1000, 0x1FFF
"""Interface identifiers that a stateful network without ranges of its own hands out."""


def active(site: Site) -> list[SiteNetwork]:
    """Networks with DHCP or router advertisements, by name."""
    return [
        site.networks[key]
        for key in sorted(site.networks)
        if site.networks[key].settings.dhcp or _ipv6_mode(site.networks[key]) is not IPv6Mode.OFF
    ]


def lines(site: Site, part: Mode, lease_file: str) -> tuple[list[str], list[str]]:
    """(lines, complaints) for all networks."""
    networks = active(site)
    made = [
        setting("dhcp-leasefile", lease_file),
        # The lease file is shared by all nodes and one of them serves, so leases that it does not know are
        # not ours.
        setting("dhcp-authoritative"),
        # Clients get names in their network's domain only, never bare ones.
        setting("dhcp-fqdn"),
        setting("domain", name(networks[0].domain)),
    ]
    if part is not Mode.DHCP:
        made += reserved.settings()
    problems = []
    if any(_ipv6_mode(network) is not IPv6Mode.OFF for network in networks):
        made.append(setting("enable-ra"))
    for network in networks:
        try:
            made += _network(network, part)
        except Unservable as problem:
            problems.append(f"network {network.name}: {problem}")
    return made, problems


def handed_out(conf: str) -> list[IPv4Network | IPv6Network]:
    """Networks in which a server with this dnsmasq.conf hands addresses out."""
    found: list[IPv4Network | IPv6Network] = []
    for line in conf.splitlines():
        if line.startswith("dhcp-range="):
            # As `_ranges_v4` and `_ranges_v6` write it: a tag, the first address, the last or a word, the mask.
            words = line.partition("=")[2].split(",")
            with contextlib.suppress(ValueError, IndexError):
                found.append(ip_network(f"{words[1]}/{words[3]}", strict=False))
    return found


def reservations(site: Site, taken: Reserved | None) -> tuple[dict[str, list[str]], list[str]]:
    """(lines by network name, complaints): hosts with a MAC in a network with DHCP.

    With an address that is reserved; one without any has its name reserved. Where dnsmasq cannot give the state's name,
    the client gets none of its own choice either. Names in `taken` are kept from all other clients.
    """
    made: dict[str, list[str]] = {network.name: [] for network in active(site)}
    owners: dict[str, list[str]] = {name: [] for name in made}
    problems = []
    for host in sorted(site.hosts, key=lambda item: (item.name, item.macs)):
        if host.network in made and host.macs:
            network = site.networks[host.network]
            addresses = _reserved(host, network)
            try:
                if addresses or not (host.ipv4 or host.ipv6):
                    owner = _client_name(host, network)
                    made[host.network].append(reservation(host.macs, addresses, owner, None if owner else TAG))
                    owners[host.network] += [owner] if owner else []
            except Unservable as problem:
                problems.append(str(problem))
    if taken is not None:
        for key, names in owners.items():
            made[key] += taken.after(names)
        made[reserved.FILE] = [*made.get(reserved.FILE, ()), *taken.lines()]
    return made, problems


def _ipv6_mode(network: SiteNetwork) -> IPv6Mode:
    return network.settings.ipv6_mode if network.settings.prefix6 else IPv6Mode.OFF


def _reserved(host: SiteHost, network: SiteNetwork) -> list[Address]:
    found: list[Address] = list(host.ipv4[:1]) if network.settings.dhcp else []
    if _ipv6_mode(network) is IPv6Mode.STATEFUL:
        found += host.ipv6[:1]
    return found


def _client_name(host: SiteHost, network: SiteNetwork) -> str | None:
    """dnsmasq takes one label in the network's own domain, and nothing that is no host name."""
    fits = parent(host.name) == network.domain and is_hostname(host.name) and "_" not in host.name
    return host.name if fits else None


def _network(network: SiteNetwork, part: Mode) -> list[str]:
    settings, tag = network.settings, word(f"net-{network.name}")
    prefixes = [prefix for prefix in (settings.ipv4, settings.prefix6) if prefix is not None]
    made = [f"# network {network.name}"]
    made += [setting("domain", name(network.domain), str(prefix)) for prefix in prefixes]
    if not settings.lease_names:
        made.append(setting("dhcp-ignore-names", f"tag:{tag}"))
    made += _ranges_v4(network, tag)
    made += _ranges_v6(network, tag)
    made += _options(network, tag, part)
    return made


def _ranges_v4(network: SiteNetwork, tag: str) -> list[str]:
    dhcp, prefix = network.settings.dhcp, network.settings.ipv4
    if dhcp is None or prefix is None:
        return []
    tail = (str(prefix.netmask), str(dhcp.lease))
    ranges = [item for item in dhcp.ranges if item.first.version == 4]
    if not ranges:
        return [setting("dhcp-range", f"set:{tag}", str(prefix.network_address), "static", *tail)]
    return [setting("dhcp-range", f"set:{tag}", str(item.first), str(item.last), *tail) for item in ranges]


def _ranges_v6(network: SiteNetwork, tag: str) -> list[str]:
    kind, prefix = _ipv6_mode(network), network.settings.prefix6
    if prefix is None or kind is IPv6Mode.OFF:
        return []
    if network.settings.interface is None:
        raise Unservable(f"ipv6_mode {kind.value} needs an interface; say `interface:`, or `ipv6_mode: off`")
    lease = network.settings.dhcp.lease if network.settings.dhcp else _DEFAULT_LEASE
    tail = (str(prefix.prefixlen), str(lease))
    made = []
    if not network.settings.router_advertisement_default:
        # Lifetime 0: never a default router (RFC 4861 section 4.2). Interval 0 keeps dnsmasq's own.
        made.append(setting("ra-param", word(network.settings.interface), "0", "0"))
    if kind is not IPv6Mode.STATEFUL:
        flavour = "ra-only" if kind is IPv6Mode.SLAAC else "ra-stateless"
        return [*made, setting("dhcp-range", f"set:{tag}", str(prefix.network_address), flavour, *tail)]
    ranges = [item for item in (network.settings.dhcp.ranges if network.settings.dhcp else ()) if _is_v6(item)]
    ends = [(item.first, item.last) for item in ranges] or [_default_range(prefix)]
    return [
        *made,
        *(
            setting("dhcp-range", f"set:{tag}", str(_within(prefix, first)), str(_within(prefix, last)), *tail)
            for first, last in ends
        ),
    ]


def _is_v6(item: AddressRange) -> bool:
    return item.first.version == 6


def _default_range(prefix: IPv6Network) -> tuple[IPv6Address, IPv6Address]:
    size = prefix.num_addresses
    return prefix[min(_STATEFUL_FIRST, size // 2)], prefix[min(_STATEFUL_LAST, size - 1)]


def _within(prefix: IPv6Network, address: Address) -> Address:
    """A suffix (`::1000`) joined to the prefix; a whole address as it is."""
    if int(address) >> 64:
        return address
    return IPv6Address(int(prefix.network_address) | int(address))


def _options(network: SiteNetwork, tag: str, part: Mode) -> list[str]:
    settings = network.settings
    given = dict(settings.dhcp.options) if settings.dhcp else {}
    virtual = [str(address) for address in settings.virtual_ips]
    # The unspecified address stands for the server's own (dnsmasq(8), --dhcp-option).
    own = [] if part is not Mode.DHCP else ["0.0.0.0", "::"]  # noqa: S104  An option's value, nothing is bound.
    servers = [item for version in (4, 6) for item in _of(version, virtual) or _of(version, own)]
    given.setdefault("domain-search", [name(network.domain)])
    given.setdefault("dns-server", servers)
    made: list[str] = []
    if settings.dhcp and settings.ipv4:
        # Left out, dnsmasq would name itself as the router; an empty option is not sent.
        given.setdefault("router", [str(settings.router)] if settings.router else [])
        for key in sorted(given):
            values = [text for text in given[key] if _version(text) != 6]
            if values or key == "router":
                made.append(_option(tag, key if key.isdecimal() else f"option:{word(key)}", values))
    if _ipv6_mode(network) is not IPv6Mode.OFF:
        for key in sorted(given):
            addresses = [f"[{text}]" for text in _of(6, given[key])]
            values = given[key] if key == "domain-search" else addresses
            if values:
                made.append(_option(tag, f"option6:{word(key)}", values))
    return made


def _option(tag: str, code: str, values: Sequence[str]) -> str:
    return setting("dhcp-option", f"tag:{tag}", code, *map(value, values))


def _of(version: int, values: Iterable[str]) -> list[str]:
    return [text for text in values if _version(text) == version]


def _version(text: str) -> int:
    try:
        return ip_address(text).version
    except ValueError:
        return 0
