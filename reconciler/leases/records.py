"""The DNS records of a lease that has its name: forward, reverse, and the way into an RFC 2317 zone."""

from collections.abc import Iterator
from typing import NamedTuple

from reconciler.dns import reverse
from reconciler.leases.clients import Placed
from reconciler.leases.lease import Lease
from reconciler.leases.policy import LeaseNetwork, Reservation, Statics


class LeaseRecord(NamedTuple):
    """One record of a lease: its zone, the record in canonical text, its network, and who holds the name."""

    zone: str
    owner: str
    ttl: int
    rtype: str
    rdata: str
    network: str
    holder: str


def records_of(
    placed: Placed, owner: str, holder: str, reservation: Reservation | None, statics: Statics
) -> Iterator[LeaseRecord]:
    """The records of a lease called `owner`; where that is the host of a reservation, only what the state lacks."""
    lease, network = placed
    ttl, text = network.record_ttl, str(lease.address)
    rtype = "A" if lease.address.version == 4 else "AAAA"
    target: str | None = owner
    if reservation is None:
        yield LeaseRecord(network.zone, owner, ttl, rtype, text, network.name, holder)
    else:
        target = reservation.ptr
        static = statics.records.get(network.zone, ())
        if (owner, rtype) not in static and (owner, "CNAME") not in static:
            yield LeaseRecord(network.zone, owner, ttl, rtype, text, network.name, holder)
    if target is None or text in statics.addresses:
        return
    for zone, name, kind, data in _pointers(lease, network, target):
        if name in statics.names:
            return
        yield LeaseRecord(zone, name, ttl, kind, data, network.name, holder)


def _pointers(lease: Lease, network: LeaseNetwork, target: str) -> Iterator[tuple[str, str, str, str]]:
    """(zone, owner, type, data): the PTR record in the zone that lies closest; a CNAME that leads to it (RFC 2317).

    Where a classless zone and the one above it are both the site's, the way from one to the other is as well.
    """
    covering = [zone for zone in network.reverse if lease.address in zone.network]
    if not covering:
        return
    closest = max(covering, key=lambda zone: (zone.classless, zone.network.prefixlen, zone.name))
    owner = closest.owner(lease.address)
    yield closest.name, owner, "PTR", target
    plain = [zone for zone in covering if not zone.classless]
    if closest.classless and plain:
        above = max(plain, key=lambda zone: zone.network.prefixlen)
        yield above.name, reverse.ptr_name(lease.address), "CNAME", owner
