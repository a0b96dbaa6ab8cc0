"""Lease files: that they are where node.yaml says, and that dnsmasq writes there."""

import os
from collections.abc import Iterator
from pathlib import Path

from reconciler.doctor.finding import Finding, broken, chapter, well
from reconciler.doctor.forwarder import effective, running_with
from reconciler.doctor.node import Node
from reconciler.services.dnsmasq.render import CONF

_LEASES = chapter("Doctor")


def leases(node: Node) -> Iterator[Finding]:
    """Each lease file of node.yaml."""
    source, dnsmasq = node.settings.lease_source, node.settings.dnsmasq
    if source is None:
        yield well("no DHCP server is known here")
        return
    bad = False
    if dnsmasq and dnsmasq.dhcp and (running := running_with(dnsmasq.directory / CONF)):
        kept = [value for _, value in effective(running, set())]
        if kept and kept[-1] != str(dnsmasq.lease_file):
            bad = True
            yield broken(
                f"dnsmasq keeps its leases in {kept[-1]}, and node.yaml says {dnsmasq.lease_file}",
                f"sudo grep -rn dhcp-leasefile /etc/dnsmasq.conf /etc/dnsmasq.d {dnsmasq.directory}",
                f"sudoedit {node.config}    # dnsmasq: lease_file: {kept[-1]}",
                "sudo systemctl reload reconciler",
                _LEASES,
            )
    elif dnsmasq and dnsmasq.dhcp and source.files == (dnsmasq.lease_file,):
        yield well("no dnsmasq runs that would write leases")
        return
    for path in () if bad else source.files:
        if path in node.settings.further_lease_files and not path.exists():
            continue  # Its network has had no lease yet.
        trouble = _trouble(path, node)
        if trouble:
            bad = True
            yield broken(
                f"leases cannot be read: {path}: {trouble}",
                f"ls -l {path}",
                f"sudoedit {node.config}    # leases: files:, or dnsmasq: lease_file:",
                "sudo systemctl reload reconciler",
                _LEASES,
            )
    if not bad:
        yield well(", ".join(map(str, source.files)))


def _trouble(path: Path, node: Node) -> str:
    try:
        found = path.stat()
        with path.open("rb"):
            pass
    except PermissionError as error:
        if not node.root:
            raise
        return error.strerror or ""
    except OSError as error:
        return error.strerror or str(error)
    who = node.daemon
    if node.root and who is not None and who.uid and found.st_uid != who.uid and not found.st_mode & 0o004:
        if found.st_gid in os.getgrouplist(who.name, who.gid) and found.st_mode & 0o040:
            return ""
        return f"user {who.name} may not read it (mode {found.st_mode & 0o777:04o})"
    return ""
