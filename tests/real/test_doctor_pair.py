"""`reconciler doctor` on a node of a pair: role, shared disk, standby, a disk that hangs, one that is full."""

import ctypes
import os
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from doctorlab import Patient, apart
from nodes import reconciler, running_node

from reconciler.doctor.finding import Level
from reconciler.role.base import Condition, Replication, RoleReport

pytestmark = [pytest.mark.real, pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount")]

SITE = """\
version: 1
site: test
networks:
  office: {domain: office.example.net, ipv4: 192.168.10.0/24, virtual_ips: [192.168.10.4]}
dns: {clients_ask: dnsmasq}
"""


@pytest.fixture(scope="module")
def sick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Patient]:
    """A primary whose shared disk is a tmpfs."""
    folder = tmp_path_factory.mktemp("pair")
    disk = folder / "node"
    disk.mkdir()
    with apart(), mounted(disk, "tmpfs", "size=80m"):
        (folder / "role").write_text("primary\n")
        with running_node(folder, site=SITE, bind=False, role="file", mount=disk) as (node, clone):
            yield Patient(node, clone)


@contextmanager
def mounted(path: Path, kind: str, options: str, source: str = "doctor") -> Iterator[None]:
    subprocess.run(["mount", "-t", kind, "-o", options, source, path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


@contextmanager
def hanging(path: Path) -> Iterator[None]:
    """A filesystem that answers nobody: FUSE without a server (mount(2), fuse(4))."""
    try:
        descriptor = os.open("/dev/fuse", os.O_RDWR)
    except OSError as error:
        pytest.skip(f"/dev/fuse: {error.strerror}")
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={descriptor},rootmode={stat.S_IFDIR:o},user_id=0,group_id=0".encode()
    done = libc.mount(b"doctor", str(path).encode(), b"fuse", 0, options)
    try:
        if done:
            pytest.skip(f"a FUSE filesystem cannot be mounted here: {os.strerror(ctypes.get_errno())}")
        yield
    finally:
        libc.umount2(str(path).encode(), 2)
        os.close(descriptor)


def test_nothing_is_broken_on_the_primary(sick: Patient) -> None:
    found = [item for item in sick.troubles() if item.check not in ("clock", "resolver", "delegation")]
    assert not found


def test_chosen_by_the_manager_and_without_the_disk(sick: Patient, tmp_path: Path) -> None:
    settings = sick.seen().settings.model_copy(update={"mount": tmp_path})
    report = RoleReport((Condition(True, "file has made this node primary"), Condition(False, "nothing is mounted")))
    says = "file has made this node primary, and yet it is standby: nothing is mounted"
    sick.trouble("role", says, f"findmnt {tmp_path}", role=report, settings=settings)
    sick.is_well("role")


def test_the_two_copies_of_the_disk(sick: Patient) -> None:
    primary = (Condition(True, "DRBD resource r0 is Primary here"),)
    split = Replication(False, "StandAlone", "Primary", "Unknown", "UpToDate", "DUnknown")
    finding = sick.trouble(
        "role", "DRBD does not connect to its peer", "connect --discard-my-data", role=RoleReport(primary, split)
    )
    assert '"Split brain"' in finding.remedy
    alone = Replication(False, "Connecting", "Primary", "Unknown", "UpToDate", "DUnknown")
    sick.trouble("role", "not in step", "drbdsetup status", level=Level.WARNING, role=RoleReport(primary, alone))
    whole = Replication(True, "Connected", "Primary", "Secondary", "UpToDate", "UpToDate")
    sick.is_well("role", role=RoleReport(primary, whole))


def test_a_shared_disk_that_is_mounted_noexec(sick: Patient) -> None:
    mount = sick.node.root
    subprocess.run(["mount", "-o", "remount,noexec", mount], check=True)
    assert "git passes over its hooks" in sick.trouble("hooks", "mounted noexec", "remount,exec").what
    sick.follow(sick.trouble("mount", f"{mount} is mounted noexec", f"mount -o remount,exec {mount}"))
    sick.is_well("mount", "hooks")


def test_a_disk_that_is_nearly_full_and_full(sick: Patient) -> None:
    filler = sick.node.root / "filler"
    free = os.statvfs(sick.node.root).f_bavail * os.statvfs(sick.node.root).f_frsize
    with filler.open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, free - (20 << 20))
    says = f"little room at {sick.node.root}"
    sick.trouble("space", says, f"du -xh --max-depth=2 {sick.node.root}", level=Level.WARNING)
    with filler.open("r+b") as stream:
        os.posix_fallocate(stream.fileno(), 0, free - (1 << 19))
    sick.trouble("space", says, "The disk is full")
    filler.unlink()
    sick.is_well("space")


def test_the_nodes_own_resolver_is_the_virtual_address(sick: Patient, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/resolv.conf").write_text("nameserver 192.168.10.4\nnameserver 127.0.0.1\n")
    found = sick.troubles("resolver", system=tmp_path)
    assert "names 192.168.10.4, a virtual address of this pair" in found[0].what
    sick.follow(found[0])
    assert (tmp_path / "etc/resolv.conf").read_text() == "nameserver 127.0.0.1\n"


def test_a_standby_opens_nothing_on_the_disk_and_a_primarys_disk_that_hangs_is_told(sick: Patient) -> None:
    sick.node.stop_daemon()
    with hanging(sick.node.root):
        begun = time.monotonic()
        sick.trouble("mount", "did not end within 4 s and was stopped; does the disk or a server hang?", "dmesg")
        assert time.monotonic() - begun < 60
        sick.node.role_file.write_text("standby\n")
        shared = {"mount", "space", "folders", "owners", "repository", "manifest", "hooks", "ports", "dnsmasq-names"}
        found = {item.check: item for item in sick.troubles()}
        # One that touched the disk would have hung, and said so.
        assert {name for name, item in found.items() if item.level is Level.SKIPPED} >= shared
        assert not [item for item in found.values() if "did not end" in item.what]
        done = reconciler(sick.node, "doctor", "--only", "mount", "--only", "role")
        assert done.returncode == 0
        assert "standby: file has not made this node primary" in done.stdout
        assert "this node is standby: it opens nothing on the shared disk" in done.stdout
    sick.node.role_file.write_text("primary\n")
    sick.node.start_daemon()
    sick.is_well("mount", "role", "daemon")
