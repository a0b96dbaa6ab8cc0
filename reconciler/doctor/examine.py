"""All checks in their order, from the ground up, and running them."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from reconciler.doctor import (
    clock,
    daemon,
    dhcp,
    disk,
    files,
    forwarder,
    journals,
    named,
    network,
    outside,
    ports,
    programs,
    public,
    repository,
    zones,
)
from reconciler.doctor.child import bounded
from reconciler.doctor.finding import Finding, skipped
from reconciler.doctor.node import Node

_SECONDS = 8.0
"""For one check; each gives up by itself before."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    about: in a few words. shared: it looks at the shared disk or asks a server, so it is not for a standby. section:
    which part of node.yaml it is about. as_daemon: done with the rights of the daemon's user.
    """

    name: str
    about: str
    look: Callable[[Node], Iterable[Finding]]
    shared: bool = True
    section: Literal["bind", "dnsmasq", "mount", ""] = ""
    as_daemon: bool = False
    seconds: float = _SECONDS


SETTINGS = "settings"
"""The first check of all, made by whoever reads node.yaml."""

CHECKS = (
    Check("python", "Python packages", programs.python, shared=False),
    Check("programs", "programs and their versions", programs.programs, shared=False),
    Check("clock", "the clock", clock.clock, shared=False),
    Check("resolver", "how this node resolves names", network.resolver, shared=False, as_daemon=True),
    Check("role", "primary or standby", disk.role, shared=False),
    Check("mount", "the shared disk", disk.mount, section="mount", seconds=4.0),
    Check("accounts", "users and groups", files.accounts, shared=False),
    Check("space", "room on the disks", disk.space),
    Check("folders", "folders, their owners and modes", files.folders),
    Check("owners", "owners of the files in them", files.owners),
    Check("future", "files and serials ahead of the clock", clock.future),
    Check("repository", "the state repository", repository.repository, as_daemon=True),
    Check("manifest", "the record of what is deployed", repository.manifest, as_daemon=True),
    Check("hooks", "git's hooks and settings", repository.hooks),
    Check("secrets", "secrets that the state names", repository.secrets, as_daemon=True),
    Check("daemon", "the daemon", daemon.daemon, shared=False),
    Check("helper", "the restart helper", daemon.helper, shared=False, section="dnsmasq"),
    Check("status", "what the daemon says", daemon.status),
    Check("ports", "who listens where", ports.ports),
    Check("rndc", "named's control channel", named.rndc, section="bind", as_daemon=True),
    Check("named-conf", "named's configuration", named.configuration, section="bind"),
    Check("apparmor", "what AppArmor lets named do", named.apparmor, shared=False, section="bind"),
    Check("zones", "zones served as deployed", zones.served, section="bind"),
    Check("frozen", "frozen zones", zones.frozen, section="bind", as_daemon=True),
    Check("journals", "journals of zones", journals.journals, section="bind"),
    Check("strangers", "zones that the state does not know", zones.strangers, section="bind"),
    Check("dnsmasq-conf", "dnsmasq's configuration", forwarder.configuration, section="dnsmasq"),
    Check("dnsmasq-names", "dnsmasq's answers", forwarder.answers, section="dnsmasq"),
    Check("leases", "lease files", dhcp.leases),
    Check("ddclient", "ddclient and its cache", outside.ddclient, as_daemon=True),
    Check(
        "delegation", "what the world says of public zones", public.delegation, as_daemon=True, seconds=public.SECONDS
    ),
)


def examine(node: Node, only: Collection[str] = ()) -> Iterator[Finding]:
    """Make the checks, or `only` some, and give what each found."""
    for check in CHECKS:
        if (only and check.name not in only) or (check.section and getattr(node.settings, check.section) is None):
            continue
        for finding in _findings(check, node):
            yield replace(finding, check=check.name)


def without_settings() -> Iterator[Finding]:
    """What can be looked at where node.yaml cannot be read."""
    for finding in bounded(programs.python, _SECONDS):
        yield replace(finding, check="python")
    yield replace(skipped("all other checks need node.yaml"), check=SETTINGS)


def _findings(check: Check, node: Node) -> Iterator[Finding]:
    if check.shared and not node.primary:
        yield skipped("this node is standby: it opens nothing on the shared disk and asks no server")
        return
    if check.as_daemon and not node.root and node.daemon is not None and node.daemon.uid != os.geteuid():
        yield skipped(f"this needs the rights of user {node.daemon.name}: run as root")
        return
    yield from bounded(partial(check.look, node), check.seconds, node.daemon if check.as_daemon else None)
