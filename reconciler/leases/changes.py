"""What is in force, what has changed, and when the next lease ends. Times are Unix seconds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.dns.reverse import Address
from reconciler.leases.lease import Lease, Parsed

Pair = tuple[Lease, Lease]
"""(old, new) lease of one address."""


@dataclass(frozen=True, slots=True)
class LeaseChanges:
    """The difference between two sets of leases, each part by address.

    changed: the address has another holder, name or identity. renewed: only the expiry moved, which is no change:
    an object with nothing but renewals is false.
    """

    added: tuple[Lease, ...] = ()
    removed: tuple[Lease, ...] = ()
    changed: tuple[Pair, ...] = ()
    renewed: tuple[Pair, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def by_address(leases: Iterable[Lease]) -> dict[Address, Lease]:
    """Leases by address; of several for one address the last."""
    return {lease.address: lease for lease in leases}


def settled(known: Mapping[Address, Lease], parsed: Parsed) -> dict[Address, Lease]:
    """What is in force after a reading: an incomplete one can add and renew, but ends nothing.

    What it does not show stays until its time is over (`current`), or until a complete reading. A client keeps the
    name it had: dnsmasq gives a name to whoever said it last, and takes it out of the line of whoever had it.
    """
    read = _read(known, parsed.leases)
    return read if parsed.complete else {**known, **read}


def _read(known: Mapping[Address, Lease], leases: Sequence[Lease]) -> dict[Address, Lease]:
    """Leases by address, with the names they had. No address is hashed of a lease that is the same object as before."""
    before, after = set(map(id, known.values())), set(map(id, leases))
    found = dict(known)
    for address in [address for address, lease in known.items() if id(lease) not in after]:
        del found[address]
    fresh = by_address(lease for lease in leases if id(lease) not in before)
    found |= {address: _with_name(known.get(address), lease) for address, lease in fresh.items()}
    if len(found) < len(leases):
        # An address that two files show: the last one counts.
        return {address: _with_name(known.get(address), lease) for address, lease in by_address(leases).items()}
    return found


def _with_name(old: Lease | None, new: Lease) -> Lease:
    if new.name is not None or old is None or old.name is None:
        return new
    if (old.mac, old.client_id, old.duid) != (new.mac, new.client_id, new.duid):
        return new
    named = replace(new, name=old.name)
    return old if named == old else named


def current(leases: Mapping[Address, Lease], now: float) -> Mapping[Address, Lease]:
    """Those that have not ended."""
    ended = [address for address, lease in leases.items() if lease.expires is not None and lease.expires <= now]
    if not ended:
        return leases
    found = dict(leases)
    for address in ended:
        del found[address]
    return found


def next_expiry(leases: Iterable[Lease], now: float) -> int | None:
    """When the next of them ends; None where none will."""
    return min((lease.expires for lease in leases if lease.expires is not None and lease.expires > now), default=None)


def diff(old: Mapping[Address, Lease], new: Mapping[Address, Lease]) -> LeaseChanges:
    """What has to happen for `old` to become `new`."""
    # Nearly all leases are the very same objects (see dnsmasq.Parser): compared so, no address is hashed for them.
    before, after = set(map(id, old.values())), set(map(id, new.values()))
    fresh = [lease for lease in new.values() if id(lease) not in before]
    gone = [lease for lease in old.values() if id(lease) not in after]
    added: list[Lease] = []
    changed: list[Pair] = []
    renewed: list[Pair] = []
    for lease in fresh:
        was = old.get(lease.address)
        if was is None:
            added.append(lease)
        elif was != lease:
            moved = was.expires != lease.expires and replace(was, expires=lease.expires) == lease
            (renewed if moved else changed).append((was, lease))
    removed = [lease for lease in gone if lease.address not in new]
    return LeaseChanges(
        tuple(sorted(added, key=address_order)),
        tuple(sorted(removed, key=address_order)),
        tuple(sorted(changed, key=lambda pair: address_order(pair[1]))),
        tuple(sorted(renewed, key=lambda pair: address_order(pair[1]))),
    )


def address_order(lease: Lease) -> tuple[int, int]:
    """Sorts by address, IPv4 first."""
    return lease.address.version, int(lease.address)
