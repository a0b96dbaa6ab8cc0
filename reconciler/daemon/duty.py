"""The role as the daemon acts by it: what the provider reads, unless this node has laid it down.

Between `reconciler demote` and the moment at which the pair's manager has taken the disk away, the provider still says
primary; nothing may be touched any more by then. And a role that went and came back before anybody looked is not the
one that a term began with: the other node may have written meanwhile.
"""

import threading
import time
from dataclasses import replace

from reconciler.role.base import Condition, Role, RoleProvider, RoleReport

_BY_HAND = "at `systemctl restart reconciler`"


class Duty:
    """A RoleProvider over another one. Any thread may call."""

    def __init__(self, provider: RoleProvider) -> None:
        self.name = provider.name
        self._provider = provider
        self._lock = threading.Lock()
        self._resigned = ""
        self._laid_down = ""
        self._since = 0.0
        self._begun: str | None = None

    def read(self) -> RoleReport:
        """Read the role anew. A role that went and came back is taken up again, by a term of its own."""
        report = self._provider.read()
        with self._lock:
            if report.role is not Role.PRIMARY or report.given != self._laid_down:
                self._resigned = ""
            if self._resigned:
                text = f"{self._resigned}; taken up again when the role has gone and come back, or {_BY_HAND}"
            elif report.role is Role.PRIMARY and self._begun not in (None, report.given):
                text = "the role was given to this node anew, so what began before that is ended first"
            else:
                return report
        return replace(report, conditions=(Condition(False, text), *report.conditions))

    def forsaken(self, patience: float) -> str:
        """That the role was laid down more than `patience` seconds ago and nobody took it away; "" otherwise."""
        with self._lock:
            if not self._resigned or time.monotonic() - self._since < patience:
                return ""
            return (
                f"{self._resigned}, and the pair's manager has not gone on, so no node acts; "
                f"this one takes the role up again {_BY_HAND}"
            )

    def begin(self, given: str) -> None:
        """A term begins, with the role as it was given by what a report of this one says."""
        with self._lock:
            self._begun = given

    def end(self) -> None:
        """The term has ended."""
        with self._lock:
            self._begun = None

    def resign(self, reason: str, given: str) -> None:
        """Be a standby until the role is another one than `given`, as a report says. reason: a clause for people."""
        with self._lock:
            self._resigned, self._laid_down, self._since = reason, given, time.monotonic()
