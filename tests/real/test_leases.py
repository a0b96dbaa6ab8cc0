"""Leases become names by themselves: a lease file on one side, named's answers on the other."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from nodes import HOSTS, SITE, Clone, ask, reconciler, running_node, status
from servers import wait_until

from reconciler.demo.pocket import PocketSite

pytestmark = pytest.mark.real

WITH_DHCP = SITE.replace("{clients_ask: dnsmasq, ", "{clients_ask: bind, ").replace(
    "    ipv4: 192.168.10.0/24\n",
    "    ipv4: 192.168.10.0/24\n    ipv6: 2001:db8:a::/64\n    interface: eth0\n"
    "    dhcp: {ranges: [192.168.10.100-192.168.10.199], lease: 1h}\n    ipv6_mode: stateful\n",
)
LATER = int(time.time()) + 3600


class File:
    """A lease file, rewritten in place as dnsmasq does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.write_text("")

    def write(self, *lines: str) -> None:
        with self.path.open("r+b") as stream:
            stream.truncate(0)
            stream.write("".join(f"{line}\n" for line in lines).encode())


@pytest.fixture
def made(tmp_path: Path) -> Iterator[tuple[PocketSite, Clone, File]]:
    file = File(tmp_path / "dnsmasq.leases")
    with running_node(tmp_path, site=WITH_DHCP, dnsmasq=False, leases=file.path) as (node, clone):
        yield node, clone, file


PHONE = f"{LATER} 52:54:00:00:00:01 192.168.10.150 phone 01:52:54:00:00:00:01"


def answers(node: PocketSite, name: str, rtype: str = "A") -> list[str]:
    assert node.named
    return ask(node.named.port, name, rtype)


def test_a_lease_answers_forward_and_reverse_and_leaves_with_its_end(made: tuple[PocketSite, Clone, File]) -> None:
    node, _, file = made
    file.write(PHONE)
    wait_until(lambda: answers(node, "phone.office.example.net") == ["192.168.10.150"])
    wait_until(lambda: answers(node, "150.10.168.192.in-addr.arpa", "PTR") == ["phone.office.example.net."])
    wait_until(lambda: bool(status(node)["healthy"]))
    shown = json.loads(reconciler(node, "leases", "--json").stdout)["leases"]
    assert [(item["address"], item["published"]) for item in shown] == [("192.168.10.150", "phone.office.example.net.")]
    now = int(time.time())
    before = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
    wait_until(lambda: time.time() >= now + 1)  # the history's clock ticks in seconds
    file.write(f"{LATER} 52:54:00:00:00:02 192.168.10.151 tablet *")
    wait_until(lambda: answers(node, "phone.office.example.net") == [])
    assert answers(node, "tablet.office.example.net") == ["192.168.10.151"]
    wait_until(lambda: "192.168.10.151" in reconciler(node, "leases").stdout)
    assert "192.168.10.150" in reconciler(node, "leases", "--at", before).stdout
    assert "192.168.10.150" in reconciler(node, "leases", "--history", "52:54:00:00:00:01").stdout


def test_a_push_keeps_leases_and_a_lease_keeps_what_was_pushed(made: tuple[PocketSite, Clone, File]) -> None:
    node, clone, file = made
    file.write(PHONE)
    wait_until(lambda: answers(node, "phone.office.example.net") == ["192.168.10.150"])
    clone.change({"hosts.yaml": HOSTS + "new: {ipv4: 192.168.10.99}\n"})
    assert answers(node, "phone.office.example.net") == ["192.168.10.150"]
    assert answers(node, "new.office.example.net") == ["192.168.10.99"]
    note = "note: phone.office.example.net. is held by a lease (192.168.10.150): the static name takes it at once"
    clone.write({"hosts.yaml": HOSTS + "phone: {ipv4: 192.168.10.98}\n"})
    assert note in reconciler(node, "plan", "--dir", str(clone.path)).stdout
    assert note in clone.change({"hosts.yaml": HOSTS + "phone: {ipv4: 192.168.10.98}\n"})
    assert answers(node, "phone.office.example.net") == ["192.168.10.98"]
    clone.change({"hosts.yaml": HOSTS})
    assert answers(node, "phone.office.example.net") == ["192.168.10.150"]
    assert note in reconciler(node, "plan", "main~1").stdout
    assert status(node)["drift"] == []


def test_an_empty_or_cut_file_ends_nothing(made: tuple[PocketSite, Clone, File]) -> None:
    node, _, file = made
    file.write(PHONE)
    wait_until(lambda: answers(node, "phone.office.example.net") == ["192.168.10.150"])
    for content in ("", PHONE[:30], "junk junk\n", "\0\1\2" * 100):
        file.path.write_text(content)
        wait_until(lambda: bool(status(node)["lease_problems"]))
        assert answers(node, "phone.office.example.net") == ["192.168.10.150"]
        file.write(PHONE)
        wait_until(lambda: not status(node)["lease_problems"])
    file.path.unlink()
    file.path.mkdir()
    wait_until(lambda: "folder" in str(status(node)["lease_problems"]))
    assert answers(node, "phone.office.example.net") == ["192.168.10.150"]


def test_ipv6_leases_follow_their_client_and_end_by_time(made: tuple[PocketSite, Clone, File]) -> None:
    node, _, file = made
    soon = int(time.time()) + 4
    duid = "00:03:00:01:52:54:00:00:00:01"
    file.write(PHONE, "duid 00:01:00:01:2a:2a:2a:2a:52:54:00:ff:ff:ff", f"{soon} 1 2001:db8:a::1001 * {duid}")
    wait_until(lambda: answers(node, "phone.office.example.net", "AAAA") == ["2001:db8:a::1001"], timeout=3)
    reverse = "1.0.0.1" + ".0" * 12 + ".0.0.0.0.a.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
    wait_until(lambda: answers(node, reverse, "PTR") == ["phone.office.example.net."])
    wait_until(lambda: answers(node, "phone.office.example.net", "AAAA") == [])
    assert answers(node, "phone.office.example.net") == ["192.168.10.150"]


@pytest.mark.parametrize(
    "name",
    ["ns", "host10", "wpad", "*", "-", "a" * 64, "x.other.example.org", 'q";}', "ns1", "example", "\u00fc\u00fc"],
)
def test_a_hostile_name_takes_nothing(made: tuple[PocketSite, Clone, File], name: str) -> None:
    node, _, file = made
    static = answers(node, "host10.office.example.net"), answers(node, "ns.example.net")
    file.write(f"{LATER} 52:54:00:00:00:01 192.168.10.150 {name} *", f"{LATER} 52:54:00:00:00:02 192.168.10.151 good *")
    wait_until(lambda: answers(node, "good.office.example.net") == ["192.168.10.151"])
    assert (answers(node, "host10.office.example.net"), answers(node, "ns.example.net")) == static
    assert answers(node, "wpad.office.example.net") == []


def test_leases_survive_a_restart_of_the_daemon(made: tuple[PocketSite, Clone, File]) -> None:
    node, _, file = made
    file.write(PHONE)
    wait_until(lambda: answers(node, "phone.office.example.net") == ["192.168.10.150"])
    wait_until(lambda: bool(status(node)["healthy"]))
    node.kill_daemon()
    file.write(PHONE, f"{LATER} 52:54:00:00:00:02 192.168.10.151 phone *")
    node.start_daemon()
    assert answers(node, "phone.office.example.net") == ["192.168.10.150"]
    assert "phone" in str(status(node)["lease_problems"])


def test_a_folder_that_is_not_there_is_told_until_it_comes(tmp_path: Path) -> None:
    place = tmp_path / "mount/dnsmasq.leases"
    with running_node(tmp_path, site=WITH_DHCP, dnsmasq=False, leases=place) as (node, _):
        wait_until(lambda: f"{place.parent} is not there" in str(status(node)["lease_problems"]))
        assert f"{place.parent} is not there" in reconciler(node, "leases").stdout
        place.parent.mkdir()
        place.write_text(f"{PHONE}\n")
        wait_until(lambda: answers(node, "phone.office.example.net") == ["192.168.10.150"])
        wait_until(lambda: status(node)["lease_problems"] == [])
