"""`reconciler run`: start, serve until SIGTERM, stop cleanly."""

import contextlib
import logging
import signal
from pathlib import Path
from types import FrameType

from reconciler import config as node_config
from reconciler.config import NodeConfig
from reconciler.daemon import logs
from reconciler.daemon.control import ControlServer
from reconciler.daemon.lock import exclusive
from reconciler.daemon.loop import Loop
from reconciler.daemon.node import assemble
from reconciler.daemon.notify import notify
from reconciler.daemon.passes import Passes, Wake
from reconciler.daemon.verbs import Verbs
from reconciler.errors import ConfigError, Temporary
from reconciler.watch.git import GitWatch

log = logging.getLogger(__name__)


def run(path: Path) -> None:
    """Run the daemon with the settings in `path` until SIGTERM or SIGINT. Raises ConfigError at start."""
    settings = node_config.load(path)
    logs.set_up(settings.log)
    with exclusive(settings.control):
        while True:
            changed = _serve(settings, path)
            if changed is None:
                return
            settings = changed


def _serve(settings: NodeConfig, path: Path) -> NodeConfig | None:
    """Serve with these settings; return new ones after SIGHUP, None after SIGTERM."""
    node = assemble(settings)
    watch = GitWatch(settings.repo, settings.branch, lambda: loop.wake(Wake("commit")))
    loop = Loop(Passes(node), resync=settings.resync, tend=lambda: _keep_watching(watch, loop))
    loop.passes.read_pause()
    reload: list[NodeConfig] = []

    def on_stop(signum: int, frame: FrameType | None) -> None:
        reload.clear()
        loop.stop()

    def on_reload(signum: int, frame: FrameType | None) -> None:
        try:
            fresh = node_config.load(path)
        except ConfigError as error:
            log.error("the settings stay as they were: %s", error)
            return
        reload[:] = [fresh]
        loop.stop()

    control = ControlServer(settings.control, Verbs(node, loop).table())
    signal.signal(signal.SIGTERM, on_stop)
    signal.signal(signal.SIGINT, on_stop)
    signal.signal(signal.SIGHUP, on_reload)
    control.start()
    notify("READY=1", f"STATUS=watching {settings.repo}")
    log.info("node %s watches branch %s of %s", settings.node, settings.branch, settings.repo)
    try:
        loop.run()
    finally:
        notify("RELOADING=1" if reload else "STOPPING=1")
        watch.stop()
        control.stop()
    log.info("settings read anew" if reload else "stopped")
    return reload[0] if reload else None


def _keep_watching(watch: GitWatch, loop: Loop) -> None:
    """Watch the repository, again after it was away; what came meanwhile is found by a pass."""
    if not watch.alive():
        with contextlib.suppress(Temporary):
            watch.start()
            loop.wake(Wake("commit"))
