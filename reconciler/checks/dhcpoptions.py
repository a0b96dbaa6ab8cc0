"""Checks that DHCP options are such as dnsmasq takes: their names, and values that have to be addresses."""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, ip_address

from reconciler.checks.report import Report
from reconciler.state.dhcpoptions import ADDRESSES, DHCP, DHCP6
from reconciler.state.model import State
from reconciler.state.schema import IPv6Mode, Network
from reconciler.state.text import shown
from reconciler.state.validation import nearest

_LOWER, _LOWER6 = ({name.lower(): name for name in known} for known in (DHCP, DHCP6))
_BY_NUMBER = {str(number): name for name, number in DHCP.items()}


def check(state: State, report: Report) -> None:
    """Find options of networks that dnsmasq would refuse. Values are IPv6 addresses for DHCPv6, all others for IPv4."""
    for name, network in state.site.networks.items():
        if network.dhcp is None:
            continue
        for key, values in network.dhcp.options.items():
            place = ("networks", name, "dhcp", "options", key)
            if (wrong := _name(network, key, values)) is not None:
                report.error(state.site_locator.at(*place), *wrong)
            elif network.ipv4 is not None:
                for index, value in _no_addresses(key, values):
                    what = f"{shown(value)} is not an address, and DHCP option {shown(key)} takes nothing else"
                    report.error(state.site_locator.at(*place, index), what)


def _name(network: Network, key: str, values: Sequence[str]) -> tuple[str, str] | None:
    """What is wrong with an option's name, and what to do."""
    lower = key.lower()
    if key.isdecimal():
        return None
    if lower not in _LOWER and lower not in _LOWER6:
        close = nearest(key, {**DHCP, **DHCP6})
        fix = close if close.startswith("did you mean") else "write its number; `dnsmasq --help dhcp` lists the names"
        return f"dnsmasq knows no DHCP option {shown(key)}", fix
    others = [value for value in values if not _is_ipv6(value)]
    if others and network.ipv4 is not None and lower not in _LOWER:
        return f"DHCP for IPv4 has no option {shown(key)}, DHCPv6 has", "write IPv6 addresses, or leave it out"
    if len(others) < len(values) and network.ipv6_mode is not IPv6Mode.OFF and lower not in _LOWER6:
        return f"DHCPv6 has no option {shown(key)}", "leave the IPv6 addresses out"
    return None


def _no_addresses(key: str, values: Sequence[str]) -> Iterator[tuple[int, str]]:
    name = _BY_NUMBER.get(key) if key.isdecimal() else _LOWER.get(key.lower())
    if name in ADDRESSES:
        for index, value in enumerate(values):
            if not _is_ipv6(value) and not _is_ipv4(value.partition("/")[0]):
                yield index, value


def _is_ipv4(text: str) -> bool:
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True


def _is_ipv6(text: str) -> bool:
    try:
        return ip_address(text).version == 6
    except ValueError:
        return False
