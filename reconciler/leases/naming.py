"""Names of leases: what DNS says of the clients of DHCP.

A client chooses its name, so the name is hostile. It is one label in the domain of its network, never one that the
state, a server, a service or another client has. The same leases give the same names in whatever order they come,
and a renewal changes nothing.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from reconciler.dns import names
from reconciler.dns.reverse import Address
from reconciler.leases import contest, labels
from reconciler.leases.changes import address_order
from reconciler.leases.clients import Claim, Placed, PrefixTable, clients, tied_by_name
from reconciler.leases.contest import Claims, Holders, Outcome, Rules
from reconciler.leases.lease import Lease
from reconciler.leases.policy import LeaseNetwork, OnConflict, Reservation, Statics
from reconciler.leases.records import LeaseRecord, records_of


@dataclass(frozen=True, slots=True)
class Names:
    """The names of all leases.

    records: by address of the lease. reports: sentences about clients that did not get what they asked for.
    holders: who holds each name; given back as `previous` the next time, it keeps names where they are.
    """

    records: tuple[LeaseRecord, ...]
    reports: tuple[str, ...]
    holders: Holders


Report = tuple[Address, str]
"""A lease's address, and a sentence about it."""


@dataclass(frozen=True, slots=True)
class Solution:
    """What `solve` finds: by address the name and its records; reports by address; holders by name."""

    owners: dict[Address, str]
    records: dict[Address, tuple[LeaseRecord, ...]]
    reports: tuple[Report, ...]
    holders: dict[str, str]


@dataclass(slots=True)
class _Item:
    """A lease on its way to a name. `owner` is what it asks for, absolute; None for nothing."""

    lease: Lease
    network: LeaseNetwork
    client: str
    owner: str | None = None
    reservation: Reservation | None = None


def assign(
    leases: Iterable[Lease],
    networks: Iterable[LeaseNetwork],
    statics: Statics,
    *,
    told: Mapping[str, str] | None = None,
    previous: Holders | None = None,
) -> Names:
    """The records of all leases that have not ended (`changes.current`), and what is to be reported.

    leases: one an address. told: MAC address by DUID, from dnsmasq's dhcp-script. previous: `holders` of the last
    time.
    """
    placed, outside = place(leases, PrefixTable(sharing(networks)))
    found = solve(placed, statics, told or {}, previous or {})
    return Names(
        tuple(chain.from_iterable(found.records.values())),
        (*told_outside(outside), *(text for _, text in found.reports)),
        found.holders,
    )


def sharing(networks: Iterable[LeaseNetwork]) -> list[LeaseNetwork]:
    """The networks; what one reserves is reserved in all of the same domain."""
    networks = list(networks)
    reserved: dict[str, frozenset[str]] = {}
    for network in networks:
        reserved[network.domain] = reserved.get(network.domain, frozenset()) | network.reserved
    return [replace(network, reserved=reserved[network.domain]) for network in networks]


def place(leases: Iterable[Lease], table: PrefixTable) -> tuple[list[Placed], list[Address]]:
    """Leases of networks that publish them, and addresses that are in no network."""
    found, outside = [], []
    for lease in leases:
        network = table.find(lease.address)
        if network is None:
            outside.append(lease.address)
        elif network.enabled and (network.temporary or not lease.temporary):
            found.append(Placed(lease, network))
    return found, outside


def told_outside(outside: Collection[Address]) -> tuple[str, ...]:
    """The report about addresses in no network."""
    if not outside:
        return ()
    first = min(outside, key=lambda address: (address.version, int(address)))
    others = f" and {len(outside) - 1} more" if len(outside) > 1 else ""
    return (f"{first}{others}: leased, but in no network of the site, so without a name",)


def solve(placed: Iterable[Placed], statics: Statics, told: Mapping[str, str], previous: Holders) -> Solution:
    """Names and records of leases that have their network (see `assign`), in the order of addresses."""
    ordered = sorted(placed, key=_order)
    reports: list[Report] = []
    items = [
        _Item(lease, network, client)
        for (lease, network), client in zip(ordered, clients(ordered, told, statics.reservations), strict=True)
    ]
    for item in items:
        _ask(item, statics, reports)
    _tie(items, previous)
    _inherit(items, statics)
    keys = _keys(items)
    outcome = _contest(items, keys, statics, previous)
    owners: dict[Address, str] = {}
    records: dict[Address, tuple[LeaseRecord, ...]] = {}
    holders: dict[str, str] = {}
    reported: set[tuple[str, str]] = set()
    for item in items:
        owner = _won(item, outcome, reported, reports)
        if owner is not None:
            holder = keys.get(item.client, item.client)
            if item.reservation is None:
                holders[owner] = holder
            owners[item.lease.address] = owner
            records[item.lease.address] = tuple(
                records_of(Placed(item.lease, item.network), owner, holder, item.reservation, statics)
            )
    return Solution(owners, records, tuple(reports), holders)


def _order(placed: Placed) -> tuple[int, int]:
    return address_order(placed.lease)


def _ask(item: _Item, statics: Statics, reports: list[Report]) -> None:
    """What the lease is to be called: as the state says for its MAC, else as the client does, if that can be."""
    lease, network = item.lease, item.network
    if item.client.startswith("mac:") and statics.reservations:
        item.reservation = statics.reservations.get((network.name, item.client.removeprefix("mac:")))
        if item.reservation is not None:
            item.owner = item.reservation.name if names.parent(item.reservation.name) == network.domain else None
            return
    if lease.name is None:
        return
    label, complaint = labels.read(lease.name, network.domain)
    if complaint is not None:
        reports.append((lease.address, f"{_who(item)}: {complaint}"))
    if label is None:
        return
    owner = f"{label}.{network.domain}"
    own = labels.is_generated(label) and label == labels.generated(lease.address)
    why = _barred(label, owner, network, statics, own_generated=own)
    if why is None:
        item.owner = owner
    else:
        text = f'{_who(item)}: it calls itself "{label}", which is {why}; it does not get that name'
        reports.append((lease.address, text))


def _who(item: _Item) -> str:
    identity = item.client.partition(":")[2]
    shortened = identity if len(identity) <= 47 else f"{identity[:44]}..."
    return f"network {item.network.name}: {item.lease.address} ({shortened})"


def _barred(
    label: str, owner: str, network: LeaseNetwork, statics: Statics, *, own_generated: bool = False
) -> str | None:
    """Why no client can have a name, None if one can."""
    if owner in statics.names:
        return "a name of the state repository"
    if label in statics.labels:
        return "the name of a server"
    if labels.is_service(label) or label in network.reserved:
        return "the name of a service"
    if labels.is_generated(label) and not own_generated:
        return "kept for another address"
    return "too long with its domain" if len(owner) > names.MAX_TEXT else None


def _tie(items: list[_Item], previous: Holders) -> None:
    """Make one client of DHCPv4 and DHCPv6 leases that only their name ties."""
    if not any(item.lease.address.version == 6 and item.client.startswith("duid:") for item in items):
        return
    claims = [
        Claim(item.network.name, item.owner, item.client, item.lease.address.version)
        for item in items
        if item.owner is not None
    ]
    with_ipv6 = {(item.network.name, item.client) for item in items if item.lease.address.version == 6}
    tied = tied_by_name(claims, with_ipv6, previous)
    for item in items:
        item.client = tied.get((item.network.name, item.client), item.client)


def _inherit(items: list[_Item], statics: Statics) -> None:
    """Names for leases without: IPv6 ones take that of the client's DHCPv4 lease; generated ones, where wanted."""
    of_client: dict[tuple[str, str], str] = {}
    for item in items:  # IPv4 comes first.
        key = item.network.name, item.client
        if item.reservation is not None:
            continue
        if item.owner is None and item.lease.address.version == 6:
            item.owner = of_client.get(key)
        if item.owner is None and item.network.generate:
            label = labels.generated(item.lease.address)
            owner = f"{label}.{item.network.domain}"
            if _barred(label, owner, item.network, statics, own_generated=True) is None:
                item.owner = owner
        if item.owner is not None and item.lease.address.version == 4:
            of_client.setdefault(key, item.owner)


def _keys(items: list[_Item]) -> dict[str, str]:
    """All keys of clients that have more than one, as holders are written."""
    found: dict[str, set[str]] = {}
    for item in items:
        if item.lease.duid is not None:
            found.setdefault(item.client, {item.client}).add(f"duid:{item.lease.duid}")
    return {client: " ".join(sorted(keys)) for client, keys in found.items()}


def _contest(items: list[_Item], keys: Mapping[str, str], statics: Statics, previous: Holders) -> Outcome:
    claims = Claims()
    for item in items:
        if item.owner is not None and item.reservation is None:
            claims.add(item.owner, item.client)
    if not claims.contested:
        return Outcome()
    by_domain = {item.network.domain: item.network for item in items}
    numbered = {
        (item.owner, item.client)
        for item in items
        if item.owner is not None and item.network.on_conflict is OnConflict.NUMBER
    }

    def taken(owner: str) -> bool:
        label, _, domain = owner.partition(".")
        return domain not in by_domain or _barred(label, owner, by_domain[domain], statics) is not None

    return contest.decide(
        claims, Rules(previous, lambda client: frozenset(keys.get(client, client).split()), numbered, taken)
    )


def _won(item: _Item, outcome: Outcome, reported: set[tuple[str, str]], reports: list[Report]) -> str | None:
    """The lease's name after all contests; a lost one is reported once."""
    if item.owner is None or item.reservation is not None or item.owner not in outcome.winners:
        return item.owner
    owner = outcome.name(item.owner, item.client)
    if owner != item.owner and (item.owner, item.client) not in reported:
        reported.add((item.owner, item.client))
        winner = outcome.winners[item.owner].partition(":")[2]
        gets = f"it is called {owner} now" if owner else "it gets no name"
        text = f"{_who(item)}: it asks for {item.owner}, which {winner} holds; {gets}"
        reports.append((item.lease.address, text))
    return owner
