"""Checks of hosts' addresses and MACs: against each other, and against what networks reserve."""

from collections.abc import Sequence
from ipaddress import IPv4Address

from reconciler.checks.joined import Located, Resident
from reconciler.checks.lookup import Address
from reconciler.checks.report import Report, Source, position
from reconciler.checks.special import Kind, Special, complete, special
from reconciler.state.model import HostEntry, State
from reconciler.state.schema import Network

Span = tuple[int, int, int]
"""IP version, first and last address of a DHCP range."""


def check(state: State, residents: Sequence[Resident], report: Report) -> None:
    """Find addresses that are used twice, reserved or out of place, and MACs that are used twice."""
    uses = special(state)
    spans = {name: _spans(network) for name, network in state.site.networks.items()}
    owners: dict[Address, Source] = {}
    macs: dict[tuple[str | None, str], Source] = {}
    moving: HostEntry | None = None
    for resident in residents:
        if resident.automatic:
            continue
        for located in resident.addresses:
            source = Source(resident.entry, located.keys)
            _check_owner(located.address, source, owners, report)
            if located.network is None:
                _check_homeless(resident, located, source, report)
            if located.address in uses:
                use = uses[located.address]
                moves = use.kind is Kind.VIRTUAL_IP and not resident.entry.host.mac
                # Said once a host.
                if not (moves and resident.entry is moving):
                    _check_special(resident, located.address, use, source, report)
                moving = resident.entry if moves else moving
            elif located.network is not None and spans[located.network]:
                _check_span(resident, located, spans[located.network], source, report)
        _check_macs(resident, macs, report)


def _spans(network: Network) -> list[Span]:
    ranges = network.dhcp.ranges if network.dhcp else []
    return [
        (item.first.version, int(complete(item.first, network.prefix6)), int(complete(item.last, network.prefix6)))
        for item in ranges
    ]


def _check_owner(address: Address, source: Source, owners: dict[Address, Source], report: Report) -> None:
    first = owners.setdefault(address, source)
    if first is source:
        return
    if first.entry is source.entry:
        report.error(source, f"address {address} stands twice in this host", "remove one")
    else:
        report.error(
            source,
            f'address {address} is already used by host "{first.entry.name}" ({position(first)})',
            "give one of them another, or make one name an alias of the other",
        )


def _check_homeless(resident: Resident, located: Located, source: Source, report: Report) -> None:
    address = located.address
    if address.is_multicast or address.is_unspecified or address == IPv4Address("255.255.255.255"):
        report.error(source, f"{address} is no host's address")
    elif resident.entry.host.mac:
        report.error(
            source,
            f"address {address} is in no network, so it cannot be reserved for a MAC",
            "correct it, or add its network to site.yaml",
        )
    else:
        report.warn(source, f"address {address} is in no network of this site")


def _check_special(resident: Resident, address: Address, use: Special, source: Source, report: Report) -> None:
    text = f"address {address} is {use.text}"
    if use.kind is Kind.UNUSABLE:
        report.error(source, text, "give the host another address")
    elif resident.entry.host.mac:
        report.error(source, text, "give the host another address, or leave its `mac:` out if this is meant to name it")
    elif use.kind is Kind.VIRTUAL_IP:
        report.warn(source, f"{text}, so this name moves with it")


def _check_span(resident: Resident, located: Located, spans: list[Span], source: Source, report: Report) -> None:
    address, number = located.address, int(located.address)
    if resident.entry.host.mac:
        return
    if any(version == address.version and first <= number <= last for version, first, last in spans):
        report.warn(
            source,
            f'address {address} is in a DHCP range of network "{located.network}", so a client may get it too',
            "add the host's `mac:`, or use an address outside of the range",
        )


def _check_macs(resident: Resident, macs: dict[tuple[str | None, str], Source], report: Report) -> None:
    entry = resident.entry
    if not entry.host.mac:
        return
    networks = dict.fromkeys(located.network for located in resident.addresses) or {resident.home: None}
    for network in networks:
        for index, mac in enumerate(entry.host.mac):
            source = Source(entry, ("mac", index))
            first = macs.setdefault((network, mac), source)
            if first.entry is not entry:
                place = f' in network "{network}"' if network else ""
                report.error(
                    source,
                    f'MAC {mac} is already used by host "{first.entry.name}"{place} ({position(first)})',
                    "a MAC can stand once per network",
                )
