"""Collects problems. Positions are looked up only for what is reported: a clean state costs nothing."""

from typing import NamedTuple

from reconciler.state.model import HostEntry
from reconciler.state.problem import Position, Problem, Severity


class Source(NamedTuple):
    """A place inside a host entry: the keys that lead to it from the host's name."""

    entry: HostEntry
    keys: tuple[str | int, ...] = ()


Origin = Position | Source
"""Where something was written."""


def position(origin: Origin) -> Position:
    """The exact place of an origin."""
    return origin.entry.at(*origin.keys) if isinstance(origin, Source) else origin


class Report:
    """Problems found so far; the same problem told twice counts once."""

    def __init__(self) -> None:
        self._problems: dict[Problem, None] = {}

    def error(self, origin: Origin, what: str, fix: str = "") -> None:
        """Note a reason to refuse the state."""
        self._problems[Problem(position(origin), what, fix)] = None

    def warn(self, origin: Origin, what: str, fix: str = "") -> None:
        """Note something that only is to be told."""
        self._problems[Problem(position(origin), what, fix, Severity.WARNING)] = None

    @property
    def failed(self) -> bool:
        """Whether there is an error."""
        return any(problem.severity is Severity.ERROR for problem in self._problems)

    def sorted(self) -> tuple[Problem, ...]:
        """All problems by file, line and column."""
        return tuple(sorted(self._problems))
