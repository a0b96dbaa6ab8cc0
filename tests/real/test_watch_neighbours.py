"""The kernel's neighbour table, in a network namespace of the test's own (root only, but for the last tests)."""

import ctypes
import errno
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from servers import wait_until

from reconciler.watch import neighbours as module
from reconciler.watch import netlink
from reconciler.watch.neighbours import Neighbour, Neighbours

pytestmark = pytest.mark.real

isolated = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("ip") is None, reason="a network namespace of its own needs root"
)
V4, V6 = ip_network("192.168.1.0/24"), ip_network("fd12::/64")
MAC, OTHER = "52:54:00:12:34:56", "52:54:00:aa:bb:cc"


class Wakes:
    def __init__(self) -> None:
        self.count = 0
        self.event = threading.Event()

    def __call__(self) -> None:
        self.count += 1
        self.event.set()

    def during(self, change: Callable[[], object]) -> None:
        """Wait for the wake of `change`."""
        self.event.clear()
        change()
        assert self.event.wait(60)


def enter(namespace: str) -> None:
    with Path("/run/netns", namespace).open() as handle:
        assert ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), 0x40000000) == 0, os.strerror(
            ctypes.get_errno()
        )


class Net:
    """One end of a veth pair in a namespace, the other end in a second one."""

    def __init__(self) -> None:
        self.here, self.there = (f"rnb{os.getpid()}{side}" for side in "ht")

    def open(self) -> None:
        for name in (self.here, self.there):
            self.ip("netns", "add", name)
        self.ip("link", "add", "srv0", "netns", self.here, "type", "veth", "peer", "name", "cli0", "netns", self.there)
        for name, device in ((self.here, "srv0"), (self.there, "cli0")):
            # Without the wait for duplicate addresses.
            argv = ["ip", "netns", "exec", name, "sysctl", "-qw", f"net.ipv6.conf.{device}.accept_dad=0"]
            subprocess.run(argv, check=True, capture_output=True)
        self.ip("-n", self.there, "link", "set", "cli0", "address", MAC, "up")
        self.ip("-n", self.here, "link", "set", "srv0", "up")
        for prefix in ("192.168.1.1/24", "fd12::1/64"):
            self.ip("-n", self.here, "address", "add", prefix, "dev", "srv0")

    def close(self) -> None:
        for name in (self.here, self.there):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)

    def neighbour(self, verb: str, address: str, *state: str) -> None:
        self.ip("-n", self.here, "neighbour", verb, address, "dev", "srv0", *state)

    def ip(self, *arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True, capture_output=True)


@pytest.fixture
def net() -> Iterator[Net]:
    made = Net()
    try:
        made.open()
        yield made
    finally:
        made.close()


@contextmanager
def watching(net: Net, *prefixes: module.Prefix) -> Iterator[tuple[Wakes, Neighbours]]:
    """Started by a thread that is in the namespace: sockets and threads of its making are there too."""
    wakes = Wakes()
    table = Neighbours(wakes, prefixes)
    failures: list[BaseException] = []

    def begin() -> None:
        try:
            enter(net.here)
            table.start()
        except BaseException as error:
            failures.append(error)

    def start() -> None:
        thread = threading.Thread(target=begin)
        thread.start()
        thread.join()
        assert not failures, failures

    wakes.during(start)
    try:
        yield wakes, table
    finally:
        table.stop()
        assert not table.alive()


def seen(table: Neighbours) -> dict[str, tuple[str, str]]:
    return {str(entry.address): (entry.mac, entry.state) for entry in table.snapshot()}


@isolated
def test_dump_then_every_change(net: Net) -> None:
    net.neighbour("add", "192.168.1.40", "lladdr", MAC, "nud", "stale")
    with watching(net, V4, V6) as (wakes, table):
        assert seen(table) == {"192.168.1.40": (MAC, "stale")}
        wakes.during(lambda: net.neighbour("add", "fd12::40", "lladdr", MAC, "nud", "reachable"))
        assert seen(table)["fd12::40"] == (MAC, "reachable")
        wakes.during(lambda: net.neighbour("replace", "fd12::40", "lladdr", OTHER, "nud", "permanent"))
        assert seen(table)["fd12::40"] == (OTHER, "permanent")
        wakes.during(lambda: net.neighbour("del", "fd12::40"))
        assert seen(table) == {"192.168.1.40": (MAC, "stale")}


@isolated
def test_what_is_no_client_is_left_out(net: Net) -> None:
    net.neighbour("add", "fe80::40", "lladdr", MAC, "nud", "stale")
    net.neighbour("add", "fd12::41", "lladdr", MAC, "nud", "noarp")
    net.neighbour("add", "fd12::42", "nud", "failed")
    net.ip("-n", net.here, "neighbour", "add", "proxy", "fd12::43", "dev", "srv0")
    net.neighbour("add", "2001:db8::1", "lladdr", MAC, "nud", "stale")
    net.neighbour("add", "fd12::44", "lladdr", MAC, "nud", "stale")
    with watching(net, ip_network("::/1"), ip_network("fc00::/7")) as (_, table):
        assert set(seen(table)) == {"fd12::44", "2001:db8::1"}
        table.prefixes = (V6,)
        assert table.snapshot() == (Neighbour(ip_address("fd12::44"), MAC, table.snapshot()[0].interface, "stale"),)


@isolated
def test_only_a_mac_that_is_asked_for_wakes(net: Net) -> None:
    net.neighbour("add", "fd12::40", "lladdr", MAC, "nud", "stale")
    with watching(net, V6) as (wakes, table):
        before = wakes.count
        net.neighbour("replace", "fd12::40", "lladdr", MAC, "nud", "permanent")
        wait_until(lambda: seen(table)["fd12::40"][1] == "permanent")
        net.neighbour("add", "192.168.1.40", "lladdr", MAC, "nud", "permanent")
        source = table._source
        assert source is not None
        wait_until(lambda: ip_address("192.168.1.40") in {address for (_, address), _ in source.entries()})
        assert wakes.count == before
        table.prefixes = (V4, V6)
        assert "192.168.1.40" in seen(table)
        wakes.during(lambda: net.neighbour("replace", "192.168.1.40", "lladdr", OTHER, "nud", "permanent"))


@isolated
def test_a_client_with_an_address_of_its_own_choice_shows(net: Net) -> None:
    with watching(net, V6) as (wakes, table):
        net.ip("-n", net.there, "address", "add", "fd12::5054:ff:fe12:3456/64", "dev", "cli0")
        argv = ["ip", "netns", "exec", net.there, sys.executable, "-c"]
        speak = "import socket; socket.socket(10, 2).sendto(b'x', ('fd12::1', 9))"
        wakes.during(lambda: subprocess.run([*argv, speak], check=True, capture_output=True))
        wait_until(lambda: seen(table).get("fd12::5054:ff:fe12:3456", ("",))[0] == MAC)
        wakes.during(lambda: net.ip("-n", net.here, "link", "set", "srv0", "down"))
        wait_until(lambda: not seen(table))


@isolated
def test_lost_events_are_made_good_by_a_dump(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread is held while more events come than the socket takes: the kernel says ENOBUFS."""
    monkeypatch.setattr(netlink, "_BUFFER", 4096)
    held, go = threading.Event(), threading.Event()
    with watching(net, V6) as (wakes, table):
        source = table._source
        assert source is not None
        take, lost = source._take, []

        def slow() -> bool:
            held.set()
            assert go.wait(60)
            try:
                return take()
            except OSError as error:
                lost.append(error.errno)
                raise

        monkeypatch.setattr(source, "_take", slow)
        net.neighbour("add", "fd12::1000", "lladdr", MAC, "nud", "permanent")
        assert held.wait(60)
        batch = "".join(f"neighbour add fd12::{n:x} lladdr {MAC} dev srv0 nud permanent\n" for n in range(16, 616))
        batch += "neighbour del fd12::10 dev srv0\n"
        argv = ["ip", "-n", net.here, "-batch", "-"]
        subprocess.run(argv, input=batch, text=True, check=True, capture_output=True)
        wakes.during(go.set)
        wait_until(lambda: len(seen(table)) == 600)
        assert lost == [errno.ENOBUFS]
        assert "fd12::10" not in seen(table)
        wakes.during(lambda: net.neighbour("del", "fd12::11"))
        assert len(seen(table)) == 599


@isolated
def test_ten_thousand_neighbours(net: Net) -> None:
    # Permanent entries are not limited.
    batch = "".join(f"neighbour add fd12::{n:x} lladdr {MAC} dev srv0 nud permanent\n" for n in range(16, 10016))
    subprocess.run(["ip", "-n", net.here, "-batch", "-"], input=batch, text=True, check=True, capture_output=True)
    with watching(net, V6) as (wakes, table):
        assert len(table.snapshot()) == 10000
        wakes.during(lambda: net.neighbour("del", "fd12::10"))
        assert len(table.snapshot()) == 9999


def test_stop_leaves_no_thread_and_no_descriptor() -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    wakes, before, threads = Wakes(), descriptors(), threading.active_count()
    table = Neighbours(wakes, (V6,))
    assert table.snapshot() == ()
    for _ in range(3):
        wakes.during(table.start)
        assert table.alive()
    table.stop()
    table.stop()
    assert not table.alive()
    assert descriptors() == before
    assert threading.active_count() == threads


def test_messages_of_other_processes_are_no_news() -> None:
    """Any process may send to a netlink socket's port."""
    table = module.Table(lambda address: True)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as stranger:
            stranger.bind((0, 0))
            try:
                stranger.sendto(b"\0" * 64, (table._events.getsockname()[0], 0))
            except PermissionError:
                pytest.skip("this kernel lets nobody send")
        assert list(netlink.waiting(table._events)) == []
    finally:
        table.close()


PLAIN = """\
import sys, threading
from ipaddress import ip_network
from reconciler.watch.neighbours import Neighbours
event = threading.Event()
table = Neighbours(event.set, (ip_network("fd12::/64"),))
table.start()
assert event.wait(60)
print(*(entry.address for entry in table.snapshot()))
event.clear()
print("ready", flush=True)
assert event.wait(60)
print(*(entry.address for entry in table.snapshot()))
table.stop()
"""


@isolated
def test_needs_no_rights(net: Net) -> None:
    net.neighbour("add", "fd12::40", "lladdr", MAC, "nud", "stale")
    argv = ["ip", "netns", "exec", net.here, "setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-c", PLAIN]
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        first = process.stdout.readline()
        if not first:
            said = process.stderr.read()
            if "No module named" in said or "Permission denied" in said:
                pytest.skip("this checkout is not readable for others")
            pytest.fail(said)
        assert first.split() == ["fd12::40"]
        assert process.stdout.readline() == "ready\n"
        net.neighbour("add", "fd12::41", "lladdr", MAC, "nud", "stale")
        assert process.stdout.read().split() == ["fd12::40", "fd12::41"]
