"""What is wrong in a state repository, and where."""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple


class Severity(IntEnum):
    """How bad: an error refuses the state, a warning only tells."""

    WARNING = 1
    ERROR = 2


class Position(NamedTuple):
    """A place in a file of the state repository; line and column count from 1."""

    path: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One finding: `where: what (fix)`."""

    where: Position
    what: str
    fix: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        kind = "warning: " if self.severity is Severity.WARNING else ""
        fix = f"; {self.fix}" if self.fix else ""
        return f"{self.where}: {kind}{self.what}{fix}"
