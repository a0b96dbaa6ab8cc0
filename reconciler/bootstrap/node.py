"""This node's node.yaml, by the writer of `reconciler init`."""

from ipaddress import IPv4Address
from pathlib import Path

from reconciler.bootstrap.facts import FORWARDED_PORT, Facts
from reconciler.bootstrap.text import NodeFile
from reconciler.node_yaml import node_yaml, usual_values

DHCP_SCRIPT = Path("/usr/lib/reconciler/reconciler-dhcp-script")
"""Where the program's own step installs it."""


_FIRST = IPv4Address("127.0.1.3")
"""Of loopback, for the dnsmasq of the first isolated network."""


def files(facts: Facts) -> dict[str, NodeFile]:
    """`/etc/reconciler/node.yaml`, what `reconciler init` would write with this pair's options."""
    shared = facts.shared
    values = usual_values(
        facts.node,
        Path(facts.root),
        role=shared.pair.manager if shared else None,
        mount=Path(shared.drbd.mount) if shared else None,
        drbd=shared.drbd.resource if shared else None,
        bind=Path(facts.bind_directory) if facts.has_bind else None,
        dnsmasq=facts.has_dnsmasq,
        dhcp_script=DHCP_SCRIPT,
    )
    if facts.isolated:
        # For verification; in 127.0.0.0/8 no interface needs to have them.
        addresses = (_FIRST + number for number in range(len(facts.isolated)))
        isolated = {name: {"address": str(address)} for name, address in zip(facts.isolated, addresses, strict=True)}
        values["dnsmasq"]["isolated"] = isolated
    if facts.bind_is_behind:
        values["bind"]["port"] = FORWARDED_PORT
    return {"etc/reconciler/node.yaml": NodeFile(node_yaml(values))}
