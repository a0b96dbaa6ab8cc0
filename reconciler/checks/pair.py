"""Checks of `pair:` and of the nodes in it."""

import re
from collections import Counter

from reconciler.checks.report import Report
from reconciler.state.model import State
from reconciler.state.pair import Drbd, Pair

_SYSTEM = (
    *(f"/{name}" for name in ("bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "root", "run")),
    *(f"/{name}" for name in ("sbin", "sys", "tmp", "usr", "var/run", "var/tmp")),
)
"""Folders where the disk would hide, and the daemon could write, what everything else rests on."""

_DEVICE = re.compile(r"/dev/drbd[0-9]{1,6}", re.ASCII)


def check(state: State, report: Report) -> None:
    """Find what keeps two nodes from being a pair."""
    pair = state.site.pair
    if pair is None:
        return
    _check_nodes(state, pair, report)
    _check_uids(state, pair, report)
    if pair.auth is not None and pair.manager == "pacemaker":
        report.warn(state.site_locator.at("pair", "auth"), "`auth:` has no effect with Pacemaker", "pcs makes its key")
    for name, network in state.site.networks.items():
        if network.virtual_ips and network.interface is None:
            report.error(
                state.site_locator.at("networks", name, "virtual_ips"),
                f'network "{name}" has virtual IPs but no interface',
                "add `interface:` with the name of the one that gets them",
            )
    if pair.drbd is not None:
        _check_disk(state, pair.drbd, report)


def _check_nodes(state: State, pair: Pair, report: Report) -> None:
    at, nodes = state.site_locator.at, state.site.nodes
    if len(nodes) != 2:
        report.error(at("pair"), f"a pair has two nodes, and `nodes:` has {len(nodes)}", "name both there, or no pair")
        return
    (one, first), (other, second) = nodes.items()
    if first.preferred and second.preferred:
        report.error(at("nodes", other, "preferred"), f'both nodes are preferred; "{one}" is already', "leave one")
    if pair.auto_failback and not (first.preferred or second.preferred):
        report.warn(
            at("pair", "auto_failback"),
            f'no node is preferred; the role goes back to "{one}", the first',
            "add `preferred: yes` to one",
        )
    if first.address[0].version != second.address[0].version:
        report.error(
            at("nodes", other, "address", 0),
            f'{second.address[0]} is of another family than {first.address[0]} of "{one}"',
            "the nodes speak to each other at the first address of each: write two of one family first",
        )


def _check_uids(state: State, pair: Pair, report: Report) -> None:
    numbers = Counter(pair.uids.model_dump().values())
    for name, number in pair.uids.model_dump().items():
        if numbers[number] > 1:
            report.error(
                state.site_locator.at("pair", "uids", name), f"{number} is the number of two users", "give each its own"
            )


def _check_disk(state: State, drbd: Drbd, report: Report) -> None:
    at = state.site_locator.at
    if not _DEVICE.fullmatch(drbd.device):
        report.error(at("pair", "drbd", "device"), f"{drbd.device} is no DRBD device", "write /dev/drbd0, say")
    if drbd.mount.count("/") < 2:
        report.error(
            at("pair", "drbd", "mount"),
            f"{drbd.mount} lies in the outermost folder, all of which the daemon could then write",
            "mount the disk in a folder of its own, such as /srv/drbd0",
        )
    system = next((top for top in _SYSTEM if f"{drbd.mount}/".startswith(f"{top}/")), None)
    if system is not None or ":" in drbd.mount:
        why = (
            f"lies in {system}, which is the system's" if system else "has a colon, which divides arguments of scripts"
        )
        fix = "mount the disk in a folder of its own, such as /srv/drbd0"
        report.error(at("pair", "drbd", "mount"), f"{drbd.mount} {why}", fix)
    for name, disk in drbd.disks.items():
        if not disk.startswith("/dev/") or _DEVICE.fullmatch(disk):
            what = f"{disk} is no disk that could be under {drbd.device}"
            report.error(at("pair", "drbd", "disks", name), what, "write a partition or logical volume below /dev/")
        if name not in state.site.nodes:
            known = ", ".join(state.site.nodes) or "none"
            report.error(at("pair", "drbd", "disks", name), f'there is no node "{name}"', f"`nodes:` has {known}")
    for name in state.site.nodes:
        if name not in drbd.disks:
            report.error(
                at("pair", "drbd", "disks"), f'no disk of node "{name}" is named', f"add `{name}: /dev/…` to `disks:`"
            )
