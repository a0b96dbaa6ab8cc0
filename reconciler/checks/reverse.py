"""Checks of reverse zones: none may answer for addresses that are not ours."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses
from itertools import chain

from reconciler.checks.joined import ReverseZones
from reconciler.checks.lookup import Prefix
from reconciler.checks.report import Report
from reconciler.dns.reverse import classless_name
from reconciler.state.model import State

_LOCAL: tuple[Prefix, ...] = (
    IPv4Network("0.0.0.0/8"),
    IPv4Network("10.0.0.0/8"),
    IPv4Network("100.64.0.0/10"),
    IPv4Network("127.0.0.0/8"),
    IPv4Network("169.254.0.0/16"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.168.0.0/16"),
    IPv6Network("::/64"),
    IPv6Network("fc00::/7"),
    IPv6Network("fe80::/10"),
)
"""Space that nobody else answers for (RFC 1122, 1918, 3927, 4193, 4291, 6303, 6598)."""

_SITE_PREFIX = 48
"""A site may hold a whole IPv6 prefix of this length and use single /64 of it (RFC 6177)."""


def check(state: State, zones: ReverseZones, report: Report) -> None:
    """Find reverse zones that cover more public addresses than the networks of the site."""
    networks = state.site.networks.values()
    ours4 = list(collapse_addresses(network.ipv4 for network in networks if network.ipv4))
    ours6 = list(collapse_addresses(network.prefix6 for network in networks if network.prefix6))
    for name, place in zones.asked.items():
        covered = zones.zones[name].network
        if isinstance(covered, IPv4Network):
            fine = _within(covered, chain(ours4, _LOCAL))
        else:
            fine = _within(covered, chain(ours6, _LOCAL)) or (
                covered.prefixlen >= _SITE_PREFIX and any(_within(prefix, [covered]) for prefix in ours6)
            )
        if not fine:
            report.error(
                place,
                f"reverse zone {name} covers {covered}, which has addresses that are not of this site",
                "name the zone that your provider delegated (RFC 2317, such as "
                f"{_example(ours4, covered)}), or add the networks that are yours to site.yaml",
            )


def _within(narrow: Prefix, wide: Iterable[Prefix]) -> bool:
    return any(
        prefix.version == narrow.version and narrow.network_address in prefix and narrow.prefixlen >= prefix.prefixlen
        for prefix in wide
    )


def _example(ours: list[IPv4Network], covered: Prefix) -> str:
    inside = next((prefix for prefix in ours if _within(prefix, [covered]) and prefix.prefixlen > 24), None)
    prefix = inside or IPv4Network("198.51.100.192/26")
    return classless_name(prefix)[:-1]
