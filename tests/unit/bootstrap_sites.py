"""Sites whose nodes are set up in tests: each manager of a pair, each server alone, each address family."""

from pathlib import Path

from state_trees import tree_of

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

SITES = {
    "home": ((EXAMPLES / "home/site.yaml").read_text(), "lsvm1"),
    "keepalived": (OFFICE, "ns1"),
    "pacemaker": (OFFICE.replace("manager: keepalived\n  auth: {secret: vrrp}", "manager: pacemaker"), "ns2"),
    "ipv6": (SIX, "two"),
    "single": (SINGLE, "malaria"),
}


def state_of(site: str) -> State:
    """The state; it passes its checks."""
    loaded = load(tree_of({"site.yaml": site}))
    assert loaded.state is not None, [str(problem) for problem in loaded.problems]
    built = build(loaded.state)
    assert built.site is not None, [str(problem) for problem in built.problems]
    return loaded.state


def rendered(site: str, node: str, secrets: dict[str, str] = SECRETS) -> tuple[Facts, dict[str, NodeFile]]:
    """The node's files."""
    return tree(state_of(site), node, secrets)
