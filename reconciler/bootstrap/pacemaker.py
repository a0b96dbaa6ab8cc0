"""Pacemaker's resources, as commands for pcs (pcs(8)); hooks/pacemaker.example explains them."""

from reconciler.bootstrap.facts import Facts, Shared
from reconciler.bootstrap.heartbeat import OPTIONS
from reconciler.bootstrap.text import PROGRAM, NodeFile, commented, word

_STICKINESS = 100
_PREFERENCE = 50


def files(facts: Facts) -> dict[str, NodeFile]:
    """`pacemaker.sh`, to be run on one node after the cluster itself stands, with fencing."""
    shared = facts.shared
    if shared is None or shared.pair.manager != "pacemaker":
        return {}
    lines = ["set -eu", "", *(f"pcs {line}" for line in _commands(facts, shared))]
    about = "Run it once, on one node, after the cluster and its fencing are set up."
    return {"pacemaker.sh": NodeFile("#!/bin/sh\n" + commented(lines, about), PROGRAM)}


def _commands(facts: Facts, shared: Shared) -> list[str]:
    drbd = shared.drbd
    addresses = _addresses(facts)
    # An id is an XML name, in which `@` may not stand.
    servers = {word(unit).replace("@", "-"): f"systemd:{word(unit)}" for unit in facts.servers}
    group = ["disk", *addresses, "prepare", *servers, "active"]
    stop = "op start timeout=120s op stop timeout=120s"
    # Each move costs a restart of the servers: without auto_failback none goes back by itself.
    stickiness = 0 if shared.pair.auto_failback else _STICKINESS
    return [
        f"resource create drbd ocf:linbit:drbd drbd_resource={word(drbd.resource)} "
        "op monitor interval=29s role=Promoted op monitor interval=31s role=Unpromoted",
        "resource promotable drbd promoted-max=1 promoted-node-max=1 clone-max=2 clone-node-max=1 notify=true",
        f"resource create disk ocf:heartbeat:Filesystem device={word(drbd.device)} directory={word(drbd.mount)} "
        f"fstype={drbd.filesystem} options={OPTIONS}",
        *(f"resource create {name} ocf:heartbeat:IPaddr2 {text}" for name, text in addresses.items()),
        "resource create prepare systemd:reconciler-prepare op start timeout=180s op stop timeout=120s",
        *(f"resource create {name} {agent} {stop}" for name, agent in servers.items()),
        "resource create active systemd:reconciler-active op start timeout=60s op stop timeout=180s",
        f"resource group add serve {' '.join(group)}",
        "constraint colocation add serve with promoted drbd-clone INFINITY",
        # Quoted for readers that take it for sh's word.
        "constraint order promote drbd-clone 'then' start serve",
        f"constraint location serve prefers {word(shared.first)}={_PREFERENCE}",
        f"resource defaults update resource-stickiness={stickiness}",
    ]


def _addresses(facts: Facts) -> dict[str, str]:
    found: dict[str, str] = {}
    for link in facts.links:
        for address in link.virtual:
            name = f"address{len(found) + 1}"
            tail = " preferred_lft=0" if address.version == 6 else ""
            found[name] = f"ip={address.ip} cidr_netmask={address.network.prefixlen} nic={word(link.interface)}{tail}"
    return found
