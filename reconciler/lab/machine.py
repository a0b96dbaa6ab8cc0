"""A node as seen from outside: started, killed, entered, looked at."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reconciler.daemon.client import ask
from reconciler.daemon.protocol import ProtocolError, Request
from reconciler.errors import ReconcilerError, Temporary
from reconciler.lab import wires
from reconciler.lab.disk import cut_off
from reconciler.lab.layout import NETWORKS, Layout
from reconciler.lab.scripts import NAMED_USER
from reconciler.role.mount import parse

_PATIENCE = 60.0
_POLL = 0.02


class Machine:
    """One node of the lab, which may run or not."""

    def __init__(self, layout: Layout, name: str) -> None:
        self.name = name
        self.own = layout.outside(name)
        self._layout = layout
        self._init = self.own / "init"

    def start(self) -> None:
        """Power on."""
        if self.pid is not None:
            raise ReconcilerError(f"{self.name} runs already")
        shutil.rmtree(self.own / "run", ignore_errors=True)
        wires.boot(self._layout, self.name)
        for folder in ("run/ha", "run/named", "run/dnsmasq", "log/named", "own", "named"):
            (self.own / folder).mkdir(mode=0o755, parents=True, exist_ok=True)
        for folder in ("run/named", "log/named", "named"):
            shutil.chown(self.own / folder, NAMED_USER, NAMED_USER)
        namespaces = ["ip", "netns", "exec", self._layout.namespace(self.name), "unshare", "--mount", "--pid", "--fork"]
        node = [sys.executable, "-m", "reconciler.lab.node", str(self._layout.folder), self.name]
        with (self.own / "log/node.log").open("ab") as log:
            started = subprocess.Popen(
                [*namespaces, "--kill-child", "--mount-proc", *node],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
                start_new_session=True,
            )
        children = Path(f"/proc/{started.pid}/task/{started.pid}/children")
        until(lambda: started.poll() is None and bool(children.read_text()), f"{self.name} did not start")
        self._init.write_text(children.read_text().strip())

    @property
    def pid(self) -> int | None:
        """Its process 1, while it runs."""
        with contextlib.suppress(OSError, ValueError):
            pid = int(self._init.read_text())
            # The number may be another process's by now.
            if str(self._layout.folder).encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                return pid
        return None

    def fail(self) -> None:
        """Power cut: what it has not synced to the shared disk is lost, every process of it ends at once."""
        pid = self.pid
        if pid is None:
            return
        if self.has_disk:
            cut_off(Path(f"/proc/{pid}/root{self._layout.disk}"))
        os.kill(pid, signal.SIGKILL)
        wires.unplug(self._layout, self.name)
        until(lambda: self.pid is None, f"{self.name} could not be killed")

    def command(self, *argv: str) -> list[str]:
        """What runs a command on this node."""
        if self.pid is None:
            raise ReconcilerError(f"{self.name} is down; {self._layout.told(f'back {self.name}')} starts it")
        return ["nsenter", "--target", str(self.pid), "--mount", "--net", "--pid", *argv]

    @property
    def has_disk(self) -> bool:
        """The shared disk is mounted there."""
        return parse(self._proc("mountinfo"), self._layout.disk) is not None

    @property
    def has_addresses(self) -> bool:
        """All virtual addresses are there."""
        v4, v6 = self._proc("net/fib_trie"), self._proc("net/if_inet6")
        return all(f"|-- {net.v4.ip}\n" in v4 and f"{int(net.v6.ip):032x}" in v6 for net in NETWORKS)

    @property
    def is_marked(self) -> bool:
        """The pair's manager has made it primary."""
        with contextlib.suppress(OSError):
            return self.pid is not None and (self.own / "run/role").read_text().startswith("primary")
        return False

    def status(self) -> dict[str, Any] | None:
        """What its daemon says of itself; None if none answers."""
        lines: list[str] = []
        with contextlib.suppress(Temporary, ProtocolError, ValueError):
            ask(self.own / "run/control.sock", Request("status"), lines.append, timeout=5)
            found: dict[str, Any] = json.loads("\n".join(lines))
            return found
        return None

    def give_away(self) -> None:
        """Have keepalived give the role away, and not take it before `stay`."""
        (self.own / "run/standby").write_text("1\n")

    def stay(self) -> None:
        """Be there again for when the other one fails."""
        (self.own / "run/standby").write_text("0\n")

    def _proc(self, name: str) -> str:
        with contextlib.suppress(OSError):
            return Path(f"/proc/{self.pid}/{name}").read_text()
        return ""


def until(condition: Callable[[], bool], what: str, *, patience: float = _PATIENCE) -> None:
    """Wait for it. Raises ReconcilerError, saying `what`, if it does not come to pass."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise ReconcilerError(what)
        time.sleep(_POLL)
