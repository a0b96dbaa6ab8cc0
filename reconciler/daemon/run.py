"""`reconciler run`: start, serve until SIGTERM, stop cleanly.

The main thread waits for signals and nothing else, so that it is there also while the loop hangs in a frozen disk.
"""

import gc
import logging
import os
import select
import signal
import threading
from pathlib import Path
from types import FrameType

from reconciler import config as node_config
from reconciler.config import NodeConfig
from reconciler.daemon import logs
from reconciler.daemon.control import ControlServer
from reconciler.daemon.lock import exclusive
from reconciler.daemon.loop import Loop
from reconciler.daemon.notify import notify
from reconciler.daemon.outcome import Wake
from reconciler.daemon.stuck import Stuck
from reconciler.daemon.term import Terms
from reconciler.daemon.verbs import Verbs
from reconciler.errors import ConfigError, ReconcilerError

log = logging.getLogger(__name__)

_GLANCE = 0.5
"""Seconds between looks at a loop that is to end."""


class _Signals:
    """What was asked for by signals; handlers only take notes, so that they may interrupt anything."""

    def __init__(self) -> None:
        self.stop = False
        self.reload = False
        self.ended = False
        """The loop has ended. Its thread may be alive for an instant longer."""
        self._event = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        signal.signal(signal.SIGTERM, self._on_stop)
        signal.signal(signal.SIGINT, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_reload)

    def wait(self) -> None:
        """Wait for a signal, or for `wake`."""
        select.select([self._event], [], [])
        os.eventfd_read(self._event)

    def wake(self) -> None:
        """End `wait`. Any thread may."""
        os.eventfd_write(self._event, 1)

    def _on_stop(self, signum: int, frame: FrameType | None) -> None:
        self.stop = True
        self.wake()

    def _on_reload(self, signum: int, frame: FrameType | None) -> None:
        self.reload = True
        self.wake()


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
    terms = Terms(
        settings,
        wake=lambda trigger: loop.wake(Wake(trigger, thorough=trigger == "failover")),
        nudge=lambda: loop.nudge(),  # noqa: PLW0108  the loop is made below
    )
    loop = Loop(terms.make, resync=settings.resync, tend=lambda: _tend(terms, loop))
    control = ControlServer(settings.control, Verbs(terms, loop).table())
    control.start()
    notify("READY=1", f"STATUS=watching {settings.repo}")
    log.info("node %s watches branch %s of %s", settings.node, settings.branch, settings.repo)
    signals.ended = False
    thread = threading.Thread(target=_run_loop, args=(loop, signals), name="loop", daemon=True)
    thread.start()
    fresh = _wait(path, signals)
    notify("RELOADING=1" if fresh else "STOPPING=1")
    _end(thread, loop)
    terms.stop()
    control.stop()
    if fresh is None and not signals.stop:
        # Nobody asked for that: whoever started this has to see that it failed, and start it again.
        raise ReconcilerError("the daemon met an error of its own and ended, see its log; it has to be started again")
    return fresh


def _tend(terms: Terms, loop: Loop) -> None:
    if terms.tend():
        loop.renew()


def _run_loop(loop: Loop, signals: _Signals) -> None:
    try:
        loop.run()
    except BaseException:
        log.exception("the loop ended")
    finally:
        signals.ended = True
        signals.wake()


def _wait(path: Path, signals: _Signals) -> NodeConfig | None:
    """New settings after SIGHUP; None after SIGTERM."""
    while not (signals.stop or signals.ended):
        signals.wait()
        if signals.reload:
            signals.reload = False
            fresh = _read_anew(path)
            if fresh is not None and not signals.stop:
                return fresh
    return None


def _end(thread: threading.Thread, loop: Loop) -> None:
    """Have the loop end its step. A process whose loop hangs in a frozen disk ends without it."""
    asked = threading.Thread(target=loop.stop, name="stop", daemon=True)
    asked.start()
    stuck = Stuck(loop.thread)
    while thread.is_alive():
        thread.join(_GLANCE)
        if stuck.look():
            log.error("the disk does not answer; ending without it. What was being done is finished at the next start")
            logging.shutdown()
            os._exit(1)


def _read_anew(path: Path) -> NodeConfig | None:
    """The settings; None when they cannot be used."""
    try:
        return node_config.load(path)
    except ConfigError as error:
        log.error("the settings stay as they were: %s", error)
        return None
