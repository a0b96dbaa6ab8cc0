"""The demo: the main job shown on loopback, with real servers, real pushes and real answers."""

import contextlib
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import click

from reconciler.demo.pocket import PocketSite
from reconciler.demo.stage import Stage

_ENVIRONMENT = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.net",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.net",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C.UTF-8",
}
"""Nothing of the caller's own git settings shall matter, or be touched."""


def tour(*, keep: bool) -> int:
    """Run the demo; 0 when every answer was the expected one."""
    folder = Path(tempfile.mkdtemp(prefix="reconciler-demo-"))
    site = PocketSite(folder)
    stage = Stage(_ENVIRONMENT, {str(folder): "DEMO", str(Path(sys.executable).parent): "."})
    click.echo(f"Everything below lies in {folder} (DEMO), on loopback and free ports.")
    click.echo("dnsmasq answers DNS only here: it needs root's rights, and a network, for DHCP.")
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        _Tour(site, stage).run()
        stage.table()
        if keep and stage.good:
            _play(site)
    finally:
        signal.signal(signal.SIGTERM, previous)
        site.stop()
        shutil.rmtree(folder, ignore_errors=True)
    click.echo(f"\nstopped everything and removed {folder}")
    return 0 if stage.good else 1


def _interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


class _Tour:
    """The steps, in order."""

    def __init__(self, site: PocketSite, stage: Stage) -> None:
        self.site = site
        self.stage = stage
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
        with stage.step("push what deletes most of a zone: held by the guard, let through on request"):
            self.delete_much()
        with stage.step("change a record behind the repository's back: reported as drift"):
            self.change_behind()
        with stage.step("look at the history"):
            self.look_back()

    def start(self) -> None:
        self.stage.run(*self.site.init_command("--example"), cwd=self.site.folder, quiet=True)
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
        gone = self.dig(self.named, "printer.internal.example.net.", "A")
        if gone.strip():
            self.stage.fail("the deleted host still answers")
        self.git("revert", "--no-edit", "HEAD", quiet=True)
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

    def look_back(self) -> None:
        self.git("fetch", "--quiet")
        self.git("log", "--oneline", "origin/audit", expect="Apply")
        self.git("log", "-1", "--stat", "origin/audit~1", expect="Pushed-by")
        self.git("log", "--oneline", "--notes=reconciler", "-4", expect="applied on")

    def git(self, *arguments: str, code: int = 0, expect: str | tuple[str, ...] = (), quiet: bool = False) -> str:
        return self.stage.run("git", *arguments, cwd=self.clone, code=code, expect=expect, quiet=quiet)

    def dig(self, port: int, *question: str, expect: str = "") -> str:
        options = ("+short", "+norecurse") if port == self.named else ("+short",)
        return self.stage.run("dig", *options, "@127.0.0.1", "-p", str(port), *question, cwd=self.clone, expect=expect)

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


def _play(site: PocketSite) -> None:
    named, dnsmasq = (server.port if server else 0 for server in (site.named, site.dnsmasq))
    click.echo(f"""
Left running for play. In another terminal:
  cd {site.folder / "network"}
  edit hosts.yaml, git commit -a, git push
  dig @127.0.0.1 -p {named} NAME           (named; dnsmasq: -p {dnsmasq})
  {" ".join(site.command("status"))}
To stop it and remove everything: Ctrl-C here, or kill {os.getpid()}""")
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()
