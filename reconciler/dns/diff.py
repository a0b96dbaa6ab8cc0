"""The difference between two versions of a zone, in RRsets and in records."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from operator import is_not
from typing import Literal, NamedTuple

from reconciler.dns.merge import Merged, keep_matcher, merge3
from reconciler.dns.names import sort_key
from reconciler.dns.records import Key, RRset

__all__ = ["Change", "Merged", "ZoneDiff", "diff", "differing", "keep_matcher", "merge3"]

Sign = Literal["+", "-", "~"]


class Change(NamedTuple):
    """One changed record for a person: added, deleted, or changed in data or TTL (`old -> new`)."""

    sign: Sign
    line: str


@dataclass(frozen=True)
class ZoneDiff:
    """What changes in a zone: RRsets in canonical order of owners; changed ones are (old, new)."""

    added: tuple[RRset, ...] = ()
    removed: tuple[RRset, ...] = ()
    changed: tuple[tuple[RRset, RRset], ...] = ()

    @cached_property
    def changes(self) -> list[Change]:
        """Every changed record, by owner and type."""
        found = [(rrset, Change("-", line)) for rrset in self.removed for line in _lines(rrset, rrset.rdatas)]
        found += [(rrset, Change("+", line)) for rrset in self.added for line in _lines(rrset, rrset.rdatas)]
        found += [(new, change) for old, new in self.changed for change in _within(old, new)]
        return [change for _, change in sorted(found, key=lambda pair: _order(pair[0]))]

    @property
    def plus(self) -> int:
        """Records added."""
        return self._count("+")

    @property
    def minus(self) -> int:
        """Records deleted."""
        return self._count("-")

    @property
    def tilde(self) -> int:
        """Records changed in place: data replaced one for one, or another TTL."""
        return self._count("~")

    def _count(self, sign: Sign) -> int:
        return self._counts.get(sign, 0)

    @cached_property
    def _counts(self) -> dict[Sign, int]:
        counts: dict[Sign, int] = {
            "+": sum(len(rrset.rdatas) for rrset in self.added),
            "-": sum(len(rrset.rdatas) for rrset in self.removed),
        }
        for old, new in self.changed:
            for change in _within(old, new):
                counts[change.sign] = counts.get(change.sign, 0) + 1
        return counts

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def diff(old: Mapping[Key, RRset], new: Mapping[Key, RRset]) -> ZoneDiff:
    """What has to change for `old` to become `new`."""
    added, removed, changed = [], [], []
    for key in differing(old, new):
        before, after = old.get(key), new.get(key)
        if after is None:
            removed.append(old[key])
        elif before is None:
            added.append(after)
        else:
            changed.append((before, after))
    return ZoneDiff(
        tuple(sorted(added, key=_order)),
        tuple(sorted(removed, key=_order)),
        tuple(sorted(changed, key=lambda pair: _order(pair[1]))),
    )


def differing(old: Mapping[Key, RRset], new: Mapping[Key, RRset]) -> list[Key]:
    """Keys of RRsets that are not the same in both; those that `new` has no more come last."""
    # Most RRsets are the same object in both, which is told quicker than that they are equal.
    others = compress(new, map(is_not, new.values(), map(old.get, new)))
    keys = [key for key in others if old.get(key) != new[key]]
    added = sum(key not in old for key in keys)
    # The number of common keys tells whether any can be missing, without looking for them.
    gone = len(old) + added > len(new)
    return [*keys, *(key for key in old if key not in new)] if gone else keys


def _order(rrset: RRset) -> tuple[tuple[str, ...], str]:
    return (sort_key(rrset.owner), rrset.rtype)


def _lines(rrset: RRset, rdatas: Iterable[str]) -> list[str]:
    return [f"{rrset.owner} {rrset.ttl} {rrset.rtype} {rdata}" for rdata in rdatas]


def _within(old: RRset, new: RRset) -> list[Change]:
    """The changes inside one RRset: what left and what came are paired in order as far as they go."""
    before, after = set(old.rdatas), set(new.rdatas)
    left = [rdata for rdata in old.rdatas if rdata not in after]
    came = [rdata for rdata in new.rdatas if rdata not in before]
    ttl = str(new.ttl) if old.ttl == new.ttl else f"{old.ttl} -> {new.ttl}"
    pairs = min(len(left), len(came))
    found = [
        Change("~", f"{new.owner} {ttl} {new.rtype} {gone} -> {here}")
        for gone, here in zip(left[:pairs], came[:pairs], strict=True)
    ]
    if old.ttl != new.ttl:
        stayed = [rdata for rdata in new.rdatas if rdata in before]
        found += [Change("~", f"{new.owner} {ttl} {new.rtype} {rdata}") for rdata in stayed]
    found += [Change("-", line) for line in _lines(old, left[pairs:])]
    found += [Change("+", line) for line in _lines(new, came[pairs:])]
    return found
