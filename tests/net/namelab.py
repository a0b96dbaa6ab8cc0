"""Name servers at port 53 of loopback addresses, in a network namespace of a test's own."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from servers import wait_until

from reconciler.demo.lan import Client
from reconciler.services.bind.query import Server


class Authority:
    """One named, authoritative for the zones of `zones` (text by name); a resolver where `root` is the root's address.

    To be started inside of the namespace. tcp: whether it is reached by TCP.
    """

    def __init__(self, folder: Path, address: str, root: str = "") -> None:
        self.folder = folder / address
        self.address = address
        self.zones: Mapping[str, str] = {}
        self._root = root
        self._process: subprocess.Popen[bytes] | None = None
        self.folder.mkdir()
        # A copy: AppArmor's profile goes by path.
        self._program = self.folder / "named"
        shutil.copy2(shutil.which("named") or "/usr/sbin/named", self._program)

    def serve(self, zones: Mapping[str, str]) -> None:
        """Serve these zones in place of those from before."""
        if dict(self.zones) != dict(zones) or self._process is None:
            self.zones = dict(zones)
            self.stop()
            self.start()

    def start(self) -> None:
        self._configure()
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self._alive, what=f"named at {self.address}")

    def serve_on(self, client: Client, zones: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Serve zones on a client that has the address; who calls waits for it, and ends it."""
        self.zones = dict(zones)
        self._configure()
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(client.command(*self._argv), stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
            self._process = None

    @property
    def _argv(self) -> list[str]:
        return [str(self._program), "-f", "-n", "1", "-c", str(self.folder / "named.conf")]

    def _alive(self) -> bool:
        assert self._process is not None and self._process.poll() is None, (self.folder / "log").read_text()
        return Server(self.address, 53).alive(timeout=0.2)

    def _configure(self) -> None:
        clauses = []
        for number, (zone, text) in enumerate(self.zones.items()):
            file = self.folder / f"zone{number}"
            file.write_text(text)
            clauses.append(f'zone "{zone}" {{ type primary; file "{file}"; check-names ignore; }};')
        if self._root:
            hints = self.folder / "hints"
            hints.write_text(f". 3600 IN NS root.isp.test.\nroot.isp.test. 3600 IN A {self._root}\n")
            clauses.append(f'zone "." {{ type hint; file "{hints}"; }};')
        recursion = "yes" if self._root else "no"
        self.folder.joinpath("named.conf").write_text(f"""\
options {{
    directory "{self.folder}"; pid-file none; session-keyfile none; listen-on {{ {self.address}; }};
    listen-on-v6 {{ none; }}; query-source address {self.address}; recursion {recursion}; dnssec-validation no;
    empty-zones-enable no; notify no; minimal-responses no; allow-query {{ any; }}; max-cache-ttl 0; max-ncache-ttl 0;
}};
controls {{ }};
{chr(10).join(clauses)}
""")
