"""The protocol of role providers, and its values."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol


class Role(StrEnum):
    """Whether this node may act."""

    PRIMARY = "primary"
    STANDBY = "standby"


class Condition(NamedTuple):
    """One thing that has to hold for a node to be primary, as a sentence that is true as it stands."""

    met: bool
    text: str


@dataclass(frozen=True, slots=True)
class Replication:
    """How the two copies of the shared disk stand, in the replication's own words ("UpToDate", "Connecting").

    in_sync: the peer is connected and its disk is up to date, so that what is durable here is durable there.
    """

    in_sync: bool
    connection: str
    role: str
    peer_role: str
    disk: str
    peer_disk: str

    @property
    def connected(self) -> bool:
        """Whether the peer is heard of at all; DRBD says `Unknown` of the role of one that is not."""
        return self.in_sync or self.peer_role not in ("", "Unknown")

    @property
    def text(self) -> str:
        """One line: `Connected, Primary/Secondary, disks UpToDate/UpToDate`; first this node, then its peer."""
        return f"{self.connection}, {self.role}/{self.peer_role}, disks {self.disk}/{self.peer_disk}"


@dataclass(frozen=True, slots=True)
class RoleReport:
    """What was found when the role was read. Without any condition it could not be determined: standby."""

    conditions: tuple[Condition, ...]
    replication: Replication | None = None
    """None where there is no replicated disk, or nothing is known of it."""
    given: str = ""
    """Differs when the role was given anew, so that it may have been away meanwhile; "" where nothing tells."""

    @property
    def role(self) -> Role:
        """Primary if every condition is met."""
        primary = self.conditions and all(condition.met for condition in self.conditions)
        return Role.PRIMARY if primary else Role.STANDBY

    @property
    def reasons(self) -> tuple[str, ...]:
        """What keeps this node from being primary; for a primary, all that holds."""
        unmet = tuple(condition.text for condition in self.conditions if not condition.met)
        return unmet or tuple(condition.text for condition in self.conditions)


class RoleProvider(Protocol):
    """Tells this node's role; a role that cannot be determined is standby."""

    name: str

    def read(self) -> RoleReport:
        """Read the role anew, from the kernel where it tells. Never raises, never touches the shared disk itself."""
        ...
