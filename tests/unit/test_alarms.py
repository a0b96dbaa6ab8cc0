"""Alarms stand until both disks are whole, are kept on the node's own disk, and are sounded once."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from reconciler import config
from reconciler.daemon.alarms import Alarms
from reconciler.daemon.term import Terms
from reconciler.node_yaml import node_yaml
from reconciler.role.base import Replication

WHOLE = Replication(True, "Connected", "Primary", "Secondary", "UpToDate", "UpToDate")
ALONE = Replication(False, "StandAlone", "Primary", "Unknown", "UpToDate", "DUnknown")


def test_an_alarm_stands_until_both_disks_are_whole(tmp_path: Path) -> None:
    alarms = Alarms(tmp_path / "own")
    alarms.sound("split brain")
    alarms.settle(None)
    alarms.settle(ALONE)
    assert [alarm.text for alarm in Alarms(tmp_path / "own").standing] == ["split brain"]
    alarms.settle(WHOLE)
    assert not alarms.standing
    assert not Alarms(tmp_path / "own").standing


@pytest.mark.parametrize("garbage", [b"", b"[", b"[1]", b'[["a"]]', b'{"a": 1}', b"\xff"])
def test_a_spoiled_file_is_no_alarm(tmp_path: Path, garbage: bytes) -> None:
    (tmp_path / "alarms.json").write_bytes(garbage)
    assert Alarms(tmp_path).standing == ()


def test_a_split_brain_that_drbd_tells_is_sounded_once(tmp_path: Path) -> None:
    path = tmp_path / "node.yaml"
    paths = {name: tmp_path / name for name in ("repo", "state", "own", "role_file", "mount")}
    path.write_text(node_yaml({"node": "a", "role": "file", "drbd": {"resource": "r0"}, **paths}))
    terms = Terms(config.load(path), wake=lambda trigger: None, nudge=lambda: None)
    terms._drbd = SimpleNamespace(watch=SimpleNamespace(split_brain=True))  # type: ignore[assignment]
    terms._look()
    first = terms.alarms.standing
    terms._look()
    assert len(first) == 1
    assert terms.alarms.standing == first
