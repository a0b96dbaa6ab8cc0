"""hosts.d/: names and addresses, one file a network. dnsmasq sees a change here by itself, at once.

The first name read for an address is the one that reverse queries get, so all names of an address stand on
one line of one file. dnsmasq answers backwards for every address in a hosts file; where there must be no
PTR record the name is left to dnsmasq.conf (`silent`).
"""

from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass, field
from ipaddress import ip_address

from reconciler.dns.names import parent, sort_key
from reconciler.dns.records import Key
from reconciler.services.dnsmasq.served import ADDRESS_TYPES, Answers, reverse_pointer
from reconciler.services.dnsmasq.syntax import Address, Unservable, host_line, is_takeable
from reconciler.site import Site, SiteHost, SiteNetwork

OTHER = "other"
LEASES = "leases"


@dataclass(slots=True)
class Hosts:
    """Lines by file name (without suffix), and what the hosts format cannot say.

    silent: (owner, address) that are answered forwards only. pointers: reverse names with targets that no
    line yields. complaints: names that do not fit. placed: (owner, IP version) that stand in lines.
    """

    lines: dict[str, list[str]] = field(default_factory=dict)
    silent: list[tuple[str, Address]] = field(default_factory=list)
    pointers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    placed: set[tuple[str, int]] = field(default_factory=set)

    def add(self, file: str, address: Address, owners: Iterable[str]) -> None:
        """A line; a complaint, where a name does not fit."""
        owners = list(owners)
        try:
            line = host_line(address, owners)
        except Unservable as problem:
            self.complaints.append(str(problem))
            return
        self.lines.setdefault(file, []).append(line)
        if file != LEASES:  # Leases never change what is kept from them.
            self.placed.update((owner, address.version) for owner in owners)


def layout(site: Site, answers: Answers, only: Set[Address] | None = None, leases: Set[Key] = frozenset()) -> Hosts:
    """Distribute the addresses in `answers` (those in `only`, if given) over files.

    leases: keys of what comes from leases; addresses that nothing else names are in a file of their own.
    """
    named = _named(answers)
    leased = _named({key: answers[key] for key in leases & answers.keys()})
    hosts = {address: host for host in site.hosts for address in (*host.ipv4, *host.ipv6)}
    result = Hosts()
    for address in sorted(named.keys() if only is None else named.keys() & only, key=_order):
        if address in leased and address not in hosts:
            first = leased[address]
            result.add(LEASES, address, [*first, *sorted(set(named[address]) - set(first), key=sort_key)])
            continue
        _place(result, site, address, named[address], answers=answers, host=hosts.get(address))
    placed = {reverse_pointer(address) for address in named}
    wanted = None if only is None else {reverse_pointer(address) for address in only}
    for (owner, rtype), rdatas in answers.items():
        if rtype == "PTR" and owner not in placed and (wanted is None or owner in wanted):
            result.pointers[owner] = rdatas
    return result


def before_bind(result: Hosts, site: Site, answers: Answers, domains: Collection[str]) -> None:
    """Add the addresses of names in `domains`, so that dnsmasq keeps these names from DHCP clients.

    Left out is what dnsmasq could answer otherwise than BIND: an address whose reverse name is none of these names,
    or not one alone; a name that cannot stand here with all addresses of a family.
    """
    hosts: dict[Address, SiteHost] = {}
    for host in site.hosts:
        hosts |= dict.fromkeys((*host.ipv4, *host.ipv6), host)
    wanted: dict[Key, tuple[Address, ...]]
    wanted = {
        key: tuple(map(ip_address, rdatas))
        for key, rdatas in answers.items()
        if key[1] in ADDRESS_TYPES and parent(key[0]) in domains and is_takeable(key[0].partition(".")[0])
    }
    present = {ip_address(line.split(" ", 1)[0]) for lines in result.lines.values() for line in lines}
    while True:
        named: dict[Address, list[str]] = {}
        for (owner, _), addresses in wanted.items():
            for address in addresses:
                named.setdefault(address, []).append(owner)
        unfit = {item for item in named if item not in present and not _fits(item, named[item], answers, hosts)}
        if not unfit:
            break
        wanted = {key: addresses for key, addresses in wanted.items() if unfit.isdisjoint(addresses)}
    for address in sorted(named.keys() - present, key=_order):
        of = hosts.get(address)
        target = _targets(address, answers, of)[0]
        others = sorted((owner for owner in named[address] if owner != target), key=sort_key)
        result.add(_file(address, of, site.networks), address, [target, *others])


def _fits(address: Address, owners: list[str], answers: Answers, hosts: Mapping[Address, SiteHost]) -> bool:
    targets = _targets(address, answers, hosts.get(address) if address.is_private else None)
    return len(targets) == 1 and targets[0] in owners


def _targets(address: Address, answers: Answers, host: SiteHost | None) -> tuple[str, ...]:
    return answers.get((reverse_pointer(address), "PTR")) or ((host.ptr,) if host and host.ptr else ())


def _named(answers: Answers) -> dict[Address, list[str]]:
    named: dict[Address, list[str]] = {}
    for (owner, rtype), rdatas in answers.items():
        if rtype in ADDRESS_TYPES and not owner.startswith("*."):
            for rdata in rdatas:
                named.setdefault(ip_address(rdata), []).append(owner)
    return named


def _place(
    result: Hosts, site: Site, address: Address, owners: list[str], *, answers: Answers, host: SiteHost | None
) -> None:
    pointer = reverse_pointer(address)
    targets = _targets(address, answers, host)
    if not targets and (host or not address.is_private):
        result.silent.extend((owner, address) for owner in owners)
        return
    if targets and (len(targets) > 1 or targets[0] not in owners):
        result.pointers[pointer] = targets
    first = (*targets[:1], host.name if host else "")
    ordered = sorted(owners, key=lambda owner: (first.index(owner) if owner in first else 9, sort_key(owner)))
    result.add(_file(address, host, site.networks), address, ordered)


def _file(address: Address, host: SiteHost | None, networks: Mapping[str, SiteNetwork]) -> str:
    if host and host.network is not None:
        return host.network
    for name, network in networks.items():
        prefix = network.settings.ipv4 if address.version == 4 else network.settings.prefix6
        if prefix is not None and address in prefix:
            return name
    return OTHER


def _order(address: Address) -> tuple[int, int]:
    return (address.version, int(address))
