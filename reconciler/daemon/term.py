"""Terms: a term is the time in which this node is primary.

What was read from the shared disk or learnt of the servers is good for one term only, so each begins with everything
put together anew. What watches the shared disk lives in a term too: a standby opens nothing there.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from reconciler import node_role
from reconciler.config import NodeConfig
from reconciler.daemon.alarms import Alarms
from reconciler.daemon.duty import Duty
from reconciler.daemon.history import RoleHistory
from reconciler.daemon.node import assemble
from reconciler.daemon.outcome import PassReport, Wake
from reconciler.daemon.passes import Passes
from reconciler.daemon.upstream import UpstreamSide
from reconciler.daemon.watches import DrbdEvents, Watcher, rolewatches, termwatches
from reconciler.errors import NotPrimary, ReconcilerError, Temporary, words
from reconciler.role import mount
from reconciler.role.base import Role, RoleReport
from reconciler.services.base import Say
from reconciler.watch.drbd import DrbdWatch

log = logging.getLogger(__name__)

LOOK = 5.0
"""Seconds between looks at the role that no event asked for. Before each effect it is read anyway."""

_FORSAKEN = 60.0
"""Seconds after a demotion in which the pair's manager should have taken the role away."""

_AHEAD = 60.0
"""Seconds by which what the other node wrote last may lie in this node's future before it is told."""

Wakes = Callable[[str], None]
"""Wakes the loop; told by what."""


class Terms:
    """Begins and ends terms. All methods but `look_soon` are for the loop's thread."""

    def __init__(self, settings: NodeConfig, *, wake: Wakes, nudge: Callable[[], None]) -> None:
        self._drbd = DrbdEvents(DrbdWatch(settings.drbd.resource, self.look_soon)) if settings.drbd else None
        self._split = False
        self.duty = Duty(node_role.provider(settings, self._drbd))
        self.paired = settings.role != "always"
        self.history = RoleHistory(settings.own, paired=self.paired)
        self.alarms = Alarms(settings.own)
        self.upstream = UpstreamSide(settings, self.duty, lambda: wake("commit")) if settings.upstream else None
        self.passes = Passes(assemble(settings, self.duty, self.upstream))
        self.trouble = ""
        """What is odd about this term, as a sentence."""
        self._settings = settings
        self._wake = wake
        self._nudge = nudge
        self._watches: list[tuple[str, Watcher]] | None = None
        self._rolewatches = rolewatches(settings, self._drbd, self.look_soon)
        self._soon = threading.Event()
        self._soon.set()
        self._looked = 0.0
        self._first = True

    @property
    def begun(self) -> bool:
        """Whether a term is on."""
        return self._watches is not None

    def make(self, wake: Wake, say: Say) -> PassReport:
        """Make a pass, as daemon/passes.py says."""
        return self.passes.make(wake, say)

    @property
    def resigned(self) -> str:
        """That this node was demoted and the pair's manager did not go on, for a while now; "" otherwise."""
        return self.duty.forsaken(_FORSAKEN)

    def look_soon(self) -> None:
        """The role may have changed. Any thread may call."""
        self._soon.set()
        self._nudge()

    def tend(self) -> bool:
        """Look at the role if that is due, begin or end a term, keep watching. Whether a term began or ended."""
        changed = False
        now = time.monotonic()
        if self._soon.is_set() or now - self._looked >= LOOK:
            self._soon.clear()
            self._looked = now
            changed = self._look()
        for watch in self._rolewatches:
            _keep(watch)
        if self.upstream is not None:
            _keep(self.upstream)
        for trigger, each in self._watches or ():
            if _keep(each):
                self._wake(trigger)
        self._record_news()
        return changed

    def release(self, reason: str, given: str) -> list[str]:
        """Lay the role down: have servers write what they hold, let go of the shared disk. What did not go well.

        given: which role, as a report says: one that came after that stays.
        """
        said = []
        try:
            for service in self.passes.node.services if self.begun else ():
                try:
                    service.flush(self.passes.node.effects)
                except (ReconcilerError, OSError) as error:
                    said.append(words(error))
            said += self._flush_history() if self.begun else ()
            self._record_news()
        finally:
            self.duty.resign(reason, given)
            self._look()
        return said

    def _flush_history(self) -> list[str]:
        try:
            if self.upstream is None or self.upstream.flush():
                return []
        except (ReconcilerError, OSError) as error:
            return [words(error)]
        return ["the forge does not have all history yet; what waits is pushed when this node is primary again"]

    def stop(self) -> None:
        """The daemon ends: let go of everything."""
        self._end()
        for watch in self._rolewatches:
            watch.stop()
        if self.upstream is not None:
            self.upstream.stop()

    def _record_news(self) -> None:
        """What the threads of the public address have to tell goes into the audit here: one thread owns that."""
        for item in self.passes.node.wan.news() if self.begun else ():
            with contextlib.suppress(NotPrimary):
                self.passes.recorder.address(item)

    def _look(self) -> bool:
        report = self.duty.read()
        self._mind(report)
        primary = report.role is Role.PRIMARY
        if primary == self.begun:
            if not primary and self._first:
                self._first = False
                self.history.note(report)
            return False
        self.history.note(report)
        if primary:
            self._begin(report)
        else:
            # For pushes that were let in, and whose refs have not moved yet.
            self.passes.node.receiving.refuse_new(f"this node is on standby: {'; '.join(report.reasons)}")
            self._end()
            self._wake("role")
            log.warning("standby: %s", "; ".join(report.reasons))
        return True

    def _mind(self, report: RoleReport) -> None:
        """End alarms that are over, and sound the one that DRBD's events tell, also where no handler is installed."""
        self.alarms.settle(report.replication)
        split = self._drbd is not None and self._drbd.watch.split_brain
        if split and not self._split:
            self.alarms.sound("DRBD found a split brain: decide whose data stays (docs/operations.md, Split brain)")
        self._split = split

    def _begin(self, report: RoleReport) -> None:
        self.duty.begin(report.given)
        self.passes = Passes(assemble(self._settings, self.duty, self.upstream))
        node = self.passes.node
        node.wan.nudge = self._nudge
        try:
            self.passes.pause.recall()
            self.trouble = self._odd()
        except OSError as error:
            self.trouble = words(error)
        if self.trouble:
            log.warning("%s", self.trouble)
        self._watches = termwatches(self._settings, node, self._wake)
        if not self._first:
            self._wake("failover")
        self._first = False
        log.info("primary: %s", "; ".join(report.reasons))

    def _odd(self) -> str:
        """What is wrong with the shared disk or the clock, though all can be served."""
        disk = mount.odd(self._settings.mount) if self._settings.mount else ""
        return "; ".join(text for text in (disk, _clock(self._settings.state)) if text)

    def _end(self) -> None:
        for _, each in self._watches or ():
            each.stop()
        self._watches = None
        self.duty.end()
        # One that was given anew begins at once.
        self._soon.set()
        self.trouble = ""
        self.passes = Passes(assemble(self._settings, self.duty, self.upstream))


def _keep(watch: Watcher) -> bool:
    """Watch, again after it was away; whether it began now, so that something may have been missed."""
    if not watch.alive():
        with contextlib.suppress(Temporary):
            watch.start()
            return True
    return False


def _clock(state: Path) -> str:
    """That the two nodes' clocks differ, as far as the time of the last apply tells; "" while all is well."""
    try:
        ahead = (state / "manifest.json").stat().st_mtime - time.time()
    except FileNotFoundError:
        return ""
    if ahead < _AHEAD:
        return ""
    return (
        f"what was applied last lies {ahead / 60:.0f} min in this node's future: the clocks of the two nodes differ; "
        "leases end and serials by date move by this clock until it is set right"
    )
