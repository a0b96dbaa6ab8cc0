"""The demo: the main job shown with real servers, real pushes, real answers, and as root a real DHCP client."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import click

from reconciler.demo import outside
from reconciler.demo.lan import Lan, obstacle
from reconciler.demo.person import ENVIRONMENT
from reconciler.demo.pocket import PocketSite
from reconciler.demo.provider import Provider
from reconciler.demo.stage import Stage

_INTERFACES = {
    "enp1s0": ("192.168.10.2/24", "2001:db8:0:a::2/64"),
    "enp1s0.20": ("203.0.113.194/26",),
    outside.INTERFACE: (f"{outside.BEFORE}/24",),
}
"""Interfaces of the example's networks, with the addresses of its node there; and the one to the outside."""

_LEASED = re.compile(r"lease of (\S+)")


def tour(*, keep: bool) -> int:
    """Run the demo; 0 when every answer was the expected one."""
    folder = Path(tempfile.mkdtemp(prefix="reconciler-demo-"))
    previous = {number: signal.signal(number, _interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        with _network(folder) as lan:
            good = _show(folder, lan, keep=keep)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        shutil.rmtree(folder, ignore_errors=True)
    click.echo(f"\nstopped everything and removed {folder}")
    return 0 if good else 1


@contextlib.contextmanager
def _network(folder: Path) -> Iterator[Lan | None]:
    """A network of our own, entered, where that can be had."""
    why = obstacle()
    if why is not None:
        click.echo(f"Without DHCP, and so without the step that shows leases: {why}.")
        yield None
        return
    lan = Lan(folder, _INTERFACES)
    try:
        lan.open()
        with lan.entered():
            yield lan
    finally:
        lan.close()


def _show(folder: Path, lan: Lan | None, *, keep: bool) -> bool:
    provider = outside.provider(folder)
    site = PocketSite(
        folder,
        dhcp=lan is not None,
        environment={"SSL_CERT_FILE": str(provider.certificate)},
        settings={"providers": [provider.server]},
    )
    stage = Stage(ENVIRONMENT, {str(folder): "DEMO", str(Path(sys.executable).parent): "."})
    where = f"in a network namespace of its own, {lan.namespace}" if lan else "on loopback and free ports"
    click.echo(f"Everything below lies in {folder} (DEMO), {where}.")
    try:
        _Tour(site, stage, lan, provider).run()
        stage.table()
        if keep and stage.good:
            _play(site, lan)
    finally:
        site.stop()
        provider.stop()
    return stage.good


def _interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


class _Tour:
    """The steps, in order."""

    def __init__(self, site: PocketSite, stage: Stage, lan: Lan | None, provider: Provider) -> None:
        self.site = site
        self.provider = provider
        self.stage = stage
        self.lan = lan
        self.clone = site.folder / "network"
        self.named = site.named.port if site.named else 0
        self.dnsmasq = site.dnsmasq.port if site.dnsmasq else 0

    def run(self) -> None:
        """All steps. Without the first nothing else makes sense; of the others each stands alone."""
        stage = self.stage
        with stage.step("set a node up, start named, dnsmasq and the daemon"):
            self.start()
        if not stage.good:
            return
        with stage.step("clone the state"):
            self.clone_state()
        with stage.step("push a new host; ask named and dnsmasq for it"):
            self.add_host()
        with stage.step("push a mistake: refused, with its place"):
            self.make_mistake()
        why = outside.obstacle()
        if why is not None:
            stage.say(f"\nWithout the step that publishes the public address: {why}.")
        else:
            with stage.step("the public address changes: published outside, once"):
                self.provider.start()
                outside.change_address(stage, self.site, self.lan, self.provider, self.clone)
        with stage.step("push what deletes most of a zone: held by the guard, let through on request"):
            self.delete_much()
        with stage.step("change a record behind the repository's back: reported as drift"):
            self.change_behind()
        if self.lan:
            with stage.step("clients lease, and have names; one leaves, and is found again"):
                self.lease(self.lan)
        with stage.step("look at the history"):
            self.look_back()

    def start(self) -> None:
        self.stage.run(*self.site.init_command("--example", "office"), cwd=self.site.folder, quiet=True)
        self.site.start()
        self.stage.run(*self.site.command("status"), cwd=self.site.folder, expect="well")

    def clone_state(self) -> None:
        self.stage.run("git", "clone", "--quiet", str(self.site.repo), "network", cwd=self.site.folder)
        self.git("config", "--add", "remote.origin.fetch", "+refs/notes/*:refs/notes/*")
        self.stage.run("ls", cwd=self.clone, expect="hosts.yaml")

    def add_host(self) -> None:
        self.append("scanner: {mac: 52:54:00:12:34:60, ipv4: 192.168.10.43}\n")
        self.commit("Add the scanner")
        self.git("push", expect="applied")
        name = "scanner.internal.example.net."
        for server in (self.named, self.dnsmasq):
            self.dig(server, name, "A", expect="192.168.10.43")
            self.dig(server, "-x", "192.168.10.43", expect=name)
        self.stage.say("Reverse in a subnet smaller than a /24 (RFC 2317), from named:")
        self.dig(self.named, "195.192-255.113.0.203.in-addr.arpa.", "PTR", expect="web.lab.example.net.")

    def make_mistake(self) -> None:
        self.append("plotter: {mac: 52:54:00:12:34:61, ipv4: 192.168.10.41}\nmodem: {ipv4: 192.168.10.255}\n")
        self.commit("Add plotter and modem")
        self.git("push", code=1, expect=("hosts.yaml:29:", "hosts.yaml:30:", "broadcast", "nothing was stored"))
        self.git("reset", "--quiet", "--hard", "origin/main")

    def delete_much(self) -> None:
        hosts = self.clone / "hosts.yaml"
        hosts.write_text(_without(hosts.read_text(), ("printer", "nas", "camera", "scanner")))
        self.commit("Clear the office out")
        self.git("push", code=1, expect=("guard", "allow-mass-change"))
        self.dig(self.named, "printer.internal.example.net.", "A", expect="192.168.10.40")
        self.git("push", "-o", "allow-mass-change", expect="applied")
        self.dig(self.named, "printer.internal.example.net.", "A", without="192.168.10.40")
        self.git("revert", "--no-edit", "HEAD")
        self.git("push", expect="applied")
        self.dig(self.named, "printer.internal.example.net.", "A", expect="192.168.10.40")

    def change_behind(self) -> None:
        update = (
            f"server 127.0.0.1 {self.named}\nzone dyn.example.net\n"
            "update add intruder.dyn.example.net 300 A 203.0.113.99\n"
            'update add _acme-challenge.dyn.example.net 60 TXT "a token"\nsend\n'
        )
        key = self.site.folder / "named/bind/reconciler.key"
        self.stage.run("nsupdate", "-k", str(key), cwd=self.clone, stdin=update)
        said = self.stage.run(*self.site.command("apply"), cwd=self.clone, expect="intruder.dyn.example.net.")
        if "_acme-challenge" in said:
            self.stage.fail("the record that the zone's `keep:` leaves to others was reported")
        self.stage.run(*self.site.command("status"), cwd=self.clone, code=1, expect="drift")

    def lease(self, lan: Lan) -> None:
        with self.client(lan, "laptop", "52:54:00:12:34:59") as (_, address):
            self.stage.say("It sends no name; hosts.yaml knows its MAC address:")
            self.dig(self.named, "-x", address, expect="laptop.internal.example.net.", within=5)
            self.dig(self.dnsmasq, "laptop.internal.example.net.", "A", expect=address, within=5)
            self.stage.say("Another one brings its name:")
            moment = self.visit(lan)
            self.command("leases", expect=address)
        self.command("leases", "--at", f"{datetime.fromtimestamp(moment)}", expect=(address, "tablet"))

    def visit(self, lan: Lan) -> int:
        """A client comes, and goes again. When it was there, Unix time."""
        name = "tablet.internal.example.net."
        with self.client(lan, "tablet", "52:54:00:12:34:70", "-x", "hostname:tablet") as (process, address):
            for server in (self.named, self.dnsmasq):
                self.dig(server, name, "A", expect=address, within=5)
                self.dig(server, "-x", address, expect=name, within=5)
            self.command("leases", expect=(address, "tablet"), within=5)
            moment = int(time.time())
            while time.time() < moment + 1:  # The history knows seconds; the client leaves in a later one.
                time.sleep(0.05)
            self.stage.run("kill", str(process.pid), cwd=self.clone)
            process.wait(10)
        self.dig(self.named, name, "A", without=address, within=5)
        self.dig(self.named, "-x", address, without=name, within=5)
        return moment

    @contextlib.contextmanager
    def client(self, lan: Lan, name: str, mac: str, *options: str) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
        """A DHCP client that has its lease: its process, its address."""
        argv = lan.client(name, mac, "enp1s0").udhcpc(*options)
        log = self.site.folder / f"{name}.log"
        process = self.stage.start(*argv, log=log, expect="lease of", within=15)
        try:
            yield process, _LEASED.findall(log.read_text())[-1]
        finally:
            process.kill()
            process.wait()

    def command(self, *arguments: str, expect: str | tuple[str, ...] = (), within: float = 0.0) -> str:
        return self.stage.run(*self.site.command(*arguments), cwd=self.clone, expect=expect, within=within)

    def look_back(self) -> None:
        self.git("fetch", "--quiet")
        self.git("log", "--oneline", "origin/audit", expect="Apply")
        self.git("log", "-1", "--stat", "origin/audit~1", expect="Pushed-by")
        self.git("log", "--oneline", "--notes=reconciler", "-4", expect="applied on")

    def git(self, *arguments: str, code: int = 0, expect: str | tuple[str, ...] = ()) -> str:
        return self.stage.run("git", *arguments, cwd=self.clone, code=code, expect=expect)

    def dig(self, port: int, *question: str, expect: str = "", without: str = "", within: float = 0.0) -> str:
        options = ("+short", "+norecurse") if port == self.named else ("+short",)
        argv = ("dig", *options, "@127.0.0.1", "-p", str(port), *question)
        return self.stage.run(*argv, cwd=self.clone, expect=expect, without=without, within=within)

    def append(self, text: str) -> None:
        with (self.clone / "hosts.yaml").open("a") as stream:
            stream.write(text)

    def commit(self, subject: str) -> None:
        self.git("diff", "--unified=0")
        self.git("commit", "--quiet", "--all", "--message", subject)


def _without(text: str, names: tuple[str, ...]) -> str:
    """hosts.yaml without some of its top-level entries."""
    kept: list[str] = []
    skipping = False
    for line in text.splitlines(keepends=True):
        if line[:1].strip() and not line.startswith("#"):
            skipping = line.partition(":")[0] in names
        if not skipping:
            kept.append(line)
    return "".join(kept)


def _play(site: PocketSite, lan: Lan | None) -> None:
    named, dnsmasq = (server.port if server else 0 for server in (site.named, site.dnsmasq))
    dig = f"ip netns exec {lan.namespace} dig" if lan else "dig"
    click.echo(f"""
Left running for play. In another terminal:
  cd {site.folder / "network"}
  edit hosts.yaml, git commit -a, git push
  {dig} @127.0.0.1 -p {named} NAME           (named; dnsmasq: -p {dnsmasq})
  {" ".join(site.command("status"))}
To stop it and remove everything: Ctrl-C here, or kill {os.getpid()}""")
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()
