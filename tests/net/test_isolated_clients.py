"""An isolated network and another one: real clients of two real dnsmasqs, alone and before a real named."""

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from socket import AF_INET, SOCK_DGRAM, socket

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset
import pytest
from clients import Dhclient, missing, udhcpc
from nodes import HOSTS, Clone, reconciler, running_node
from servers import wait_until

from reconciler.demo.lan import Client, Lan
from reconciler.demo.pocket import PocketSite
from reconciler.dns.reverse import ptr_name

pytestmark = [pytest.mark.net, pytest.mark.skipif(missing() is not None, reason=str(missing()))]

FORWARDER = "127.0.0.99"
ELSEWHERE = "9.9.9.9"
"""No private address, nor one of an example: dnsmasq would take these for an attack."""
SITE = """\
version: 1
site: test
domain: example.net
networks:
  office:
    interface: lan0
    domain: office.example.net
    ipv4: 192.168.10.0/24
    ipv6: 2001:db8:a::/64
    ipv6_mode: stateful
    virtual_ips: [192.168.10.4]
    dhcp: {ranges: [192.168.10.100-192.168.10.199], lease: 1h}
  guest:
    interface: guest0
    isolated: yes
    domain: guest.example.net
    ipv4: 192.168.20.0/24
    ipv6: 2001:db8:b::/64
    ipv6_mode: stateful
    virtual_ips: [192.168.20.4]
    dhcp: {ranges: [192.168.20.100-192.168.20.199], lease: 1h}
dns: {clients_ask: dnsmasq, authoritative: none, nameservers: [ns.example.net], forwarders: [127.0.0.99]}
"""
TV = "tv: {mac: '52:54:00:00:02:99', ipv4: 192.168.20.50}\n"
COMMON = """\
ns: {type: A, value: 192.168.10.2}
www: {type: A, value: 198.51.100.80}
'': {type: MX, values: [{preference: 10, exchange: host11.office.example.net.}]}
"""
ALIAS = "files: {type: CNAME, value: host11.office.example.net.}\n"
"""Of dnsmasq alone: before BIND, which does not follow an alias from zone to zone, clients get no address for it."""
SCRIPT = Path(__file__).resolve().parents[2] / "hooks/reconciler-dhcp-script"
INTERFACES = {
    "lan0": ("192.168.10.2/24", "192.168.10.4/24", "2001:db8:a::2/64"),
    "guest0": ("192.168.20.2/24", "192.168.20.4/24", "2001:db8:b::2/64"),
}
OFFICE, GUEST = "192.168.10.4", "192.168.20.4"


class Outside(threading.Thread):
    """Answers every question with one address, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.asked: list[str] = []
        self.socket = socket(AF_INET, SOCK_DGRAM)
        self.socket.bind((FORWARDER, 53))

    def run(self) -> None:
        while True:
            data, sender = self.socket.recvfrom(4096)
            if data == b"end":
                self.socket.close()
                return
            query = dns.message.from_wire(data)
            question = query.question[0]
            self.asked.append(question.name.to_text().lower())
            answer = dns.message.make_response(query, recursion_available=True)
            if question.rdtype == dns.rdatatype.A:
                answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", "A", ELSEWHERE))
            self.socket.sendto(answer.to_wire(), sender)

    def end(self) -> None:
        with socket(AF_INET, SOCK_DGRAM) as connection:
            connection.sendto(b"end", (FORWARDER, 53))
        self.join(20)


class Site:
    def __init__(self, lan: Lan, node: PocketSite, clone: Clone, outside: Outside, text: str) -> None:
        self.lan, self.node, self.clone, self.outside, self.text = lan, node, clone, outside, text
        assert node.dnsmasq
        self.main, self.own = node.dnsmasq, node.isolated["guest"]
        self.insider = self.machine("in", "52:54:00:00:01:01", "lan0", "192.168.10.30/24", "192.168.10.2")
        self.guest = self.machine("out", "52:54:00:00:02:01", "guest0", "192.168.20.30/24", "192.168.20.2")

    def machine(self, name: str, mac: str, interface: str, address: str, router: str) -> Client:
        """With an address of its own, and a way to the other network's by the server."""
        client = self.lan.client(name, mac, interface)
        for words in (("address", "add", address, "dev", "eth0"), ("route", "add", "default", "via", router)):
            subprocess.run(client.command("ip", *words), check=True)
        return client

    def ask(self, client: Client, server: str, name: str, rtype: str = "A", *more: str) -> list[str]:
        """Data of the answer, or its response code in capitals; `none` where none came."""
        argv = ["dig", "+time=10", "+tries=3", "+noauthority", "+noadditional", f"@{server}", name, rtype, *more]
        said = subprocess.run(client.command(*argv), capture_output=True, text=True, check=False, timeout=60).stdout
        if "status: " not in said:
            return ["none"]
        lines = [line.split() for line in said.splitlines() if line and line[0] != ";"]
        code = said.partition("status: ")[2].partition(",")[0]
        return sorted(line[4] for line in lines if line[3] == rtype) or [code]

    def wait(self, client: Client, server: str, name: str, *wanted: str, rtype: str = "A") -> None:
        wait_until(
            lambda: self.ask(client, server, name, rtype) == sorted(wanted), what=f"{name} {rtype} {wanted} at {server}"
        )

    @property
    def pids(self) -> tuple[int | None, int | None]:
        return self.main.pid, self.own.pid


@pytest.fixture(scope="module", params=["none", "bind"])
def site(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("lan")
    text = SITE.replace("authoritative: none", f"authoritative: {request.param}")
    lan = Lan(folder, INTERFACES)
    try:
        lan.open()
        script = Path(shutil.copy(SCRIPT, folder / "dhcp-script"))
        options = {"dhcp": True, "dhcp_script": script, "isolated": ["guest"], "bind": request.param == "bind"}
        with lan.entered():
            outside = Outside()
            outside.start()
            with running_node(folder, site=text, **options) as (node, clone):
                common = COMMON if node.named else COMMON + ALIAS
                said = clone.change({"hosts.yaml": HOSTS + TV, "zones/example.net.yaml": common})
                assert "applied" in said, said + node.log.read_text()
                yield Site(lan, node, clone, outside, text)
            outside.end()
    finally:
        lan.close()


def test_who_knows_what(site: Site) -> None:
    site.outside.asked.clear()
    for name, rtype, wanted in (
        ("host11.office.example.net", "A", "192.168.10.11"),
        ("tv.guest.example.net", "A", "192.168.20.50"),
        (ptr_name(ip_address("192.168.20.50")), "PTR", "tv.guest.example.net."),
        ("www.example.net", "A", "198.51.100.80"),
        ("example.com", "A", ELSEWHERE),
    ):
        assert site.ask(site.insider, OFFICE, name, rtype) == [wanted], name
    for name, rtype, wanted in (
        ("tv.guest.example.net", "A", "192.168.20.50"),
        (ptr_name(ip_address("192.168.20.50")), "PTR", "tv.guest.example.net."),
        ("www.example.net", "A", "198.51.100.80"),
        ("example.com", "A", ELSEWHERE),
        ("host11.office.example.net", "A", "NXDOMAIN"),
        ("host11.office.example.net", "AAAA", "NXDOMAIN"),
        ("office.example.net", "NS", "NXDOMAIN"),
        ("nobody.office.example.net", "A", "NXDOMAIN"),
        (ptr_name(ip_address("192.168.10.11")), "PTR", "NXDOMAIN"),
        ("10.168.192.in-addr.arpa", "SOA", "NXDOMAIN"),
        ("files.example.net", "A", "NXDOMAIN"),
        ("files.example.net", "CNAME", "NXDOMAIN"),
    ):
        assert site.ask(site.guest, GUEST, name, rtype) == [wanted], name
        assert site.ask(site.guest, GUEST, name, rtype, "+norecurse") in ([wanted], ["REFUSED"], ["NOERROR"]), name
    argv = site.guest.command("dig", f"@{GUEST}", "example.net", "MX", "+norecurse")
    said = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    assert "192.168.10.11" not in said
    assert set(site.outside.asked) == {"example.com."}
    assert site.ask(site.insider, OFFICE, "files.example.net") == ["NXDOMAIN" if site.node.named else "192.168.10.11"]


def test_a_lease_has_its_name_on_both_sides(site: Site, tmp_path: Path) -> None:
    pids = site.pids
    office, guest = (
        site.lan.client(*words)
        for words in (("c1", "52:54:00:00:01:11", "lan0"), ("c2", "52:54:00:00:02:11", "guest0"))
    )
    with udhcpc(office, tmp_path, "laptop") as laptop, udhcpc(guest, tmp_path, "phone") as phone:
        inside, outside = laptop.address(), phone.address()
        assert (inside[:11], outside[:11]) == ("192.168.10.", "192.168.20.")
        leases = (site.main.folder / "leases", site.own.folder / "leases")
        assert [inside in path.read_text() for path in leases] == [True, False]
        assert [outside in path.read_text() for path in leases] == [False, True]
        site.wait(site.guest, GUEST, "phone.guest.example.net", outside)
        site.wait(site.insider, OFFICE, "phone.guest.example.net", outside)
        site.wait(site.insider, OFFICE, ptr_name(ip_address(outside)), "phone.guest.example.net.", rtype="PTR")
        site.wait(site.insider, OFFICE, "laptop.office.example.net", inside)
        assert site.ask(site.guest, GUEST, "laptop.office.example.net") == ["NXDOMAIN"]
        assert site.ask(site.guest, GUEST, ptr_name(ip_address(inside)), "PTR") == ["NXDOMAIN"]
        told = json.loads(reconciler(site.node, "leases", "--json").stdout)["leases"]
        assert {(item["address"], item["network"]) for item in told} == {(inside, "office"), (outside, "guest")}
        phone.leave()
        site.wait(site.insider, OFFICE, "phone.guest.example.net", "NXDOMAIN")
        laptop.leave()
        wait_until(lambda: json.loads(reconciler(site.node, "leases", "--json").stdout)["leases"] == [])
    assert site.pids == pids


def test_over_ipv6(site: Site, tmp_path: Path) -> None:
    office = site.lan.client("c6", "52:54:00:00:01:16", "lan0")
    guest = site.lan.client("c7", "52:54:00:00:02:16", "guest0")
    laptop, phone = Dhclient(office, tmp_path, 6), Dhclient(guest, tmp_path, 6)
    inside, outside = laptop.lease(), phone.lease()
    assert (inside[:13], outside[:13]) == ("2001:db8:a::1", "2001:db8:b::1")
    assert outside in (site.own.folder / "leases").read_text()
    assert outside not in (site.main.folder / "leases").read_text()
    with udhcpc(guest, tmp_path, "phone") as four:
        four.address()
        site.wait(site.insider, OFFICE, "phone.guest.example.net", outside, rtype="AAAA")
        site.wait(site.guest, GUEST, "phone.guest.example.net", outside, rtype="AAAA")
        site.wait(site.insider, OFFICE, ptr_name(ip_address(outside)), "phone.guest.example.net.", rtype="PTR")
        assert site.ask(site.guest, GUEST, ptr_name(ip_address(inside)), "PTR") == ["NXDOMAIN"]
        four.leave()
    laptop.leave()
    phone.leave()
    wait_until(lambda: json.loads(reconciler(site.node, "leases", "--json").stdout)["leases"] == [])


def test_a_host_of_the_guests_restarts_nothing(site: Site) -> None:
    pids, done = site.pids, len(site.node.helper.done)
    more = TV + "radio: {mac: '52:54:00:00:02:98', ipv4: 192.168.20.51}\n"
    site.clone.change({"hosts.yaml": HOSTS + more})
    for client, server in ((site.insider, OFFICE), (site.guest, GUEST)):
        assert site.ask(client, server, "radio.guest.example.net") == ["192.168.20.51"]
    assert site.pids == pids
    assert not any("restart" in words for words in site.node.helper.done[done:])
    if not site.node.named:
        assert site.node.helper.done[done:] == []
    assert "192.168.20.51" not in "".join(
        path.read_text() for path in (site.main.directory / "reservations.d").iterdir()
    )
    site.clone.change({"hosts.yaml": HOSTS + TV})


@pytest.mark.parametrize("how", ["+notcp", "+tcp"])
def test_the_other_dnsmasq_does_not_answer_there(site: Site, how: str) -> None:
    for name in ("host11.office.example.net", "example.com"):
        assert site.ask(site.guest, OFFICE, name, "A", how, "+time=2", "+tries=1") == ["none"]
        assert site.ask(site.insider, OFFICE, name, "A", how) != ["none"]


def test_a_network_is_isolated_and_no_more(site: Site, tmp_path: Path) -> None:
    """Each interface has one dnsmasq at a time; who gives it up goes first."""
    other = "host11.office.example.net"
    site.node.helper.done.clear()
    site.clone.change({"site.yaml": site.text.replace("isolated: yes", "isolated: no")})
    assert site.node.helper.done == ["restart dnsmasq@guest", "restart dnsmasq"]
    assert site.ask(site.guest, GUEST, other) == ["192.168.10.11"]
    with udhcpc(site.lan.client("c3", "52:54:00:00:02:12", "guest0"), tmp_path, "tablet") as tablet:
        assert tablet.address() in (site.main.folder / "leases").read_text()
        tablet.leave()
    site.node.helper.done.clear()
    site.clone.change({"site.yaml": site.text})
    assert site.node.helper.done == ["reload dnsmasq@guest", "restart dnsmasq", "restart dnsmasq@guest"]
    assert site.ask(site.guest, GUEST, other) == ["NXDOMAIN"]
    assert site.ask(site.guest, GUEST, "tv.guest.example.net") == ["192.168.20.50"]


def test_a_torn_lease_file_of_the_guests_comes_back_with_theirs(site: Site, tmp_path: Path) -> None:
    """Runs last: the servers are down afterwards."""
    office, guest = (
        site.lan.client("c4", "52:54:00:00:01:13", "lan0"),
        site.lan.client("c5", "52:54:00:00:02:13", "guest0"),
    )
    with udhcpc(office, tmp_path, "laptop") as laptop, udhcpc(guest, tmp_path, "phone") as phone:
        inside, outside = laptop.address(), phone.address()
        memory = site.node.root / "state/leases.json"

        def remembered() -> bool:
            text = memory.read_text() if memory.exists() else "{}"
            return {inside, outside} <= {each[0] for each in json.loads(text).get("leases", ())}

        wait_until(remembered)
        laptop.vanish()
        phone.vanish()
    site.node.stop_daemon()
    for server in (site.main, site.own):
        server.stop()
    files = site.main.folder / "leases", site.own.folder / "leases"
    before = [path.read_text() for path in files]
    for torn in (files[1:], files):
        for path in torn:
            path.write_text("")
        said = reconciler(site.node, "prepare").stdout
        assert all(f"{path} was torn" in said for path in torn), said
        assert [path.read_text() for path in files] == before
