"""What the daemon remembers on the node's own disk, when that is not what it wrote."""

from datetime import datetime
from pathlib import Path

import pytest

from reconciler.daemon.alarms import Alarms
from reconciler.daemon.history import RoleHistory

DAMAGED = [
    b"",
    b"\xff\xfe",
    b"5",
    b"{}",
    b"[" * 100_000,
    b'[["words", 1e400]]',
    b'[["words", NaN], ["words", -1e300], ["words", 1e17], ["words", "now"], ["words"]]',
    b'[{"role": "primary", "since": 1e300, "reasons": []}, {"role": 5}]',
    b'[{"role": "primary", "since": NaN, "reasons": []}]',
]


@pytest.mark.parametrize("content", DAMAGED)
def test_whatever_stands_there_can_be_told_or_is_left_out(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "alarms.json").write_bytes(content)
    (tmp_path / "roles.json").write_bytes(content)
    for alarm in Alarms(tmp_path).standing:
        datetime.fromtimestamp(alarm.at)
    for change in RoleHistory(tmp_path, paired=True).changes:
        datetime.fromtimestamp(change["since"])


def test_an_alarm_is_one_line_that_steers_no_terminal(tmp_path: Path) -> None:
    alarms = Alarms(tmp_path)
    alarms.sound("split\nbrain \x1b[2J of r0\udcff " + "x" * 9000)
    (alarm,) = alarms.standing
    assert alarm.text.startswith("split brain [2J of r0 xxx")
    assert len(alarm.text) == 500


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    Alarms(tmp_path).sound("split brain")
    assert [alarm.text for alarm in Alarms(tmp_path).standing] == ["split brain"]
