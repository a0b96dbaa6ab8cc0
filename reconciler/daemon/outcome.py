"""Why a pass is made, and how it ended. Values only."""

from dataclasses import dataclass
from enum import StrEnum

from reconciler.services.base import Drift


class Result(StrEnum):
    """How a pass ended."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    HELD = "held"
    FAILED = "failed"
    WAITING = "waiting"
    PAUSED = "paused"
    STANDBY = "standby"
    EMPTY = "empty"

    @property
    def good(self) -> bool:
        """The servers serve the head of the branch."""
        return self in (Result.APPLIED, Result.UNCHANGED)


@dataclass(frozen=True, slots=True)
class Wake:
    """Why a pass is made.

    thorough: look for drift too. allow: the operator lets guarded changes through. again: try anew what has failed.
    housekeeping: collect garbage afterwards, if it is due.
    """

    trigger: str
    thorough: bool = False
    allow: bool = False
    again: bool = False
    housekeeping: bool = False
    by: str = ""


@dataclass(frozen=True, slots=True)
class PassReport:
    """How a pass ended; `lines` are for a person. superseded: commits that this one made obsolete."""

    result: Result
    commit: str | None
    lines: tuple[str, ...]
    finished: float
    drift: tuple[Drift, ...] | None = None
    superseded: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    again_at: float | None = None
    """Unix time when something ends by itself (a lease) and a pass is due."""
