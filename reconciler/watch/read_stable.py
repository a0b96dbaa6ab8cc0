"""Reads a file that another program rewrites in place, until it stands still and is whole.

dnsmasq truncates its lease file and writes it anew: in between, a reader sees nothing or a part of it. The file is
opened for each look only, so that it does not keep its mount busy.
"""

import os
import stat
import time
from pathlib import Path
from typing import NamedTuple

from reconciler.errors import ReconcilerError

LIMIT = 256 << 20
"""Bytes; a million leases have less than half of it."""

QUIET = 0.008
"""Seconds since the last write before a file counts as standing still. File times lag by up to a kernel tick, 4 ms:
a change within the same tick as the one before could not be told by the time."""

SHRUNK = 0.05
"""The same for a file that became shorter, which a writer held up in the middle of its work makes it look like."""

PATIENCE = 0.5
"""Seconds that it is waited at most, with nothing opened."""


class Unreadable(ReconcilerError):
    """There is something in the lease file's place that cannot be read as one."""


class Reading(NamedTuple):
    """What a file held."""

    data: bytes
    flaw: str | None
    """Why `data` may be a part of the file only, as a sentence; None when it stood still and ended with a newline."""


def read_stable(path: Path, *, before: int = 0, limit: int = LIMIT, patience: float = PATIENCE) -> Reading | None:
    """The file's content; None where there is no file.

    before: bytes of the last good reading. A file that is shorter now has to stand still for longer, and one that is
    empty now is waited for as long as `patience`: seconds. After these, what was seen last is returned with its flaw.
    Raises Unreadable for a symbolic link, a folder, a device and so on, one longer than `limit` bytes, and when the
    kernel does not let it be read.
    """
    deadline = time.monotonic() + patience
    try:
        while True:
            found = _checked(path, os.lstat(path), limit)
            wait = _unsettled(found, before)
            remaining = deadline - time.monotonic()
            if wait > 0 and remaining > 0:
                time.sleep(min(wait, remaining))
                continue
            data, whole = _read(path, found, limit)
            flaw = _flaw(path, data, before, still=whole and wait <= 0)
            if flaw is None or remaining <= 0:
                return Reading(data, flaw)
            time.sleep(min(QUIET, remaining))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        help_ = "; the daemon's user has to be allowed to" if isinstance(error, PermissionError) else ""
        raise Unreadable(f"cannot read {path}: {error.strerror}{help_}") from error


def _checked(path: Path, found: os.stat_result, limit: int) -> os.stat_result:
    if stat.S_ISLNK(found.st_mode):
        raise Unreadable(f"{path} is a symbolic link; name the file it leads to in node.yaml")
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "no regular file"
        raise Unreadable(f"{path} is {kind}; a DHCP server's lease file is expected there")
    if found.st_size > limit:
        raise Unreadable(f"{path} has {found.st_size} bytes; more than {limit} are not read as leases")
    return found


def _unsettled(found: os.stat_result, before: int) -> float:
    """Seconds to wait until the last write lies far enough back; not positive when it does."""
    age = time.time() - max(found.st_mtime, found.st_ctime)
    if age < 0:
        # Written by another node's clock, or this one was set back: not just now by this one.
        return 0.0
    return (SHRUNK if found.st_size < before else QUIET) - age


def _read(path: Path, expected: os.stat_result, limit: int) -> tuple[bytes, bool]:
    """The content, and whether it is the file that was `expected`, unchanged to the end of reading."""
    descriptor = _open(path)
    try:
        _checked(path, os.fstat(descriptor), limit)
        # One byte more would show that it grew.
        data = os.read(descriptor, expected.st_size + 1)
        after = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    return data, len(data) == after.st_size and _version(after) == _version(expected)


def _open(path: Path) -> int:
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        # Reading should not make the replicated disk write.
        return os.open(path, flags | os.O_NOATIME)
    except PermissionError:
        # That is for the owner only.
        return os.open(path, flags)


def _version(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _flaw(path: Path, data: bytes, before: int, *, still: bool) -> str | None:
    if not still:
        return f"{path} kept changing while it was read"
    if before and not data:
        return f"{path} is empty, and was not before"
    if data and not data.endswith(b"\n"):
        return f"the last line of {path} is cut"
    return None
