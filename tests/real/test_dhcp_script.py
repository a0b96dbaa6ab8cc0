"""dnsmasq's dhcp-script: the hint, the remembered MACs, hostile arguments; and all of it with a real dnsmasq."""

import fcntl
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from servers import wait_until

from reconciler.daemon.control import ControlServer
from reconciler.daemon.protocol import Request
from reconciler.watch.leases import LeaseWatch
from reconciler.watch.read_stable import read_stable

pytestmark = pytest.mark.real

SCRIPT = Path(__file__).resolve().parents[2] / "hooks/reconciler-dhcp-script"
DUID, MAC = "00:04:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00", "52:54:00:12:34:56"
HOSTILE = ["", "-x", "--", "a b", "a\nb", '";rm -rf /', "$(id)", "`id`", "\\", "ü" * 300, "*", "\x1b[2J", "x" * 100_000]


class Node:
    """The script as a node has it, and a daemon that counts hints."""

    def __init__(self, folder: Path) -> None:
        self.script = folder / "dhcp-script"
        shutil.copy(SCRIPT, self.script)
        self.leases = folder / "mount/dnsmasq.leases"
        self.leases.parent.mkdir()
        self.macs = self.leases.with_name("dnsmasq.leases.macs")
        self.hints: list[Request] = []
        self.control = ControlServer(folder / "control.sock", {"hint": self._hint})
        self.settings = folder / "dhcp-script.conf"
        self.settings.write_text(f"# Settings\n\ncontrol {folder}/control.sock\nleases {self.leases}\n")

    def _hint(self, request: Request, show: object) -> int:
        self.hints.append(request)
        return 0

    def call(self, *arguments: str, **environment: str) -> None:
        """Run it as dnsmasq does; it must be silent and succeed."""
        done = subprocess.run(
            [str(self.script), *arguments],
            env={"PATH": "/usr/bin:/bin", **environment},
            check=False,
            capture_output=True,
            timeout=30,
            cwd="/",
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")

    def client(self, duid: str = DUID, mac: str = MAC, verb: str = "add") -> None:
        self.call(verb, duid, "fd12::1234", "pc", DNSMASQ_MAC=mac, DNSMASQ_IAID="1")


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path)
    made.control.start()
    yield made
    made.control.stop()


def test_each_change_is_a_hint(node: Node) -> None:
    for count, verb in enumerate(("add", "old", "del"), 1):
        node.call(verb, MAC, "192.168.1.40", "pc")
        wait_until(lambda count=count: len(node.hints) == count)  # type: ignore[misc]
    assert node.hints[0] == Request("hint", {"about": ("leases",)})
    assert not node.macs.exists()


@pytest.mark.parametrize("verb", ["init", "tftp", "arp-add", "arp-del", "relay-snoop", "", "ADD", "add ", "-c", "*"])
def test_other_verbs_are_nothing_to_it(node: Node, verb: str) -> None:
    node.call(verb, DUID, "fd12::1234", "pc", DNSMASQ_MAC=MAC)
    node.call()
    node.call("add", MAC, "192.168.1.40")
    wait_until(lambda: node.hints)
    assert len(node.hints) == 1
    assert not node.macs.exists()


def test_leases_that_are_told_again_are_nothing_new(node: Node) -> None:
    node.call("old", DUID, "fd12::1234", "pc", DNSMASQ_DATA_MISSING="1", DNSMASQ_MAC=MAC)
    node.call("del", MAC, "192.168.1.40")
    wait_until(lambda: node.hints)
    assert len(node.hints) == 1
    assert not node.macs.exists()


def test_mac_of_a_dhcpv6_client_is_remembered_once(node: Node) -> None:
    for verb in ("add", "old", "del", "old"):
        node.client(verb=verb)
    node.client(DUID.upper(), MAC.upper())
    assert node.macs.read_text() == f"{DUID} {MAC}\n"
    node.client(mac="52:54:00:aa:bb:cc")
    node.client(DUID + ":01", "52:54:00:00:00:01")
    node.client(mac="52:54:00:aa:bb:cc")
    lines = node.macs.read_text().splitlines()
    assert lines == [f"{DUID} {MAC}", f"{DUID} 52:54:00:aa:bb:cc", f"{DUID}:01 52:54:00:00:00:01"]
    assert node.macs.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_arguments_change_nothing(node: Node, text: str) -> None:
    node.call("add", text, "fd12::1", text, DNSMASQ_MAC=MAC)
    node.call("add", DUID, "fd12::1", text, DNSMASQ_MAC=text)
    node.call("add", DUID, text, DNSMASQ_MAC=MAC, DNSMASQ_SUPPLIED_HOSTNAME=text)
    node.call(text, text, text)
    wait_until(lambda: len(node.hints) >= 3)
    assert not node.macs.exists()
    assert {entry.name for entry in node.leases.parent.iterdir()} == set()


@pytest.mark.parametrize("mac", ["", "06-01:23:45:67:89:ab", "52:54:00:12:34", "52:54:00:12:34:5g", f"{MAC}\n{MAC}"])
def test_only_an_ethernet_mac_is_remembered(node: Node, mac: str) -> None:
    node.client(mac=mac)
    assert not node.macs.exists()


def test_a_half_line_left_by_a_loss_of_power(node: Node) -> None:
    node.macs.write_text("00:01:02 52:54:0")
    node.client()
    assert node.macs.read_text() == f"00:01:02 52:54:0\n{DUID} {MAC}\n"
    node.client()
    assert node.macs.read_text().count(DUID) == 1


def test_the_file_stays_small_and_the_newest_are_kept(node: Node) -> None:
    filler = "".join(f"00:04:{n >> 16:02x}:{n >> 8 & 255:02x}:{n & 255:02x} {MAC}\n" for n in range(140_000))
    node.macs.write_text(f"{DUID} 52:54:00:00:00:01\n{filler}")
    node.client(DUID + ":01")
    kept = node.macs.read_text()
    assert len(kept) <= 2 << 20
    assert kept.endswith(f"{DUID}:01 {MAC}\n") and DUID + " " not in kept
    assert filler.endswith(kept[: -len(f"{DUID}:01 {MAC}\n")])
    assert [entry.name for entry in node.leases.parent.iterdir()] == [node.macs.name]


def test_runs_at_the_same_time_lose_nothing(node: Node) -> None:
    filler = "".join(f"00:04:{n >> 16:02x}:{n >> 8 & 255:02x}:{n & 255:02x} {MAC}\n" for n in range(127_092))
    node.macs.write_text(filler)
    clients = [f"{DUID}:{n:02x}" for n in range(4)]
    threads = [threading.Thread(target=node.client, args=(duid,)) for duid in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = node.macs.read_text()
    assert len(kept) < len(filler), "the file was to be thinned in between"
    assert all(kept.count(f"\n{duid} {MAC}\n") == 1 for duid in clients)


def test_links_and_strange_files_in_its_place_are_left_alone(node: Node, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    node.macs.symlink_to(victim)
    node.client()
    node.macs.unlink()
    os.link(victim, node.macs)
    node.client()
    node.macs.unlink()
    os.mkfifo(node.macs)
    node.client()
    node.macs.unlink()
    node.macs.mkdir()
    node.client()
    assert victim.read_text() == "precious"
    wait_until(lambda: len(node.hints) == 4)


def test_link_in_the_place_of_its_draft(node: Node, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    node.macs.write_text(f"00:01:02 {MAC}\n" * 200_000)
    Path(f"{node.macs}.tmp").symlink_to(victim)
    node.client()
    assert victim.read_text() == "precious"
    assert node.macs.read_text() == f"00:01:02 {MAC}\n{DUID} {MAC}\n"


def test_somebody_who_keeps_the_lock_does_not_hold_dnsmasq_up(node: Node) -> None:
    folder = os.open(node.leases.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        node.client()
    finally:
        os.close(folder)
    wait_until(lambda: node.hints)
    assert not node.macs.exists()


def test_without_daemon_folder_or_settings(node: Node, tmp_path: Path) -> None:
    node.control.stop()
    node.client()
    assert node.macs.exists()
    shutil.rmtree(node.leases.parent)
    node.client()
    node.settings.write_bytes(b"\xff\0\n control\nleases\n" * 100)
    node.client()
    node.settings.unlink()
    node.settings.mkdir()
    node.client()
    node.control = ControlServer(tmp_path / "control.sock", {})
    node.control.start()


def test_a_daemon_that_hangs_does_not_hold_dnsmasq_up(node: Node, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf:
        deaf.bind(str(tmp_path / "deaf.sock"))
        deaf.listen(0)
        node.settings.write_text(f"control {tmp_path}/deaf.sock\n")
        for _ in range(3):
            node.call("add", MAC, "192.168.1.40")


@pytest.mark.skipif(os.geteuid() != 0, reason="it is about root")
@pytest.mark.parametrize(("owner", "mode"), [(65534, 0o644), (0, 0o666), (0, 0o664)])
def test_root_does_nothing_that_others_told_it(node: Node, owner: int, mode: int) -> None:
    os.chown(node.settings, owner, owner)
    node.settings.chmod(mode)
    node.client()
    assert not node.macs.exists()
    assert not node.hints


SOLICIT = f"""\
import socket, struct
def option(kind, data=b""):
    return struct.pack("!HH", kind, len(data)) + data
duid = bytes.fromhex("{DUID}".replace(":", ""))
message = b"\\1abc" + option(1, duid) + option(14) + option(3, struct.pack("!III", 1, 0, 0)) + option(8, b"\\0\\0")
connection = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
connection.bind(("::", 546))
connection.settimeout(2)
for _ in range(10):
    connection.sendto(message, ("ff02::1:2", 547, 0, socket.if_nametoindex("cli0")))
    try:
        if connection.recv(4096)[0] == 7:
            break
    except TimeoutError:
        continue
else:
    raise SystemExit("no lease")
"""
"""A DHCPv6 client that takes a lease in one exchange (Rapid Commit, RFC 8415 section 18.2.1); no MAC in its DUID."""


class Bench:
    """dnsmasq in one namespace, room for a client in another."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.here, self.there = (f"rds{os.getpid()}{side}" for side in "ht")
        self.process: subprocess.Popen[bytes] | None = None

    def open(self) -> None:
        for name in (self.here, self.there):
            self.run("ip", "netns", "add", name)
        ends = ["srv0", "netns", self.here, "type", "veth", "peer", "name", "cli0", "netns", self.there]
        self.run("ip", "link", "add", *ends)
        for name, device in ((self.here, "srv0"), (self.there, "cli0")):
            self.run("ip", "netns", "exec", name, "sysctl", "-qw", f"net.ipv6.conf.{device}.accept_dad=0")
        self.run("ip", "-n", self.there, "link", "set", "cli0", "address", MAC, "up")
        self.run("ip", "-n", self.here, "link", "set", "srv0", "up")
        for prefix in ("192.168.1.4/24", "fd12::4/64"):
            self.run("ip", "-n", self.here, "address", "add", prefix, "dev", "srv0")
        log = self.node.script.with_name("log")
        argv = ["dnsmasq", "-k", "--conf-file=/dev/null", "--user=root", "--port=0", "--interface=srv0"]
        argv += ["--bind-interfaces", f"--pid-file={log.with_name('pid')}", f"--log-facility={log}"]
        argv += ["--dhcp-range=192.168.1.100,192.168.1.150,12h", "--dhcp-range=fd12::1000,fd12::1fff,64,12h"]
        argv += [f"--dhcp-leasefile={self.node.leases}", f"--dhcp-script={self.node.script}"]
        self.process = subprocess.Popen(["ip", "netns", "exec", self.here, *argv])
        wait_until(lambda: log.exists() and "DHCPv6" in log.read_text(), what="dnsmasq started")

    def close(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
        for name in (self.here, self.there):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)

    def run(self, *argv: str) -> None:
        subprocess.run(argv, check=True, capture_output=True, timeout=60)

    def lease_v4(self, name: str) -> None:
        options = ["-f", "-q", "-n", "-i", "cli0", "-s", "/bin/true", "-t", "10", "-T", "1", "-A", "1"]
        self.run("ip", "netns", "exec", self.there, "busybox", "udhcpc", *options, "-x", f"hostname:{name}")

    def lease_v6(self) -> None:
        self.run("ip", "netns", "exec", self.there, sys.executable, "-c", SOLICIT)


@pytest.fixture
def bench(node: Node) -> Iterator[Bench]:
    made = Bench(node)
    try:
        made.open()
        yield made
    finally:
        made.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces that talk to each other need root")
@pytest.mark.skipif(shutil.which("busybox") is None, reason="no busybox (busybox-static) for udhcpc")
def test_real_dnsmasq_and_clients(bench: Bench) -> None:
    node, woken = bench.node, threading.Event()
    watch = LeaseWatch(node.leases, woken.set, beside=[node.macs.name])
    watch.start()
    try:
        assert woken.wait(60)

        def told() -> str:
            woken.clear()
            reading = read_stable(node.leases)
            assert reading is not None
            return reading.data.decode()

        bench.lease_v4("guest-pc")
        wait_until(lambda: woken.is_set() and "guest-pc" in told())
        wait_until(lambda: len(node.hints) == 1)
        assert not node.macs.exists()
        bench.lease_v6()
        wait_until(lambda: woken.is_set() and DUID in told())
        wait_until(lambda: node.macs.exists() and node.macs.read_text() == f"{DUID} {MAC}\n")
        wait_until(lambda: len(node.hints) == 2)
        cast("subprocess.Popen[bytes]", bench.process).send_signal(1)
        bench.lease_v4("other-pc")
        wait_until(lambda: woken.is_set() and "other-pc" in told())
        # The two leases told again on SIGHUP made no hint; the name's change does, once without it and once with it.
        wait_until(lambda: len(node.hints) > 2)
        assert len(node.hints) <= 4
    finally:
        watch.stop()
