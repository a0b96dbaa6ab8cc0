"""The shared disk: an image with an ext4 filesystem, in place of DRBD. One kernel serves both nodes: no copy is needed.

Who may mount it is settled by the script in `scripts.disk_script`.
"""

import fcntl
import os
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

from reconciler.errors import ReconcilerError
from reconciler.lab.layout import Layout

_SIZE = 96 << 20
_SHUTDOWN = 0x8004587D
"""EXT4_IOC_SHUTDOWN, _IOR('X', 125, __u32); xfstests' godown uses it."""
_WITHOUT_LOG = 2
"""EXT4_GOING_FLAGS_NOLOGFLUSH: what is in memory is lost, as with a power cut."""


def make(layout: Layout) -> None:
    """A fresh, empty disk."""
    with layout.image.open("xb") as stream:
        stream.truncate(_SIZE)
    _run(["mkfs.ext4", "-q", "-m", "0", "-b", "4096", "-N", "16384", str(layout.image)])


def with_it(layout: Layout, node: str, argv: Sequence[str]) -> None:
    """Run a command where the disk and that node's own are mounted, and nobody else sees them."""
    steps = 'mount --bind "$1" "$2"; mount -o loop "$3" "$4"; shift 4; "$@"; cd /; sync'
    places = [layout.outside(node), layout.node, layout.image, layout.disk]
    _run(["unshare", "--mount", "sh", "-euc", steps, "sh", *map(str, places), *argv])


def attached(layout: Layout) -> bool:
    """The kernel still has it, for whoever."""
    done = subprocess.run(["losetup", "--associated", str(layout.image)], capture_output=True, check=False)
    return bool(done.stdout.strip())


def cut_off(mounted: Path) -> None:
    """From now on the mounted filesystem keeps nothing: neither what comes nor what was not synced."""
    descriptor = os.open(mounted, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(descriptor, _SHUTDOWN, struct.pack("I", _WITHOUT_LOG))
    finally:
        os.close(descriptor)


def _run(argv: Sequence[str]) -> None:
    done = subprocess.run(argv, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd="/")
    if done.returncode != 0:
        said = (done.stderr + done.stdout).strip()[-1500:]
        raise ReconcilerError(f"{' '.join(argv[:3])} …: {said or done.returncode}")
