"""How much of a state is read: whoever may push must not be able to fill memory or keep the daemon busy."""

from collections.abc import Iterable
from itertools import islice

from reconciler.state.problem import Problem, Severity

MAX_PROBLEMS = 1000
"""Mistakes, and as many warnings, that are told of one file."""
MAX_FAULTY = 20
"""Files with so many mistakes after which no further file is read."""
MAX_RECORDS = 2_000_000
"""Records of all files together, with those of hosts and of $GENERATE."""
MAX_GENERATED = 16 * 65536
"""Records that all $GENERATE of all files make together."""
MAX_GENERATED_TEXT = 64 * 1024 * 1024
"""Characters of the names and data that all $GENERATE of one file make together."""
MAX_ZONES = 100_000
MAX_VALUES = 2_000_000
"""Scalars, lists and mappings of one YAML file."""


class Enough(Exception):
    """So much is wrong with a file, and told, that it is not read any further."""


class Problems(list[Problem]):
    """What is wrong with one file. `add` raises Enough after MAX_PROBLEMS mistakes; further warnings are left out."""

    def __init__(self, problems: Iterable[Problem] = ()) -> None:
        super().__init__(problems)
        self._errors = sum(problem.severity is Severity.ERROR for problem in self)
        self._warnings = len(self) - self._errors

    def add(self, problem: Problem) -> None:
        """Note one more."""
        if problem.severity is Severity.WARNING:
            self._warnings += 1
            if self._warnings <= MAX_PROBLEMS:
                self.append(problem)
            return
        self._errors += 1
        if self._errors > MAX_PROBLEMS:
            self.append(_more(problem))
            raise Enough
        self.append(problem)


def first(problems: Iterable[Problem]) -> list[Problem]:
    """The first MAX_PROBLEMS of these errors, and that there are more, if so. The rest is never looked for."""
    found = list(islice(problems, MAX_PROBLEMS + 1))
    if len(found) > MAX_PROBLEMS:
        found[-1] = _more(found[-1])
    return found


def _more(problem: Problem) -> Problem:
    return Problem(problem.where, f"and more: after {MAX_PROBLEMS} mistakes the file is read no further")
