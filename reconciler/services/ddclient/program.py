"""Running ddclient: once, in the foreground, told the address."""

import re
import shutil
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import NamedTuple

from reconciler import tools
from reconciler.errors import Temporary

_VERSION = re.compile(r"ddclient version v?(\d+)\.(\d+)")

TIMEOUT = 20
"""Seconds that ddclient waits for a provider's server, for each name."""


class Program(NamedTuple):
    """An installed ddclient."""

    path: str
    version: tuple[int, int]


def find() -> Program:
    """The ddclient of this node. Raises Temporary, with what to do, where there is none that can be used."""
    path = shutil.which("ddclient")
    if path is None:
        raise Temporary("ddclient is not installed; on Debian and Ubuntu: apt-get install ddclient")
    # 3.10 knows no -version, but ends its help with it; later ones know both.
    said = tools.run([path, "-help"], timeout=20.0)
    version = _VERSION.search(said.stdout)
    if version is None:
        raise Temporary(f"{path} -help tells no version: is that ddclient?")
    return Program(path, (int(version[1]), int(version[2])))


def argv(program: Program, config: Path, cache: Path, address: IPv4Address | IPv6Address) -> list[str]:
    """The command for one run. Never with -force, which bypasses every guard; no secret is among the arguments."""
    usual = [f"-file={config}", f"-cache={cache}", "-daemon=0", "-foreground", f"-timeout={TIMEOUT}"]
    quiet = ["-nodebug", "-noverbose", "-nosyslog", "-noforce"]
    return [program.path, *usual, *quiet, *_address(program, address)]


def _address(program: Program, address: IPv4Address | IPv6Address) -> list[str]:
    if program.version < (4, 0):
        return ["-use=ip", f"-ip={address}"]
    kind, other = (f"ipv{address.version}", "v6" if address.version == 4 else "v4")
    return ["-use=disabled", f"-use{kind[2:]}={kind}", f"-{kind}={address}", f"-use{other}=disabled"]
