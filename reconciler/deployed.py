"""What the last apply left on the servers, as its manifest says. Values only; `reconciler.manifest` stores them."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from reconciler.dns.records import Key
from reconciler.dns.zone import Zone


def without(zone: Zone, keys: Set[Key]) -> Zone:
    """The zone without some RRsets; the zone itself where there are none to leave out."""
    if not keys:
        return zone
    return Zone(zone.name, zone.soa, {key: rrset for key, rrset in zone.rrsets.items() if key not in keys})


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

    @property
    def state(self) -> Zone:
        """The zone as the state says it, without leases."""
        return without(self.zone, self.leases)


@dataclass(frozen=True, slots=True)
class Deployed:
    """Everything that is deployed. `files` maps SERVICE/PATH to the SHA-256 of its content.

    pending: zones of an apply that was begun and whose end is not on record (a crash). Where the server's
    serial has reached a pending zone's, that one is what was deployed, else the one in `zones` still is.
    unrecorded: the apply that deployed this ended well, but its entry in the audit is missing.
    """

    commit: str | None = None
    zones: Mapping[str, DeployedZone] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    pending: Mapping[str, DeployedZone] = field(default_factory=dict)
    unrecorded: bool = False
