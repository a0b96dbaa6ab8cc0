"""Role by DRBD: Primary, with nothing against it, and the filesystem on it mounted here."""

import contextlib
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from reconciler import tools
from reconciler.errors import Temporary, words
from reconciler.role import mount
from reconciler.role.base import Condition, Role, RoleReport
from reconciler.role.drbd import events, proc
from reconciler.role.drbd.decide import decide, replication
from reconciler.role.drbd.resource import Resource

LINKS = Path("/dev/drbd/by-res")

MAJOR = 147
"""DRBD's device major (the kernel's Documentation/admin-guide/devices.txt)."""

PATIENCE = 5.0
"""Seconds for drbdsetup to tell what the kernel has at hand."""

Problem = Callable[[], str | None]
"""Why DRBD's events cannot be followed at present, as a sentence; None when they are."""


class Drbd:
    """Asks for `resource`, mounted at `mount`; its `read` serves as the Disk of a Marker too.

    stream: the daemon sets it, and a stream of events with a problem is then a condition that is not met; commands,
    which follow none, leave it out. table, links, mountinfo: where the kernel and udev tell.
    """

    name = "drbd"

    def __init__(
        self,
        resource: str,
        where: Path,
        stream: Problem | None = None,
        *,
        table: Path = proc.PATH,
        links: Path = LINKS,
        mountinfo: Path = mount.MOUNTINFO,
    ) -> None:
        self._name = resource
        self._where = where
        self._stream = stream
        self._table = table
        self._link = links / resource
        self._mountinfo = mountinfo
        self._minors: Sequence[int] = ()

    def read(self) -> RoleReport:
        """See RoleProvider. Asks /proc/drbd of 8.4, and drbdsetup of 9, within PATIENCE."""
        try:
            resource = self._resource()
        except (Temporary, OSError) as error:
            self._minors = ()
            mounted = mount.conditions(self._where, mountinfo=self._mountinfo)
            return RoleReport((*self._followed(), Condition(False, words(error)), *mounted))
        conditions = (*self._followed(), *decide(resource), *self._mounted(resource))
        report = RoleReport(conditions, replication(resource))
        # Kept only while this node is primary: DRBD gives no device away that is mounted.
        self._minors = [volume.minor for volume in resource.volumes] if report.role is Role.PRIMARY else ()
        return report

    def _resource(self) -> Resource:
        try:
            text = self._table.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            raise Temporary(proc.not_loaded(self._table)) from None
        if proc.version(text) < 9:
            minors = self._minors or self._linked()
            if minors:
                return proc.parse(text, self._name, minors)
        return events.snapshot(self._ask(), self._name)

    def _linked(self) -> Sequence[int]:
        """The resource's minors by udev's links, in the order of its volumes; none where /dev is not the machine's.

        A link to a device, or (with volumes named one by one) a folder of such. Device nodes are looked at only.
        """
        with contextlib.suppress(OSError):
            found = self._link.stat()
            if stat.S_ISDIR(found.st_mode):
                volumes = sorted(
                    (path for path in self._link.iterdir() if path.name.isdecimal()), key=lambda p: int(p.name)
                )
                devices = [path.stat().st_rdev for path in volumes]
            else:
                devices = [found.st_rdev]
            if all(os.major(device) == MAJOR for device in devices):
                return [os.minor(device) for device in devices]
        return ()

    def _ask(self) -> str:
        # Of all resources: named alone, one that is not up is an error whose form differs between versions.
        done = tools.run(["drbdsetup", "events2", "--now"], timeout=PATIENCE)
        if done.code != 0:
            said = done.text.partition("\n")[0][:200]
            raise Temporary(f"drbdsetup events2 --now failed with exit code {done.code}: {said}")
        return done.stdout

    def _mounted(self, resource: Resource) -> tuple[Condition, ...]:
        """The mount has to be of one of the resource's devices."""
        devices = [os.makedev(MAJOR, volume.minor) for volume in resource.volumes] or [os.makedev(MAJOR, 0)]
        tried = [mount.conditions(self._where, device, mountinfo=self._mountinfo) for device in devices]
        return next((found for found in tried if all(condition.met for condition in found)), tried[0])

    def _followed(self) -> tuple[Condition, ...]:
        if self._stream is None:
            return ()
        problem = self._stream()
        return (
            Condition(problem is None, f"DRBD's events are {'followed' if problem is None else f'lost: {problem}'}"),
        )
