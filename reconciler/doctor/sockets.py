"""Who listens where, from /proc/net (proc(5)) and the links of /proc/PID/fd. Looks only, sends nothing."""

import os
import socket
import struct
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from reconciler.config import BindSettings
from reconciler.doctor.node import Node

_PROC = Path("/proc")
_TABLES = (("udp", "udp", "07"), ("udp", "udp6", "07"), ("tcp", "tcp", "0A"), ("tcp", "tcp6", "0A"))
"""Protocol, table, and the state in it that a socket has which waits for anybody."""
_ANY = ("0.0.0.0", "::")  # noqa: S104  compared with, not bound to


class Listening(NamedTuple):
    """A socket that waits for anybody."""

    protocol: str
    address: str
    port: int
    inode: int


class Process(NamedTuple):
    """A process. uid: the effective one. words: its command line. started: Unix time, to a second."""

    pid: int
    uid: int
    name: str
    words: tuple[str, ...]
    started: float


def listening() -> list[Listening]:
    """All sockets of this network namespace that wait for anybody."""
    found = []
    for protocol, table, state in _TABLES:
        try:
            lines = (_PROC / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        found += [item for line in lines if (item := parse(protocol, line, state))]
    return found


def parse(protocol: str, line: str, state: str) -> Listening | None:
    """One line of a table; None for a socket in another state."""
    fields = line.split()
    if len(fields) < 10 or fields[3] != state:
        return None
    address, _, port = fields[1].partition(":")
    return Listening(protocol, _address(address), int(port, 16), int(fields[9]))


def _address(text: str) -> str:
    """The kernel prints each 32 bits as a number in the machine's own order."""
    numbers = [int(text[i : i + 8], 16) for i in range(0, len(text), 8)]
    packed = struct.pack(f"={len(numbers)}I", *numbers)
    return socket.inet_ntop(socket.AF_INET if len(numbers) == 1 else socket.AF_INET6, packed)


def at(sockets: Collection[Listening], protocol: str, address: str, port: int) -> list[Listening]:
    """Those that get what is sent there."""
    places = {address, "::"} if ":" in address else {address, *_ANY}
    return [item for item in sockets if (item.protocol, item.port) == (protocol, port) and item.address in places]


def holders(inodes: Collection[int]) -> dict[int, Process]:
    """Which process has each of these sockets, as far as this user may see."""
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[int, Process] = {}
    for pid in _pids():
        try:
            links = {str(item.readlink()) for item in (_PROC / str(pid) / "fd").iterdir()}
        except OSError:
            continue
        if (here := wanted.keys() & links) and (known := process(pid)) is not None:
            found |= {wanted[link]: known for link in here}
    return found


def processes(name: str) -> Iterator[Process]:
    """Processes of programs whose names begin so."""
    for pid in _pids():
        found = process(pid)
        if found is not None and found.name.startswith(name):
            yield found


def process(pid: int) -> Process | None:
    """The process with this number; None once it has ended."""
    folder = _PROC / str(pid)
    try:
        name = (folder / "comm").read_text().strip()
        words = (folder / "cmdline").read_bytes().decode("utf-8", "replace").rstrip("\0").split("\0")
        ticks = int((folder / "stat").read_text().rpartition(")")[2].split()[19])
        # Not the owner of the folder: that is root once a process has changed its user (proc(5), dumpable).
        lines = (folder / "status").read_text().splitlines()
        uid = int(next(line.split()[2] for line in lines if line.startswith("Uid:")))
        return Process(pid, uid, name, tuple(words), _booted() + ticks / os.sysconf("SC_CLK_TCK"))
    except (OSError, ValueError, IndexError, StopIteration):
        return None


def _booted() -> float:
    lines = (_PROC / "stat").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("btime ")))


def _pids() -> list[int]:
    return [int(folder.name) for folder in _PROC.iterdir() if folder.name.isdecimal()]


def holder(program: str, address: str, port: int) -> Process | None:
    """The process of this program that listens there, as far as this user may see."""
    inodes = {item.inode for item in at(listening(), "tcp", address, port)}
    return next((item for item in holders(inodes).values() if item.name.startswith(program)), None)


def named_process(node: Node) -> Process | None:
    """The named that node.yaml means, by its port, or else by its configuration; None where none is seen."""
    bind = node.settings.bind
    if bind is None:
        return None
    return holder("named", bind.address, bind.port) or next(
        (item for item in processes("named") if configuration(item) == os.path.realpath(bind.named_conf)), None
    )


def configuration(named: Process) -> str:
    """The configuration that a named was started with."""
    words = named.words
    given = words[words.index("-c") + 1] if "-c" in words[:-1] else "/etc/bind/named.conf"
    return os.path.realpath(given)


def is_named_conf(named: Process, settings: BindSettings) -> bool:
    """Whether it was started with node.yaml's."""
    return configuration(named) == os.path.realpath(settings.named_conf)
