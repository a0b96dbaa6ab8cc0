"""The role, the shared disk, and room on the disks."""

import os
from collections.abc import Iterator
from pathlib import Path

from reconciler.doctor.finding import Finding, broken, chapter, warning, well
from reconciler.doctor.node import Node
from reconciler.role import mount as mounts
from reconciler.role.base import Replication

_LEAST = 50 * 1024 * 1024
_FEW = 1000


def role(node: Node) -> Iterator[Finding]:
    """Whether this node is primary; where its conditions contradict each other, which ones."""
    report, settings = node.role, node.settings
    met = [condition.text for condition in report.conditions if condition.met]
    unmet = [condition.text for condition in report.conditions if not condition.met]
    chosen = bool(report.conditions) and report.conditions[0].met
    if not node.primary and chosen:
        yield broken(
            f"{met[0]}, and yet it is standby: {'; '.join(unmet)}",
            node.command("role"),
            f"findmnt {settings.mount}" if settings.mount else "drbdsetup status",
            chapter("A node stays standby"),
        )
    elif not report.conditions:
        yield broken("the role cannot be determined", node.command("role"), chapter("A node stays standby"))
    else:
        word = "primary" if node.primary else "standby"
        yield well(f"{word}: {'; '.join(report.reasons)}")
    if report.replication is not None:
        yield from _replicated(report.replication, settings.drbd.resource if settings.drbd else "r0")


def _replicated(found: Replication, resource: str) -> Iterator[Finding]:
    if found.connection == "StandAlone":
        yield broken(
            f"DRBD does not connect to its peer any more: {found.text}",
            "# first decide whose data stays, then on the other node:",
            f"sudo drbdadm secondary {resource}",
            f"sudo drbdadm connect --discard-my-data {resource}",
            "# and on the one that stays:",
            f"sudo drbdadm connect {resource}",
            chapter("Split brain"),
        )
    elif not found.connected or found.disk != "UpToDate":
        yield warning(
            f"the two copies of the disk are not in step: {found.text}",
            "drbdsetup status    # and look after the other node",
            chapter("Pushes and the peer"),
        )


def mount(node: Node) -> Iterator[Finding]:
    """That the shared disk answers, and is mounted as it has to be."""
    where = node.settings.mount
    assert where is not None
    os.statvfs(where)
    next(os.scandir(where), None)
    odd = mounts.odd(where)
    if odd:
        yield broken(odd, f"sudo mount -o remount,exec {where}", chapter("The shared disk is mounted noexec"))
    else:
        yield well(f"{where} answers")


def space(node: Node) -> Iterator[Finding]:
    """That there is room, in bytes and in inodes, where we and the servers write."""
    settings, seen = node.settings, set()
    bad = False
    for path in _written(node):
        try:
            found, device = os.statvfs(path), path.stat().st_dev
        except FileNotFoundError:
            continue
        if device in seen:
            continue
        seen.add(device)
        free, inodes = found.f_bavail * found.f_frsize, found.f_favail
        if free < _LEAST or (found.f_files and inodes < _FEW):
            bad = True
            full = free < 1024 * 1024 or (found.f_files and not inodes)
            tell = broken if full else warning
            yield tell(
                f"little room at {path}: {free // 1024 // 1024} MiB and {inodes} inodes are free",
                f"sudo du -xh --max-depth=2 {settings.repo.parent} | sort -h | tail",
                "# `aside/` folders and *.damaged are yours to delete",
                chapter("The disk is full"),
            )
    if not bad:
        yield well("there is room")


def _written(node: Node) -> list[Path]:
    settings = node.settings
    places = [settings.repo, settings.state, settings.control.parent, settings.own]
    places += [settings.bind.directory / "zones"] if settings.bind else []
    return [*places, *([settings.dnsmasq.directory, settings.dnsmasq.lease_file.parent] if settings.dnsmasq else [])]
