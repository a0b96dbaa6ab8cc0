"""What a dynamic zone's own records have to change by, RRset by RRset. Pure."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from reconciler.dns.diff import differing
from reconciler.dns.records import Key, RRset
from reconciler.services.bind.changes import RRsets

_LEASE_TYPES = frozenset({"A", "AAAA", "PTR"})
_NONE: frozenset[str] = frozenset()


class RRsetChange(NamedTuple):
    """The records of one RRset that go and come.

    ttl: of the RRset as it is to be; 0 where all of ours goes. gone, new: record data. A new TTL makes all record data
    new: one record that is added with another TTL gives it to the whole RRset.
    """

    key: Key
    ttl: int
    gone: tuple[str, ...]
    new: tuple[str, ...]


def difference(was: Sequence[RRsets], want: RRsets) -> tuple[RRsetChange, ...]:
    """What makes `want` of any mixture of `was`; nothing where all of them are `want` already.

    After a cut it is not known how much of a change was taken: then both versions are given, and what stands in either
    and is not wanted goes, what is not in both and is wanted comes. Saying so again does no harm (RFC 2136 3.4.2).
    """
    keys = dict.fromkeys(key for old in was for key in differing(old, want))
    changes = (_change(key, [old.get(key) for old in was], want.get(key)) for key in keys)
    return tuple(change for change in changes if change.gone or change.new)


def _change(key: Key, was: Sequence[RRset | None], want: RRset | None) -> RRsetChange:
    known = [rrset for rrset in was if rrset is not None]
    if want is not None and not known:
        return RRsetChange(key, want.ttl, (), want.rdatas)
    before = [frozenset(rrset.rdatas) for rrset in known]
    after = frozenset(want.rdatas) if want else _NONE
    everywhere = before[0].intersection(*before) if len(known) == len(was) else _NONE
    if want and any(rrset.ttl != want.ttl for rrset in known):
        everywhere = _NONE
    gone = _NONE.union(*before) - after
    return RRsetChange(key, want.ttl if want else 0, tuple(sorted(gone)), tuple(sorted(after - everywhere)))


def only_leases(changes: Iterable[RRsetChange], leases: Iterable[frozenset[Key]], want: RRsets) -> bool:
    """Whether addresses and names of leases are all that changes, so that the zone needs no checker.

    leases: keys of RRsets that come from leases, before and after.
    """
    known = [keys for keys in leases if keys]
    return bool(known) and all(
        any(change.key in keys for keys in known)
        and change.key[1] in _LEASE_TYPES
        and not (change.new and (change.key[0], "CNAME") in want)
        for change in changes
    )
