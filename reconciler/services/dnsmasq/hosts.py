"""hosts.d/: names and addresses, one file a network. dnsmasq sees a change here by itself, at once.

The first name read for an address is the one that reverse queries get, so all names of an address stand on
one line of one file. dnsmasq answers backwards for every address in a hosts file; where there must be no
PTR record the name is left to dnsmasq.conf (`silent`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

from reconciler.dns.names import sort_key
from reconciler.services.dnsmasq.served import ADDRESS_TYPES, Answers, reverse_pointer
from reconciler.services.dnsmasq.syntax import Address, Unservable, host_line
from reconciler.site import Site, SiteHost, SiteNetwork

OTHER = "other"


@dataclass(slots=True)
class Hosts:
    """Lines by file name (without suffix), and what the hosts format cannot say.

    silent: (owner, address) that are answered forwards only. pointers: reverse names with targets that no
    line yields. complaints: names that do not fit.
    """

    lines: dict[str, list[str]] = field(default_factory=dict)
    silent: list[tuple[str, Address]] = field(default_factory=list)
    pointers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)


def layout(site: Site, answers: Answers, only: frozenset[Address] | None = None) -> Hosts:
    """Distribute the addresses in `answers` (those in `only`, if given) over files."""
    named: dict[Address, list[str]] = {}
    for (owner, rtype), rdatas in answers.items():
        if rtype in ADDRESS_TYPES and not owner.startswith("*."):
            for rdata in rdatas:
                named.setdefault(ip_address(rdata), []).append(owner)
    hosts = {address: host for host in site.hosts for address in (*host.ipv4, *host.ipv6)}
    result = Hosts()
    for address in sorted(named.keys() if only is None else named.keys() & only, key=_order):
        _place(result, site, address, named[address], answers=answers, host=hosts.get(address))
    placed = {reverse_pointer(address) for address in named}
    wanted = None if only is None else {reverse_pointer(address) for address in only}
    for (owner, rtype), rdatas in answers.items():
        if rtype == "PTR" and owner not in placed and (wanted is None or owner in wanted):
            result.pointers[owner] = rdatas
    return result


def _place(
    result: Hosts, site: Site, address: Address, owners: list[str], *, answers: Answers, host: SiteHost | None
) -> None:
    pointer = reverse_pointer(address)
    targets = answers.get((pointer, "PTR")) or ((host.ptr,) if host and host.ptr else ())
    if not targets and (host or not address.is_private):
        result.silent.extend((owner, address) for owner in owners)
        return
    if targets and (len(targets) > 1 or targets[0] not in owners):
        result.pointers[pointer] = targets
    first = (*targets[:1], host.name if host else "")
    ordered = sorted(owners, key=lambda owner: (first.index(owner) if owner in first else 9, sort_key(owner)))
    try:
        line = host_line(address, ordered)
    except Unservable as problem:
        result.complaints.append(str(problem))
        return
    result.lines.setdefault(_file(address, host, site.networks), []).append(line)


def _file(address: Address, host: SiteHost | None, networks: Mapping[str, SiteNetwork]) -> str:
    if host and host.network is not None:
        return host.network
    for name, network in networks.items():
        prefix = network.settings.ipv4 if address.version == 4 else network.settings.ipv6
        if prefix is not None and address in prefix:
            return name
    return OTHER


def _order(address: Address) -> tuple[int, int]:
    return (address.version, int(address))
