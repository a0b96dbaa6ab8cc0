"""Whether the shared disk is here, for what is done on a node before it becomes primary.

At that time no script has written the node's role yet. The disk's own conditions are what makes it safe to write there:
it is mounted, writable and, where DRBD is asked, this node is its primary.
"""

from collections.abc import Callable

from reconciler.role.base import Condition, RoleReport
from reconciler.role.marker import Disk


class Here:
    """Asks `disk` (None: there is no shared disk, all is this node's own), and `also` what else has to hold."""

    name = "here"

    def __init__(self, disk: Disk | None, *also: Callable[[], Condition]) -> None:
        self._disk = disk
        self._also = also

    def read(self) -> RoleReport:
        """Primary if all of it holds."""
        report = self._disk() if self._disk else RoleReport((Condition(True, "there is no shared disk"),))
        if not report.conditions:
            return report
        return RoleReport((*report.conditions, *(ask() for ask in self._also)), report.replication)
