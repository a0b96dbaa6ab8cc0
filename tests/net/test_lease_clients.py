"""Real clients of a real dnsmasq: their leases are names in named, and only the names that they may have."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest
from clients import Dhclient, missing, udhcpc
from nodes import HOSTS, SITE, Clone, ask, reconciler, running_node, status
from servers import wait_until

from reconciler.demo.lan import Client, Lan
from reconciler.demo.pocket import PocketSite

pytestmark = [pytest.mark.net, pytest.mark.skipif(missing() is not None, reason=str(missing()))]

LEASES = SITE.partition("zones:")[0].replace(
    "    ipv4: 192.168.10.0/24\n",
    """\
    interface: lan0
    ipv4: 192.168.10.0/24
    ipv6: 2001:db8:a::/64
    ipv6_mode: stateful
    virtual_ips: [192.168.10.4]
    dhcp: {ranges: [192.168.10.100-192.168.10.199], lease: 1h}
  lab:
    interface: lab0
    domain: lab.example.net
    ipv4: 203.0.113.192/26
    reverse: 192-255.113.0.203.in-addr.arpa
    dhcp: {ranges: [203.0.113.210-203.0.113.250], lease: 1h}
nodes:
  ns1: {address: 192.168.10.2}
  lsvm2: {address: 192.168.10.3}
""",
)
STATIC = HOSTS + "www: {ipv4: 192.168.10.50}\nstation: {ipv4: 192.168.10.51}\n"
SCRIPT = Path(__file__).resolve().parents[2] / "hooks/reconciler-dhcp-script"
OFFICE, LAB = "office.example.net", "lab.example.net"
INTERFACES = {
    "lan0": ("192.168.10.2/24", "192.168.10.4/24", "2001:db8:a::2/64"),
    "lab0": ("203.0.113.194/26",),
}


class Site:
    """A node in a Lan, and what its servers say."""

    def __init__(self, lan: Lan, node: PocketSite, clone: Clone, folder: Path) -> None:
        self.lan = lan
        self.node = node
        self.clone = clone
        self.folder = folder
        self._number = 0
        assert node.named and node.dnsmasq
        self.named, self.dnsmasq = node.named, node.dnsmasq

    def client(self, interface: str = "lan0") -> Client:
        self._number += 1
        mac = f"52:54:00:00:01:{self._number:02x}"
        return self.lan.client(f"c{self._number}", mac, interface)

    def names(self, name: str, rtype: str = "A") -> list[str]:
        return ask(self.named.port, name, rtype)

    def wait(self, name: str, *expected: str, rtype: str = "A") -> None:
        wait_until(lambda: self.names(name, rtype) == sorted(expected), what=f"{name} {rtype} {expected}")

    def records(self) -> set[str]:
        """All records of all zones, but those that each change touches."""
        found = set()
        for zone in status(self.node)["zones"]:
            key = self.named.bind / "reconciler.key"
            argv = ["dig", "+noall", "+answer", "+onesoa", "-k", str(key), "@127.0.0.1", "-p", str(self.named.port)]
            done = subprocess.run([*argv, "axfr", zone["name"]], check=True, capture_output=True, text=True, timeout=20)
            lines = [line.split() for line in done.stdout.splitlines()]
            assert lines, f"no transfer of {zone['name']}"
            found |= {" ".join(line) for line in lines if line[3] != "SOA"}
        return found

    def serials(self) -> dict[str, int]:
        return {zone["name"]: zone["serial"] for zone in status(self.node)["zones"]}

    def leases(self) -> dict[str, float]:
        """When leases end, Unix time, by address, as the daemon knows it."""
        leases = json.loads(reconciler(self.node, "leases", "--json").stdout)["leases"]
        return {item["address"]: datetime.fromisoformat(item["expires"]).timestamp() for item in leases}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("lan")
    lan = Lan(folder, INTERFACES)
    try:
        lan.open()
        # `init` writes the script's settings beside node.yaml, where it finds them under its own name.
        script = Path(shutil.copy(SCRIPT, folder / "dhcp-script"))
        with lan.entered(), running_node(folder, site=LEASES, dhcp=True, dhcp_script=script) as (node, clone):
            clone.change({"hosts.yaml": STATIC})
            yield Site(lan, node, clone, folder)
    finally:
        lan.close()


@pytest.fixture(autouse=True)
def as_before(site: Site) -> Iterator[None]:
    """All that a test's clients brought is gone again after it."""
    before = site.records()
    yield
    wait_until(lambda: site.records() == before, what=str(site.records() ^ before))


def test_a_lease_has_a_name_until_it_is_given_back(site: Site, tmp_path: Path) -> None:
    with udhcpc(site.client(), tmp_path, "Tablet") as tablet:
        address = tablet.address()
        site.wait(f"tablet.{OFFICE}", address)
        reverse = ".".join(reversed(address.split("."))) + ".in-addr.arpa"
        wait_until(lambda: site.names(reverse, "PTR") == [f"tablet.{OFFICE}."])
        assert ask(site.dnsmasq.port, f"tablet.{OFFICE}") == [address]
        assert [name.lower() for name in ask(site.dnsmasq.port, reverse, "PTR")] == [f"tablet.{OFFICE}."]
        tablet.leave()
        site.wait(f"tablet.{OFFICE}")
        wait_until(lambda: site.names(reverse, "PTR") == [])


def test_a_renewal_changes_nothing(site: Site, tmp_path: Path) -> None:
    with udhcpc(site.client(), tmp_path, "tablet") as tablet:
        address = tablet.address()
        site.wait(f"tablet.{OFFICE}", address)
        until, serials = site.leases()[address], site.serials()
        # A second later, so that the end differs; time(2), which dnsmasq asks, may lag by a tick.
        wait_until(lambda: time.time() > until - 3600 + 1.1)
        tablet.renew()
        wait_until(lambda: site.leases()[address] > until, what="the daemon has seen the renewal")
        assert site.serials() == serials
        tablet.leave()


def test_two_networks_at_once_one_with_a_classless_reverse_zone(site: Site, tmp_path: Path) -> None:
    with udhcpc(site.client(), tmp_path, "pc") as office, udhcpc(site.client("lab0"), tmp_path, "pc") as lab:
        site.wait(f"pc.{OFFICE}", office.address())
        site.wait(f"pc.{LAB}", lab.address())
        host = lab.address().rpartition(".")[2]
        wait_until(lambda: site.names(f"{host}.192-255.113.0.203.in-addr.arpa", "PTR") == [f"pc.{LAB}."])
        assert ask(site.dnsmasq.port, f"pc.{LAB}") == [lab.address()]
        office.leave()
        site.wait(f"pc.{OFFICE}")
        assert site.names(f"pc.{LAB}") == [lab.address()]
        lab.leave()


def test_a_client_that_moves_takes_its_name_along(site: Site, tmp_path: Path) -> None:
    client = site.client()
    with udhcpc(client, tmp_path, "rover") as rover:
        site.wait(f"rover.{OFFICE}", rover.address())
        rover.vanish()
    client.plug("lab0")
    with udhcpc(client, tmp_path, "rover") as rover:
        site.wait(f"rover.{LAB}", rover.address())
        site.wait(f"rover.{OFFICE}")
        rover.leave()


HOSTILE = [
    "www",
    "WWW.",
    "station",
    "lsvm2",
    "ns1",
    "wpad",
    "localhost",
    "_ldap",
    "*",
    "-x",
    "a b",
    "a\nb",
    "a" * 64,
    "\u00fcn\u00efcode",
    "x.internal.example.org",
    "y.lab.example.net",
    "office.example.net",
    "",
    '";}',
    "$(id)",
    "\\000",
]
ALLOWED = {"x", "y", "ncode", "a", "a-b", "ab", "office", "id", "000", "ldap"}
"""What is left of some of them is a name that a client may have."""


@pytest.fixture(params=["dnsmasq", "bind"])
def clients_ask(site: Site, request: pytest.FixtureRequest) -> Iterator[str]:
    """Both keep names from clients: dnsmasq where it answers clients, and whoever puts leases into BIND."""
    other = LEASES.replace("clients_ask: dnsmasq", f"clients_ask: {request.param}")
    if other != LEASES:
        site.clone.change({"site.yaml": other})
    yield request.param
    if other != LEASES:
        site.clone.change({"site.yaml": LEASES})


def test_hostile_names(site: Site, tmp_path: Path, clients_ask: str) -> None:
    before = site.records()
    with ExitStack() as stack:
        running = [stack.enter_context(udhcpc(site.client(), tmp_path, name)) for name in HOSTILE]
        addresses = {each.address() for each in running}
        assert len(addresses) == len(HOSTILE)
        good = stack.enter_context(udhcpc(site.client(), tmp_path, "good"))
        site.wait(f"good.{OFFICE}", good.address())
        wait_until(lambda: addresses <= site.leases().keys(), what="the daemon knows all of them")
        after = site.records()
        assert before <= after, "what is static stays"
        for record in after - before:
            owner, _, _, rtype, target = record.split(" ", 4)
            name = owner if rtype == "A" else target
            assert (rtype, owner.endswith(".10.168.192.in-addr.arpa.")) in (("A", False), ("PTR", True)), record
            assert name.endswith(f".{OFFICE}."), record
            assert name.removesuffix(f".{OFFICE}.") in {*ALLOWED, "good"}, record
        if clients_ask == "dnsmasq":
            for name in (f"www.{OFFICE}", f"station.{OFFICE}", f"ns.{OFFICE}", f"wpad.{OFFICE}"):
                assert not addresses & set(ask(site.dnsmasq.port, name)), name
            assert ask(site.dnsmasq.port, f"www.{OFFICE}") == ["192.168.10.50"]
        for each in (*running, good):
            each.process.terminate()
        for each in (*running, good):
            each.process.wait(60)


def test_dhclient_over_both_protocols(site: Site, tmp_path: Path) -> None:
    """Its DHCPv6 lease has no name of its own; the MAC address in its DUID tells whose it is."""
    client = site.client()
    v4, v6 = Dhclient(client, tmp_path, 4, name="laptop"), Dhclient(client, tmp_path, 6)
    site.wait(f"laptop.{OFFICE}", address := v4.lease())
    six = v6.lease()
    site.wait(f"laptop.{OFFICE}", six, rtype="AAAA")
    assert six.startswith("2001:db8:a::")
    reverse = (
        ".".join(reversed(six.removeprefix("2001:db8:a::").zfill(4))) + ".0" * 12 + ".0.0.0.0.a.0.0.0.8.b.d.0.1.0.0.2"
    )
    # One update a zone: the reverse zone's may come a moment later.
    wait_until(lambda: site.names(f"{reverse}.ip6.arpa", "PTR") == [f"laptop.{OFFICE}."])
    assert ask(site.dnsmasq.port, f"{reverse}.ip6.arpa", "PTR") == [f"laptop.{OFFICE}."]
    assert ask(site.dnsmasq.port, f"laptop.{OFFICE}", "AAAA") == [six]
    v6.leave()
    site.wait(f"laptop.{OFFICE}", rtype="AAAA")
    assert site.names(f"laptop.{OFFICE}") == [address]
    v4.leave()
    site.wait(f"laptop.{OFFICE}")


def test_dhclient_whose_duid_says_nothing(site: Site, tmp_path: Path) -> None:
    """dnsmasq knows its MAC address, and tells the dhcp-script (RFC 6355: the DUID is a UUID)."""
    client = site.client()
    v4 = Dhclient(client, tmp_path, 4, name="desktop")
    v6 = Dhclient(client, tmp_path, 6, duid=b"\0\4" + bytes(range(16)))
    six = v6.lease()
    v4.lease()
    site.wait(f"desktop.{OFFICE}", six, rtype="AAAA")
    v6.leave()
    v4.leave()


def test_the_holder_of_a_name_keeps_it(site: Site, tmp_path: Path) -> None:
    with udhcpc(site.client(), tmp_path, "tablet") as holder:
        site.wait(f"tablet.{OFFICE}", holder.address())
        with udhcpc(site.client(), tmp_path, "tablet") as other:
            wait_until(lambda: other.address() in site.leases())
            kept = site.names(f"tablet.{OFFICE}")
            other.leave()
        holder.leave()
    assert kept == [holder.address()]
