"""A forge and nodes that follow it, for tests: a bare repository, a clone, nodes without servers of their own."""

import contextlib
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from nodes import ENVIRONMENT, HOSTS, ZONES, reconciler

from reconciler.daemon.client import ask as ask_daemon
from reconciler.daemon.protocol import Request
from reconciler.demo.pocket import PocketSite

SITE = """\
version: 1
site: test
domain: example.net
networks:
  office:
    domain: office.example.net
    ipv4: 192.168.10.0/24
dns: {clients_ask: dnsmasq, authoritative: bind, nameservers: [ns.example.net]}
"""
FILES = {"site.yaml": SITE, "hosts.yaml": HOSTS, "zones/example.net.yaml": ZONES["zones/example.net.yaml"]}
POLL = 3600
"""Seconds; the tests say when to fetch."""


class Forge:
    """A bare repository `repo`, and `work`, a clone of it."""

    def __init__(self, folder: Path) -> None:
        self.repo = folder / "forge.git"
        self.work = folder / "work"
        run("init", "--quiet", "--bare", "--initial-branch=main", str(self.repo), cwd=folder)
        run("clone", "--quiet", str(self.repo), str(self.work), cwd=folder)
        run("symbolic-ref", "HEAD", "refs/heads/main", cwd=self.work)

    def commit(self, files: dict[str, str] | None = None, message: str = "change") -> str:
        for name, text in (files or {}).items():
            (self.work / name).parent.mkdir(parents=True, exist_ok=True)
            (self.work / name).write_text(text)
        run("add", "--all", cwd=self.work)
        run("commit", "--quiet", "--allow-empty", "--message", message, cwd=self.work)
        return run("rev-parse", "HEAD", cwd=self.work)

    def push(self, *options: str) -> None:
        run("push", "--quiet", *options, "origin", "HEAD:main", cwd=self.work)

    def change(self, files: dict[str, str] | None = None, message: str = "change") -> str:
        new = self.commit(files, message)
        self.push()
        return new

    def tip(self, ref: str) -> str:
        return run("rev-parse", "--verify", "--quiet", ref, cwd=self.repo, check=False)

    def subjects(self, ref: str = "audit") -> list[str]:
        """The newest first."""
        return run("log", "--format=%s", ref, cwd=self.repo, check=False).splitlines()


def run(*arguments: str, cwd: Path, check: bool = True) -> str:
    done = subprocess.run(
        ["git", *arguments],
        cwd=cwd,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert not check or done.returncode == 0, done.stdout
    return done.stdout.strip()


def node(folder: Path, url: str, *, name: str = "ns1", shared: Path | None = None, **options: Any) -> PocketSite:
    """A node that follows `url`. shared: folder in place of a pair's disk; then a file says who is primary."""
    folder.mkdir()
    upstream = {"url": url, "poll": options.pop("poll", POLL), "push_back": options.pop("push_back", True)}
    settings: dict[str, Any] = {"node": name, "upstream": upstream}
    if shared is not None:
        settings["state"] = shared / "state"
        options["role"] = "file"
    made = PocketSite(folder, **{"bind": False, "dnsmasq": False, "settings": settings, **options})
    done = subprocess.run(made.init_command(), env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return made


@contextlib.contextmanager
def running(*nodes: PocketSite) -> Iterator[None]:
    try:
        for each in nodes:
            each.start()
        yield
    finally:
        for each in nodes:
            each.stop()


def fetch(site: PocketSite) -> str:
    """What `reconciler fetch` says; it has to go well."""
    done = reconciler(site, "fetch")
    assert done.returncode == 0, done.stdout + site.log.read_text()
    return done.stdout


def head(site: PocketSite, ref: str = "main") -> str:
    return run("rev-parse", "--verify", "--quiet", ref, cwd=site.repo, check=False)


def wait_for(predicate: Callable[[], bool], *sites: PocketSite) -> None:
    deadline = time.monotonic() + 60
    while not predicate():
        assert time.monotonic() < deadline, "\n".join(
            f"{reconciler(site, 'status', '--json').stdout}\n{site.log.read_text()}" for site in sites
        )
        time.sleep(0.05)


def pushed(forge: Forge, site: PocketSite) -> bool:
    """Whether the forge has the history that the node has."""
    refs = ("refs/heads/audit", "refs/notes/reconciler")
    return all(head(site, ref) and head(site, ref) == forge.tip(ref) for ref in refs)


def make_primary(site: PocketSite, is_primary: bool = True) -> None:
    fresh = site.role_file.with_suffix(".tmp")
    fresh.write_text("primary\n" if is_primary else "standby\n")
    fresh.rename(site.role_file)


def status(site: PocketSite) -> dict[str, Any]:
    """From the socket: a command would take many times as long to start."""
    received: list[str] = []
    ask_daemon(site.control, Request("status"), received.append)
    document: dict[str, Any] = json.loads("".join(received))
    return document


@contextlib.contextmanager
def git_daemon(folder: Path, *, export: Path) -> Iterator[str]:
    """git's own server on loopback; gives the address of `export` there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    argv = ["git", "daemon", "--listen=127.0.0.1", f"--port={port}", "--reuseaddr", "--export-all"]
    process = subprocess.Popen([*argv, "--enable=receive-pack", f"--base-path={folder}", str(folder)], env=ENVIRONMENT)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                break
            except ConnectionRefusedError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield f"git://127.0.0.1:{port}/{export.relative_to(folder)}"
    finally:
        # Its children end by themselves once their connection does.
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def talker(answer: bytes, *, hang: bool = False) -> Iterator[tuple[str, list[int]]]:
    """Something on loopback that is no git server: gives its address, and one entry for each connection."""
    seen: list[int] = []
    stop = threading.Event()
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                seen.append(1)
                with connection, contextlib.suppress(OSError):
                    connection.recv(4096)
                    connection.sendall(answer)
                    if hang:
                        stop.wait(120)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"git://127.0.0.1:{server.getsockname()[1]}/x", seen
        stop.set()
        server.shutdown(socket.SHUT_RDWR)
        thread.join(30)
