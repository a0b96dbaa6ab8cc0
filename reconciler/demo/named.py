"""A real named of one's own: loopback, free ports, everything in one folder, no traffic to anywhere else."""

import contextlib
import os
import pwd
import shutil
from pathlib import Path

from reconciler.config import BindSettings
from reconciler.demo.ports import free_port
from reconciler.demo.server import OwnServer
from reconciler.errors import ReconcilerError
from reconciler.services.bind.keys import new_key_text
from reconciler.services.bind.query import Server
from reconciler.services.bind.render import FRAGMENT


class NamedServer(OwnServer):
    """Starts and stops one named.

    folder: gets the configuration, keys, log and zones; `folder/bind` is the reconciler's own part. user: drop root's
    rights to this user after the start (root only); `folder` must then be open to that user. options: further text
    for the options clause. extra: further text at the end of named.conf.
    """

    def __init__(self, folder: Path, *, user: str | None = None, options: str = "", extra: str = "") -> None:
        super().__init__("named", folder / "named.log")
        self.folder = folder
        self.user = user
        self.options = options
        self.extra = extra
        self.port = free_port()
        self.rndc_port = free_port()
        self.bind = folder / "bind"
        self._prepare()

    def settings(self) -> BindSettings:
        """Settings with which the reconciler finds this server."""
        return BindSettings.model_validate(
            {
                "directory": str(self.bind),
                "named_conf": str(self.folder / "named.conf"),
                "address": "127.0.0.1",
                "port": str(self.port),
                "rndc_address": "127.0.0.1",
                "rndc_port": str(self.rndc_port),
                "rndc_key": str(self.folder / "rndc.key"),
            }
        )

    def command(self) -> list[str]:
        """named in the foreground."""
        argv = [str(_program(self.folder)), "-f", "-n", "1", "-c", str(self.folder / "named.conf")]
        return [*argv, "-u", self.user] if self.user else argv

    def serves(self, said: bytes) -> bool:
        """Whether it answers."""
        with contextlib.closing(Server("127.0.0.1", self.port)) as server:
            return server.alive(timeout=0.2)

    def _prepare(self) -> None:
        for path in (self.folder, self.folder / "run", self.bind, self.bind / "zones"):
            path.mkdir(mode=0o755, parents=True, exist_ok=True)
        _write_new(self.folder / "rndc.key", new_key_text("rndc-key"))
        _write_new(self.bind / "reconciler.key", new_key_text())
        _write_new(self.bind / FRAGMENT, "")
        self.configure()
        if self.user:
            self._give_to(pwd.getpwnam(self.user))

    def configure(self) -> None:
        """Write named.conf anew; it takes effect at the next start or `rndc reconfig`."""
        self.folder.joinpath("named.conf").write_text(f"""\
options {{
	directory "{self.folder}/run";
	pid-file "named.pid";
	session-keyfile none;
	listen-on port {self.port} {{ 127.0.0.1; }};
	listen-on-v6 {{ none; }};
	recursion no;
	dnssec-validation no;
	empty-zones-enable no;
	notify no;
	{self.options}
}};
include "{self.folder}/rndc.key";
controls {{ inet 127.0.0.1 port {self.rndc_port} allow {{ 127.0.0.1; }} keys {{ "rndc-key"; }}; }};
logging {{ category lame-servers {{ null; }}; }};
include "{self.bind}/{FRAGMENT}";
{self.extra}
""")

    def _give_to(self, owner: pwd.struct_passwd) -> None:
        # The server reads what the reconciler writes through the group, which new files get from their folder.
        os.chown(self.folder / "run", owner.pw_uid, owner.pw_gid)
        for path, mode in ((self.bind, 0o2750), (self.bind / "zones", 0o2770)):
            os.chown(path, -1, owner.pw_gid)
            path.chmod(mode)
        for path in (self.folder / "rndc.key", self.bind / "reconciler.key", self.bind / FRAGMENT):
            os.chown(path, -1, owner.pw_gid)
            path.chmod(0o640)


def _write_new(path: Path, text: str) -> None:
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text)


def _program(folder: Path) -> Path:
    """A copy of named in `folder`: AppArmor's profile goes by path and would forbid the folder to the original."""
    found = shutil.which("named") or shutil.which("named", path="/usr/local/sbin:/usr/sbin:/sbin")
    if found is None:
        raise ReconcilerError("named is not installed; on Debian and Ubuntu: apt-get install bind9")
    if os.statvfs(folder).f_flag & os.ST_NOEXEC:
        return Path(found)
    copy = folder / "named"
    if not copy.exists():
        shutil.copy2(found, copy)
    return copy
