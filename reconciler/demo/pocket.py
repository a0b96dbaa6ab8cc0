"""A whole node in one folder: repository, daemon, real named and dnsmasq, on loopback and free ports.

For the demo, the tests and the measurements. Nothing outside the folder is read or written, and only processes
that were started here are stopped. With DHCP all of it runs in a network of its own (see `reconciler.demo.lan`).
"""

import contextlib
import os
import pwd
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reconciler.daemon.client import ask
from reconciler.daemon.protocol import Request
from reconciler.demo.dnsmasq import DnsmasqServer
from reconciler.demo.helper import Helper
from reconciler.demo.named import NamedServer
from reconciler.errors import ReconcilerError, Temporary
from reconciler.node_yaml import node_yaml

_PATIENCE = 60.0
_POLL = 0.02


class PocketSite:
    """Makes and runs the node.

    bind, dnsmasq: which servers it has. resync: seconds between passes that no event asked for. named_user: account
    that named changes to (root only). leases: a lease file in dnsmasq's form. dhcp: dnsmasq gives out leases in a Lan,
    which has been entered; dhcp_script: what it calls then. role: the role provider; unless it is `always`, what is in
    `role_file` counts. mount: where a shared disk is mounted. settings: further ones, or in place of ours.
    environment: what the daemon's has more. isolated: networks that have a dnsmasq of their own.
    """

    def __init__(
        self,
        folder: Path,
        *,
        bind: bool = True,
        dnsmasq: bool = True,
        resync: int = 3600,
        named_user: str | None = None,
        leases: Path | None = None,
        dhcp: bool = False,
        dhcp_script: Path | None = None,
        role: str = "always",
        mount: Path | None = None,
        settings: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        isolated: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self.environment = {**os.environ, **(environment or {})}
        self.role = role
        self.mount = mount
        self.role_file = folder / "role"
        self.leases = leases
        self.config = folder / "node.yaml"
        self.root = folder / "node"
        self.repo = self.root / "state.git"
        self.log = folder / "daemon.log"
        self.control = folder / "control.sock"
        self.named = NamedServer(folder / "named", user=named_user) if bind else None
        self.dnsmasq = DnsmasqServer(folder / "dnsmasq", dhcp=dhcp, dhcp_script=dhcp_script) if dnsmasq else None
        self.isolated = {
            name: DnsmasqServer(
                folder / f"dnsmasq-{name}", dhcp=dhcp, dhcp_script=dhcp_script, address=f"127.0.1.{number}"
            )
            for number, name in enumerate(isolated, 3)
        }
        units = {"dnsmasq": self.dnsmasq} if self.dnsmasq else {}
        units |= {f"dnsmasq@{name}": server for name, server in self.isolated.items()}
        self.helper = Helper(folder / "helper.sock", units)
        self._daemon: subprocess.Popen[bytes] | None = None
        self.config.write_text(node_yaml({**self._settings(resync), **(settings or {})}))

    @property
    def pid(self) -> int | None:
        """The daemon's process id while it runs."""
        return self._daemon.pid if self._daemon and self._daemon.poll() is None else None

    def command(self, *arguments: str) -> list[str]:
        """A reconciler command for this node."""
        return [str(Path(sys.executable).parent / "reconciler"), *arguments, "--config", str(self.config)]

    def init_command(self, *options: str) -> list[str]:
        """The command that sets the node up; run it before `start`."""
        user = pwd.getpwuid(os.geteuid()).pw_name
        return self.command("init", "--root", str(self.root), "--user", user, *options)

    def start(self) -> None:
        """Start servers and daemon; return when the first pass has ended."""
        self.helper.start()
        if self.named:
            self.named.start()
        for server in self.isolated.values():
            server.start()
        self.start_daemon()

    def start_daemon(self) -> None:
        """Start the daemon alone, and wait for its first pass."""
        with self.log.open("ab") as log:
            self._daemon = subprocess.Popen(
                self.command("run"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=self.environment,
            )
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline and self.pid is not None:
            if self._has_made_a_pass():
                return
            time.sleep(_POLL)
        tail = self.log.read_text(errors="replace").splitlines()[-8:]
        raise ReconcilerError("the daemon did not start; the end of its log:\n" + "\n".join(tail))

    def stop_daemon(self) -> None:
        """SIGTERM to the daemon, after some seconds SIGKILL; wait."""
        if self._daemon is None:
            return
        self._daemon.terminate()
        try:
            self._daemon.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._daemon.kill()
            self._daemon.wait()
        self._daemon = None

    def kill_daemon(self) -> None:
        """End the daemon as a crash would."""
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait()
            self._daemon = None

    def stop(self) -> None:
        """Stop everything that was started here."""
        self.stop_daemon()
        self.helper.stop()
        for server in (*self.isolated.values(), self.dnsmasq, self.named):
            if server:
                server.stop()

    def _has_made_a_pass(self) -> bool:
        received: list[str] = []
        with contextlib.suppress(Temporary):
            ask(self.control, Request("status"), received.append)
        return any('"last": {' in text for text in received)

    def _settings(self, resync: int) -> dict[str, Any]:
        values: dict[str, Any] = {
            "node": "ns1",
            "repo": self.repo,
            "state": self.root / "state",
            "secrets": self.folder / "secrets",
            "own": self.folder / "own",
            "control": self.control,
            "role": self.role,
            "role_file": self.role_file,
            "helper": self.helper.path,
            "resync": resync,
        }
        if self.mount:
            values["mount"] = self.mount
        if self.named:
            values["bind"] = self.named.settings().model_dump()
        if self.dnsmasq:
            further = {name: server.isolated() for name, server in self.isolated.items()}
            values["dnsmasq"] = {**self.dnsmasq.settings().model_dump(), "isolated": further}
        if self.leases:
            values["leases"] = {"files": [self.leases]}
        return values
