"""The public address of an interface: addresses that really come and go, in a namespace of the test's own."""

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest
from servers import wait_until
from wanlab import NEW, OLD, OTHER, V6, Lab, address, is_published, opened, publication

from reconciler.demo.lan import Lan, ip
from reconciler.watch import addresses, netlink
from reconciler.watch.addresses import Addresses

pytestmark = [
    pytest.mark.net,
    pytest.mark.skipif(os.geteuid() != 0 or shutil.which("ip") is None, reason="a network namespace needs root"),
]


@pytest.fixture
def lan() -> Iterator[Lan]:
    made = Lan(Path("/"), {})
    try:
        made.open()
        ip("-n", made.namespace, "link", "add", "wan0", "type", "veth", "peer", "name", "isp0")
        for device in ("wan0", "isp0"):
            ip("-n", made.namespace, "link", "set", device, "addrgenmode", "none", "up")
        yield made
    finally:
        made.close()


def change(lan: Lan, verb: str, prefix: str, *more: str) -> None:
    ip("-n", lan.namespace, "address", verb, prefix, "dev", "wan0", *more)


@contextmanager
def watching(lan: Lan) -> Iterator[tuple[Addresses, threading.Event]]:
    woken = threading.Event()
    found = Addresses(woken.set)
    with lan.entered():
        found.start()
    try:
        assert woken.wait(20)
        yield found, woken
    finally:
        found.stop()


def during(woken: threading.Event, what: Callable[[], object]) -> None:
    woken.clear()
    what()
    assert woken.wait(20)


def held(found: Addresses, lan: Lan, interface: str = "wan0") -> set[str]:
    with lan.entered():
        return {str(item.address) for item in found.of(interface)}


def test_a_dump_then_every_change(lan: Lan) -> None:
    change(lan, "add", f"{OLD}/24")
    with watching(lan) as (found, woken):
        assert held(found, lan) == {OLD}
        during(woken, lambda: change(lan, "add", f"{NEW}/24"))
        assert held(found, lan) == {OLD, NEW}
        during(woken, lambda: change(lan, "del", f"{OLD}/24"))
        wait_until(lambda: held(found, lan) == {NEW} or not held(found, lan), timeout=20)
        during(woken, lambda: change(lan, "add", f"{V6}/64", "nodad"))
        assert V6 in held(found, lan)
        assert held(found, lan, "nothing0") == set()
        during(woken, lambda: change(lan, "change", f"{V6}/64", "preferred_lft", "0", "valid_lft", "100"))
        with lan.entered():
            (v6,) = [item for item in found.of("wan0") if item.address == ip_address(V6)]
        assert v6.flags & 0x20, "deprecated"
        during(woken, lambda: ip("-n", lan.namespace, "link", "delete", "wan0"))
        wait_until(lambda: not held(found, lan), timeout=20)


def test_the_peer_of_a_point_to_point_link_is_not_ours(lan: Lan) -> None:
    ip("-n", lan.namespace, "address", "add", NEW, "peer", OTHER, "dev", "wan0")
    with watching(lan) as (found, _):
        assert held(found, lan) == {NEW}


def test_lost_events_are_made_good_by_a_dump(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netlink, "_BUFFER", 4096)
    hold, dumps = threading.Event(), []
    take, dump = addresses.Table._take, addresses.Table._dump

    def slow(table: addresses.Table) -> bool:
        assert hold.wait(60)
        return take(table)

    def counted(table: addresses.Table) -> None:
        dumps.append(table)
        dump(table)

    monkeypatch.setattr(addresses.Table, "_take", slow)
    monkeypatch.setattr(addresses.Table, "_dump", counted)
    with watching(lan) as (found, _):
        batch = "".join(f"address add 192.88.99.{last}/24 dev wan0\n" for last in range(1, 200))
        argv = ["ip", "-n", lan.namespace, "-batch", "-"]
        subprocess.run(argv, input=batch.encode(), check=True, capture_output=True)
        hold.set()
        wait_until(lambda: len(held(found, lan)) == 199, timeout=60)
    assert len(dumps) > 1, "no event was lost"


@pytest.fixture
def lab(lan: Lan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    with lan.entered(), opened(tmp_path, monkeypatch.setenv) as lab:
        lab.names(OLD)
        yield lab


@pytest.mark.skipif(shutil.which("ddclient") is None, reason="ddclient is not installed")
def test_an_interface_that_gets_its_address_is_published(lab: Lab, lan: Lan) -> None:
    change(lan, "add", "192.168.1.2/24")
    change(lan, "add", "fe80::2/64", "nodad")
    with lab.term(lab.wan(watch=[{"interface": "wan0"}])) as term:
        wait_until(lambda: "192.168.1.2 is private" in address(term)["problem"], timeout=60)
        assert publication(term)["wanted"] is None
        change(lan, "add", f"{NEW}/24")
        is_published(term, NEW)
        assert address(term)["by"] == ["interface wan0"]
        change(lan, "add", f"{OTHER}/32")
        wait_until(lambda: "2 public ipv4 addresses" in address(term)["problem"], timeout=60)
        assert address(term)["address"] == NEW
        change(lan, "del", f"{NEW}/24")
        wait_until(lambda: address(term)["address"] == OTHER, timeout=60)
        change(lan, "del", f"{OTHER}/32")
        wait_until(lambda: "no public ipv4" in address(term)["problem"], timeout=60)
        assert address(term)["address"] == OTHER, "what is gone is no new address"
    assert set(lab.sent()) == {NEW}
