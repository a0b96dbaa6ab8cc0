"""A trial start: a second dnsmasq on scratch files, in a network namespace of its own.

`dnsmasq --test` proves syntax only. A real start also tries interfaces, sockets and what settings mean
together. In the namespace it cannot meet the real server, nor anything else on this machine. The namespace
goes with its last process, and that goes with `unshare`.
"""

import json
import os
import re
import shutil
import sys
from functools import cache
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from reconciler import tools
from reconciler.config import DnsmasqSettings
from reconciler.services.dnsmasq.syntax import Address
from reconciler.site import Site

_INSIDE = Path(__file__).with_name("inside.py")
_SECONDS = 5.0
_SBIN = "/usr/local/sbin:/usr/sbin:/sbin"
_PREFIX = re.compile(r"dnsmasq(?:-[a-z]+)?(?:\[\d+\])?: ")
_BAD = re.compile(
    r"interface \S+ does not currently exist|^bad |^duplicate |^failed to create listening socket|^cannot "
)


def program(name: str) -> str | None:
    """Path of a program, also from the administrators' folders, which may be missing in PATH."""
    return shutil.which(name) or shutil.which(name, path=_SBIN)


@cache
def obstacle() -> str | None:
    """Why this process cannot make a trial start; None if it can."""
    if program("unshare") is None or program("ip") is None:
        return "unshare (util-linux) or ip (iproute2) is not installed"
    ended = tools.run([*_unshare(), "true"], timeout=_SECONDS)
    return None if ended.code == 0 else f"no rights for a network namespace ({ended.text})"


def start(folder: Path, site: Site, settings: DnsmasqSettings) -> list[str]:
    """Start dnsmasq on FOLDER/dnsmasq.conf; return its own words if it does not come up well.

    Call it only where there is no `obstacle`. Raises Temporary when it does not end in time.
    """
    # -d: stay in the foreground, as this user, without pid file; the log goes to standard error.
    argv = [program("dnsmasq"), "-d", "-C", str(folder / "dnsmasq.conf"), "--log-facility=-"]
    plan = {
        "argv": argv,
        "ip": program("ip"),
        "interfaces": interfaces(site, settings),
        "seconds": _SECONDS,
    }
    ended = tools.run(
        [*_unshare(), sys.executable, "-I", str(_INSIDE)],
        stdin=json.dumps(plan).encode(),
        timeout=2 * _SECONDS,
    )
    if ended.code != 0:
        return [f"the trial itself failed: {ended.text[-500:]}"]
    result = json.loads(ended.stdout)
    words = [_PREFIX.sub("", line) for line in result["log"]]
    if not result["started"]:
        return [line for line in words if line and "FAILED to start up" not in line][-3:] or ["it ended at once"]
    return [line.removeprefix("warning: ") for line in words if _BAD.search(line.removeprefix("warning: "))]


def interfaces(site: Site, settings: DnsmasqSettings) -> dict[str, list[str]]:
    """Interfaces for the namespace, with the addresses (`address/length`) that dnsmasq expects there."""
    made: dict[str, list[str]] = {"lo": []}
    for network in site.networks.values():
        if network.settings.interface is None:
            continue
        addresses = made.setdefault(network.settings.interface, [])
        for prefix in (network.settings.ipv4, network.settings.prefix6):
            if prefix is not None:
                addresses += _own(prefix, network.settings.virtual_ips)
    present = {text.partition("/")[0] for addresses in made.values() for text in addresses}
    made["lo"] += [
        f"{address}/{address.max_prefixlen}"
        for address in settings.listen
        if str(address) not in present and not address.is_loopback
    ]
    return made


def _own(prefix: IPv4Network | IPv6Network, virtual: list[Address]) -> list[str]:
    """Virtual addresses in the prefix; without any, its last usable address stands for the server's."""
    inside = [address for address in virtual if address in prefix] or [prefix[-2 if prefix.num_addresses > 2 else -1]]
    return [f"{address}/{prefix.prefixlen}" for address in inside]


def _unshare() -> list[str]:
    own = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return [program("unshare") or "unshare", *own, "--net", "--pid", "--fork", "--kill-child"]
