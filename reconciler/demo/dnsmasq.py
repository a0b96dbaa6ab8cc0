"""A real dnsmasq of one's own in one folder: on loopback and a free port, DNS only, so that it needs no rights.

Or with DHCP, in a network of one's own (see `reconciler.demo.lan`).
"""

import os
import pwd
import shutil
import signal
from pathlib import Path

from reconciler.config import DnsmasqSettings
from reconciler.demo.ports import free_port
from reconciler.demo.server import OwnServer
from reconciler.errors import ReconcilerError
from reconciler.services.dnsmasq.trial import program

_ADDRESS = "127.0.0.1"
_DNS = 53
_STARTED = b": started, version "


class DnsmasqServer(OwnServer):
    """Starts and stops one dnsmasq.

    folder: gets log, lease file and pid file; `folder/dnsmasq` is the reconciler's own part, whose
    `dnsmasq.conf` has to be there before the start (the first apply writes it and has the helper restart
    this server). dhcp: it serves the networks of a Lan too, which has been entered; there port 53 is free.
    dhcp_script: what it calls at each change of a lease. address: where on loopback it answers.
    """

    def __init__(
        self, folder: Path, *, dhcp: bool = False, dhcp_script: Path | None = None, address: str = _ADDRESS
    ) -> None:
        super().__init__("dnsmasq", folder / "dnsmasq.log")
        self.folder = folder
        self.address = address
        self.dhcp = dhcp
        self.dhcp_script = dhcp_script
        self.port = _DNS if dhcp else free_port()
        self.directory = folder / "dnsmasq"
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

    def command(self) -> list[str]:
        """dnsmasq in the foreground."""
        user = pwd.getpwuid(os.geteuid()).pw_name
        return [
            str(_program(self.folder)),
            "--keep-in-foreground",
            f"--conf-file={self.directory / 'dnsmasq.conf'}",
            f"--pid-file={self.folder / 'dnsmasq.pid'}",
            f"--user={user}",
            "--log-facility=-",
            # Nobody else is in the network, and looking for them would take three seconds for each new client.
            *(["--no-ping"] if self.dhcp else []),
        ]

    def serves(self, said: bytes) -> bool:
        """Whether it says that it has started."""
        return _STARTED in said

    def reload(self) -> None:
        """SIGHUP. Raises ReconcilerError when it does not run."""
        if self._process is None or self.pid is None:
            raise ReconcilerError("dnsmasq does not run")
        self._process.send_signal(signal.SIGHUP)


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
