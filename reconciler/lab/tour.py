"""The tour: a pair starts, serves, loses its primary, gets it back, changes roles, and is gone again."""

import contextlib
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import click

from reconciler.demo.person import ENVIRONMENT
from reconciler.demo.stage import Stage, Unexpected
from reconciler.errors import ReconcilerError
from reconciler.lab import lab as labs
from reconciler.lab.lab import Lab
from reconciler.lab.layout import CLIENTS, DEFAULT_FOLDER, NETWORKS
from reconciler.lab.machine import Machine, until
from reconciler.lab.timeline import Timeline, takeover

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def tour(folder: Path, *, keep: bool) -> int:
    """Run the tour in a lab of its own; 0 when everything was as it should be."""
    lab = Lab(folder)
    stage = Stage(ENVIRONMENT, {f"ip netns exec {lab.layout.namespace('x')[:-1]}": "on ", str(folder): "LAB"})
    previous = {number: signal.signal(number, _interrupt) for number in _SIGNALS}
    click.echo(f"Everything lies in {folder} (LAB) and in namespaces; nothing of this machine's own is touched.")
    try:
        _Tour(lab, stage).run()
        stage.table()
        if keep and stage.good:
            _play(lab)
    finally:
        for number in (*_SIGNALS, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        if lab.mine:
            lab.down()
            click.echo(f"\nstopped everything and removed {folder}")
        for number, handler in {**previous, signal.SIGINT: signal.default_int_handler}.items():
            signal.signal(number, handler)
    return 0 if stage.good else 1


def _interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


class _Tour:
    """The steps, in order."""

    def __init__(self, lab: Lab, stage: Stage) -> None:
        self.lab = lab
        self.stage = stage
        self.leases: dict[str, str] = {}

    def run(self) -> None:
        """All steps. Without the first nothing else makes sense."""
        with self.step("two nodes start, and one becomes primary"):
            self.start()
        if not self.stage.good:
            return
        with self.step("a DHCP client in each network leases, and has a name"):
            self.lease()
        with self.step("push; it answers in both networks, over IPv4 and IPv6"):
            self.push()
        with self.step("cut the primary's power"):
            self.fail()
        with self.step("it comes back, as standby"):
            self.back()
        with self.step("give the role over in order"):
            self.switch()
        with self.step("push while the role moves"):
            self.push_while_moving()
        with self.step("look at the history"):
            self.look_back()

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[None]:
        if self.lab.mine and not self.lab.exists:
            raise ReconcilerError(f"somebody took the lab in {self.lab.layout.folder} away")
        with self.stage.step(title):
            try:
                yield
            except (ReconcilerError, OSError, subprocess.TimeoutExpired) as error:
                raise error if isinstance(error, Unexpected) else Unexpected(str(error)) from error

    def start(self) -> None:
        started = time.monotonic()
        self.lab.up()
        self.stage.say(f"primary after {time.monotonic() - started:.1f} s")
        until(lambda: all(node.status() for node in self.lab.nodes.values()), "a daemon does not answer")
        self.status()
        self.lab.clone()
        argv = self.lab.git("push", "--quiet", "-u", "origin", "main")
        self.stage.run(*argv, cwd=Path("/"), expect="applied", quiet=True)
        self.stage.say("the first push has made its zones")

    def push(self) -> None:
        self.append("scanner: {ipv4: 192.168.10.43}\n", "Add the scanner")
        self.stage.run(*self.lab.git("push"), cwd=Path("/"), expect="applied")
        self.ask("scanner.internal.example.net.", "192.168.10.43")

    def lease(self) -> None:
        for client in CLIENTS:
            self.leases[client] = self.lab.start_client(client)
            self.stage.say(f"{client} has leased {self.leases[client]}")
        self.look_at_names()

    def fail(self) -> None:
        dead = self.lab.await_primary()
        timeline = takeover(self.lab, self.other(dead), dead.fail)
        self.stage.say(f"{dead.name} is dead; {timeline.node} took over:")
        self.show(timeline)
        self.look_at_names()
        for client, before in self.leases.items():
            now = self.lab.start_client(client)
            self.stage.say(f"{client} asks anew: {now}")
            if now != before:
                self.stage.fail(f"{client} had {before}")
        self.status()

    def back(self) -> None:
        dead = next(node for node in self.lab.nodes.values() if node.pid is None)
        dead.start()
        until(lambda: (dead.status() or {}).get("role") == "standby", f"{dead.name} did not come back as standby")
        self.status()

    def switch(self) -> None:
        giving = self.lab.await_primary()
        timeline = takeover(self.lab, self.other(giving), self.move)
        self.stage.say(f"{giving.name} gave the role to {timeline.node}:")
        self.show(timeline)
        self.look_at_names()

    def push_while_moving(self) -> None:
        self.append("plotter: {ipv4: 192.168.10.44}\n", "Add the plotter")
        argv = self.lab.git("push", "--quiet")
        log = self.lab.layout.folder / "push.log"
        with log.open("wb") as stream:
            pushing = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)
            until(lambda: "check" in log.read_text() or pushing.poll() is not None, "the push does not begin")
            self.move()
            pushing.wait(60)
        self.stage.say(log.read_text().rstrip())
        if pushing.returncode != 0:
            self.stage.say("The push was broken off; pushed again:")
            self.stage.run(*argv, cwd=Path("/"), within=15)
        self.ask("plotter.internal.example.net.", "192.168.10.44")

    def look_back(self) -> None:
        self.lab.run(*self.lab.git("fetch", "--quiet"))
        said = self.stage.run(*self.lab.git("log", "--format=%h %an %s", "origin/audit"), cwd=Path("/"), expect="Apply")
        head = self.lab.run(*self.lab.git("rev-parse", "--short=12", "HEAD")).strip()
        if said.count(f"Apply {head}") != 1:
            self.stage.fail(f"{head} does not stand there once")

    def move(self) -> None:
        giving, taking = self.lab.switch()
        self.stage.say(f"(the role moved from {giving} to {taking})")

    def other(self, node: Machine) -> Machine:
        return next(each for each in self.lab.nodes.values() if each is not node)

    def status(self) -> None:
        for line in overview(self.lab):
            self.stage.say(line)

    def show(self, timeline: Timeline) -> None:
        for line in timeline.lines:
            self.stage.say(f"  {line}")

    def look_at_names(self) -> None:
        for client, address in self.leases.items():
            where = CLIENTS[client][0]
            self.ask(f"{client}.{where}.example.net.", address, quiet=True)

    def ask(self, name: str, expect: str, *, quiet: bool = False) -> None:
        """From each network, at its virtual addresses."""
        for client, (where, _) in CLIENTS.items():
            net = next(each for each in NETWORKS if each.name == where)
            for server in (net.v4.ip, net.v6.ip):
                argv = self.lab.on(client, "dig", "+short", "+tries=1", "+time=2", f"@{server}", name)
                self.stage.run(*argv, cwd=Path("/"), expect=expect, within=5, quiet=quiet)
        if quiet:
            self.stage.say(f"{name} is {expect}, at all virtual addresses")

    def append(self, line: str, subject: str) -> None:
        labs.append_host(self.lab, line, subject)
        self.stage.say(f"hosts.yaml: {line.rstrip()}")


def overview(lab: Lab) -> list[str]:
    """One line for each node: its role, and what it has."""
    lines = []
    for node in lab.nodes.values():
        status = node.status() or {}
        has = [("addresses", node.has_addresses), ("disk", node.has_disk), ("marker", node.is_marked)]
        held = ", ".join(what for what, there in has if there) or "-"
        role = status.get("role", "no daemon") if node.pid is not None else "down"
        lines.append(f"{node.name:<5} {role:<10} has: {held}")
    return lines


def _play(lab: Lab) -> None:
    folder = "" if lab.layout.folder == DEFAULT_FOLDER else f" --folder {lab.layout.folder}"
    command = f"{labs.program()} lab{folder}"
    primary = lab.await_primary().name
    click.echo(f"""
Left running for play; {primary} is primary. In another terminal, as root:
  {command} watch
  {command} status
  {command} fail {primary}        and then: {command} back {primary}
  {command} switch
  edit {lab.layout.clone}/hosts.yaml, then {command} push
  {command} on laptop dig @{NETWORKS[0].v4.ip} NAME
  {command} on ns1 reconciler role
To stop it and remove everything: Ctrl-C here, or {command} down""")
    with contextlib.suppress(KeyboardInterrupt):
        while lab.exists:
            time.sleep(1)
