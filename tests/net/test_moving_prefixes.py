"""A provider's prefix that comes, changes and goes: real kernel, named, dnsmasq and DHCPv6 client in namespaces."""

import json
from collections.abc import Iterator
from ipaddress import IPv6Address, IPv6Network, ip_address
from pathlib import Path
from typing import Any

import dns.exception
import pytest
from clients import Dhclient, missing
from nodes import HOSTS, SITE, Clone, ask, reconciler, running_node, status
from servers import wait_until
from test_terms import become

from reconciler.demo.lan import Lan, ip
from reconciler.demo.pocket import PocketSite
from reconciler.dns.reverse import ptr_name, zones_for

pytestmark = [pytest.mark.net, pytest.mark.skipif(missing() is not None, reason=str(missing()))]

DELEGATED = "{prefix_from: wan0, length: 56, subnet: 2, settle: 1s, keep_old: 1h}"
MOVING = (
    SITE.partition("zones:")[0]
    .replace(
        "    ipv4: 192.168.10.0/24\n",
        """\
    interface: lan0
    ipv4: 192.168.10.0/24
    ipv6: DELEGATED
    ipv6_mode: stateful
    virtual_ips: [192.168.10.4, "::ffff:c0a8:a04"]
    dhcp: {ranges: [192.168.10.100-192.168.10.199, "::1000-::1fff"], lease: 1h}
""",
    )
    .replace("DELEGATED", DELEGATED)
)
OTHER = 'nas: {ipv4: 192.168.10.50, ipv6: "::50"}\nservice: {ipv4: 192.168.10.4, ipv6: "::ffff:c0a8:a04"}\n'
NAS, SERVICE = "nas.office.example.net", "service.office.example.net"
FIRST, SECOND, THIRD = (IPv6Network(f"2001:db8:{number}00::/56") for number in (1, 2, 3))
INTERFACES = {"lan0": ("192.168.10.2/24", "192.168.10.4/24"), "wan0": ("192.0.2.2/24",)}


def network(delegated: IPv6Network) -> IPv6Network:
    return list(delegated.subnets(new_prefix=64))[2]


def zone(delegated: IPv6Network) -> str:
    (name,) = zones_for(network(delegated))
    return name


class Site:
    def __init__(self, lan: Lan, node: PocketSite, clone: Clone) -> None:
        self.lan, self.node, self.clone = lan, node, clone
        assert node.named and node.dnsmasq
        self.named, self.dnsmasq = node.named, node.dnsmasq

    def address(self, verb: str, delegated: IPv6Network, preferred: int = 3000, interface: str = "wan0") -> None:
        """On wan0 as a router's advertisement makes it, where the kernel counts the lifetimes."""
        address = delegated[0x77] if interface == "wan0" else network(delegated)[2]
        times = ["valid_lft", "4000", "preferred_lft", str(preferred), "nodad"] if verb != "del" else []
        ip("-n", self.lan.namespace, "-6", "address", verb, f"{address}/64", "dev", interface, *times)

    def prefix(self) -> dict[str, Any]:
        (found,) = status(self.node)["prefixes"]
        return dict(found)

    def wait_for(self, delegated: IPv6Network) -> None:
        """Names, both ways, at both servers."""
        home = network(delegated)
        for name, suffix in ((NAS, 0x50), (SERVICE, 0xFFFF_C0A8_0A04)):
            address: IPv6Address = home[suffix]
            for port in (self.named.port, self.dnsmasq.port):
                self.wait(port, name, "AAAA", str(address))
                self.wait(port, ptr_name(address), "PTR", f"{name}.")

    def wait(self, port: int, name: str, rtype: str, expected: str) -> None:
        def answered() -> bool:
            try:
                found = ask(port, name, rtype)
            except dns.exception.Timeout:
                return False  # dnsmasq restarts.
            return [str(ip_address(text)) if rtype == "AAAA" else text for text in found] == [expected]

        wait_until(answered, timeout=60, what=f"{name} {rtype} {expected} at {port}")

    def entries(self) -> list[dict[str, Any]]:
        """The audit's entries, newest first; each trailer by its key."""
        found = json.loads(reconciler(self.node, "log", "--json").stdout)
        return [{**entry, **dict(entry["trailers"])} for entry in found]

    def conf(self) -> str:
        return (self.dnsmasq.directory / "dnsmasq.conf").read_text()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    lan = Lan(tmp_path, INTERFACES)
    try:
        lan.open()
        with lan.entered(), running_node(tmp_path, site=MOVING, dhcp=True) as (node, clone):
            clone.change({"hosts.yaml": HOSTS + OTHER})
            yield Site(lan, node, clone)
    finally:
        lan.close()


def test_everything_follows_the_prefix(site: Site) -> None:
    assert site.prefix()["prefix"] is None
    assert any("is not known yet" in text for text in status(site.node)["warnings"])
    assert ask(site.named.port, NAS) == ["192.168.10.50"]
    assert ask(site.named.port, NAS, "AAAA") == []

    site.address("add", FIRST, interface="lan0")
    site.address("add", FIRST)
    site.wait_for(FIRST)
    assert site.prefix()["prefix"] == f"{FIRST.network_address}/64"
    assert f"{network(FIRST)[0x1000]},{network(FIRST)[0x1FFF]}" in site.conf()
    assert any("has the virtual address" in text for text in site.prefix()["problems"])
    assert not any("is not known yet" in text for text in status(site.node)["warnings"])

    # The provider renumbers: the old prefix is deprecated, a new one is there beside it.
    site.address("add", SECOND, interface="lan0")
    site.address("change", FIRST, preferred=0)
    site.address("add", SECOND)
    site.wait_for(SECOND)
    for port in (site.named.port, site.dnsmasq.port):
        site.wait(port, ptr_name(network(FIRST)[0x50]), "PTR", f"{NAS}.")
    newest = site.entries()[0]
    assert newest["Trigger"] == "address"
    assert f"prefix of office: {network(FIRST)} → {network(SECOND)} (wan0)" in newest["Moved"]
    assert f"reverse zone {zone(FIRST)} is kept until" in newest["Moved"]
    assert zone(SECOND) in newest["Zones"]
    assert [item["zone"] for item in status(site.node)["kept"]] == [zone(FIRST)]
    assert str(network(FIRST)) not in site.conf().replace(zone(FIRST), "")
    said = reconciler(site.node, "status").stdout
    assert f"{SECOND.network_address}/64 since " in said
    assert f"kept      {zone(FIRST)} until " in said

    # A real client gets an address of it.
    client = site.lan.client("six", "52:54:00:00:01:66", "lan0")
    leased = ip_address(Dhclient(client, site.node.folder, 6).lease())
    assert network(SECOND)[0x1000] <= leased <= network(SECOND)[0x1FFF]

    # The kernel has nothing to say for a while: nothing changes.
    count = len(site.entries())
    site.address("del", FIRST)
    site.address("del", SECOND)
    wait_until(lambda: any("shows no global prefix" in text for text in site.prefix()["problems"]), timeout=60)
    site.node.kill_daemon()
    site.node.start_daemon()
    wait_until(lambda: any("shows no global prefix" in text for text in site.prefix()["problems"]), timeout=60)
    site.wait_for(SECOND)
    assert len(site.entries()) == count

    # What is kept of the next one ends by itself, and the first one's is still there then.
    site.clone.change({"site.yaml": MOVING.replace("keep_old: 1h", "keep_old: 2s")})
    site.address("add", THIRD)
    site.wait_for(THIRD)
    wait_until(lambda: [item["zone"] for item in status(site.node)["kept"]] == [zone(FIRST)], timeout=60)
    assert ask(site.named.port, zone(SECOND), "SOA") == ["REFUSED"]
    newest = site.entries()[0]
    assert newest["Trigger"] == "address"
    assert newest["Moved"] == f"reverse zone {zone(SECOND)} of an old prefix is not kept any longer"
    assert ask(site.named.port, ptr_name(network(FIRST)[0x50]), "PTR") == [f"{NAS}."]

    # The first one comes back: its zone is an ordinary one again, and its serial goes on.
    serials = {item["name"]: item["serial"] for item in status(site.node)["zones"]}
    site.address("del", THIRD)
    site.address("add", FIRST)
    site.wait_for(FIRST)
    again = {item["name"]: item["serial"] for item in status(site.node)["zones"]}
    assert again[zone(FIRST)] >= serials[zone(FIRST)]
    assert zone(FIRST) not in [item["zone"] for item in status(site.node)["kept"]]


def test_a_flap_changes_nothing(site: Site) -> None:
    site.clone.change({"site.yaml": MOVING.replace("settle: 1s", "settle: 20s")})
    site.address("add", FIRST)
    wait_until(lambda: any("is not served yet" in text for text in site.prefix()["problems"]), timeout=60)
    assert site.prefix()["prefix"] is None
    site.clone.change({"site.yaml": MOVING})
    site.wait_for(FIRST)
    site.clone.change({"site.yaml": MOVING.replace("settle: 1s", "settle: 1h")})
    count = len(site.entries())
    site.address("change", FIRST, preferred=0)
    site.address("add", SECOND)
    wait_until(lambda: any(f"shows {SECOND.network_address}/64" in t for t in site.prefix()["problems"]), timeout=60)
    site.address("del", SECOND)
    site.address("change", FIRST)
    wait_until(lambda: not any("not served yet" in text for text in site.prefix()["problems"]), timeout=60)
    reconciler(site.node, "apply")
    assert len(site.entries()) == count
    site.wait_for(FIRST)


def test_a_delegation_shows_as_an_unreachable_route(site: Site) -> None:
    """As dhcpcd and systemd-networkd make them; wan0 has an address of its own, of the provider's network."""
    namespace = site.lan.namespace
    site.address("add", THIRD)
    ip("-n", namespace, "-6", "route", "add", "unreachable", str(FIRST), "dev", "lo", "proto", "dhcp")
    ip("-n", namespace, "-6", "route", "add", "default", "via", "fe80::1", "dev", "wan0", "proto", "ra")
    site.wait_for(FIRST)
    assert site.prefix()["prefix"] == str(FIRST)
    ip("-n", namespace, "-6", "route", "del", "unreachable", str(FIRST), "dev", "lo")
    ip("-n", namespace, "-6", "route", "add", "blackhole", str(SECOND), "dev", "lo", "proto", "dhcp")
    site.wait_for(SECOND)


def listens(node: PocketSite) -> bool:
    """Whether the daemon has a socket that hears of addresses (RTMGRP_IPV6_IFADDR, 0x100)."""
    mine = {str(path.readlink()) for path in Path(f"/proc/{node.pid}/fd").iterdir() if path.is_symlink()}
    rows = [line.split() for line in Path(f"/proc/{node.pid}/net/netlink").read_text().splitlines()[1:]]
    return any(f"socket:[{row[-1]}]" in mine and int(row[3], 16) & 0x100 for row in rows)


def test_only_a_primary_watches_and_a_new_term_sees_what_came_meanwhile(tmp_path: Path) -> None:
    lan = Lan(tmp_path, INTERFACES)
    try:
        lan.open()
        (tmp_path / "role").write_text("primary\n")
        with lan.entered(), running_node(tmp_path, site=MOVING, dhcp=True, role="file") as (node, clone):
            site = Site(lan, node, clone)
            clone.change({"hosts.yaml": HOSTS + OTHER})
            site.address("add", FIRST)
            site.wait_for(FIRST)
            assert listens(node)
            become(node, "standby")
            wait_until(lambda: not listens(node), timeout=60)
            assert status(node)["prefixes"] == []
            site.address("del", FIRST)
            become(node, "primary")
            wait_until(lambda: any("shows no global" in text for text in site.prefix()["problems"]), timeout=60)
            site.wait_for(FIRST)
            become(node, "standby")
            site.address("add", SECOND)
            become(node, "primary")
            site.wait_for(SECOND)
            site.wait(node.named.port, ptr_name(network(FIRST)[0x50]), "PTR", f"{NAS}.")  # type: ignore[union-attr]
            assert "Traceback" not in node.log.read_text()
    finally:
        lan.close()


def test_nobody_watches_where_no_network_asks(site: Site) -> None:
    wait_until(lambda: listens(site.node), timeout=60)
    written = MOVING.replace(DELEGATED, "2001:db8:5::/64").replace('"::ffff:c0a8:a04"]', '"2001:db8:5::ffff:c0a8:a04"]')
    site.clone.change({"site.yaml": written})
    wait_until(lambda: not listens(site.node), timeout=60)
    assert status(site.node)["prefixes"] == []
