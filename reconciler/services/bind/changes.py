"""Which zones a change touches, and what each of them was before. Pure."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

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
            return self.was[0] if landed(self.was[0], self.was[1].zone, theirs, serial) else self.was[1]
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
            or old.zone.digest != item.zone.digest
            or old.dynamic != item.dynamic
            or name in deployed.pending
            or name in again
        ):
            yield name


def gone(want: Mapping[str, SiteZone], deployed: Deployed) -> list[str]:
    """Names of zones that BIND is to serve no more."""
    return sorted({*ours(deployed.zones), *ours(deployed.pending)} - want.keys())


def was(name: str, deployed: Deployed) -> tuple[DeployedZone, ...]:
    """What we may have deployed last of a zone; see ZoneChange."""
    candidates = (deployed.pending.get(name), deployed.zones.get(name))
    return tuple(zone for zone in candidates if zone is not None and zone.serial)


def landed(pending: DeployedZone, before: Zone, theirs: RRsets, serial: int) -> bool:
    """Whether a change that was cut off had reached the server.

    The serial alone does not tell: updates by others, and putting back what was there before, raise it as well. So
    the records that the change adds and takes are looked for.
    """
    if serials.newer(pending.serial, serial):
        return False
    added = _records(pending.zone.rrsets) - _records(before.rrsets)
    taken = _records(before.rrsets) - _records(pending.zone.rrsets)
    if not added and not taken:
        return True
    there = _records(theirs)
    done = len(added & there) + len(taken - there)
    return 2 * done > len(added) + len(taken)


def _records(rrsets: RRsets) -> set[tuple[Key, str]]:
    return {(key, rdata) for key, rrset in rrsets.items() for rdata in rrset.rdatas}
