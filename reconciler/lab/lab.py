"""The lab as a whole: up, down, push, fail, back, switch. All state is in its folder, so any process can do each."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from reconciler.demo.lan import NAMESPACES
from reconciler.demo.person import ENVIRONMENT
from reconciler.errors import ConfigError, ReconcilerError
from reconciler.lab import disk, files, scripts, wires
from reconciler.lab.layout import CLIENTS, NETWORKS, NODES, Layout
from reconciler.lab.machine import Machine, until
from reconciler.lab.needs import HOOKS, obstacle
from reconciler.node_yaml import node_yaml
from reconciler.services.bind.keys import new_key_text


class Lab:
    """folder: gets everything, and is removed by `down`. interval: seconds between keepalived's advertisements."""

    def __init__(self, folder: Path, *, interval: float = 0.3) -> None:
        self.layout = Layout(folder)
        self.nodes = {name: Machine(self.layout, name) for name in NODES}
        self.mine = False
        """Made by this very object."""
        self._interval = interval

    # Making and removing

    def up(self) -> None:
        """Make everything and start both nodes; return when one is primary. Raises ReconcilerError."""
        why = obstacle()
        if why is not None:
            raise ConfigError(why)
        folder = self.layout.folder
        folder.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        if folder.exists() and any(folder.iterdir()):
            raise ConfigError(f"{folder} is not empty; {self.layout.told('down')} removes a lab that is there")
        closed = [parent for parent in folder.parents if not parent.stat().st_mode & 0o001]
        if closed:
            raise ConfigError(f"{closed[0]} is closed to the servers' users; name another place with --folder")
        self.mine = True
        folder.mkdir(mode=0o755, exist_ok=True)
        self.layout.mark.touch()
        for path in (self.layout.disk, self.layout.node, self.layout.programs, *map(self._etc, NODES)):
            path.mkdir(mode=0o755, parents=True, exist_ok=True)
        self._write_files()
        disk.make(self.layout)
        places = ["--root", str(self.layout.disk), "--bind-directory", str(self.layout.disk / "bind")]
        node = next(iter(NODES))
        init = scripts.reconciler("init", "--user", "root", "--config", str(self.layout.config), *places)
        disk.with_it(self.layout, node, init)
        wires.make(self.layout)
        for machine in self.nodes.values():
            machine.start()
        self.await_primary()

    def down(self) -> None:
        """Kill what runs, remove everything. Nothing happens where there is no lab, whatever else is there."""
        if not self.layout.mark.exists():
            return
        for client in CLIENTS:
            self._end_client(client)
        for machine in self.nodes.values():
            with contextlib.suppress(ReconcilerError, OSError):
                machine.fail()
        wires.remove(self.layout)
        if self.layout.image.exists():
            until(lambda: not disk.attached(self.layout), f"{self.layout.image} is still attached")
        shutil.rmtree(self.layout.folder, ignore_errors=True)

    def _etc(self, node: str) -> Path:
        return self.layout.outside(node) / "etc"

    def _write_files(self) -> None:
        programs = self.layout.programs
        programs_of_ours = {
            "reconciler": scripts.program_script(),
            "server": scripts.server_script(self.layout),
            "disk": scripts.disk_script(self.layout),
        }
        for name, text in programs_of_ours.items():
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        shutil.copytree(HOOKS, programs / "hooks")
        for name in ("named", "dnsmasq"):
            shutil.copy2(shutil.which(name) or name, programs / name)
        key = new_key_text("rndc-key")
        for node in NODES:
            texts = {
                "node.yaml": node_yaml(files.settings(self.layout, node)),
                "named.conf": files.named_conf(self.layout),
                "rndc.key": key,
                "keepalived.conf": files.keepalived_conf(self.layout, node, interval=self._interval),
                "ha.conf": files.ha_conf(self.layout),
            }
            for name, text in texts.items():
                (self._etc(node) / name).write_text(text)
            shutil.chown(self._etc(node) / "rndc.key", group=scripts.NAMED_USER)
            (self._etc(node) / "rndc.key").chmod(0o640)

    # What a person does

    @property
    def exists(self) -> bool:
        """There is a lab in this folder."""
        return (NAMESPACES / self.layout.namespace(wires.SWITCH)).exists()

    def primary(self) -> Machine | None:
        """The node that is primary, with disk, addresses and marker; None while the role moves."""
        found = [node for node in self.nodes.values() if node.has_disk and node.has_addresses and node.is_marked]
        return found[0] if len(found) == 1 else None

    def await_primary(self, other_than: str | None = None) -> Machine:
        """Wait until a node is primary. Raises ReconcilerError."""
        found: list[Machine] = []

        def there() -> bool:
            node = self.primary()
            found[:] = [node] if node is not None and node.name != other_than else []
            return bool(found)

        until(there, "no node became primary; see log/ in the folders of nodes/")
        return found[0]

    def switch(self) -> tuple[str, str]:
        """Have the primary give the role to the other node in order. The names of both, from and to."""
        giving = self.await_primary()
        if any(node.pid is None for node in self.nodes.values()):
            down = next(name for name, node in self.nodes.items() if node.pid is None)
            raise ReconcilerError(f"{down} is down; {self.layout.told(f'back {down}')} starts it")
        giving.give_away()
        try:
            taking = self.await_primary(other_than=giving.name)
        finally:
            giving.stay()
        return giving.name, taking.name

    def on(self, machine: str, *argv: str) -> list[str]:
        """What runs a command on a machine: a node, admin or a DHCP client. Raises ConfigError for another name."""
        if machine in self.nodes:
            return self.nodes[machine].command(*argv)
        if machine not in ("admin", *CLIENTS):
            raise ConfigError(f"there is no machine {machine}; there are {', '.join((*NODES, 'admin', *CLIENTS))}")
        return ["ip", "netns", "exec", self.layout.namespace(machine), *argv]

    def reconciler(self, *arguments: str) -> list[str]:
        """A reconciler command for whichever node it is run on."""
        return [str(self.layout.programs / "reconciler"), *arguments, "--config", str(self.layout.config)]

    @property
    def url(self) -> str:
        """Where the state is pushed to: the virtual address, whichever node has it."""
        return f"git://{NETWORKS[0].v4.ip}/state.git"

    def git(self, *arguments: str) -> list[str]:
        """A git command in the working copy, on the admin's machine."""
        return self.on("admin", "git", "-C", str(self.layout.clone), *arguments)

    def clone(self) -> None:
        """Make the working copy, with the lab's first state committed, not pushed."""
        self.run("git", "init", "--quiet", "--initial-branch=main", str(self.layout.clone))
        self.run(*self.git("remote", "add", "origin", self.url))
        for name, text in files.site().items():
            path = self.layout.clone / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        self.run(*self.git("add", "--all"))
        self.run(*self.git("commit", "--quiet", "--message", "Begin"))

    def run(self, *argv: str, timeout: float = 60) -> str:
        """Run a command to its end; what it said. Raises ReconcilerError with that."""
        done = subprocess.run(
            argv,
            env={**os.environ, **ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=timeout,
            cwd="/",
        )
        if done.returncode != 0:
            raise ReconcilerError(f"{' '.join(argv)}: {done.stdout.strip() or done.returncode}")
        return done.stdout

    def show(self, argv: list[str], **more: str) -> int:
        """Run a command in this terminal, with `more` in its environment; its exit code."""
        return subprocess.run(argv, env={**os.environ, **ENVIRONMENT, **more}, check=False).returncode

    # DHCP clients

    def start_client(self, client: str) -> str:
        """Start a DHCP client, or have it ask anew, as after a cable was pulled; its address."""
        self._end_client(client)
        log = self._client_file(client, "log")
        with log.open("wb") as stream:
            process = subprocess.Popen(
                wires.client_argv(self.layout, client),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        self._client_file(client, "pid").write_text(str(process.pid))
        until(lambda: wires.lease_of(log) is not None, f"{client} got no lease")
        return self.address_of(client) or ""

    def address_of(self, client: str) -> str | None:
        """The address that a DHCP client has leased."""
        return wires.lease_of(self._client_file(client, "log"))

    def _client_file(self, client: str, what: str) -> Path:
        return self.layout.folder / f"{client}.{what}"

    def _end_client(self, client: str) -> None:
        found = subprocess.run(
            ["ip", "netns", "pids", self.layout.namespace(client)], check=False, capture_output=True, text=True
        )
        for pid in found.stdout.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)


def append_host(lab: Lab, line: str, subject: str) -> None:
    """Add a line to hosts.yaml, and commit it."""
    with (lab.layout.clone / "hosts.yaml").open("a") as stream:
        stream.write(line.rstrip("\n") + "\n")
    lab.run(*lab.git("commit", "--quiet", "--all", "--message", subject))


def program() -> str:
    """How a person calls this program."""
    return str(Path(sys.executable).parent / "reconciler")
