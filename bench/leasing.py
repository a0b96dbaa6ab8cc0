"""Leases in a site of their own: a node that reads a lease file, and a named that nsupdate feeds by hand."""

import json
import os
import subprocess
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from ipaddress import IPv4Address
from pathlib import Path
from typing import Protocol

from bench.answer import Question
from bench.work import WorkingCopy, run
from reconciler.daemon.client import ask
from reconciler.daemon.protocol import Request
from reconciler.demo.named import NamedServer
from reconciler.demo.pocket import PocketSite
from reconciler.dns.reverse import ptr_name
from reconciler.errors import ReconcilerError, Temporary
from reconciler.services.bind.render import FRAGMENT

DOMAIN = "clients.example.net."
TYPES = ("A", "PTR")
"""What a lease makes."""
REVERSE = ("20.10.in-addr.arpa.", "21.10.in-addr.arpa.")

_SITE = """\
version: 1
site: bench
networks:
  clients:
    domain: clients.example.net
    ipv4: 10.20.0.0/15
    interface: eth0
    dhcp: {ranges: [10.20.1.0-10.21.255.200], lease: 1h}
dns: {clients_ask: bind, authoritative: bind, nameservers: [ns.clients.example.net]}
"""
_HOSTS = "ns: {ipv4: 10.20.0.2}\n"
_FIRST = int(IPv4Address("10.20.1.0"))
_TTL = 1800
_IN_A_MESSAGE = 1000
"""Records that nsupdate is given between two `send`; a message holds at most 64 KiB."""
_BLOCK = 4096
"""Octets that dnsmasq's C library collects before it writes them."""
_PATIENCE = 120.0


def questions(clients: Iterable[int], types: Sequence[str] = TYPES) -> list[Question]:
    """The records of clients."""
    return [found for client in clients for found in _records(client) if found.rtype in types]


def _records(client: int) -> tuple[Question, Question]:
    address = IPv4Address(_FIRST + client)
    name = f"client{client}.{DOMAIN}"
    return Question(name, "A", str(address)), Question(ptr_name(address), "PTR", name)


def line(client: int, expires: int) -> str:
    """A client's lease in dnsmasq's file."""
    octets = [0x52, 0x54, 0, *client.to_bytes(3, "big")]
    mac = ":".join(f"{octet:02x}" for octet in octets)
    return f"{expires} {mac} {IPv4Address(_FIRST + client)} client{client} 01:{mac}\n"


class Publisher(Protocol):
    """A way to have names of clients answered."""

    name: str

    @property
    def port(self) -> int:
        """Where its named answers."""
        ...

    def publish(self, clients: Sequence[int], types: Sequence[str]) -> float:
        """Have further clients' records served; when that began, by time.perf_counter()."""
        ...

    def settle(self) -> None:
        """Wait until it has done all its work."""
        ...


class LeaseNode:
    """The reconciler with named and a lease file, which is written here."""

    name = "lease file written"

    def __init__(self, folder: Path, standing: Iterable[int] = ()) -> None:
        folder.mkdir()
        self.file = folder / "dnsmasq.leases"
        self._expires = int(time.time()) + 86400
        self._content = ""
        self.file.touch()
        self.write(standing)
        self.node = PocketSite(folder, dnsmasq=False, leases=self.file)
        run(self.node.init_command())
        try:
            self.node.start()
            copy = WorkingCopy(folder / "copy", self.node.repo, "main")
            copy.commit({"site.yaml": _SITE, "hosts.yaml": _HOSTS})
            copy.push()
            self.settle()
        except BaseException:
            self.node.stop()
            raise

    @property
    def port(self) -> int:
        assert self.node.named
        return self.node.named.port

    def publish(self, clients: Sequence[int], types: Sequence[str]) -> float:
        """Give leases to further clients, which makes records of all types; when that began."""
        text = self._content + "".join(line(client, self._expires) for client in clients)
        return self._rewrite(text)

    def write(self, clients: Iterable[int]) -> float:
        """Let these have leases, and nobody else; when that began."""
        return self._rewrite("".join(line(client, self._expires) for client in clients))

    def settle(self) -> None:
        """Wait until the daemon has done all its work."""
        deadline = time.monotonic() + _PATIENCE
        leases = self._content.count("\n")
        while time.monotonic() < deadline:
            with suppress(Temporary):
                status = self._status()
                if status["healthy"] and status["leases"] == leases and not status["busy_since"]:
                    return
            time.sleep(0.02)
        raise ReconcilerError(f"the daemon has not published {leases} leases in {_PATIENCE:.0f} s; see {self.node.log}")

    def stop(self) -> None:
        """Stop daemon and server."""
        self.node.stop()

    def _status(self) -> dict[str, object]:
        received: list[str] = []
        ask(self.node.control, Request("status"), received.append)
        found: dict[str, object] = json.loads("".join(received))
        return found

    def _rewrite(self, text: str) -> float:
        """In place, block by block, synced at the end: as dnsmasq does (lease_update_file)."""
        self._content = text
        content = text.encode()
        began = time.perf_counter()
        with self.file.open("r+b", buffering=0) as stream:
            stream.truncate(0)
            for start in range(0, len(content), _BLOCK):
                stream.write(content[start : start + _BLOCK])
            os.fsync(stream.fileno())
        return began


class BareNamed:
    """A named with the same zones, and one run of nsupdate for each change."""

    name = "nsupdate"

    def __init__(self, folder: Path) -> None:
        self._key = folder / "bind" / "reconciler.key"
        self.named = NamedServer(folder, extra=f'include "{self._key}";')
        for zone in (DOMAIN, *REVERSE):
            soa = f"ns.{DOMAIN} hostmaster.{DOMAIN} 1 3600 600 604800 300"
            path = self.named.bind / "zones" / zone
            path.write_text(
                f"{zone} 3600 IN SOA {soa}\n{zone} 3600 IN NS ns.{DOMAIN}\nns.{DOMAIN} 3600 IN A 10.20.0.2\n"
            )
        (self.named.bind / FRAGMENT).write_text("".join(map(self._zone, (DOMAIN, *REVERSE))))
        self.named.start()

    @property
    def port(self) -> int:
        return self.named.port

    def publish(self, clients: Sequence[int], types: Sequence[str]) -> float:
        """Add records of these types for further clients; when that began."""
        return self._update(questions(clients, types), "add")

    def withdraw(self, clients: Sequence[int]) -> None:
        """Delete the records of these clients."""
        self._update(questions(clients), "delete")

    def settle(self) -> None:
        """Nothing is left to do when nsupdate has ended."""

    def stop(self) -> None:
        """Stop the server."""
        self.named.stop()

    def _zone(self, zone: str) -> str:
        path = self.named.bind / "zones" / zone
        return f'zone "{zone}" {{ type primary; file "{path}"; update-policy {{ grant reconciler zonesub any; }}; }};\n'

    def _update(self, records: Sequence[Question], verb: str) -> float:
        script = [f"server 127.0.0.1 {self.port}"]
        for zone in (DOMAIN, *REVERSE):
            own = [record for record in records if record.owner.endswith(f".{zone}")]
            for start in range(0, len(own), _IN_A_MESSAGE):
                script.append(f"zone {zone}")
                script += (
                    f"update {verb} {owner} {_TTL} {rtype} {data}"
                    for owner, rtype, data in own[start : start + _IN_A_MESSAGE]
                )
                script.append("send")
        text = "\n".join(script) + "\n"
        began = time.perf_counter()
        subprocess.run(["nsupdate", "-k", str(self._key)], input=text, text=True, check=True)
        return began
