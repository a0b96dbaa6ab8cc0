"""The clock, and what is ahead of it."""

import ctypes
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from reconciler.doctor.finding import Finding, broken, chapter, quoted, warning, well
from reconciler.doctor.node import Node
from reconciler.manifest import ManifestStore

_BEFORE = 1_767_225_600.0
"""2026-01-01: before this was written."""
_YEARS = 20 * 366 * 86_400.0
_STA_UNSYNC = 0x40
_SLACK = 60.0
_CHAPTER = chapter("The clock was wrong")


class _Timex(ctypes.Structure):
    """The beginning of adjtimex(2)'s structure, and room for the rest of it."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


def synchronized() -> bool | None:
    """Whether the kernel's clock follows another one (adjtimex(2), STA_UNSYNC); None where the kernel does not tell."""
    found = _Timex()
    if ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(found)) < 0:
        return None
    return not found.status & _STA_UNSYNC


def clock(node: Node) -> Iterator[Finding]:
    """That the year can be, and that something keeps the clock right."""
    shown = datetime.fromtimestamp(node.now, UTC)
    if not _BEFORE <= node.now < _BEFORE + _YEARS:
        yield broken(
            f"the clock says {shown:%Y-%m-%d %H:%M} UTC: leases end and serials by date move by it",
            "sudo timedatectl set-ntp true",
            "timedatectl",
            _CHAPTER,
        )
    elif synchronized() is False:
        yield warning(
            f"nothing keeps the clock right (the kernel calls it unsynchronized); it says {shown:%Y-%m-%d %H:%M} UTC",
            "sudo apt-get install chrony",
            "chronyc tracking",
            chapter("The nodes' clocks differ"),
        )
    else:
        yield well(f"{shown:%Y-%m-%d %H:%M} UTC, synchronized")


def future(node: Node) -> Iterator[Finding]:
    """Files that will be written one day, and serials by date that have not come yet."""
    settings, bad = node.settings, False
    for path in _written(node):
        ahead = _mtime(path) - node.now
        if ahead > _SLACK:
            bad = True
            yield warning(
                f"{path} was written {_span(ahead)} in this node's future: its clock, or the other node's, is or was "
                "wrong; named loads no file whose time is not newer than the last load",
                "timedatectl    # set the clock first, if it is that",
                f"sudo touch {quoted(path)}",
                _CHAPTER,
            )
    today = int(datetime.fromtimestamp(node.now + 86_400, UTC).strftime("%Y%m%d99"))
    for name, (entry, *_) in ManifestStore(settings.state).outline().items():
        if today < entry.serial < 2_100_000_000 and _is_date(entry.serial):
            bad = True
            yield warning(
                f"the serial of {name}, {entry.serial}, is ahead of the date; it goes on by one with each change until "
                "the date has caught up",
                _CHAPTER,
            )
    if not bad:
        yield well("no file and no serial is ahead of the clock")


def _written(node: Node) -> Iterator[Path]:
    """Our files that servers read or that tell what is deployed."""
    settings = node.settings
    folders = [settings.state]
    if settings.bind:
        folders += [settings.bind.directory, settings.bind.directory / "zones"]
    if settings.dnsmasq:
        folders.append(settings.dnsmasq.directory)
    for folder in folders:
        if folder.is_dir():
            yield from (Path(item.path) for item in os.scandir(folder) if item.is_file(follow_symlinks=False))


def _mtime(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:
        return 0.0


def _is_date(serial: int) -> bool:
    try:
        time.strptime(str(serial // 100), "%Y%m%d")
    except ValueError:
        return False
    return True


def _span(seconds: float) -> str:
    return f"{seconds / 86_400:.0f} days" if seconds > 2 * 86_400 else f"{seconds / 60:.0f} min"
