"""Secondaries, with a second named: it starts with nothing but a printed configuration, and learns the rest."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import dns.exception
import pytest
from nodes import ENVIRONMENT, HOSTS, ZONES, Clone, ask, status
from secondlab import OTHER_SECRET, SECRET, Listener, SecondNamed, copied
from servers import wait_until

from reconciler.demo.pocket import PocketSite

CATALOG = "catalog.example.net."
REVERSE = "10.168.192.in-addr.arpa."


class Trio:
    """A node, a clone of its state, and a second named."""

    def __init__(self, folder: Path) -> None:
        self.node = PocketSite(folder)
        assert self.node.named is not None
        self.first = self.node.named
        # A node of a pair sends notices from its own address, while secondaries know the virtual one.
        self.first.options = "notify-source 127.0.0.5;"
        self.first.configure()
        secrets = folder / "secrets"
        secrets.mkdir()
        (secrets / "xfer").write_text(SECRET)
        (secrets / "xfer2").write_text(OTHER_SECRET)
        (folder / "second").mkdir()
        self.second = SecondNamed(folder / "second")

    def site(self, *, default: str = "ns2", more: str = "", zones: str = "") -> dict[str, str]:
        primary = f'"127.0.0.1:{self.first.port}"'
        return {
            "site.yaml": f"""\
version: 1
site: test
domain: example.net
networks:
  office: {{domain: office.example.net, ipv4: 192.168.10.0/24}}
dns: {{clients_ask: dnsmasq, authoritative: bind, nameservers: [ns.example.net], secondaries: [{default}]}}
keys:
  xfer: {{secret: {{secret: xfer}}}}
  xfer2: {{secret: {{secret: xfer2}}}}
secondaries:
  ns2: {{address: "127.0.0.1:{self.second.port}", key: xfer, catalog: catalog.example.net, primary: {primary}}}
{more.replace("PRIMARY", primary)}
zones:
  dyn.example.net: {{dynamic: yes}}
{zones}
"""
        }

    def start(self) -> None:
        done = subprocess.run(self.node.init_command(), env=ENVIRONMENT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        self.node.start()
        self.clone = Clone(self.node, self.node.folder / "clone")
        said = self.clone.change({**self.site(), "hosts.yaml": HOSTS, **ZONES})
        assert "applied" in said, said + self.node.log.read_text()

    def stop(self) -> None:
        self.second.stop()
        self.node.stop()

    def second_says(self, name: str, *data: str, rtype: str = "A") -> None:
        wait_until(lambda: ask(self.second.port, name, rtype) == list(data), what=f"{name} {data} on the second")

    def serial(self, zone: str, *, second: bool = False) -> str:
        (found,) = ask((self.second if second else self.first).port, zone, "SOA")
        return found.split()[2]

    def update(self, *commands: str) -> None:
        text = "\n".join([f"server 127.0.0.1 {self.first.port}", "zone dyn.example.net", *commands, "send", ""])
        argv = ["nsupdate", "-k", str(self.first.bind / "reconciler.key")]
        subprocess.run(argv, input=text, text=True, check=True)


@pytest.fixture(scope="module")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trio]:
    trio = Trio(tmp_path_factory.mktemp("trio"))
    try:
        trio.start()
        printed = trio.second.take(trio.clone, "ns2", xfer=SECRET)
        assert SECRET not in printed
        trio.second.start()
        yield trio
    finally:
        trio.stop()


def test_the_second_serves_what_the_catalog_tells(trio: Trio) -> None:
    trio.second_says("host10.office.example.net", "192.168.10.10")
    trio.second_says("one.dyn.example.net", "192.168.10.201")
    trio.second_says(f"10.{REVERSE}", "host10.office.example.net.", rtype="PTR")
    for zone in ("example.net.", "dyn.example.net.", "office.example.net.", REVERSE):
        assert trio.serial(zone, second=True) == trio.serial(zone)


def test_changes_arrive_by_notify(trio: Trio) -> None:
    """The zones' refresh is two hours, so nothing else brings them in time."""
    trio.second_says("host10.office.example.net", "192.168.10.10")
    trio.clone.change({"hosts.yaml": HOSTS + "printer: {ipv4: 192.168.10.77}\n"})
    trio.second_says("printer.office.example.net", "192.168.10.77")
    trio.update("update add fresh.dyn.example.net. 60 A 192.168.10.88")
    trio.second_says("fresh.dyn.example.net", "192.168.10.88")


def test_a_zone_comes_and_goes(trio: Trio) -> None:
    path = "zones/lab.example.net.yaml"
    trio.clone.change({path: "box: {type: A, value: 192.168.10.99}\n"})
    trio.second_says("box.lab.example.net", "192.168.10.99")
    before = trio.serial(CATALOG)
    (trio.clone.path / path).unlink()
    said = trio.clone.change({}, "-o", "allow-mass-change")
    assert trio.serial(CATALOG) > before, said
    # What is left is the zone above it.
    trio.second_says("box.lab.example.net")
    assert ask(trio.second.port, "example.net", "SOA")


def test_transfers_need_the_key(trio: Trio) -> None:
    port = trio.first.port
    for zone in ("example.net.", "dyn.example.net.", CATALOG):
        assert copied(port, zone, "xfer")
        with pytest.raises(dns.exception.DNSException):
            copied(port, zone)
        with pytest.raises(dns.exception.DNSException):
            copied(port, zone, "xfer", OTHER_SECRET)
        with pytest.raises(dns.exception.DNSException):
            copied(port, zone, "xfer2", OTHER_SECRET)  # A key that is known, but not this secondary's.


def test_clients_do_not_see_the_catalog(trio: Trio) -> None:
    assert trio.node.dnsmasq is not None
    assert ask(trio.first.port, f"version.{CATALOG}", "TXT") == ['"2"']
    assert ask(trio.node.dnsmasq.port, f"version.{CATALOG}", "TXT") == []
    assert ask(trio.node.dnsmasq.port, CATALOG, "SOA") == []
    assert ask(trio.node.dnsmasq.port, "ns.example.net") == ["192.168.10.2"]
    assert f"server=/{CATALOG[:-1]}/" not in (trio.node.dnsmasq.settings().directory / "dnsmasq.conf").read_text()


def test_who_copies_changes_alone(trio: Trio) -> None:
    """Nothing but `rndc reconfig` for members: their serials stay, and named has read the new lists."""
    listener = Listener()
    try:
        serial, catalog = trio.serial("office.example.net."), trio.serial(CATALOG)
        more = f'  ns3: {{address: "127.0.0.1:{listener.port}", primary: PRIMARY}}'
        said = trio.clone.change(trio.site(more=more, zones="  office.example.net: {secondaries: [ns2, ns3]}"))
        assert trio.serial("office.example.net.") == serial
        assert trio.serial(CATALOG) == catalog, said
        assert copied(trio.first.port, "office.example.net.")  # By its address alone now.
        trio.clone.change({"hosts.yaml": HOSTS + "scanner: {ipv4: 192.168.10.78}\n"})
        wait_until(lambda: listener.heard_of("office.example.net."), what="a notice")
        assert not listener.heard_of("example.net.")

        trio.clone.change(trio.site(zones="  office.example.net: {secondaries: []}"))
        wait_until(lambda: ask(trio.second.port, "office.example.net", "SOA") != [], what="an answer")
        trio.second_says("scanner.office.example.net")
        with pytest.raises(dns.exception.DNSException):
            copied(trio.first.port, "office.example.net.", "xfer")
    finally:
        listener.close()
        trio.clone.change(trio.site())
    trio.second_says("scanner.office.example.net", "192.168.10.78")


def test_the_second_starts_while_the_first_is_down(trio: Trio) -> None:
    trio.second_says("host10.office.example.net", "192.168.10.10")
    trio.first.stop()
    try:
        trio.second.restart()
        trio.second_says("host10.office.example.net", "192.168.10.10")
    finally:
        trio.first.start()
        trio.second.restart()  # So that it does not wait for its retry.
    trio.second_says("host10.office.example.net", "192.168.10.10")


def test_the_key_is_changed_without_a_gap(trio: Trio) -> None:
    """As docs/operations.md tells: both keys count, the second changes over, the first key goes."""
    address, tail = f'"127.0.0.1:{trio.second.port}"', "catalog: catalog.example.net, primary: PRIMARY}"
    both = f"  ns2-new: {{address: {address}, key: xfer2, {tail}"
    trio.clone.change(trio.site(default="ns2, ns2-new", more=both))
    assert copied(trio.first.port, "example.net.", "xfer")
    assert copied(trio.first.port, "example.net.", "xfer2", OTHER_SECRET)

    trio.second.take(trio.clone, "ns2-new", xfer2=OTHER_SECRET)
    trio.second.restart()
    new = trio.site()["site.yaml"].replace("key: xfer,", "key: xfer2,")
    trio.clone.change({"site.yaml": new})
    with pytest.raises(dns.exception.DNSException):
        copied(trio.first.port, "example.net.", "xfer")
    trio.clone.change({"hosts.yaml": HOSTS + "rolled: {ipv4: 192.168.10.79}\n"})
    trio.second_says("rolled.office.example.net", "192.168.10.79")

    trio.clone.change(trio.site())
    trio.second.take(trio.clone, "ns2", xfer=SECRET)
    trio.second.restart()


def test_a_secondary_without_key_and_catalog(trio: Trio, tmp_path: Path) -> None:
    third = SecondNamed(tmp_path)
    more = f'  ns4: {{address: "127.0.0.1:{third.port}", primary: PRIMARY}}'
    trio.clone.change(trio.site(more=more, zones="  example.net: {secondaries: [ns2, ns4]}"))
    try:
        printed = third.take(trio.clone, "ns4")
        assert printed.count("type secondary;") == 1
        third.start()
        wait_until(lambda: ask(third.port, "ns.example.net") == ["192.168.10.2"], what="the zone on the third")
        with pytest.raises(dns.exception.DNSException):
            copied(trio.first.port, "example.net.", source="127.0.0.9")
    finally:
        third.stop()
        trio.clone.change(trio.site())
    assert status(trio.node)["zones"]
