"""The role as the pair's manager wrote it down, and with what its disk says."""

import os
from pathlib import Path

import pytest

from reconciler.role.base import Condition, Replication, Role, RoleReport
from reconciler.role.marker import Marker

HERE = RoleReport(
    (Condition(True, "the disk is here"),), Replication(True, "Connected", "Primary", "Secondary", "a", "b")
)
GONE = RoleReport((Condition(False, "the disk is gone"),))


@pytest.mark.parametrize("text", [b"primary", b"primary\n", b" primary \nwhatever\n"])
def test_primary(tmp_path: Path, text: bytes) -> None:
    marker = tmp_path / "role"
    marker.write_bytes(text)
    report = Marker("heartbeat", marker).read()
    assert report.role is Role.PRIMARY
    assert report.reasons == (f"heartbeat has made this node primary ({marker})",)


@pytest.mark.parametrize(
    "text", [b"", b"\nprimary", b"standby\n", b"Primary\n", b"primary!\n", b"primary\0", b"\xff" * 9000]
)
def test_anything_else_is_standby(tmp_path: Path, text: bytes) -> None:
    marker = tmp_path / "role"
    marker.write_bytes(text)
    report = Marker("heartbeat", marker).read()
    assert report.role is Role.STANDBY
    assert len(report.reasons[0]) < 400


def test_no_file_and_no_readable_file(tmp_path: Path) -> None:
    assert "is not there" in Marker("file", tmp_path / "no").read().reasons[0]
    assert "cannot be read" in Marker("file", tmp_path).read().reasons[0]


@pytest.mark.parametrize("leads", ["fifo", "/dev/zero", "folder"])
def test_what_is_no_file_is_standby_and_is_not_waited_for(tmp_path: Path, leads: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "role").symlink_to(tmp_path / leads)
    assert "no regular file" in Marker("file", tmp_path / "role").read().reasons[0]


def test_a_file_that_was_written_anew_is_another_role(tmp_path: Path) -> None:
    marker, fresh = tmp_path / "role", tmp_path / "fresh"
    provider = Marker("file", marker)
    marker.write_text("primary\n")
    first = provider.read()
    assert first == provider.read()
    fresh.write_text("primary\n")
    fresh.rename(marker)
    second = provider.read()
    assert second.role is Role.PRIMARY
    assert second.given != first.given


def test_the_file_and_the_disk_both_count_and_the_file_is_told_first(tmp_path: Path) -> None:
    marker = tmp_path / "role"
    assert Marker("keepalived", marker, lambda: HERE).read().role is Role.STANDBY
    marker.write_text("primary")
    report = Marker("keepalived", marker, lambda: HERE).read()
    assert report.role is Role.PRIMARY
    assert [condition.text for condition in report.conditions][1:] == ["the disk is here"]
    assert report.replication == HERE.replication
    assert Marker("keepalived", marker, lambda: GONE).read().reasons == ("the disk is gone",)


def test_it_reads_anew_each_time(tmp_path: Path) -> None:
    marker = tmp_path / "role"
    provider = Marker("file", marker)
    for word, role in (("primary", Role.PRIMARY), ("standby", Role.STANDBY), ("primary", Role.PRIMARY)):
        marker.write_text(word)
        assert provider.read().role is role
