"""Whether the servers run whose files are to be worked on. Asked before every effect, so it is cheap."""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from reconciler.config import BindSettings
from reconciler.role.base import Condition

_PROC = Path("/proc")
_DEFAULT_CONF = "/etc/bind/named.conf"
_CONNECT = 0.5


def named_away(settings: BindSettings) -> Condition:
    """That no named has these zones: its control channel refuses, and no named was started with its configuration."""
    place = (settings.rndc_address, settings.rndc_port)
    # Whatever listens there, if it is not named, named could not start.
    with contextlib.suppress(OSError), socket.create_connection(place, timeout=_CONNECT):
        return Condition(False, f"named is running (its control channel at {place[0]} port {place[1]} answers)")
    for pid, _ in _processes("named"):
        words = _words(pid, "cmdline")
        conf = words[words.index("-c") + 1] if "-c" in words[:-1] else _DEFAULT_CONF
        if os.path.realpath(conf) == os.path.realpath(settings.named_conf):
            return Condition(False, f"named is running (process {pid})")
    return Condition(True, "named is not running")


def not_held(path: Path) -> Condition:
    """That no dnsmasq has the file open. One that may not be looked at may have it."""
    try:
        wanted = path.lstat()
    except OSError:
        return Condition(True, f"{path} is not there")
    for pid, folder in _processes("dnsmasq"):
        try:
            for link in (folder / "fd").iterdir():
                # By name first: looking at what another process has open could hang with its filesystem.
                if link.readlink().name != path.name:
                    continue
                found = link.stat()
                if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
                    return Condition(False, f"dnsmasq is running with {path} (process {pid})")
        except PermissionError:
            return Condition(False, f"dnsmasq is running (process {pid}), perhaps with {path}; only root can tell")
        except OSError:
            continue
    return Condition(True, f"no dnsmasq has {path}")


def _processes(name: str) -> Iterator[tuple[int, Path]]:
    for folder in _PROC.iterdir():
        if folder.name.isdecimal() and _words(int(folder.name), "comm") == [name]:
            yield int(folder.name), folder


def _words(pid: int, what: str) -> list[str]:
    """Of a process its name, or its command line; nothing once it has ended."""
    try:
        data = (_PROC / str(pid) / what).read_bytes()
    except OSError:
        return []
    return data.decode("utf-8", "replace").rstrip("\n\0").split("\0")
