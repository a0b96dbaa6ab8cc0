"""The protocol of role providers."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Role(StrEnum):
    """Whether this node may act."""

    PRIMARY = "primary"
    STANDBY = "standby"


@dataclass(frozen=True, slots=True)
class RoleReport:
    """A role with its reasons, one sentence each."""

    role: Role
    reasons: tuple[str, ...]


class RoleProvider(Protocol):
    """Tells this node's role; a role that cannot be determined is standby."""

    name: str

    def read(self) -> RoleReport:
        """Read the role anew."""
        ...
