"""Which zones a change touches, and what each of them was before. Pure."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from reconciler.deployed import Deployed, DeployedZone
from reconciler.dns import serials
from reconciler.dns.records import Key, RRset
from reconciler.dns.zone import Zone
from reconciler.site import Site, SiteZone

RRsets = Mapping[Key, RRset]


@dataclass(frozen=True, slots=True)
class ZoneChange:
    """A zone that is to be served anew, with a serial chosen for it.

    was: what we may have deployed last: of an apply that was cut off, then of the last one that ended. Empty
    for a zone that is new to us. serving: named serves it or tries to, so it stands in the configuration already.
    broken: named tries and cannot (SERVFAIL).
    """

    want: SiteZone
    was: tuple[DeployedZone, ...]
    serial: int
    serving: bool
    broken: bool = False

    @property
    def name(self) -> str:
        """The zone's name."""
        return self.want.zone.name

    @property
    def kinds(self) -> set[bool]:
        """Whether it is and was dynamic; one value where the kind stays."""
        return {self.want.dynamic, *(zone.dynamic for zone in self.was)}

    def base(self, theirs: RRsets | None = None, serial: int = 0) -> DeployedZone | None:
        """What we deployed last, as told by what the server has; see `landed`."""
        if len(self.was) == 2 and theirs is not None:
            return landed(self.was[0], self.was[1], theirs, serial)
        return self.was[-1] if self.was else None


def served(site: Site) -> Mapping[str, SiteZone]:
    """The zones that BIND is to serve."""
    return site.zones if site.dns.authoritative == "bind" else {}


def ours(zones: Mapping[str, DeployedZone]) -> dict[str, DeployedZone]:
    """Of what is deployed, the zones that BIND serves: they have a serial."""
    return {name: zone for name, zone in zones.items() if zone.serial}


def differing(want: Mapping[str, SiteZone], deployed: Deployed, again: Collection[str]) -> Iterator[str]:
    """Names of zones that have to be served anew: new, changed, of another kind, cut off, or in `again`."""
    for name, item in want.items():
        old = deployed.zones.get(name)
        if (
            old is None
            or not old.serial
            or not same(old.zone, item.zone)
            or old.dynamic != item.dynamic
            or name in deployed.pending
            or name in again
        ):
            yield name


def same(one: Zone, other: Zone) -> bool:
    """Whether two zones hold the same. Cheaper than their digests, of which a new zone's has to be made first."""
    return one is other or (one.soa == other.soa and one.rrsets == other.rrsets)


def gone(want: Mapping[str, SiteZone], deployed: Deployed) -> list[str]:
    """Names of zones that BIND is to serve no more."""
    return sorted({*ours(deployed.zones), *ours(deployed.pending)} - want.keys())


def was(name: str, deployed: Deployed) -> tuple[DeployedZone, ...]:
    """What we may have deployed last of a zone; see ZoneChange."""
    candidates = (deployed.pending.get(name), deployed.zones.get(name))
    return tuple(zone for zone in candidates if zone is not None and zone.serial)


def landed(pending: DeployedZone, before: DeployedZone, theirs: RRsets, serial: int) -> DeployedZone:
    """What is ours on the server after a change that was cut off: all of it, nothing or a part may have reached it.

    The serial tells only that nothing did: updates by others, and putting back what was there before, raise it as
    well. So each record that the change adds or takes is looked for.
    """
    if serials.newer(pending.serial, serial):
        return before
    rrsets: dict[Key, RRset] = {}
    old, new = before.zone.rrsets, pending.zone.rrsets
    for key in dict.fromkeys((*new, *old)):
        if old.get(key) == new.get(key):
            rrsets[key] = new[key]
        elif (rrset := _landed(old.get(key), new.get(key), theirs.get(key))) is not None:
            rrsets[key] = rrset
    return replace(pending, zone=Zone(pending.zone.name, pending.zone.soa, rrsets))


def _landed(old: RRset | None, new: RRset | None, theirs: RRset | None) -> RRset | None:
    before, after, there = (frozenset(rrset.rdatas) if rrset else frozenset[str]() for rrset in (old, new, theirs))
    rdatas = (before & after) | ((before | after) & there)
    source = old if old and (new is None or (theirs and theirs.ttl == old.ttl)) else new
    if not rdatas or source is None:
        return None
    return source._replace(rdatas=tuple(sorted(rdatas)))
