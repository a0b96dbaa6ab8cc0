"""The parts of the watchers that need no event: coalescing, mounts by text, a file torn at every point."""

import os
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.watch import read_stable as module
from reconciler.watch.coalesce import Coalesce
from reconciler.watch.mounts import Mounts, unescape
from reconciler.watch.read_stable import Unreadable, read_stable

LEASES = b"".join(b"1795235765 52:54:00:12:34:%02x 192.168.1.%d pc%d *\n" % (n, n, n) for n in range(3))


def test_wake_after_a_quiet_moment_or_late_enough() -> None:
    pending = Coalesce(quiet=1.0, latest=3.0)
    assert pending.remaining(0) is None
    assert not pending.take(100.0)
    for now in (100.0, 100.9, 101.8, 102.7):
        pending.note(now)
        assert not pending.take(now)
    assert pending.remaining(102.8) == pytest.approx(0.2)
    assert pending.take(103.0)
    assert not pending.take(110.0)
    pending.note(200.0)
    assert pending.take(201.0)


@given(st.lists(st.floats(0, 2), min_size=1, max_size=50))
def test_no_burst_is_late_and_none_is_lost(gaps: list[float]) -> None:
    pending, now, first = Coalesce(quiet=1.0, latest=3.0), 0.0, None
    for gap in gaps:
        pending.note(now)
        first = now if first is None else first
        left = pending.remaining(now)
        assert left is not None and now + left <= first + 3.0 + 1e-9
        now += gap
        if pending.take(now):
            first = None
    assert first is None or pending.take(now + 1.0)


@pytest.mark.parametrize(
    ("text", "path"), [("/a", "/a"), (r"/a\040b", "/a b"), (r"/\134040", r"/\040"), ("/\\", "/\\")]
)
def test_mount_points_are_unescaped(text: str, path: str) -> None:
    assert unescape(text) == path


def test_mounts_on_the_way_only() -> None:
    mounts = Mounts()
    try:
        assert [point for *_, point in mounts.covering(["/nowhere/at/all"])].count("/") >= 1
        assert {point for *_, point in mounts.covering(["/proc/self/x"])} == {"/", "/proc"}
    finally:
        mounts.close()


class Writer:
    """Goes on with its work whenever the reader sleeps."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path
        self.steps: list[bytes] = []
        self.slept = 0.0
        monkeypatch.setattr(module.time, "sleep", self.sleep)

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        assert not [link for link in _open_files() if link == str(self.path)], "kept open while it waits"
        if self.steps:
            self.path.write_bytes(self.steps.pop(0))
        else:
            self.slept += seconds
            _pass(seconds)


def _open_files() -> list[str]:
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            found.append(str(link.readlink()))
        except OSError:
            continue
    return found


def _pass(seconds: float) -> None:
    """Let the clock go on that files' times are taken from."""
    end = time.time() + seconds
    while time.time() < end:
        pass


@pytest.mark.parametrize("cut", range(len(LEASES) + 1))
def test_a_rewrite_torn_at_any_point_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: int) -> None:
    path = tmp_path / "leases"
    path.write_bytes(LEASES[:cut])
    writer = Writer(path, monkeypatch)
    writer.steps = [LEASES] if cut < len(LEASES) else []
    reading = read_stable(path, before=len(LEASES))
    assert reading == (LEASES, None)


def test_a_change_that_keeps_the_size_is_not_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "leases"
    renewed = LEASES.replace(b"1795235765", b"1795235799")
    path.write_bytes(LEASES)
    Writer(path, monkeypatch).steps = [renewed]
    assert read_stable(path, before=len(LEASES)) == (renewed, None)


@pytest.mark.parametrize("fresh", [LEASES * 2, LEASES.replace(b"1795235765", b"1795235799")])
def test_a_write_in_the_middle_of_reading_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: bytes
) -> None:
    path = tmp_path / "leases"
    path.write_bytes(LEASES)
    _pass(0.02)
    read, reads = os.read, []

    def tearing(descriptor: int, size: int) -> bytes:
        data = read(descriptor, size)
        if not reads:
            path.write_bytes(LEASES[:50])
            path.write_bytes(fresh)
        reads.append(data)
        return data

    monkeypatch.setattr(module.os, "read", tearing)
    assert read_stable(path) == (fresh, None)
    assert len(reads) > 1


def test_fewer_leases_are_believed_after_standing_still_for_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "leases"
    fewer = LEASES[: LEASES.index(b"\n") + 1]
    path.write_bytes(fewer)
    writer = Writer(path, monkeypatch)
    assert read_stable(path, before=len(LEASES)) == (fewer, None)
    assert writer.slept > module.QUIET


@pytest.mark.parametrize(
    ("left", "flaw"), [(b"", "is empty, and was not before"), (LEASES[:-5], "the last line of .* is cut")]
)
def test_a_file_that_stays_torn_is_returned_with_its_flaw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: bytes, flaw: str
) -> None:
    path = tmp_path / "leases"
    path.write_bytes(left)
    Writer(path, monkeypatch)
    reading = read_stable(path, before=len(LEASES), patience=0.1)
    assert reading is not None and reading.data == left
    assert re.search(flaw, str(reading.flaw))


def test_a_file_that_never_stands_still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "leases"
    path.write_bytes(LEASES)
    monkeypatch.setattr(module.time, "sleep", lambda seconds: path.write_bytes(LEASES))
    reading = read_stable(path, patience=0.05)
    assert reading is not None and reading.flaw is not None
    assert "kept changing" in reading.flaw


def test_an_empty_file_that_was_empty_is_good(tmp_path: Path) -> None:
    path = tmp_path / "leases"
    path.touch()
    assert read_stable(path) == (b"", None)


def test_a_time_in_the_future_is_no_reason_to_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "leases"
    path.write_bytes(LEASES)
    os.utime(path, (time.time() + 9999,) * 2)
    monkeypatch.setattr(module.time, "sleep", lambda seconds: pytest.fail("waited"))
    assert read_stable(path) == (LEASES, None)


def test_no_file_is_none(tmp_path: Path) -> None:
    assert read_stable(tmp_path / "absent") is None
    assert read_stable(tmp_path / "absent/leases") is None
    (tmp_path / "file").touch()
    assert read_stable(tmp_path / "file/leases") is None


def test_what_is_no_lease_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="is a folder"):
        read_stable(tmp_path)
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(Unreadable, match="no regular file"):
        read_stable(tmp_path / "fifo")
    with pytest.raises(Unreadable, match="no regular file"):
        read_stable(Path("/dev/zero"))
    (tmp_path / "real").write_bytes(LEASES)
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(Unreadable, match=r"symbolic link.*node\.yaml"):
        read_stable(tmp_path / "link")
    with (tmp_path / "huge").open("wb") as huge:
        huge.truncate(1 << 30)
    with pytest.raises(Unreadable, match="1073741824 bytes"):
        read_stable(tmp_path / "huge")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_permission_denied_is_told(tmp_path: Path) -> None:
    (tmp_path / "leases").touch(mode=0)
    with pytest.raises(Unreadable, match="Permission denied; the daemon's user"):
        read_stable(tmp_path / "leases")
