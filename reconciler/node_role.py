"""The role provider that a node's settings name."""

from reconciler.config import NodeConfig
from reconciler.role import mount
from reconciler.role.always import Always
from reconciler.role.base import RoleProvider, RoleReport
from reconciler.role.drbd.provider import Drbd, Problem
from reconciler.role.marker import Disk, Marker


def provider(settings: NodeConfig, stream: Problem | None = None) -> RoleProvider:
    """Make it; touches nothing. stream: what a daemon that follows DRBD's events has to say of them."""
    if settings.role == "always":
        return Always()
    if settings.role == "drbd" and settings.drbd is not None and settings.mount is not None:
        return Drbd(settings.drbd.resource, settings.mount, stream)
    return Marker(settings.role, settings.role_file, disk(settings, stream))


def disk(settings: NodeConfig, stream: Problem | None = None) -> Disk | None:
    """What tells whether the shared disk is here, DRBD's word included; None where there is no such disk."""
    where = settings.mount
    if where is None:
        return None
    if settings.drbd is not None:
        return Drbd(settings.drbd.resource, where, stream).read
    return lambda: RoleReport(mount.conditions(where))
