"""Checks of the networks in site.yaml against each other."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from reconciler.checks import dhcpoptions, isolated
from reconciler.checks.lookup import Address, Prefix
from reconciler.checks.report import Report
from reconciler.checks.special import Special, complete, node_addresses, special, unusable
from reconciler.state.model import State
from reconciler.state.problem import Position
from reconciler.state.schema import AddressRange, IPv6Mode, Network


def check(state: State, report: Report) -> None:
    """Find what is wrong with the networks as such: prefixes, routers, virtual IPs, DHCP, IPv6 modes."""
    for name, network in state.site.networks.items():
        _check_addresses(state, name, network, report)
        _check_services(state, name, network, report)
        _check_slaac(state, name, network, report)
    _check_owners(state, report)
    _check_overlaps(state, report)
    _check_interfaces(state, report)
    isolated.check(state, report)
    dhcpoptions.check(state, report)
    _check_ranges(state, report)


def _check_addresses(state: State, name: str, network: Network, report: Report) -> None:
    at = state.site_locator.at
    if network.ipv4 is None and network.prefix6 is None:
        report.error(at("networks", name), f'network "{name}" has no prefix', "add `ipv4:` or `ipv6:`")
    if network.router is not None:
        place = at("networks", name, "router")
        if network.ipv4 is None or network.router not in network.ipv4:
            report.error(place, f"router {network.router} is not in {network.ipv4 or 'any prefix'} of this network")
        elif network.router in unusable(network.ipv4):
            report.error(
                place,
                f"router {network.router} is the {unusable(network.ipv4)[network.router]} of this network",
            )
    for index, address in enumerate(network.virtual_ips):
        prefix = network.ipv4 if address.version == 4 else network.prefix6
        place = at("networks", name, "virtual_ips", index)
        if prefix is not None and address not in prefix:
            report.error(place, f'virtual IP {address} is not in {prefix}, the prefix of network "{name}"')
        elif prefix is not None and address in unusable(prefix):
            report.error(place, f'virtual IP {address} is the {unusable(prefix)[address]} of network "{name}"')


def _check_services(state: State, name: str, network: Network, report: Report) -> None:
    at = state.site_locator.at
    if network.dhcp is not None and network.interface is None:
        report.error(
            at("networks", name, "dhcp"),
            f'network "{name}" has DHCP but no interface',
            "add `interface:` with the name of the one that serves it",
        )
    if network.ipv6_mode is not IPv6Mode.OFF:
        missing = [key for key in ("interface", "ipv6") if getattr(network, key) is None]
        if missing:
            needed = " and ".join(f"`{key}:`" for key in missing)
            report.error(
                at("networks", name, "ipv6_mode"),
                f'ipv6_mode {network.ipv6_mode} of network "{name}" needs {needed}',
                f"add {needed}, or set `ipv6_mode: off`",
            )


def _check_slaac(state: State, name: str, network: Network, report: Report) -> None:
    if not network.slaac_names:
        return
    place = state.site_locator.at("networks", name, "slaac_names")
    if network.prefix6 is None or network.prefix6.prefixlen > 64:
        found = f"its prefix is {network.prefix6}" if network.prefix6 else "it has none"
        report.error(
            place,
            f'slaac_names of network "{name}" needs an IPv6 prefix that hosts can make addresses in, and {found}',
            "set `ipv6:` to a prefix of 64 bits, or `slaac_names: no`",
        )
    elif not network.lease_names:
        report.warn(place, f'slaac_names of network "{name}" has no effect with `lease_names: no`')


def _check_owners(state: State, report: Report) -> None:
    """Nodes' addresses and virtual IPs each belong to one."""
    owners: dict[Address, str] = {}
    for name, keys, address in node_addresses(state):
        first = owners.setdefault(address, f'the address of node "{name}"')
        if first != f'the address of node "{name}"':
            report.error(state.site_locator.at("nodes", name, *keys), f"{address} is already {first}")
    for name, network in state.site.networks.items():
        for index, address in enumerate(network.virtual_ips):
            place = state.site_locator.at("networks", name, "virtual_ips", index)
            if address in owners:
                report.error(place, f"{address} is already {owners[address]}", "a virtual IP is nobody's own")
            owners.setdefault(address, f'the virtual IP of network "{name}"')


def _check_overlaps(state: State, report: Report) -> None:
    """Sorted by first address, a prefix overlaps an earlier one if it lies in the last that stood free."""
    for key, attribute in (("ipv4", "ipv4"), ("ipv6", "prefix6")):
        found = ((getattr(network, attribute), name) for name, network in state.site.networks.items())
        prefixes: list[tuple[Prefix, str]] = sorted(
            ((prefix, name) for prefix, name in found if prefix is not None),
            key=lambda item: (int(item[0].network_address), item[0].prefixlen),
        )
        for (before, first), (prefix, name) in _overlapping(prefixes):
            place = state.site_locator.at("networks", name, key)
            if key == "ipv4":
                report.error(
                    place,
                    f'{prefix} overlaps {before} of network "{first}"',
                    "give every network addresses of its own",
                )
            elif prefix == before:
                report.warn(
                    place,
                    f'networks "{first}" and "{name}" share {prefix}',
                    "a host there is placed by its IPv4 address or by `network:`",
                )
            else:
                report.warn(place, f'{prefix} overlaps {before} of network "{first}"; the longer prefix counts')


def _overlapping(
    prefixes: list[tuple[Prefix, str]],
) -> Iterator[tuple[tuple[Prefix, str], tuple[Prefix, str]]]:
    widest: tuple[Prefix, str] | None = None
    for item in prefixes:
        if widest is not None and int(item[0].network_address) <= int(widest[0].broadcast_address):
            yield widest, item
        else:
            widest = item


def _check_interfaces(state: State, report: Report) -> None:
    seen: dict[str, str] = {}
    for name, network in state.site.networks.items():
        if network.dhcp is None or network.interface is None:
            continue
        first = seen.setdefault(network.interface, name)
        if first != name:
            report.warn(
                state.site_locator.at("networks", name, "interface"),
                f'networks "{first}" and "{name}" both do DHCP on interface {network.interface}',
                "a client there gets an address of either",
            )


def _check_ranges(state: State, report: Report) -> None:
    uses = special(state)
    taken = sorted((address.version, int(address), address) for address in uses)
    spans: list[tuple[int, int, int, AddressRange, Position]] = []
    for name, network in state.site.networks.items():
        for index, span in enumerate(network.dhcp.ranges if network.dhcp else ()):
            place = state.site_locator.at("networks", name, "dhcp", "ranges", index)
            ends = _check_range(name, network, span, place, report)
            if ends is None:
                continue
            spans.append((ends[0].version, int(ends[0]), int(ends[1]), span, place))
            _check_contents(ends, taken, uses, place, report)
    spans.sort(key=lambda item: item[:3])
    for before, after in pairwise(spans):
        if before[0] == after[0] and after[1] <= before[2]:
            report.error(
                after[4],
                f"range {_text(after[3])} overlaps {_text(before[3])} ({before[4]})",
                "make them disjoint",
            )


def _text(span: AddressRange) -> str:
    return f"{span.first}-{span.last}"


def _check_range(
    name: str, network: Network, span: AddressRange, place: Position, report: Report
) -> tuple[Address, Address] | None:
    text = _text(span)
    if span.first.version != span.last.version:
        report.error(place, f"range {text} mixes IPv4 and IPv6", "write two addresses of one family")
        return None
    prefix = network.ipv4 if span.first.version == 4 else network.prefix6
    if prefix is None:
        report.error(place, f'network "{name}" has no IPv{span.first.version} prefix for range {text}')
        return None
    first, last = complete(span.first, prefix), complete(span.last, prefix)
    if int(first) > int(last):
        report.error(place, f"range {text} is reversed", f"write {span.last}-{span.first}")
        return None
    if first not in prefix or last not in prefix:
        report.error(place, f'range {text} is not within {prefix}, the prefix of network "{name}"')
        return None
    return first, last


def _check_contents(
    ends: tuple[Address, Address],
    taken: Sequence[tuple[int, int, Address]],
    uses: Mapping[Address, Special],
    place: Position,
    report: Report,
) -> None:
    """`taken`: version, number and value of every special address, sorted."""
    version = ends[0].version
    first = bisect_left(taken, (version, int(ends[0])))
    last = bisect_left(taken, (version, int(ends[1]) + 1))
    for _, _, address in taken[first:last]:
        report.error(
            place,
            f"the range holds {address}, {uses[address].text}",
            "leave it out, or DHCP would hand it out",
        )
