"""What the daemon watches: for the role always, on the shared disk only while this node is primary."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from reconciler.config import NodeConfig
from reconciler.daemon.node import Node
from reconciler.watch.drbd import DrbdWatch
from reconciler.watch.git import GitWatch
from reconciler.watch.leases import KEA_SIBLINGS, LeaseWatch
from reconciler.watch.mount import MountWatch

GRACE = 5.0
"""Seconds that DRBD's events may be lost before the role is."""


class Watcher(Protocol):
    """Something that wakes the loop."""

    def start(self) -> None:
        """Begin; raises Temporary where that is not possible yet."""
        ...

    def stop(self) -> None:
        """End."""
        ...

    def alive(self) -> bool:
        """Whether events can still arrive."""
        ...


class DrbdEvents:
    """DRBD's events, followed; called, it tells what is wrong with that, once it has lasted.

    DRBD itself is asked before each effect, so a run of drbdsetup that ended and is back at once ends no term.
    """

    def __init__(self, watch: DrbdWatch) -> None:
        self.watch = watch
        self._since: float | None = None

    def __call__(self) -> str | None:
        """A sentence, or None. Any thread may call."""
        problem = self.watch.problem
        if problem is None:
            self._since = None
            return None
        now = time.monotonic()
        since = self._since = self._since or now
        return problem if now - since >= GRACE else None


def rolewatches(settings: NodeConfig, drbd: DrbdEvents | None, wake: Callable[[], None]) -> list[Watcher]:
    """What tells that the role may have changed."""
    if settings.role == "always":
        return []
    found: list[Watcher] = [drbd.watch] if drbd else []
    if settings.role != "drbd":
        found.append(LeaseWatch(settings.role_file, wake))
    if settings.mount is not None:
        found.append(MountWatch(settings.mount, wake))
    return found


def termwatches(settings: NodeConfig, node: Node, wake: Callable[[str], None]) -> list[tuple[str, Watcher]]:
    """What is watched by a primary, each with the trigger that it stands for."""
    found: list[tuple[str, Watcher]] = [("commit", GitWatch(settings.repo, settings.branch, lambda: wake("commit")))]
    found.append(("address", node.wan))
    node.prefixes.wake = lambda: wake("address")
    found.append(("address", node.prefixes))
    if node.leases is None:
        return found
    for place, names in _lease_places(settings).items():
        watch = LeaseWatch(place / names[0], lambda: wake("lease"), beside=names[1:])
        found.append(("lease", watch))
        node.leases.watches.append(watch)
    node.leases.own.wake = lambda: wake("lease")
    node.leases.watches.append(node.leases.own)
    found.append(("lease", node.leases.own))
    return found


def _lease_places(settings: NodeConfig) -> dict[Path, list[str]]:
    """Lease files by folder, with what lies beside them and tells of leases too."""
    places: dict[Path, list[str]] = {}
    source = settings.lease_source
    for path in source.files if source else ():
        beside = [path.name + suffix for suffix in KEA_SIBLINGS] if source and source.format == "kea" else []
        places.setdefault(path.parent, []).extend([path.name, f"{path.name}.macs", *beside])
    return places
