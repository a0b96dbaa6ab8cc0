"""Whether the shared disk is mounted here, by the kernel's table of mounts."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.role import mount

ROOT = "28 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
DRBD = "99 28 147:0 / /srv/ha rw,relatime shared:50 - ext4 /dev/drbd0 rw\n"
HA = Path("/srv/ha")
DEVICE = os.makedev(147, 0)


def found(tmp_path: Path, text: str, where: Path = HA, device: int | None = DEVICE) -> dict[str, bool]:
    table = tmp_path / "mountinfo"
    table.write_text(text, encoding="utf-8", errors="surrogateescape")
    return {text: met for met, text in mount.conditions(where, device, mountinfo=table)}


def test_mounted(tmp_path: Path) -> None:
    assert found(tmp_path, ROOT + DRBD) == {"/srv/ha is mounted from /dev/drbd0": True}
    assert found(tmp_path, ROOT + DRBD, device=None) == {"/srv/ha is mounted from /dev/drbd0": True}


@pytest.mark.parametrize("where", ["/srv", "/srv/ha/x", "/srv/h", "/srv/haa"])
def test_only_the_very_path_counts(tmp_path: Path, where: str) -> None:
    assert found(tmp_path, ROOT + DRBD, Path(where)) == {f"nothing is mounted at {where}": False}


@pytest.mark.parametrize("line", [DRBD.replace("/srv/ha rw", "/srv/ha ro"), DRBD.replace("drbd0 rw", "drbd0 ro")])
def test_read_only_mount_or_filesystem(tmp_path: Path, line: str) -> None:
    assert found(tmp_path, ROOT + line)["/srv/ha is mounted read-only"] is False


def test_a_wrong_device(tmp_path: Path) -> None:
    told = found(tmp_path, ROOT + DRBD.replace("147:0", "147:1"))
    assert told["/srv/ha is device 147:1, not DRBD's 147:0"] is False


@pytest.mark.parametrize("swap", [False, True])
def test_of_several_at_one_point_the_topmost(tmp_path: Path, swap: bool) -> None:
    over = "120 99 0:44 / /srv/ha rw - tmpfs tmpfs rw\n"
    told = found(tmp_path, ROOT + (over + DRBD if swap else DRBD + over))
    assert told == {"/srv/ha is mounted from tmpfs": True, "/srv/ha is device 0:44, not DRBD's 147:0": False}


def test_what_a_mount_above_hides_is_not_mounted(tmp_path: Path) -> None:
    hiding = "120 28 0:44 / /srv rw - tmpfs tmpfs rw\n"
    assert found(tmp_path, ROOT + DRBD + hiding) == {"nothing is mounted at /srv/ha": False}
    again = DRBD.replace("99 28", "130 120")
    assert found(tmp_path, ROOT + DRBD + hiding + again) == {"/srv/ha is mounted from /dev/drbd0": True}


@pytest.mark.parametrize(
    "roots", ["", "28 28 0:2 / / rw - rootfs rootfs rw\n", "1 1 0:2 / / rw - rootfs none rw\n" + ROOT]
)
def test_roots_of_all_kinds(tmp_path: Path, roots: str) -> None:
    assert found(tmp_path, roots + DRBD) == {"/srv/ha is mounted from /dev/drbd0": True}


@pytest.mark.parametrize(
    "name, written", [("a b", r"a\040b"), ("a\tb", r"a\011b"), ("a\\040", r"a\134040"), ("ü\u2028x", "ü\u2028x")]
)
def test_names_are_unescaped(tmp_path: Path, name: str, written: str) -> None:
    line = DRBD.replace("/srv/ha", f"/srv/{written}").replace("/dev/drbd0", r"/dev/d\0430")
    assert found(tmp_path, ROOT + line, Path("/srv") / name) == {f"/srv/{name} is mounted from /dev/d#0": True}


def test_a_missing_table(tmp_path: Path) -> None:
    (condition,) = mount.conditions(HA, mountinfo=tmp_path / "no")
    assert not condition.met and "cannot be read" in condition.text


def test_the_machines_own_table() -> None:
    (condition, *_) = mount.conditions(Path("/proc"))
    assert condition.met


@given(st.text(), st.integers(0, len(ROOT + DRBD)))
def test_garbage_never_raises(text: str, at: int) -> None:
    assert mount.parse(text, HA) is None
    mount.parse((ROOT + DRBD)[:at] + text + (ROOT + DRBD)[at:], HA)


@pytest.mark.parametrize("parents", ["99 98", "98 98", "98 99"])
def test_parents_in_a_circle_end(parents: str) -> None:
    mount.parse(f"{parents} 147:0 / /srv/ha rw - ext4 x rw\n98 99 147:0 / /srv/ha rw - ext4 x rw\n", HA)
