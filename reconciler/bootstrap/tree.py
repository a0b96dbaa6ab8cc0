"""All node files of one node, by path: what mirrors the filesystem, scripts to run, and README.md. Pure."""

from collections.abc import Mapping

from reconciler.bootstrap import (
    apparmor,
    bind,
    dnsmasq,
    drbd,
    heartbeat,
    ifupdown,
    keepalived,
    netplan,
    nftables,
    node,
    pacemaker,
    readme,
    resolver,
    ssh,
    systemd,
    ufw,
    users,
)
from reconciler.bootstrap.facts import Facts
from reconciler.bootstrap.read import facts
from reconciler.bootstrap.text import NodeFile
from reconciler.state.model import State

_PROGRAMS = (
    users,
    ifupdown,
    netplan,
    resolver,
    drbd,
    bind,
    dnsmasq,
    apparmor,
    systemd,
    node,
    heartbeat,
    keepalived,
    pacemaker,
    ufw,
    nftables,
    ssh,
)


def tree(state: State, name: str, secrets: Mapping[str, str]) -> tuple[Facts, dict[str, NodeFile]]:
    """The files of node `name`, README.md among them. Raises Refused where the state does not suffice."""
    here = facts(state, name, secrets)
    found = _files(here)
    differing: list[str] = []
    if here.shared is not None:
        other = _files(facts(state, here.shared.peer.name, secrets))
        differing = sorted(path for path in found.keys() | other.keys() if found.get(path) != other.get(path))
    return here, {**found, "README.md": readme.file(here, found, differing)}


def _files(here: Facts) -> dict[str, NodeFile]:
    return {path: file for program in _PROGRAMS for path, file in program.files(here).items()}
