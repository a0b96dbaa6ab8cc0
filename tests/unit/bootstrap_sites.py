"""Sites whose nodes are set up in tests: each manager of a pair, each server alone, each address family."""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import yaml
from state_trees import documented, folder, tree_of

from reconciler.bootstrap.facts import Facts
from reconciler.bootstrap.text import NodeFile
from reconciler.bootstrap.tree import tree
from reconciler.build import build
from reconciler.state.load import load
from reconciler.state.model import State

EXAMPLES = Path(__file__).parents[2] / "state-repo-example"
SECRETS = {"drbd": "0123456789abcdef+/==", "heartbeat": "fedcba9876543210", "vrrp": "abcd1234"}

OFFICE = """\
version: 1
site: office
domain: example.net
nodes:
  ns1: {address: 192.168.10.2, ipv6: "::2"}
  ns2: {address: 192.168.10.3, ipv6: "::3", preferred: yes}
networks:
  internal:
    interface: eth0
    domain: internal.example.net
    ipv4: 192.168.10.0/24
    ipv6: 2001:db8:a::/64
    router: 192.168.10.1
    virtual_ips: [192.168.10.4, "2001:db8:a::4"]
    dhcp: {ranges: [192.168.10.100-192.168.10.199]}
    ipv6_mode: stateless
dns:
  clients_ask: dnsmasq
  authoritative: bind
  forwarders: [9.9.9.9, 192.168.10.4]
  nameservers: [ns1.internal.example.net, ns2.internal.example.net]
pair:
  manager: keepalived
  auth: {secret: vrrp}
  drbd:
    resource: r0
    mount: /srv/drbd0
    disks: {ns1: /dev/vg0/drbd0, ns2: /dev/disk/by-path/pci-0000:00:1f.2-ata-1}
    shared_secret: {secret: drbd}
"""
"""keepalived; BIND behind dnsmasq; IPv4 and IPv6."""

SIX = """\
version: 1
site: six
domain: example.net
nodes:
  one: {address: "2001:db8:6::2"}
  two: {address: "2001:db8:6::3"}
networks:
  lan:
    interface: eth0
    ipv6: 2001:db8:6::/64
    virtual_ips: ["2001:db8:6::4"]
    ipv6_mode: stateful
    dhcp: {ranges: ["::1000-::1fff"]}
dns:
  clients_ask: dnsmasq
  forwarders: ["2620:fe::fe"]
pair:
  manager: heartbeat
  drbd: {resource: r0, mount: /srv/drbd0, port: 7790, disks: {one: /dev/vdb, two: /dev/vdb}}
"""
"""heartbeat without IPv4."""

SINGLE = """\
version: 1
site: small
domain: example.org
nodes:
  malaria: {address: 198.51.100.253}
networks:
  lan: {ipv4: 198.51.100.192/26, router: 198.51.100.254, reverse: 192-255.100.51.198.in-addr.arpa}
dns: {clients_ask: bind, authoritative: bind, nameservers: [malaria.example.org]}
"""
"""BIND alone on one node, without an interface's name."""

BEHIND = """\
version: 1
site: behind
domain: example.net
nodes:
  ns1: {address: 198.51.100.2}
  ns2: {address: 198.51.100.3}
networks:
  public:
    interface: eth0
    domain: example.net
    ipv4: 198.51.100.0/24
    ipv6: 2001:db8:a::/64
    router: 198.51.100.1
    virtual_ips: [198.51.100.4, "2001:db8:a::4"]
dns:
  clients_ask: dnsmasq
  authoritative: bind
  forwarders: [9.9.9.9]
  nameservers: [ns1.example.net, ns2.example.org]
  secondaries: [with_key, by_address]
keys:
  xfer: {secret: {secret: transfer}}
secondaries:
  with_key: {address: 203.0.113.53, key: xfer, primary: "198.51.100.4:4353", catalog: catalog.example.net}
  by_address:
    address: [203.0.113.54, "2001:db8:54::53"]
    primary: ["198.51.100.2:5353", "198.51.100.3:5353", "[2001:db8:a::4]:4353"]
pair:
  manager: keepalived
  drbd: {resource: r0, mount: /srv/drbd0, disks: {ns1: /dev/vdb, ns2: /dev/vdb}}
"""
"""Secondaries of BIND behind dnsmasq."""

APART = """\
version: 1
site: apart
domain: example.org
nodes:
  ns1: {address: [192.168.1.6, 192.168.3.6]}
  ns2: {address: [192.168.1.7, 192.168.3.7]}
networks:
  internal:
    interface: eth0
    domain: internal.example.org
    ipv4: 192.168.1.0/24
    router: 192.168.1.1
    virtual_ips: [192.168.1.4]
    dhcp: {ranges: [192.168.1.100-192.168.1.199]}
  guest:
    interface: eth0.3
    vlan: 3
    isolated: yes
    domain: guest.example.org
    ipv4: 192.168.3.0/24
    virtual_ips: [192.168.3.4]
    dhcp: {ranges: [192.168.3.100-192.168.3.199]}
  things:
    interface: eth0.4
    vlan: 4
    isolated: yes
    domain: things.example.org
    ipv4: 192.168.4.0/24
    virtual_ips: [192.168.4.4]
dns:
  clients_ask: dnsmasq
  authoritative: bind
  forwarders: [9.9.9.9]
  nameservers: [ns1.internal.example.org]
pair:
  manager: keepalived
  drbd: {resource: r0, mount: /srv/drbd0, disks: {ns1: /dev/vdb, ns2: /dev/vdb}}
"""
"""Two isolated networks, each with a dnsmasq of its own, before BIND."""

SITES = {
    "home": ((EXAMPLES / "home/site.yaml").read_text(), "lsvm1"),
    "keepalived": (OFFICE, "ns1"),
    "pacemaker": (OFFICE.replace("manager: keepalived\n  auth: {secret: vrrp}", "manager: pacemaker"), "ns2"),
    "ipv6": (SIX, "two"),
    "single": (SINGLE, "malaria"),
    "behind": (BEHIND, "ns1"),
    "apart": (APART, "ns1"),
}


def _every() -> Iterator[tuple[str, dict[str, str], str]]:
    wholes = {path.name: folder(path) for path in sorted(EXAMPLES.iterdir()) if path.is_dir()}
    for about, states in (("example", wholes), ("documented", documented())):
        for name, files in states.items():
            site = yaml.load(files["site.yaml"], Loader=yaml.BaseLoader)
            whole = _with_node(site) if about == "documented" else site
            for node in whole["nodes"]:
                yield f"{about} {name} {node}", {**files, "site.yaml": yaml.safe_dump(whole, sort_keys=False)}, node


def _with_node(site: dict[str, Any]) -> dict[str, Any]:
    """Examples about something else say nothing of nodes, nor whom these could ask."""
    prefixes = [IPv4Network(each["ipv4"]) for each in site.get("networks", {}).values() if "ipv4" in each]
    site.setdefault("nodes", {"ns1": {"address": [str(prefix[6]) for prefix in prefixes]}})
    site.setdefault("dns", {}).setdefault("forwarders", ["9.9.9.9"])
    return site


EVERY = {name: (files, node) for name, files, node in _every()}
"""Each node of each state that is shown to people: its files, and the node."""


def state_of(site: str | Mapping[str, str]) -> State:
    """The state; it passes its checks."""
    loaded = load(tree_of({"site.yaml": site} if isinstance(site, str) else site))
    assert loaded.state is not None, [str(problem) for problem in loaded.problems]
    built = build(loaded.state)
    assert built.site is not None, [str(problem) for problem in built.problems]
    return loaded.state


def rendered(
    site: str | Mapping[str, str], node: str, secrets: dict[str, str] = SECRETS
) -> tuple[Facts, dict[str, NodeFile]]:
    """The node's files."""
    return tree(state_of(site), node, secrets)
