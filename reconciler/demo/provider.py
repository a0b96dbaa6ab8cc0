"""A provider of dynamic DNS on loopback: what ddclient talks to, and what public DNS then says. For demo and tests.

It speaks the protocols namecheap and dyndns2 over TLS, with a certificate of its own; it also tells who asks, as a page
and by DNS. Nothing is sent anywhere.
"""

import contextlib
import http.server
import socket
import ssl
import subprocess
import threading
from base64 import b64decode
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from reconciler.demo.ports import free_port
from reconciler.errors import ReconcilerError

_LOOPBACK = "127.0.0.1"


class Provider:
    """Both servers, each in a thread of its own.

    password: what updates have to bring. reply: how updates are answered: `good`, a word of dyndns2 such as `abuse`, an
    HTTP status, `garbage` or `silence`. shows: whether what was sent is seen in DNS. whoami: what page and name tell.
    """

    def __init__(self, folder: Path, password: str) -> None:
        self.certificate = folder / "provider.pem"
        self._key = folder / "provider.key"
        self.password = password
        self.reply = "good"
        self.shows = True
        self.whoami = b""
        self.addresses: dict[str, str] = {"ns.example.net.": _LOOPBACK}
        """What DNS says, by absolute name in lower case."""
        self.updates: list[tuple[str, str]] = []
        """Names and addresses that were asked for, in order, whatever the reply."""
        self.asked = 0
        """How often the page or name was asked."""
        self.web_port = free_port()
        self.dns_port = free_port()
        self._stopped = threading.Event()
        self._web: http.server.ThreadingHTTPServer | None = None
        self._dns: socket.socket | None = None

    @property
    def server(self) -> str:
        """As `server:` names it."""
        return f"{_LOOPBACK}:{self.web_port}"

    @property
    def page(self) -> str:
        """As `web:` names it."""
        return f"https://{self.server}/ip"

    def start(self) -> None:
        """Begin to answer."""
        self._make_certificate()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self._key)
        self._web = _Web((_LOOPBACK, self.web_port), _Page)
        self._web.provider = self  # type: ignore[attr-defined]
        self._web.socket = context.wrap_socket(self._web.socket, server_side=True, do_handshake_on_connect=False)
        self._dns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._dns.bind((_LOOPBACK, self.dns_port))
        threading.Thread(target=self._web.serve_forever, args=(0.05,), name="provider", daemon=True).start()
        threading.Thread(target=self._serve_dns, args=(self._dns,), name="provider's DNS", daemon=True).start()

    def stop(self) -> None:
        """End."""
        self._stopped.set()
        if self._web is not None:
            self._web.shutdown()
            self._web.server_close()
        if self._dns is not None:
            with contextlib.suppress(OSError):
                self._dns.shutdown(socket.SHUT_RDWR)
            self._dns.close()

    def update(self, name: str, address: str, password: str) -> str:
        """Take an update; a word of the dyndns2 protocol for it."""
        self.updates.append((name, address))
        if self.reply == "silence":
            self._stopped.wait(60)
        if self.reply != "good":
            return self.reply
        if password != self.password:
            return "badauth"
        if self.shows:
            self.addresses[name] = address
        return "good"

    def _make_certificate(self) -> None:
        subject = ["-subj", "/CN=provider", "-addext", f"subjectAltName=IP:{_LOOPBACK}"]
        files = ["-keyout", str(self._key), "-out", str(self.certificate), "-days", "2"]
        argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *files, *subject]
        done = subprocess.run(argv, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise ReconcilerError(f"openssl: {done.stderr.strip()}")

    def _serve_dns(self, listening: socket.socket) -> None:
        while not self._stopped.is_set():
            try:
                data, sender = listening.recvfrom(4096)
                listening.sendto(self._answer(data), sender)
            except OSError:
                return
            except dns.exception.DNSException:
                continue

    def _answer(self, data: bytes) -> bytes:
        query = dns.message.from_wire(data)
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA
        question = query.question[0]
        name = question.name.to_text().lower()
        rtype = dns.rdatatype.to_text(question.rdtype)
        if name == "example.net." and rtype in ("SOA", "NS"):
            text = "ns.example.net." if rtype == "NS" else "ns.example.net. hostmaster.example.net. 1 1 1 1 1"
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", rtype, text))
            return answer.to_wire()
        if name.startswith("whoami."):
            self.asked += 1
            text = self.whoami.decode("latin-1")
            text = f'"{text}"' if rtype == "TXT" else text
        else:
            text = self.addresses.get(name, "")
        if text and (rtype in ("TXT", "AAAA" if ":" in text else "A")):
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", rtype, text))
        return answer.to_wire()


class _Web(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever goes away early is no error."""


class _Page(http.server.BaseHTTPRequestHandler):
    timeout = 60

    def do_GET(self) -> None:
        provider: Provider = self.server.provider  # type: ignore[attr-defined]
        parts = urlsplit(self.path)
        values = {key: value[0] for key, value in parse_qs(parts.query).items()}
        if parts.path == "/update":
            name = values["domain"] if values["host"] == "@" else f"{values['host']}.{values['domain']}"
            self._send(_namecheap(provider.update(f"{name}.", values["ip"], values["password"])))
        elif parts.path == "/nic/update":
            given = b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
            password = given.partition(":")[2]
            names, address = values["hostname"].split(","), values["myip"]
            self._send("\n".join(_dyndns2(provider.update(f"{name}.", address, password), address) for name in names))
        else:
            provider.asked += 1
            self._send(provider.whoami)

    def _send(self, said: str | bytes) -> None:
        body = said.encode() if isinstance(said, str) else said
        status = int(said) if isinstance(said, str) and said.isdigit() else 200
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a password stands in the address of a page."""


def _namecheap(word: str) -> str:
    errors = {"good": "", "badauth": "Passwords do not match", "abuse": "Domain name not found"}
    if word.isdigit() or word == "garbage":
        return word
    count = 0 if word == "good" else 1
    said = f"<Err1>{errors.get(word, 'Service failed')}</Err1>" if count else ""
    return f'<?xml version="1.0"?><interface-response><ErrCount>{count}</ErrCount>{said}</interface-response>'


def _dyndns2(word: str, address: str) -> str:
    return f"{word} {address}" if word in ("good", "nochg") else word
