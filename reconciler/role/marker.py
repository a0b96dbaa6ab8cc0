"""Role as a script of the pair's manager wrote it: heartbeat, Pacemaker, keepalived, or anybody (`file`).

The file lies in /run, so that a node that has just booted is standby. What it says is about the manager's resources
or about an address, never about the disk: with a shared disk the mount, and DRBD's own word, are asked beside it.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from reconciler.role.base import Condition, RoleReport

PRIMARY = "primary"
_LONGEST = 4096

Disk = Callable[[], RoleReport]
"""Tells what holds of the shared disk; no condition where there is none."""


class Marker:
    """Reads `path`. name: who writes it, for people."""

    def __init__(self, name: str, path: Path, disk: Disk | None = None) -> None:
        self.name = name
        self._path = path
        self._disk = disk

    def read(self) -> RoleReport:
        """Primary if the file's first line says so and the disk is here."""
        disk = self._disk() if self._disk else RoleReport(())
        word, given = self._word()
        return RoleReport((word, *disk.conditions), disk.replication, given)

    def _word(self) -> tuple[Condition, str]:
        """What the file says, and which file it is: one that was written anew may have been away in between."""
        try:
            text, given = _read(self._path)
        except FileNotFoundError:
            return Condition(False, f"{self.name} has not made this node primary ({self._path} is not there)"), ""
        except OSError as error:
            return Condition(False, f"{self._path} cannot be read: {error.strerror}"), ""
        word = text.partition("\n")[0].strip()
        if word == PRIMARY:
            return Condition(True, f"{self.name} has made this node primary ({self._path})"), given
        return Condition(False, f"{self.name} has not made this node primary ({self._path} says {word[:40]!r})"), given


def _read(path: Path) -> tuple[str, str]:
    """The beginning of a file, and what tells it from another one. Never waits, as opening a FIFO would."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(0, "it is no regular file")
        return os.read(descriptor, _LONGEST).decode("utf-8", "replace"), f"{found.st_ino}:{found.st_mtime_ns}"
    finally:
        os.close(descriptor)
