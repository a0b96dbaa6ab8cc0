"""Which zones a change touches, and what each of them was before. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.deployed import Deployed, DeployedZone
from reconciler.dns import serials
from reconciler.dns.records import Key, RRset
from reconciler.dns.versions import name_of
from reconciler.dns.zone import Zone
from reconciler.site import Site, SiteZone

RRsets = Mapping[Key, RRset]


@dataclass(frozen=True, slots=True)
class ZoneChange:
    """A zone that is to be served anew, with a serial chosen for it.

    was: what we may have deployed last: of applies that were cut off, the latest first, then of the last one that
    ended. Empty for a zone that is new to us. serving: named serves it or tries to, so it stands in the configuration
    already. broken: named tries and cannot (SERVFAIL).
    """

    want: SiteZone
    was: tuple[DeployedZone, ...]
    serial: int
    serving: bool
    broken: bool = False

    @property
    def name(self) -> str:
        """The zone's id."""
        return self.want.zone.id

    @property
    def kinds(self) -> set[bool]:
        """Whether it is and was dynamic; one value where the kind stays."""
        return {self.want.dynamic, *(zone.dynamic for zone in self.was)}

    def base(self, theirs: RRsets | None = None, serial: int = 0) -> DeployedZone | None:
        """What we deployed last, as told by what the server has; see `landed`."""
        if self.was and theirs is not None:
            return landed(self.was, theirs, serial)
        return self.was[-1] if self.was else None


def served(site: Site) -> Mapping[str, SiteZone]:
    """The zones that BIND is to serve."""
    return site.zones if site.dns.authoritative == "bind" else {}


def ours(zones: Mapping[str, DeployedZone]) -> dict[str, DeployedZone]:
    """Of what is deployed, the zones that BIND serves: they have a serial."""
    return {name: zone for name, zone in zones.items() if zone.serial}


def maybe_ours(deployed: Deployed) -> dict[str, tuple[DeployedZone, ...]]:
    """All zones that BIND may serve, each with what may be deployed of it; see ZoneChange."""
    found = {name: was(name, deployed) for name in {*deployed.zones, *deployed.pending}}
    return {name: zones for name, zones in found.items() if zones}


def differing(want: Mapping[str, SiteZone], deployed: Deployed, again: Collection[str]) -> Iterator[str]:
    """Ids of zones that have to be served anew: new, changed, of another kind, cut off, or in `again`.

    Reverse zones come last: a name that is found for an address should have it by then.
    """
    for name, item in sorted(want.items(), key=lambda pair: name_of(pair[0]).endswith(".arpa.")):
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
    """Ids of zones that BIND is to serve no more."""
    return sorted(maybe_ours(deployed).keys() - want.keys())


def by_name(keys: Iterable[str]) -> dict[str, list[str]]:
    """Ids of zones by their names."""
    found: dict[str, list[str]] = {}
    for key in sorted(keys):
        found.setdefault(name_of(key), []).append(key)
    return found


def was(name: str, deployed: Deployed) -> tuple[DeployedZone, ...]:
    """What we may have deployed last of a zone; see ZoneChange."""
    candidates = (*deployed.pending.get(name, ()), deployed.zones.get(name))
    return tuple(zone for zone in candidates if zone is not None and zone.serial)


def landed(was: Sequence[DeployedZone], theirs: RRsets, serial: int) -> DeployedZone:
    """What is ours on the server after changes that were cut off: all, nothing or a part of each may have reached it.

    was: see ZoneChange. The serial tells only what did not: updates by others, and putting back what was there before,
    raise it as well. So each record that differs is looked for.
    """
    maybe = [*(zone for zone in was[:-1] if not serials.newer(zone.serial, serial)), was[-1]]
    first, *others = (zone.zone.rrsets for zone in maybe)
    if not others:
        return maybe[0]
    rrsets: dict[Key, RRset] = {}
    for key in dict.fromkeys(key for zone in maybe for key in zone.zone.rrsets):
        if all(other.get(key) == first.get(key) for other in others):
            rrsets[key] = first[key]
        elif (rrset := _landed([zone.zone.rrsets.get(key) for zone in maybe], theirs.get(key))) is not None:
            rrsets[key] = rrset
    return replace(maybe[0], zone=replace(maybe[0].zone, rrsets=rrsets))


def _landed(maybe: Sequence[RRset | None], theirs: RRset | None) -> RRset | None:
    each = [frozenset(rrset.rdatas) if rrset else frozenset[str]() for rrset in maybe]
    there = frozenset(theirs.rdatas) if theirs else frozenset[str]()
    rdatas = each[0].intersection(*each) | (each[0].union(*each) & there)
    known = [rrset for rrset in maybe if rrset]
    if not rdatas or not known:
        return None
    source = next((rrset for rrset in known if theirs and rrset.ttl == theirs.ttl), known[0])
    return source._replace(rdatas=tuple(sorted(rdatas)))
