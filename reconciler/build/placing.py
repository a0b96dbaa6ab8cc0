"""Puts hosts into networks: by address, by `network:`, and joins IPv6 suffixes to prefixes."""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address

from reconciler.build.networks import Networks
from reconciler.checks.joined import Located, Resident
from reconciler.checks.lookup import Address
from reconciler.checks.report import Report, Source
from reconciler.checks.special import complete, is_suffix, node_addresses
from reconciler.site import SiteNetwork
from reconciler.state.model import HostEntry, Locator, State
from reconciler.state.schema import Host


def residents(state: State, networks: Networks, report: Report) -> list[Resident]:
    """All hosts with their addresses located, then the nodes that no host entry speaks for."""
    found = [_resident(entry, networks, report) for entry in state.hosts]
    known = {located.address for resident in found for located in resident.addresses}
    found.extend(
        Resident(entry, located, located[0].network, automatic=True)
        for entry, located in _nodes(state, networks)
        if located and not any(item.address in known for item in located)
    )
    return found


def _nodes(state: State, networks: Networks) -> Iterator[tuple[HostEntry, tuple[Located, ...]]]:
    by_node: dict[str, list[Located]] = {}
    for name, keys, address in node_addresses(state):
        network = networks.of(address, [located.network for located in by_node.get(name, ())])
        if network is not None:
            by_node.setdefault(name, []).append(Located(address, keys, network))
    for name, located in by_node.items():
        host = Host(
            ipv4=[item.address for item in located if isinstance(item.address, IPv4Address)],
            ipv6=[item.address for item in located if isinstance(item.address, IPv6Address)],
        )
        place = state.site_locator.at("nodes", name)
        locator = Locator(place.path, {(name,): (place.line, place.column)})
        yield HostEntry(name, host, locator), tuple(located)


def _resident(entry: HostEntry, networks: Networks, report: Report) -> Resident:
    host = entry.host
    wish = host.network
    if wish is not None and wish not in networks.by_name:
        report.error(
            entry.at("network"),
            f'there is no network "{wish}"',
            f"site.yaml has {', '.join(networks.by_name) or 'none'}",
        )
        wish = None
    located = [
        Located(address, ("ipv4", index), networks.of(address, (wish,))) for index, address in enumerate(host.ipv4)
    ]
    homes = list(dict.fromkeys(item.network for item in located if item.network is not None))
    for index, written in enumerate(host.ipv6):
        source = Source(entry, ("ipv6", index))
        if not is_suffix(written):
            located.append(Located(written, source.keys, networks.of(written, (wish, *homes))))
            continue
        home = _suffix_home(written, source, (wish,) if wish else homes, networks, report)
        address = home and _joined(written, source, networks.by_name[home], report)
        if address:
            located.append(Located(address, source.keys, networks.of(address, (home,))))
    found = [item.network for item in located if item.network is not None]
    if wish is not None and found and wish not in found:
        report.error(
            entry.at("network"),
            f'host "{entry.name}" has no address in network "{wish}", but in "{found[0]}"',
            "correct the address, or leave `network:` out",
        )
    return Resident(entry, tuple(located), wish or _home(located, networks))


def _home(located: list[Located], networks: Networks) -> str | None:
    for item in located:
        if item.network is not None:
            return item.network
    return next(iter(networks.by_name)) if not located and len(networks.by_name) == 1 else None


def _suffix_home(
    suffix: IPv6Address, source: Source, homes: Sequence[str], networks: Networks, report: Report
) -> str | None:
    """The network whose prefix completes a suffix: the only one of `homes`, or of all, that has a prefix."""
    mine = [name for name in homes if networks.by_name[name].settings.prefix6]
    candidates = mine if homes else networks.with_ipv6
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        report.error(
            source,
            f"IPv6 suffix {suffix} fits several networks",
            f"say which with `network:` ({', '.join(candidates)}), or write the whole address",
        )
    else:
        report.error(
            source,
            f"IPv6 suffix {suffix} has no prefix to be joined to",
            "give the host's network an `ipv6:` prefix, or write the whole address",
        )
    return None


def _joined(suffix: IPv6Address, source: Source, network: SiteNetwork, report: Report) -> Address | None:
    prefix = network.settings.prefix6
    if prefix is not None and int(suffix) & int(prefix.netmask):
        report.error(
            source,
            f'IPv6 suffix {suffix} is too long for {prefix}, the prefix of network "{network.name}"',
            f"use the last {128 - prefix.prefixlen} bits only",
        )
        return None
    return complete(suffix, prefix)
