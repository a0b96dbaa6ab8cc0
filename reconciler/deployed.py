"""What the last apply left on the servers, as its manifest says. Values only; `reconciler.manifest` stores them."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from reconciler.dns import serials
from reconciler.dns.records import Key, RRset
from reconciler.dns.zone import Zone
from reconciler.site import KnownPrefix


def without(zone: Zone, keys: Set[Key]) -> Zone:
    """The zone without some RRsets; the zone itself where there are none to leave out."""
    if not keys:
        return zone
    return replace(zone, rrsets={key: rrset for key, rrset in zone.rrsets.items() if key not in keys})


@dataclass(frozen=True, slots=True)
class DeployedZone:
    """A zone as the state had it when it was last applied (records of others do not stand here)."""

    zone: Zone
    dynamic: bool
    serial: int
    """Serial that the server confirmed; 0 where no server keeps one (dnsmasq alone)."""
    file_digest: str = ""
    """SHA-256 of the zone file that we wrote; "" where there is none."""
    leases: frozenset[Key] = frozenset()
    """Keys of those RRsets in the zone that come from leases."""
    home: str = ""
    """The view that BIND has the zone in, "" without views."""

    @property
    def state(self) -> Zone:
        """The zone as the state says it, without leases."""
        return without(self.zone, self.leases)


@dataclass(frozen=True, slots=True)
class Deployed:
    """Everything that is deployed, zones by id. `files` maps SERVICE/PATH to the SHA-256 of its content.

    pending: zones of applies that were begun and whose end is not on record (a crash, a server that went away), the
    latest first. Where the server's serial has reached a pending zone's, that one may be what was deployed.
    unrecorded: the apply that deployed this ended well, but its entry in the audit is missing.
    retired: last serials of zones that are served no more, for the day when one comes back.
    prefixes: the delegated prefixes that it was built with, by the interface that showed them. kept: the reverse zones
    of earlier ones among `zones`, and until when (Unix time, seconds). trying: the prefixes of an apply whose end is
    not on record; where nothing newer is seen it goes on with them.
    """

    commit: str | None = None
    zones: Mapping[str, DeployedZone] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    pending: Mapping[str, tuple[DeployedZone, ...]] = field(default_factory=dict)
    unrecorded: bool = False
    retired: Mapping[str, int] = field(default_factory=dict)
    prefixes: Mapping[str, KnownPrefix] = field(default_factory=dict)
    kept: Mapping[str, int] = field(default_factory=dict)
    trying: Mapping[str, KnownPrefix] = field(default_factory=dict)


def begun(
    pending: Mapping[str, tuple[DeployedZone, ...]], now: Mapping[str, DeployedZone]
) -> dict[str, tuple[DeployedZone, ...]]:
    """What is pending when one more apply begins: its zones before those that are pending already."""
    return {**pending, **{name: _begun(zone, pending.get(name, ())) for name, zone in now.items()}}


def _begun(zone: DeployedZone, earlier: Sequence[DeployedZone]) -> tuple[DeployedZone, ...]:
    same = [item for item in earlier if (item.zone, item.dynamic, item.home) == (zone.zone, zone.dynamic, zone.home)]
    if same:
        # Another try of the same: the server may have it since the first one.
        zone = replace(zone, serial=same[0].serial)
        earlier = [item for item in earlier if item is not same[0]]
    return (zone, *(earlier if len(earlier) <= 2 else _bounds(earlier)))


def _bounds(items: Sequence[DeployedZone]) -> tuple[DeployedZone, DeployedZone]:
    """Two that stand for many: with all records that any of them has, and with those that all of them have.

    A server that takes nothing for a day would else be given one more version with each lease.
    """
    serial = items[0].serial
    for item in items:
        serial = item.serial if serials.newer(serial, item.serial) else serial
    largest: dict[Key, RRset] = {}
    smallest: dict[Key, RRset] = {}
    for key in dict.fromkeys(key for item in items for key in item.zone.rrsets):
        found = [item.zone.rrsets[key] for item in items if key in item.zone.rrsets]
        rdatas = [frozenset(rrset.rdatas) for rrset in found]
        largest[key] = found[0]._replace(rdatas=tuple(sorted(frozenset[str]().union(*rdatas))))
        if len(found) == len(items) and (common := rdatas[0].intersection(*rdatas)):
            smallest[key] = found[-1]._replace(rdatas=tuple(sorted(common)))
    first, last = items[0], items[-1]
    leases = frozenset[Key]().union(*(item.leases for item in items))
    return (
        DeployedZone(
            replace(first.zone, rrsets=largest),
            any(item.dynamic for item in items),
            serial,
            leases=leases,
            home=first.home,
        ),
        DeployedZone(
            replace(last.zone, rrsets=smallest),
            all(item.dynamic for item in items),
            serial,
            leases=leases & smallest.keys(),
            home=last.home,
        ),
    )
