"""The plan: what an apply would change, in records and files, and what of it may surprise. Pure."""

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Literal

from reconciler.deployed import Deployed, DeployedZone
from reconciler.dns import versions
from reconciler.dns.diff import ZoneDiff, diff, differing
from reconciler.dns.records import Key, RRset
from reconciler.dns.zone import SOA
from reconciler.site import Site, SiteZone


@dataclass(frozen=True, slots=True)
class ZonePlan:
    """The change of one zone, which `name` is the id of.

    records_before counts records without SOA and without leases, where the state changes any. state_diff: the part of
    diff that the state brings; the rest comes from leases. soa is (old, new) where the SOA's own values change.
    kind_change is "static" or "dynamic" where the zone becomes that. was: the id of the version whose place it takes,
    where views have come or gone.
    """

    name: str
    kind: Literal["new", "changed", "removed"]
    diff: ZoneDiff
    state_diff: ZoneDiff
    records_before: int
    soa: tuple[SOA, SOA] | None = None
    kind_change: str = ""
    was: str = ""

    @property
    def apex_ns_changed(self) -> bool:
        """Whether the NS RRset at the zone's apex is touched."""
        key = (versions.name_of(self.name), "NS")
        touched = {rrset.key for rrset in (*self.state_diff.added, *self.state_diff.removed)}
        return key in touched or any(new.key == key for _, new in self.state_diff.changed)


@dataclass(frozen=True, slots=True)
class Plan:
    """All changes: zones, rendered files by SERVICE/PATH (+ new, ~ changed, - gone), and notes for a person."""

    zones: tuple[ZonePlan, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Nothing would change."""
        return not (self.zones or self.files)

    @property
    def only_leases(self) -> bool:
        """Something would change, and nothing of it by the state."""
        return bool(self.zones) and not any(
            zone.state_diff or zone.soa or zone.kind_change or zone.was or zone.kind != "changed" for zone in self.zones
        )

    @property
    def counts(self) -> tuple[int, int, int]:
        """Records that the state adds, changes and deletes, over all zones."""
        diffs = [zone.state_diff for zone in self.zones]
        return sum(d.plus for d in diffs), sum(d.tilde for d in diffs), sum(d.minus for d in diffs)


def make(site: Site, files: Mapping[str, str], deployed: Deployed) -> Plan:
    """Compare what is desired with what is deployed.

    files: SERVICE/PATH to the digest of its rendered content. An unfinished apply (`deployed.pending`) counts as
    not deployed: its zones are planned again.
    """
    changes = []
    places = _places(site.zones, deployed.zones)
    for name in sorted({*site.zones, *deployed.zones} - {*places.values()}):
        was = places.get(name, "")
        change = _zone(name, site.zones.get(name), deployed.zones.get(was or name), was)
        if change is not None:
            changes.append(change)
    zones = tuple(changes)
    return Plan(zones, tuple(_files(files, deployed.files)), tuple(_notes(zones, site, deployed)))


def _places(new: Mapping[str, SiteZone], old: Mapping[str, DeployedZone]) -> dict[str, str]:
    """Versions whose place others of the same zone take: of those that come and those that go the two most alike."""
    coming, going = _by_name(new.keys() - old.keys()), _by_name(old.keys() - new.keys())
    return {
        come: go
        for name in coming.keys() & going.keys()
        for come, go in [
            min(
                ((come, go) for come in coming[name] for go in going[name]),
                key=lambda pair: len(differing(old[pair[1]].zone.rrsets, new[pair[0]].zone.rrsets)),
            )
        ]
    }


def _by_name(keys: Collection[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key in sorted(keys):
        found.setdefault(versions.name_of(key), []).append(key)
    return found


def _zone(name: str, new: SiteZone | None, old: DeployedZone | None, was: str = "") -> ZonePlan | None:
    change = diff(old.zone.rrsets if old else {}, new.zone.rrsets if new else {})
    by_state = _without(change, [zone.leases for zone in (old, new) if zone is not None])
    before = _count(old) if by_state else 0
    if new is None or old is None:
        return ZonePlan(name, "new" if old is None else "removed", change, by_state, before)
    kind_change = "" if new.dynamic == old.dynamic else ("dynamic" if new.dynamic else "static")
    soa = None if new.zone.soa == old.zone.soa else (old.zone.soa, new.zone.soa)
    if not (change or soa or kind_change or was):
        return None
    return ZonePlan(name, "changed", change, by_state, before, soa, kind_change, was)


def _without(change: ZoneDiff, leases: Sequence[Set[Key]]) -> ZoneDiff:
    def by_state(rrset: RRset) -> bool:
        return not any(rrset.key in keys for keys in leases)

    return ZoneDiff(
        tuple(filter(by_state, change.added)),
        tuple(filter(by_state, change.removed)),
        tuple(pair for pair in change.changed if by_state(pair[1])),
    )


def _count(zone: DeployedZone | None) -> int:
    if zone is None:
        return 0
    leases = sum(len(zone.zone.rrsets[key].rdatas) for key in zone.leases)
    return sum(len(rrset.rdatas) for rrset in zone.zone.rrsets.values()) - leases


def _files(new: Mapping[str, str], old: Mapping[str, str]) -> list[tuple[str, str]]:
    signs = []
    for path in sorted({*new, *old}):
        if path not in old:
            signs.append(("+", path))
        elif path not in new:
            signs.append(("-", path))
        elif new[path] != old[path]:
            signs.append(("~", path))
    return signs


def _notes(zones: tuple[ZonePlan, ...], site: Site, deployed: Deployed) -> list[str]:
    """How long others may go on answering what they remember (RFC 1034 section 3.6, RFC 2308 section 5)."""
    old_ttls = [rrset.ttl for zone in zones for rrset in (*zone.diff.removed, *(old for old, _ in zone.diff.changed))]
    notes = []
    if old_ttls:
        notes.append(f"old answers may stay in other resolvers' caches for up to {span(max(old_ttls))}")
    negative = []
    for zone in zones:
        if zone.kind == "changed" and zone.diff.added:
            soa = deployed.zones[zone.was or zone.name].zone.soa
            negative.append(min(soa.minimum, soa.ttl))
    if negative:
        notes.append(
            f"who asked for a new name before now may not see it for up to {span(max(negative))} (negative answer)"
        )
    return notes


def span(seconds: int) -> str:
    """A time span for a person: `6 h`, `5 min`, `45 s`."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size} {unit}"
    if seconds > 3600:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // 60} min {seconds % 60} s" if seconds > 60 else f"{seconds} s"
