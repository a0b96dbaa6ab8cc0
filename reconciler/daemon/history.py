"""When this node's role changed last, on its own disk: both after a failover and after a restart it can be told."""

import contextlib
import json
import logging
import time
from pathlib import Path
from typing import Any

from reconciler.effects import Effects
from reconciler.errors import words
from reconciler.role.base import RoleReport
from reconciler.role.own import OwnDisk

log = logging.getLogger(__name__)

_KEPT = 20
"""Changes that are kept."""

_YEAR_9999 = 253370764800.0


class RoleHistory:
    """Changes of the role, oldest first, in OWN/roles.json. paired: False for a node that has no partner."""

    def __init__(self, own: Path, *, paired: bool) -> None:
        self._path = own / "roles.json"
        self._paired = paired
        self._effects = Effects(OwnDisk(), helper=Path("/dev/null"))
        self.changes: list[dict[str, Any]] = self._recall() if paired else []

    def note(self, report: RoleReport) -> None:
        """The role is this now. Nothing is added where it was so before."""
        if not self._paired or (self.changes and self.changes[-1]["role"] == report.role.value):
            return
        change = {"role": report.role.value, "since": time.time(), "reasons": list(report.reasons)}
        self.changes = [*self.changes, change][-_KEPT:]
        try:
            self._effects.make_folder(self._path.parent)
            self._effects.replace(self._path, json.dumps(self.changes).encode())
        except OSError as error:
            log.warning("when the role changed could not be kept: %s", words(error))

    def _recall(self) -> list[dict[str, Any]]:
        with contextlib.suppress(OSError, ValueError, RecursionError):
            found = json.loads(self._path.read_bytes())
            if isinstance(found, list):
                return [item for item in found if _whole(item)]
        return []


def is_moment(value: object) -> bool:
    """Whether a file's value is a Unix time that can be told as a date."""
    return isinstance(value, int | float) and 0 <= value < _YEAR_9999


def _whole(item: object) -> bool:
    return (
        isinstance(item, dict)
        and isinstance(item.get("role"), str)
        and is_moment(item.get("since"))
        and isinstance(item.get("reasons"), list)
    )
