"""A whole node and a clone of its state, for tests of the path from push to answer."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import dns.rcode

from reconciler.demo.person import ENVIRONMENT as PERSON
from reconciler.demo.pocket import PocketSite

ENVIRONMENT = {**os.environ, **PERSON}

SITE = """\
version: 1
site: test
domain: example.net
networks:
  office:
    domain: office.example.net
    ipv4: 192.168.10.0/24
dns: {clients_ask: dnsmasq, authoritative: bind, nameservers: [ns.example.net]}
zones:
  dyn.example.net: {dynamic: yes, keep: [{name: _acme-challenge, types: TXT}]}
"""

HOSTS = "".join(f"host{n}: {{ipv4: 192.168.10.{n}}}\n" for n in range(10, 30))

ZONES = {
    "zones/example.net.yaml": "ns: {type: A, value: 192.168.10.2}\n",
    "zones/dyn.example.net.yaml": "one: {type: A, value: 192.168.10.201}\ntwo: {type: A, value: 192.168.10.202}\n",
}


class Clone:
    """A working copy of the node's state."""

    def __init__(self, node: "PocketSite", path: Path) -> None:
        self.node = node
        self.path = path
        self.run("clone", "--quiet", str(node.repo), str(path), cwd=node.folder)

    def run(self, *arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["git", *arguments],
            cwd=cwd or self.path,
            env={**ENVIRONMENT, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def commit(self, files: dict[str, str], subject: str = "change") -> str:
        self.write(files)
        self.run("add", "--all")
        done = self.run("commit", "--quiet", "--allow-empty", "--message", subject)
        assert done.returncode == 0, done.stdout
        return self.head()

    def head(self) -> str:
        return self.run("rev-parse", "HEAD").stdout.strip()

    def push(self, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.run("push", *options, "origin", "HEAD:main", **environment)

    def change(self, files: dict[str, str], *options: str, subject: str = "change") -> str:
        """Commit and push; the push has to go well. Returns what it said."""
        self.commit(files, subject)
        done = self.push(*options)
        assert done.returncode == 0, done.stdout
        return done.stdout


def ask(port: int, name: str, rtype: str = "A") -> list[str]:
    """Sorted record data that a server on loopback answers; [] for none, ["SERVFAIL"] and the like for errors."""
    query = dns.message.make_query(name, rtype)
    answer = dns.query.udp(query, "127.0.0.1", port=port, timeout=15)
    if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return [dns.rcode.to_text(answer.rcode())]
    return sorted(rdata.to_text() for rrset in answer.answer for rdata in rrset)


def reconciler(node: PocketSite, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a reconciler command."""
    return subprocess.run(
        node.command(*arguments),
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )


def status(node: PocketSite) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(reconciler(node, "status", "--json").stdout)
    return document


@contextmanager
def held_restart(node: PocketSite) -> Iterator[threading.Event]:
    """An apply that restarts dnsmasq stops there, in the middle, until the block ends. Gives: it has come there."""
    reached, go_on, answer = threading.Event(), threading.Event(), node.helper.answer

    def held(request: bytes) -> str:
        reached.set()
        assert go_on.wait(60)
        return answer(request)

    node.helper.answer = held  # type: ignore[method-assign]
    try:
        yield reached
    finally:
        node.helper.answer = answer  # type: ignore[method-assign]
        go_on.set()


@contextmanager
def running_node(folder: Path, *, site: str = SITE, **options: Any) -> Iterator[tuple[PocketSite, Clone]]:
    """A node that serves `site`, HOSTS and ZONES, and a clone; everything is stopped at the end."""
    node = PocketSite(folder, **options)
    try:
        made = subprocess.run(node.init_command(), env=ENVIRONMENT, capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stdout + made.stderr
        node.start()
        clone = Clone(node, folder / "clone")
        zones = ZONES if "dynamic" in site else {"zones/example.net.yaml": ZONES["zones/example.net.yaml"]}
        said = clone.change({"site.yaml": site, "hosts.yaml": HOSTS, **zones})
        assert "applied" in said, said + node.log.read_text()
        yield node, clone
    finally:
        node.stop()
