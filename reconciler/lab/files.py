"""The lab's configuration files as text. Pure."""

from collections.abc import Mapping
from typing import Any

from reconciler.lab.layout import ADMIN, CLIENTS, NETWORKS, NODES, Layout, address

NAMED_PORT = 5353
"""dnsmasq has port 53, where clients ask."""

GIT_PORT = 9418


def site() -> dict[str, str]:
    """The site's state, by path."""
    nodes = "".join(f"  {name}: {{address: {_bare(0, host)}}}\n" for name, host in NODES.items())
    networks = "".join(
        f"""\
  {net.name}:
    interface: {net.name}
    domain: {net.name}.example.net
    ipv4: {net.v4.network}
    ipv6: {net.v6.network}
    virtual_ips: [{net.v4.ip}, "{net.v6.ip}"]
    dhcp: {{ranges: [{net.v4.network[100]}-{net.v4.network[199]}], lease: 1h}}
"""
        for net in NETWORKS
    )
    return {
        "site.yaml": f"""\
version: 1
site: lab
domain: example.net

nodes:
{nodes}
networks:
{networks}
dns:
  clients_ask: dnsmasq
  authoritative: bind
  forwarders: [192.168.10.1]
  nameservers: [dns.internal.example.net]
  serial: increment

zones:
  dyn.example.net: {{dynamic: yes}}
""",
        "hosts.yaml": f"""\
dns: {{ipv4: {NETWORKS[0].v4.ip}, ipv6: "{NETWORKS[0].v6.ip}"}}      # the virtual address
admin: {{ipv4: {_bare(0, ADMIN)}}}
printer: {{mac: 52:54:00:12:34:56, ipv4: {_bare(0, 40)}, ipv6: "::40"}}
laptop: {{mac: {CLIENTS["laptop"][1]}, network: internal}}
""",
        "zones/dyn.example.net.yaml": "home: {type: A, value: 203.0.113.7}\n",
    }


def settings(layout: Layout, node: str) -> Mapping[str, Any]:
    """Values for node.yaml."""
    disk, own = layout.disk, layout.node
    return {
        "node": node,
        "repo": disk / "state.git",
        "state": disk / "state",
        "secrets": own / "etc/secrets",
        "role": "keepalived",
        "role_file": own / "run/role",
        "mount": disk,
        "own": own / "own",
        "control": own / "run/control.sock",
        "helper": own / "run/helper.sock",
        "bind": {
            "directory": disk / "bind",
            "named_conf": own / "etc/named.conf",
            "port": NAMED_PORT,
            "rndc_key": own / "etc/rndc.key",
        },
        "dnsmasq": {
            "directory": disk / "dnsmasq",
            "lease_file": disk / "dnsmasq.leases",
        },
    }


def named_conf(layout: Layout) -> str:
    """named's main configuration: answers on loopback, for dnsmasq, without a way to anywhere."""
    return f"""\
options {{
	directory "{layout.node}/named";
	pid-file "{layout.node}/run/named/pid";
	session-keyfile none;
	listen-on port {NAMED_PORT} {{ 127.0.0.1; }};
	listen-on-v6 {{ none; }};
	recursion no;
	dnssec-validation no;
	empty-zones-enable no;
	notify no;
}};
include "{layout.node}/etc/rndc.key";
controls {{ inet 127.0.0.1 port 953 allow {{ 127.0.0.1; }} keys {{ "rndc-key"; }}; }};
include "{layout.disk}/bind/named.conf.reconciler";
"""


def keepalived_conf(layout: Layout, node: str, *, interval: float) -> str:
    """keepalived.conf(5): one instance that moves all virtual addresses; unicast, since two nodes are all there is.

    interval: seconds between advertisements; the peer is taken for dead after three. A 1 in `run/standby` makes this
    node give the role away, as one in `run/ha/fault` does when it could not take it.
    """
    me, peer = (_bare(0, NODES[name]) for name in (node, *(other for other in NODES if other != node)))
    v4 = "".join(f"\t\t{net.v4} dev {net.name}\n" for net in NETWORKS)
    v6 = "".join(f"\t\t{net.v6} dev {net.name} -nodad\n" for net in NETWORKS)
    return f"""\
global_defs {{
	router_id {node}
	vrrp_version 3
	script_user root
	vrrp_priority -20
	notify_fifo {layout.node}/run/ha/fifo
	fifo_write_vrrp_states_on_reload
}}
track_file fault {{
	file {layout.node}/run/ha/fault
	weight 0
	init_file 0
}}
track_file standby {{
	file {layout.node}/run/standby
	weight 0
	init_file 0
}}
vrrp_instance pair {{
	state BACKUP
	nopreempt
	interface {NETWORKS[0].name}
	virtual_router_id 51
	priority {110 - NODES[node]}
	advert_int {interval}
	unicast_src_ip {me}
	unicast_peer {{
		{peer}
	}}
	virtual_ipaddress {{
{v4}	}}
	virtual_ipaddress_excluded {{
{v6}	}}
	track_file {{
		fault
		standby
	}}
}}
"""


def ha_conf(layout: Layout) -> str:
    """Settings of the pair's scripts (hooks/): what keepalived's word moves, in which order."""
    group = (
        f"{layout.programs}/disk",
        "reconciler-prepare",
        f"{layout.programs}/server::named",
        f"{layout.programs}/server::dnsmasq",
        "reconciler-active",
    )
    return f"""\
GROUP="{" ".join(group)}"
FOLLOW=pair
RUN={layout.node}/run/ha
RECONCILER={layout.programs}/reconciler
RECONCILER_USER=root
NODE_YAML={layout.config}
"""


def _bare(network: int, host: int) -> str:
    return address(NETWORKS[network], host)[0].partition("/")[0]
