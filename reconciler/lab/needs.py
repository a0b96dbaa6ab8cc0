"""What the lab needs of the machine."""

import os
import pwd
import shutil
from pathlib import Path

from reconciler.lab.scripts import NAMED_USER

HOOKS = Path(__file__).resolve().parents[1] / "hooks"
"""The pair's scripts, as they come with this program."""

_NEEDED = {
    "ip": "iproute2",
    "busybox": "busybox-static",
    "keepalived": "keepalived",
    "named": "bind9",
    "rndc": "bind9-utils",
    "dig": "bind9-dnsutils",
    "dnsmasq": "dnsmasq-base",
    "git": "git",
    "mkfs.ext4": "e2fsprogs",
    "losetup": "mount",
    "unshare": "util-linux",
    "pkill": "procps",
}


def obstacle() -> str | None:
    """Why there can be no lab here; None if there can."""
    if os.geteuid() != 0:
        return "the lab makes namespaces and mounts, for which it needs root's rights; use sudo"
    for needed, package in _NEEDED.items():
        if shutil.which(needed) is None:
            return f"{needed} is not installed; on Debian and Ubuntu: apt-get install {package}"
    try:
        pwd.getpwnam(NAMED_USER)
    except KeyError:
        return f"there is no user {NAMED_USER}, which Debian's package bind9 makes"
    return None
