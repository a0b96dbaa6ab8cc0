"""A real dnsmasq of one's own in one folder: on loopback and a free port, DNS only, so that it needs no rights.

Or with DHCP, in a network of one's own (see `reconciler.demo.lan`).
"""

import os
import pwd
import shutil
import signal
import subprocess
import time
from pathlib import Path

from reconciler.config import DnsmasqSettings
from reconciler.demo.ports import free_port
from reconciler.errors import ReconcilerError
from reconciler.services.dnsmasq.trial import program

_ADDRESS = "127.0.0.1"
_DNS = 53
_START = 10.0
_POLL = 0.01
_STARTED = b": started, version "


class DnsmasqServer:
    """Starts and stops one dnsmasq.

    folder: gets log, lease file and pid file; `folder/dnsmasq` is the reconciler's own part, whose
    `dnsmasq.conf` has to be there before the start (the first apply writes it and has the helper restart
    this server). dhcp: it serves the networks of a Lan too, which has been entered; there port 53 is free.
    dhcp_script: what it calls at each change of a lease. address: where on loopback it answers.
    """

    def __init__(
        self, folder: Path, *, dhcp: bool = False, dhcp_script: Path | None = None, address: str = _ADDRESS
    ) -> None:
        self.folder = folder
        self.address = address
        self.dhcp = dhcp
        self.dhcp_script = dhcp_script
        self.port = _DNS if dhcp else free_port()
        self.directory = folder / "dnsmasq"
        self.log = folder / "dnsmasq.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.directory.mkdir(mode=0o755, parents=True, exist_ok=True)

    def settings(self) -> DnsmasqSettings:
        """Settings with which the reconciler finds this server."""
        return DnsmasqSettings.model_validate(
            {
                "directory": str(self.directory),
                "address": self.address,
                "port": str(self.port),
                "listen": [self.address],
                "dhcp": "yes" if self.dhcp else "no",
                "lease_file": str(self.folder / "leases"),
                "dhcp_script": self.dhcp_script,
            }
        )

    def isolated(self) -> dict[str, object]:
        """What node.yaml says of it as the dnsmasq of an isolated network."""
        where = {"address": self.address, "port": self.port, "directory": self.directory}
        return {**where, "lease_file": self.folder / "leases"}

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Start it and wait until it says so. Raises ReconcilerError with its words if it ends instead."""
        user = pwd.getpwuid(os.geteuid()).pw_name
        argv = [
            str(_program(self.folder)),
            "--keep-in-foreground",
            f"--conf-file={self.directory / 'dnsmasq.conf'}",
            f"--pid-file={self.folder / 'dnsmasq.pid'}",
            f"--user={user}",
            "--log-facility=-",
            # Nobody else is in the network, and looking for them would take three seconds for each new client.
            *(["--no-ping"] if self.dhcp else []),
        ]
        with self.log.open("ab") as log:
            offset = log.tell()
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + _START
        while time.monotonic() < deadline and self.pid is not None:
            if _STARTED in self._said(offset):
                return
            time.sleep(_POLL)
        self.stop()
        words = self._said(offset).decode(errors="replace").splitlines()[-3:]
        raise ReconcilerError("dnsmasq did not start: " + "; ".join(words))

    def stop(self) -> None:
        """End it (SIGTERM, after ten seconds SIGKILL) and wait."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()

    def reload(self) -> None:
        """SIGHUP. Raises ReconcilerError when it does not run."""
        if self._process is None or self.pid is None:
            raise ReconcilerError("dnsmasq does not run")
        self._process.send_signal(signal.SIGHUP)

    def _said(self, offset: int) -> bytes:
        with self.log.open("rb") as log:
            log.seek(offset)
            return log.read()


def _program(folder: Path) -> Path:
    """A copy of dnsmasq in `folder`: AppArmor's profiles go by path and might forbid it to the original."""
    found = program("dnsmasq")
    if found is None:
        raise ReconcilerError("dnsmasq is not installed; on Debian and Ubuntu: apt-get install dnsmasq-base")
    if os.statvfs(folder).f_flag & os.ST_NOEXEC:
        return Path(found)
    copy = folder / "dnsmasq-copy"
    if not copy.exists():
        shutil.copyfile(found, copy)
        copy.chmod(0o755)
    return copy
