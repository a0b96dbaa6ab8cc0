"""The inside of one node: process 1 of its namespaces, which starts what systemd starts elsewhere.

Run as `python -m reconciler.lab.node FOLDER NODE`, in the node's network, mount and PID namespaces. All ends with it:
to kill it is to cut the power.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from reconciler.demo.helper import Helper
from reconciler.errors import ReconcilerError
from reconciler.lab import files
from reconciler.lab.layout import Layout

_RESTART = 1.0
"""Seconds until what has ended is started again, at most."""


class Unit:
    """A server that the helper restarts and signals, through the same script as the pair's manager."""

    def __init__(self, script: Path, name: str) -> None:
        self._script = script
        self._name = name

    def restart(self) -> None:
        """Stop and start; raises ReconcilerError with the script's words."""
        self._do("restart")

    def reload(self) -> None:
        """SIGHUP; raises ReconcilerError when it does not run."""
        self._do("reload")

    def _do(self, verb: str) -> None:
        argv = [str(self._script), self._name, verb]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)
        if done.returncode != 0:
            raise ReconcilerError(f"{verb} {self._name}: {done.stderr.strip() or done.returncode}")


def services(layout: Layout) -> Mapping[str, Sequence[str]]:
    """What always runs on a node, by name, in the foreground."""
    etc, run = layout.node / "etc", layout.node / "run"
    return {
        "reconciler": [str(layout.programs / "reconciler"), "run", "--config", str(layout.config)],
        "manager": [str(layout.programs / "hooks/reconciler-keepalived"), "--stay", str(run / "ha/fifo")],
        "keepalived": [
            *("keepalived", "--dont-fork", "--vrrp", "--log-console", "--log-detail"),
            *("--use-file", str(etc / "keepalived.conf")),
            *("--pid", str(run / "keepalived.pid"), "--vrrp_pid", str(run / "vrrp.pid")),
        ],
        "git": [
            *("git", "daemon", "--export-all", "--enable=receive-pack", "--reuseaddr"),
            *(f"--base-path={layout.disk}", f"--port={files.GIT_PORT}", "--log-destination=stderr"),
        ],
    }


def environment(layout: Layout) -> Mapping[str, str]:
    """Where the pair's scripts find each other and their settings."""
    return {
        "RECONCILER_HOOKS": str(layout.programs / "hooks"),
        "RECONCILER_HA_CONF": str(layout.node / "etc/ha.conf"),
    }


class _Node:
    """Starts the services, and again what ends."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._services = services(layout)
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def run(self) -> None:
        """Until somebody kills us."""
        os.chdir("/")
        units = {name: Unit(self._layout.programs / "server", name) for name in ("dnsmasq",)}
        Helper(self._layout.node / "run/helper.sock", units).start()
        while True:
            for name in self._services:
                process = self._running.get(name)
                if process is None or process.poll() is not None:
                    self._start(name)
            time.sleep(_RESTART)

    def _start(self, name: str) -> None:
        with (self._layout.node / "log" / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                self._services[name],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **environment(self._layout)},
            )


def main() -> None:
    """Mount the node's own disk, run the node in a child, and be process 1: take in whatever is orphaned."""
    layout = Layout(Path(sys.argv[1]))
    own = layout.outside(sys.argv[2])
    subprocess.run(["mount", "--bind", str(own), str(layout.node)], check=True)
    child = os.fork()
    if child == 0:
        _Node(layout).run()
    while os.wait()[0] != child:
        pass


if __name__ == "__main__":
    main()
