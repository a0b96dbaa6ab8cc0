"""Three-way merge of a dynamic zone: what we deployed, what we want now, and what the server has.

What the server has beyond what we deployed was put there by others. Some of it belongs to them (`keep`
rules), the rest is drift, which is either reported and left alone, or healed.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from reconciler.dns import names
from reconciler.dns.records import Key, RRset

Keep = Callable[[str, str], bool]
"""Whether records of this (owner, type) belong to others."""

DriftLine = tuple[Literal["+", "-"], str]
"""A record that others added ("+") or deleted ("-")."""

_NO_RDATAS: frozenset[str] = frozenset()


class _Versions(NamedTuple):
    """One RRset as last deployed, as wanted now, and as the server has it."""

    base: RRset | None
    ours: RRset | None
    theirs: RRset | None

    def rdatas(self) -> tuple[frozenset[str], ...]:
        return tuple(frozenset(rrset.rdatas) if rrset else _NO_RDATAS for rrset in self)


class Merged(NamedTuple):
    """The merged zone content, and the drift that was found, in canonical order of owners."""

    rrsets: dict[Key, RRset]
    drift: tuple[DriftLine, ...]


def keep_matcher(zone: str, rules: Sequence[tuple[str, Sequence[str]]]) -> Keep:
    """A test for (owner, type) made from rules of a name pattern and its record types.

    Patterns are relative to the zone ("@" is its apex) or absolute. A label `*` stands for one or more:
    `_acme-challenge.*` is that label in front of any name in the zone. Type "*" is any. Raises BadName.
    """
    compiled = [(_pattern(name, zone), frozenset(kind.upper() for kind in types)) for name, types in rules]

    def keep(owner: str, rtype: str) -> bool:
        return any((rtype in types or "*" in types) and match(owner) for match, types in compiled)

    return keep


def _pattern(name: str, zone: str) -> Callable[[str], bool]:
    pattern = names.labels(names.parse(name, zone))

    # All ways of reading the pattern at once: a regular expression would try them one by one, and with many `*`
    # there are more than anybody can wait for.
    def match(owner: str) -> bool:
        places = {0}
        for label in names.labels(owner):
            places = {
                next_place
                for place in places
                if place < len(pattern) and pattern[place] in ("*", label)
                for next_place in ((place, place + 1) if pattern[place] == "*" else (place + 1,))
            }
            if not places:
                return False
        return len(pattern) in places

    return match


def merge3(
    base: Mapping[Key, RRset],
    ours: Mapping[Key, RRset],
    theirs: Mapping[Key, RRset],
    keep: Keep,
    heal: bool,
) -> Merged:
    """Merge by single records; an RRset that stands in `ours` has its TTL.

    base: as last deployed; ours: as wanted now; theirs: what the server has. None of them with the SOA.

    - heal: the result is ours, and of theirs what neither base nor ours has and `keep` says is others'.
    - not heal (report): the result is theirs, plus what ours adds to base, minus what ours takes from it.
      Nothing that somebody else added is ever deleted, nothing that somebody else deleted comes back.

    Drift is what theirs has and neither base nor ours nor `keep` knows ("+"), and what theirs lacks of what
    both base and ours have ("-"). A TTL that others changed is both, unless `keep` matches: named gives a
    whole RRset the TTL of the record that was added last. What is in theirs and in ours counts as ours.
    """
    result: dict[Key, RRset] = {}
    drift: list[tuple[Key, DriftLine]] = []
    for key in dict.fromkeys((*ours, *theirs)):
        versions = _Versions(base.get(key), ours.get(key), theirs.get(key))
        if versions.theirs == versions.base:
            merged = versions.ours
        else:
            kept = keep(*key)
            merged = _merged(key, versions, kept, heal)
            drift += [(key, line) for line in _drift(versions, kept)]
        if merged is not None:
            result[key] = merged
    drift.sort(key=lambda found: (names.sort_key(found[0][0]), found[0][1]))
    return Merged(result, tuple(line for _, line in drift))


def _merged(key: Key, versions: _Versions, kept: bool, heal: bool) -> RRset | None:
    base, ours, theirs = versions.rdatas()
    healed = ours | (theirs - base) if kept else ours
    rdatas = healed if heal else (theirs - (base - ours)) | (ours - base)
    source = versions.ours or versions.theirs
    if not rdatas or source is None:
        return None
    return RRset(key[0], source.ttl, key[1], tuple(sorted(rdatas)))


def _drift(versions: _Versions, kept: bool) -> list[DriftLine]:
    base, ours, theirs = versions.rdatas()
    missing = (base & ours) - theirs
    foreign = _NO_RDATAS if kept else theirs - base - ours
    if not kept and _ttl_changed_by_others(versions):
        missing, foreign = base & ours, foreign | (base & ours & theirs)
    return [*_lines("-", versions.base, missing), *_lines("+", versions.theirs, foreign)]


def _ttl_changed_by_others(versions: _Versions) -> bool:
    base, ours, theirs = versions
    if base is None or ours is None or theirs is None:
        return False
    return theirs.ttl not in (base.ttl, ours.ttl)


def _lines(sign: Literal["+", "-"], rrset: RRset | None, rdatas: frozenset[str]) -> list[DriftLine]:
    if rrset is None:
        return []
    return [(sign, f"{rrset.owner} {rrset.ttl} {rrset.rtype} {rdata}") for rdata in sorted(rdatas)]
