"""A disk that is mounted, unmounted and frozen under a running daemon: real ext4 on a loop device (root only)."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from nodes import ENVIRONMENT, HOSTS, ZONES, Clone, ask, reconciler, status
from servers import wait_until
from test_hostile_push import host
from test_leases import PHONE, WITH_DHCP
from test_terms import become, is_answered

from reconciler.demo.pocket import PocketSite

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount"),
    pytest.mark.skipif(shutil.which("mkfs.ext4") is None, reason="needs mkfs.ext4"),
]

SIZE = 64 << 20


class Disk:
    """An ext4 image of its own, and where it is to be mounted."""

    def __init__(self, folder: Path) -> None:
        self.image = folder / "disk.img"
        self.mount = folder / "node"
        self.mount.mkdir()
        with self.image.open("wb") as stream:
            stream.truncate(SIZE)
        run("mkfs.ext4", "-q", "-F", str(self.image))

    def attach(self) -> None:
        run("mount", "-o", "loop", str(self.image), str(self.mount))

    def detach(self) -> None:
        """Exactly what heartbeat's Filesystem does; it fails while anybody holds the disk."""
        run("umount", str(self.mount))

    def let_go(self) -> bool:
        """Unmount it if nobody has it open just now: without a demotion a pass may be writing."""
        return subprocess.run(["umount", str(self.mount)], capture_output=True, check=False, timeout=60).returncode == 0

    @contextmanager
    def frozen(self) -> Iterator[None]:
        run("fsfreeze", "--freeze", str(self.mount))
        try:
            yield
        finally:
            run("fsfreeze", "--unfreeze", str(self.mount))

    def clear(self) -> None:
        while self.mount.is_mount():
            run("umount", "--lazy", str(self.mount))


def run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path)
    made.attach()
    try:
        yield made
    finally:
        made.clear()


@pytest.fixture
def node(tmp_path: Path, disk: Disk) -> Iterator[tuple[PocketSite, Clone]]:
    node = PocketSite(tmp_path, dnsmasq=False, role="file", mount=disk.mount, leases=disk.mount / "leases")
    try:
        done = subprocess.run(node.init_command(), env=ENVIRONMENT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        (disk.mount / "leases").write_text("")
        node.role_file.write_text("primary\n")
        node.start()
        clone = Clone(node, tmp_path / "clone")
        clone.change({"site.yaml": WITH_DHCP, "hosts.yaml": HOSTS, **ZONES})
        yield node, clone
    finally:
        node.stop()
    assert "Traceback" not in node.log.read_text()


def test_after_a_demotion_the_disk_can_be_unmounted_and_comes_back(
    node: tuple[PocketSite, Clone], disk: Disk, tmp_path: Path
) -> None:
    site, clone = node
    for number in range(3):
        assert "applied" in clone.change(host("round", 110 + number))
        assert reconciler(site, "demote").returncode == 0
        disk.detach()
        assert "NO  nothing is mounted" in reconciler(site, "role").stdout
        assert not list(disk.mount.iterdir()), "something was made below the mount point"
        become(site, "standby")
        disk.attach()
        become(site, "primary")
        is_answered(site, "round", f"192.168.10.{110 + number}")


def test_an_unmounted_mount_point_is_no_empty_disk(node: tuple[PocketSite, Clone], disk: Disk) -> None:
    site, _ = node
    (disk.mount / "leases").write_text(f"{PHONE}\n")
    is_answered(site, "phone", "192.168.10.150")
    # The role file still says primary: only the disk has gone.
    wait_until(disk.let_go, timeout=60)
    wait_until(lambda: status(site)["role"] == "standby", timeout=60)
    assert site.named
    assert ask(site.named.port, "phone.office.example.net") == ["192.168.10.150"]
    assert "standby" in reconciler(site, "apply").stdout
    disk.attach()
    wait_until(lambda: status(site)["healthy"] and status(site)["role"] == "primary", timeout=60)
    assert ask(site.named.port, "phone.office.example.net") == ["192.168.10.150"]


def test_a_disk_that_is_mounted_read_only_makes_no_primary(node: tuple[PocketSite, Clone], disk: Disk) -> None:
    site, _ = node
    run("mount", "-o", "remount,ro", str(disk.mount))
    try:
        wait_until(lambda: status(site)["role"] == "standby", timeout=60)
        assert "is mounted read-only" in reconciler(site, "role").stdout
    finally:
        run("mount", "-o", "remount,rw", str(disk.mount))
    wait_until(lambda: status(site)["role"] == "primary", timeout=60)


def test_a_disk_on_which_git_runs_no_hooks_is_told(node: tuple[PocketSite, Clone], disk: Disk) -> None:
    site, _ = node
    become(site, "standby")
    run("mount", "-o", "remount,noexec", str(disk.mount))
    become(site, "primary")
    shown = reconciler(site, "status")
    assert shown.returncode == 1
    assert "mounted noexec" in shown.stdout


def hanging(pid: int) -> bool:
    """Whether a thread of the process is in state D (proc(5))."""
    texts = (stat.read_text() for stat in Path(f"/proc/{pid}/task").glob("*/stat"))
    return any(text.rpartition(") ")[2].startswith("D") for text in texts)


def test_a_disk_that_hangs_stops_neither_status_nor_role_nor_sigterm(
    node: tuple[PocketSite, Clone], disk: Disk
) -> None:
    site, _ = node
    pid = site.pid
    assert pid
    with disk.frozen():
        writing = subprocess.Popen(site.command("pause"), env=ENVIRONMENT, stdout=subprocess.DEVNULL)
        try:
            wait_until(lambda: hanging(pid), timeout=60, what="the loop hangs")
            assert status(site)["role"] == "primary"
            site.role_file.write_text("standby\n")
            wait_until(lambda: status(site)["role"] == "standby", timeout=60)
            assert reconciler(site, "role").returncode == 1
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda: "the disk does not answer" in site.log.read_text(), timeout=60)
        finally:
            writing.kill()
            writing.wait()
    wait_until(lambda: site.pid is None, timeout=60, what="the daemon ends")
    site.role_file.write_text("primary\n")
    site.start_daemon()
    (site.root / "state/paused").unlink(missing_ok=True)
