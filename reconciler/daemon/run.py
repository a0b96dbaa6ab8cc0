"""`reconciler run`: start, serve until SIGTERM, stop cleanly."""

import contextlib
import gc
import logging
import signal
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Protocol

from reconciler import config as node_config
from reconciler.config import NodeConfig
from reconciler.daemon import logs
from reconciler.daemon.control import ControlServer
from reconciler.daemon.lock import exclusive
from reconciler.daemon.loop import Loop
from reconciler.daemon.node import assemble
from reconciler.daemon.notify import notify
from reconciler.daemon.outcome import Wake
from reconciler.daemon.passes import Passes
from reconciler.daemon.verbs import Verbs
from reconciler.errors import ConfigError, Temporary
from reconciler.watch.git import GitWatch
from reconciler.watch.leases import KEA_SIBLINGS, LeaseWatch

log = logging.getLogger(__name__)


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


class _Signals:
    """What was asked for by signals; handlers only take notes, so that they may interrupt anything."""

    def __init__(self) -> None:
        self.stop = False
        self.reload = False
        signal.signal(signal.SIGTERM, self._on_stop)
        signal.signal(signal.SIGINT, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_reload)

    def _on_stop(self, signum: int, frame: FrameType | None) -> None:
        self.stop = True

    def _on_reload(self, signum: int, frame: FrameType | None) -> None:
        self.reload = True


def run(path: Path) -> None:
    """Run the daemon with the settings in `path` until SIGTERM or SIGINT. Raises ConfigError at start."""
    settings = node_config.load(path)
    logs.set_up(settings.log)
    signals = _Signals()
    # What the start has made stays: it is not looked through again and again, in the middle of a push.
    gc.collect()
    gc.freeze()
    with exclusive(settings.control):
        fresh = _serve(settings, path, signals)
        while fresh is not None:
            logs.set_up(fresh.log)
            log.info("settings read anew")
            try:
                settings, fresh = fresh, _serve(fresh, path, signals)
            except ConfigError as error:
                log.error("the settings stay as they were: %s", error)
                fresh = _serve(settings, path, signals)
    log.info("stopped")


def _serve(settings: NodeConfig, path: Path, signals: _Signals) -> NodeConfig | None:
    """Serve with these settings; return new ones after SIGHUP, None after SIGTERM.

    Raises ConfigError, before anything is served, when they cannot be used.
    """
    node = assemble(settings)
    watches: list[tuple[str, Watcher]] = [
        ("commit", GitWatch(settings.repo, settings.branch, lambda: loop.wake(Wake("commit"))))
    ]
    for place, names in _lease_places(settings).items():
        watch = LeaseWatch(place / names[0], lambda: loop.wake(Wake("lease")), beside=names[1:])
        watches.append(("lease", watch))
        if node.leases is not None:
            node.leases.watches.append(watch)
    if node.leases is not None:
        node.leases.own.wake = lambda: loop.wake(Wake("lease"))
        node.leases.watches.append(node.leases.own)
        watches.append(("lease", node.leases.own))
    fresh: list[NodeConfig] = []

    def tend() -> None:
        if signals.reload:
            signals.reload = False
            fresh[:] = _read_anew(path)
        if signals.stop or fresh:
            loop.stop()
        else:
            _keep_watching(watches, loop)

    loop = Loop(Passes(node), resync=settings.resync, tend=tend)
    loop.passes.pause.recall()
    control = ControlServer(settings.control, Verbs(node, loop).table())
    control.start()
    notify("READY=1", f"STATUS=watching {settings.repo}")
    log.info("node %s watches branch %s of %s", settings.node, settings.branch, settings.repo)
    try:
        loop.run()
    finally:
        notify("STOPPING=1" if signals.stop else "RELOADING=1")
        for _, each in watches:
            each.stop()
        control.stop()
    return None if signals.stop else fresh[0]


def _read_anew(path: Path) -> list[NodeConfig]:
    """The settings; none when they cannot be used."""
    try:
        return [node_config.load(path)]
    except ConfigError as error:
        log.error("the settings stay as they were: %s", error)
        return []


def _lease_places(settings: NodeConfig) -> dict[Path, list[str]]:
    """Lease files by folder, with what lies beside them and tells of leases too."""
    places: dict[Path, list[str]] = {}
    source = settings.lease_source
    for path in source.files if source else ():
        beside = [path.name + suffix for suffix in KEA_SIBLINGS] if source and source.format == "kea" else []
        places.setdefault(path.parent, []).extend([path.name, f"{path.name}.macs", *beside])
    return places


def _keep_watching(watches: Sequence[tuple[str, Watcher]], loop: Loop) -> None:
    """Watch, again after it was away; what came meanwhile is found by a pass."""
    for trigger, watch in watches:
        if not watch.alive():
            with contextlib.suppress(Temporary):
                watch.start()
                loop.wake(Wake(trigger))
