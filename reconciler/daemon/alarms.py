"""Alarms that a script raised (DRBD's handlers), until the replication is whole again. They outlive a restart."""

import contextlib
import json
import logging
import time
from pathlib import Path
from typing import NamedTuple

from reconciler.daemon.history import is_moment
from reconciler.effects import Effects
from reconciler.errors import words
from reconciler.role.base import Replication
from reconciler.role.own import OwnDisk

log = logging.getLogger(__name__)

_KEPT = 20
_LONGEST = 500


class Alarm(NamedTuple):
    """What was said, and when (Unix time)."""

    text: str
    at: float


class Alarms:
    """Standing alarms, oldest first, in OWN/alarms.json. Any thread may raise one."""

    def __init__(self, own: Path) -> None:
        self._path = own / "alarms.json"
        self._effects = Effects(OwnDisk(), helper=Path("/dev/null"))
        self.standing: tuple[Alarm, ...] = self._recall()

    def sound(self, text: str) -> None:
        """Something needs a person. The same words again only renew their time."""
        # One line, of what can be shown: it goes into the log, and to a terminal.
        text = " ".join("".join(each if each.isprintable() else " " for each in text).split())[:_LONGEST]
        log.error("alarm: %s", text)
        others = [alarm for alarm in self.standing if alarm.text != text]
        self._keep((*others, Alarm(text, time.time()))[-_KEPT:])

    def settle(self, replication: Replication | None) -> None:
        """End them once both disks are whole and connected."""
        if self.standing and replication is not None and replication.in_sync and replication.disk == "UpToDate":
            log.warning("both disks are up to date again; %d alarms ended", len(self.standing))
            self._keep(())

    def _keep(self, alarms: tuple[Alarm, ...]) -> None:
        self.standing = alarms
        try:
            self._effects.make_folder(self._path.parent)
            self._effects.replace(self._path, json.dumps(alarms).encode())
        except OSError as error:
            log.warning("alarms could not be kept: %s", words(error))

    def _recall(self) -> tuple[Alarm, ...]:
        with contextlib.suppress(OSError, ValueError, TypeError, RecursionError):
            found = json.loads(self._path.read_bytes())
            return tuple(Alarm(str(text)[:_LONGEST], at) for text, at in found if is_moment(at))[-_KEPT:]
        return ()
