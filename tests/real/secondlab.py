"""A second real named that copies from a node, begun with nothing but what `reconciler secondary` printed."""

import re
import socket
import subprocess
import sys
from pathlib import Path

import dns.message
import dns.name
import dns.query
import dns.tsigkeyring
import dns.xfr
import dns.zone
from nodes import ENVIRONMENT, Clone

from reconciler.demo.named import NamedServer
from reconciler.services.bind.secondary import CACHE, FOLDER
from reconciler.services.bind.syntax import quote

SECRET = "c2VjcmV0IG9mIHNlY29uZGFyaWVzIQ=="
OTHER_SECRET = "YW5vdGhlciBzZWNyZXQgYWx0b2dldGhlcg=="


class SecondNamed(NamedServer):
    """Its configuration is the printed one with paths into `folder`, loopback only, and room for rndc."""

    def __init__(self, folder: Path) -> None:
        self._printed = ""
        super().__init__(folder)

    def take(self, clone: Clone, name: str, **secrets: str) -> str:
        """Configure it as the command says for secondary `name`; secrets by key. Returns what was printed."""
        program = str(Path(sys.executable).parent / "reconciler")
        argv = [program, "secondary", name, str(clone.path)]
        done = subprocess.run(argv, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        self._printed = done.stdout
        for key, secret in secrets.items():
            clause = f'key "{key}" {{ algorithm hmac-sha256; secret {quote(secret)}; }};\n'
            (self.folder / f"{key}.key").write_text(clause)
        self.configure()
        return done.stdout

    def configure(self) -> None:
        cache = self.folder / "cache"
        cache.mkdir(exist_ok=True)
        text = self._printed.replace(FOLDER, str(self.folder)).replace(CACHE, str(cache))
        text = re.sub(r"(listen-on port \d+) \{ any; \};", r"\1 { 127.0.0.1; };", text)
        text = re.sub(r"(listen-on-v6) port \d+ \{ any; \};", r"\1 { none; };", text)
        private = "pid-file none; session-keyfile none; dnssec-validation no;"
        self.folder.joinpath("named.conf").write_text(f"""\
{text.replace("options {", "options { " + private)}
include "{self.folder}/rndc.key";
controls {{ inet 127.0.0.1 port {self.rndc_port} allow {{ 127.0.0.1; }} keys {{ "rndc-key"; }}; }};
""")


class Listener:
    """Takes notices (RFC 1996) as a server would, and remembers of which zones they are and which key signed them."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.01)
        self.port: int = self._socket.getsockname()[1]
        self.heard: list[str] = []

    def heard_of(self, zone: str) -> bool:
        try:
            while True:
                wire, sender = self._socket.recvfrom(4096)
                query = dns.message.from_wire(wire)
                self._socket.sendto(dns.message.make_response(query).to_wire(), sender)
                self.heard.append(query.question[0].name.to_text())
        except TimeoutError:
            return zone in self.heard

    def close(self) -> None:
        self._socket.close()


def copied(port: int, zone: str, key: str = "", secret: str = SECRET, source: str = "127.0.0.1") -> bool:
    """Whether a zone transfer is given; raises what dnspython raises where it is not."""
    target = dns.zone.Zone(zone, relativize=False)
    ring = dns.tsigkeyring.from_text({key: ("hmac-sha256", secret)}) if key else None
    query, _ = dns.xfr.make_query(target, None, keyring=ring, keyname=dns.name.from_text(key) if key else None)
    dns.query.inbound_xfr("127.0.0.1", target, query, port, timeout=15, lifetime=30, source=source)
    return len(target.nodes) > 0
