"""Whether the shared disk is mounted here, from /proc/self/mountinfo (proc(5)).

The kernel's table tells the device (st_dev) without touching the filesystem, so that asking never hangs with it.
"""

import os
import re
from pathlib import Path
from typing import NamedTuple

from reconciler.role.base import Condition

MOUNTINFO = Path("/proc/self/mountinfo")

_ESCAPE = re.compile(r"\\([0-3][0-7]{2})")


class Mounted(NamedTuple):
    """The topmost filesystem at a mount point: device number as st_dev has it, and what may be done on it."""

    device: int
    writable: bool
    source: str
    executable: bool = True


class _Entry(NamedTuple):
    number: str
    parent: str
    point: str
    mounted: Mounted


def parse(text: str, mount: Path) -> Mounted | None:
    """What /proc/self/mountinfo says of `mount`; None where nothing is mounted there, or it is hidden.

    Walks down as the kernel does with a path: a filesystem mounted later, on the same folder or on one above, hides
    what was mounted before, which stays in the table.
    """
    entries = [entry for entry in map(_entry, text.split("\n")) if entry]
    outside = {entry.parent for entry in entries} - {entry.number for entry in entries}
    inside, reached = outside, None
    for place in (*reversed(mount.parents), mount):
        while above := next((one for one in entries if one.point == str(place) and _on(one, inside)), None):
            entries.remove(above)
            inside, reached = {above.number}, above
    return reached.mounted if reached and reached.point == str(mount) else None


def _on(entry: _Entry, parents: set[str]) -> bool:
    # The first root of all is its own parent.
    return entry.parent in parents or (entry.parent == entry.number and entry.point == "/")


def _entry(line: str) -> _Entry | None:
    """A line of mountinfo; None when it is none."""
    fields, _, behind = line.partition(" - ")
    parts, filesystem = fields.split(" "), behind.split(" ")
    if len(parts) < 6 or len(filesystem) < 3:
        return None
    major, _, minor = parts[2].partition(":")
    if not all(number.isascii() and number.isdecimal() and len(number) < 10 for number in (major, minor)):
        return None
    # Both the mount and the filesystem itself can be read-only.
    writable = "rw" in parts[5].split(",") and "rw" in filesystem[2].split(",")
    runs = "noexec" not in parts[5].split(",")
    mounted = Mounted(os.makedev(int(major), int(minor)), writable, _unescape(filesystem[1]), runs)
    return _Entry(parts[0], parts[1], _unescape(parts[4]), mounted)


def conditions(mount: Path, device: int | None = None, *, mountinfo: Path = MOUNTINFO) -> tuple[Condition, ...]:
    """That `mount` is mounted, writable, and (where given) of the device with this st_dev."""
    try:
        mounted = parse(mountinfo.read_text(encoding="utf-8", errors="surrogateescape"), mount)
    except OSError as error:
        return (Condition(False, f"{mountinfo} cannot be read: {error.strerror}"),)
    if mounted is None:
        return (Condition(False, f"nothing is mounted at {mount}"),)
    found = [Condition(True, f"{mount} is mounted from {mounted.source}")]
    if not mounted.writable:
        found.append(Condition(False, f"{mount} is mounted read-only"))
    if device is not None and mounted.device != device:
        found.append(Condition(False, f"{mount} is device {_number(mounted.device)}, not DRBD's {_number(device)}"))
    return tuple(found)


def odd(mount: Path, *, mountinfo: Path = MOUNTINFO) -> str:
    """What is wrong with how `mount` is mounted, though this node can be primary with it; "" when nothing is."""
    try:
        mounted = parse(mountinfo.read_text(encoding="utf-8", errors="surrogateescape"), mount)
    except OSError:
        return ""
    if mounted is None or mounted.executable:
        return ""
    return f"{mount} is mounted noexec: git passes over its hooks, so pushes are stored unchecked; mount it without"


def _number(device: int) -> str:
    return f"{os.major(device)}:{os.minor(device)}"


def _unescape(text: str) -> str:
    """Space, tab, newline, backslash and others stand as octal escapes there."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), text)
