"""The node's interfaces for netplan (netplan(5))."""

from typing import Any

import yaml

from reconciler.bootstrap.facts import Facts, Link
from reconciler.bootstrap.text import MADE_BY, SECRET, NodeFile


def files(facts: Facts) -> dict[str, NodeFile]:
    """`/etc/netplan/60-reconciler.yaml`; netplan wants it closed to others."""
    ethernets: dict[str, Any] = {}
    vlans: dict[str, Any] = {}
    for link in facts.links:
        if link.interface is None:
            continue
        if link.raw is None:
            ethernets[link.interface] = _interface(facts, link)
        else:
            ethernets.setdefault(link.raw, {})
            vlans[link.interface] = {"id": link.network.vlan, "link": link.raw, **_interface(facts, link)}
    if not ethernets:
        return {}
    network = {"version": 2, "ethernets": ethernets, **({"vlans": vlans} if vlans else {})}
    text = yaml.safe_dump({"network": network}, sort_keys=False)
    return {"etc/netplan/60-reconciler.yaml": NodeFile(f"# {MADE_BY}\n{text}", SECRET)}


def _interface(facts: Facts, link: Link) -> dict[str, Any]:
    found: dict[str, Any] = {"dhcp4": False, "dhcp6": False}
    if link.network.ipv6 is not None:
        found["accept-ra"] = True
    if link.own:
        found["addresses"] = [own.with_prefixlen for own in link.own]
    if facts.addresses[0] in {own.ip for own in link.own}:
        if link.network.router is not None:
            found["routes"] = [{"to": "0.0.0.0/0", "via": str(link.network.router)}]
        found["nameservers"] = {"addresses": [str(each) for each in facts.resolvers]}
    return found
