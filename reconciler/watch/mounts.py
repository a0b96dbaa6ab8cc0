"""What is mounted on the way to a path, and when that changes (proc(5), /proc/[pid]/mountinfo)."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

_ESCAPE = re.compile(r"\\([0-7]{3})")


class Mounts:
    """The mounts of this process's namespace. poll(2) for POLLPRI on `fileno()` tells that any changed.

    Looking at them touches none of the filesystems: neither hangs nor keeps them busy.
    """

    def __init__(self) -> None:
        self._descriptor = os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)

    def fileno(self) -> int:
        """The descriptor to wait for."""
        return self._descriptor

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._descriptor)

    def covering(self, paths: Iterable[str]) -> frozenset[tuple[str, ...]]:
        """(mount's id, device, root, mount point) of each mount on one of these absolute paths or above."""
        above = {str(place) for path in paths for place in (Path(path), *Path(path).parents)}
        found = set()
        for line in os.fsdecode(self._read()).split("\n")[:-1]:
            number, _, device, root, point = line.split(" ")[:5]
            if unescape(point) in above:
                found.add((number, device, root, point))
        return frozenset(found)

    def _read(self) -> bytes:
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        return b"".join(iter(lambda: os.read(self._descriptor, 1 << 16), b""))


def unescape(text: str) -> str:
    r"""A mount point as the kernel writes it, with \040 for a space, as a path."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), text)
