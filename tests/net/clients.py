"""Real DHCP clients in network namespaces. Their scripts touch the client's own interface, never /etc."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from servers import wait_until

from reconciler.demo.lan import Client

_TIMEOUT = 20.0
_DHCLIENT_SCRIPT = """\
#!/bin/sh
# As dhclient-script(8), but nothing else than addresses of the client's own interface.
case $reason in
BOUND | RENEW | REBIND | REBOOT) ip address replace "$new_ip_address/$new_subnet_mask" dev "$interface" ;;
BOUND6 | RENEW6 | REBIND6) ip address replace "$new_ip6_address/128" dev "$interface" nodad ;;
RELEASE | STOP | EXPIRE | FAIL) ip -4 address flush dev "$interface" ;;
esac
exit 0
"""


class Udhcpc:
    """busybox's client, running until `leave` (which gives the lease back) or `vanish` (which does not)."""

    def __init__(self, client: Client, log: Path, *options: str) -> None:
        self.log = log
        with log.open("wb") as stream:
            self.process = subprocess.Popen(
                client.udhcpc(*options), stdin=subprocess.DEVNULL, stdout=stream, stderr=stream
            )

    def address(self) -> str:
        """Its newest lease; waits for the first."""
        wait_until(lambda: "lease of" in self.log.read_text(), timeout=_TIMEOUT, what=self.log.read_text())
        return self.log.read_text().rpartition("lease of ")[2].split()[0]

    def renew(self) -> None:
        """Ask for the same lease again, and get it."""
        before = self.log.read_text().count("lease of")
        self.process.send_signal(signal.SIGUSR1)
        wait_until(lambda: self.log.read_text().count("lease of") > before, timeout=_TIMEOUT, what="renewed")

    def leave(self) -> None:
        self._end(signal.SIGTERM)

    def vanish(self) -> None:
        self._end(signal.SIGKILL)

    def _end(self, number: int) -> None:
        self.process.send_signal(number)
        self.process.wait(_TIMEOUT)


@contextmanager
def udhcpc(client: Client, folder: Path, name: str, *options: str) -> Iterator[Udhcpc]:
    """Such a client that calls itself `name`; gone at the end, however it was."""
    running = Udhcpc(client, folder / f"{client.namespace}.log", "-x", f"hostname:{name}", *options)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()


class Dhclient:
    """ISC's client: takes a lease and runs on, until it is told to give it back.

    name: what it sends as its host name (DHCPv4 only). duid: for DHCPv6, an identifier that says nothing of the MAC.
    """

    def __init__(self, client: Client, folder: Path, version: int, *, name: str = "", duid: bytes = b"") -> None:
        self._client = client
        self._folder = folder / f"{client.namespace}.v{version}"
        self._folder.mkdir()
        self._version = version
        script, conf, self.leases = (self._folder / each for each in ("script", "conf", "leases"))
        script.write_text(_DHCLIENT_SCRIPT)
        script.chmod(0o755)
        conf.write_text(f'send host-name "{name}";\n' if name else "")
        self.leases.write_text(f'default-duid "{_octal(duid)}";\n' if duid else "")
        # A copy, because AppArmor's profile goes by path and would forbid the folder to the original.
        program = shutil.copy(_program() or "", self._folder / "copy-of-dhclient")
        files = ["-sf", str(script), "-cf", str(conf), "-lf", str(self.leases), "-pf", str(self._folder / "pid")]
        self._argv = [program, f"-{version}", *files]

    def lease(self) -> str:
        """Take a lease; its address."""
        self._run("-1", *(["-D", "LL"] if self._version == 6 else []), "eth0")
        word = "iaaddr" if self._version == 6 else "fixed-address"
        return self.leases.read_text().rpartition(f"{word} ")[2].split()[0].strip(";")

    def leave(self) -> None:
        """Give the lease back, and end."""
        self._run("-r", "eth0")

    def _run(self, *options: str) -> None:
        argv: Sequence[str] = self._client.command(*self._argv, *options)
        # Its output goes into a file: the process that stays behind keeps it open.
        with (self._folder / "log").open("ab") as log:
            done = subprocess.run(
                argv, check=False, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=2 * _TIMEOUT
            )
        assert done.returncode == 0, (self._folder / "log").read_text()


def missing() -> str | None:
    """What these tests need and this machine lacks."""
    if os.geteuid() != 0:
        return "network namespaces that talk to each other need root"
    if shutil.which("busybox") is None:
        return "no busybox (busybox-static) for udhcpc"
    return None if _program() else "no dhclient (isc-dhcp-client)"


def _program() -> str | None:
    return shutil.which("dhclient") or shutil.which("dhclient", path="/usr/sbin:/sbin")


def _octal(data: bytes) -> str:
    return "".join(f"\\{byte:03o}" for byte in data)
