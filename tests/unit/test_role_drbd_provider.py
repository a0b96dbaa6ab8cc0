"""The provider as a whole: what the kernel's tables say, a drbdsetup that fails in every way, the mount.

There is no DRBD here: the tables are files, and drbdsetup is a script that prints what was recorded.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from drbd_data import STATES, section

from reconciler.config import NodeConfig
from reconciler.node_role import provider
from reconciler.role.base import Role
from reconciler.role.drbd import provider as module
from reconciler.role.drbd.provider import Drbd

ROOT = "28 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
MOUNTED = ROOT + "99 28 147:0 / /srv/ha rw - ext4 /dev/drbd0 rw\n"
NINE = "version: 9.2.8 (api:2/proto:86-122)\nTransports (api:20): tcp (9.2.8)\n"


class Machine:
    """Tables and programs of a node."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.table = folder / "drbd"
        self.mountinfo = folder / "mountinfo"
        self.calls = folder / "calls"
        (folder / "bin").mkdir()
        monkeypatch.setenv("PATH", f"{folder}/bin:/usr/bin:/bin")
        self.mountinfo.write_text(MOUNTED)

    def state(self, state: str) -> None:
        self.table.write_text(section(state, "proc-drbd"))
        self.says(section(state, "events2-now"))

    def says(self, text: str, end: str = "exit 0") -> None:
        (self.folder / "says").write_text(text)
        self.script(f"echo \"$*\" >> '{self.calls}'; cat '{self.folder}/says'; {end}")

    def script(self, text: str) -> None:
        program = self.folder / "bin/drbdsetup"
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)

    def drbd(self, name: str = "r0", stream: Callable[[], str | None] | None = None) -> Drbd:
        links = self.folder / "by-res"
        return Drbd(name, Path("/srv/ha"), stream, table=self.table, links=links, mountinfo=self.mountinfo)

    def called(self) -> list[str]:
        return self.calls.read_text().splitlines() if self.calls.exists() else []


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


@pytest.mark.parametrize("state", STATES)
def test_recorded_states(machine: Machine, state: str) -> None:
    machine.state(state)
    report = machine.drbd().read()
    assert (report.role is Role.PRIMARY) == (STATES[state][0] == "Primary")
    assert report.replication and report.replication.text == STATES[state][2]
    assert machine.called() == ["events2 --now"]


def test_a_primary_of_8_4_is_asked_without_a_process_until_it_is_none(machine: Machine) -> None:
    machine.state("03-primary-a.node-a")
    drbd = machine.drbd()
    assert [drbd.read().role for _ in range(3)] == [Role.PRIMARY] * 3
    assert len(machine.called()) == 1
    machine.state("04-both-secondary.node-a")
    assert drbd.read().role is Role.STANDBY
    assert len(machine.called()) == 1
    assert drbd.read().role is Role.STANDBY
    assert len(machine.called()) == 2
    machine.state("03-primary-a.node-a")
    assert drbd.read().role is Role.PRIMARY
    machine.mountinfo.write_text(ROOT)
    assert drbd.read().reasons == ("nothing is mounted at /srv/ha",)
    assert drbd.read().role is Role.STANDBY
    assert len(machine.called()) == 4


def test_of_9_the_program_is_asked_each_time(machine: Machine) -> None:
    machine.state("03-primary-a.node-a")
    machine.table.write_text(NINE)
    drbd = machine.drbd()
    assert [drbd.read().role for _ in range(3)] == [Role.PRIMARY] * 3
    assert len(machine.called()) == 3


@pytest.mark.parametrize(
    "table, reason",
    [
        (ROOT, "nothing is mounted at /srv/ha"),
        (MOUNTED.replace("147:0", "147:1"), "/srv/ha is device 147:1, not DRBD's 147:0"),
        (MOUNTED.replace("147:0", "8:1"), "/srv/ha is device 8:1, not DRBD's 147:0"),
        (MOUNTED.replace("/srv/ha rw", "/srv/ha ro"), "/srv/ha is mounted read-only"),
    ],
)
def test_the_mount_counts(machine: Machine, table: str, reason: str) -> None:
    machine.state("03-primary-a.node-a")
    machine.mountinfo.write_text(table)
    report = machine.drbd().read()
    assert report.reasons == (reason,)
    assert report.replication and report.replication.in_sync


def test_the_mount_may_be_of_any_of_its_volumes(machine: Machine) -> None:
    machine.table.write_text(NINE)
    machine.mountinfo.write_text(MOUNTED.replace("147:0", "147:3"))
    text = section("03-primary-a.node-a", "events2-now")
    machine.says("exists device name:r0 volume:1 minor:3 disk:UpToDate\n" + text)
    assert machine.drbd().read().role is Role.PRIMARY


def test_the_module_is_not_loaded_and_nothing_loads_it(machine: Machine) -> None:
    machine.says("")
    (reason,) = machine.drbd().read().reasons
    assert "module is not loaded" in reason and "modprobe drbd" in reason
    assert machine.called() == []


def test_no_such_resource(machine: Machine) -> None:
    machine.state("03-primary-a.node-a")
    (reason,) = machine.drbd("r1").read().reasons
    assert "resource r1" in reason and "drbdadm up r1" in reason


@pytest.mark.parametrize("table", ["", "garbage\n", "\0\xff", "version: "])
def test_garbage_in_the_table(machine: Machine, table: str) -> None:
    machine.state("03-primary-a.node-a")
    machine.table.write_text(table)
    (reason,) = machine.drbd().read().reasons
    assert "cannot be understood" in reason


def test_a_table_that_cannot_be_read(machine: Machine) -> None:
    machine.table.mkdir()
    (reason,) = machine.drbd().read().reasons
    assert "Is a directory" in reason


@pytest.mark.parametrize(
    "script, reason",
    [
        (None, "not installed"),
        ("exit 20", "exit code 20"),
        ("echo 'Permission denied' >&2; exit 10", "exit code 10: Permission denied"),
        ("kill -9 $$", "signal 9"),
        ("head -c 100000 /dev/zero", "cannot be understood"),
        ("echo 'exists -'", "drbdadm up r0"),
        ("exec sleep 600", "did not end within"),
    ],
)
def test_a_program_that_fails(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, script: str | None, reason: str
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.5)
    machine.table.write_text(NINE)
    if script is not None:
        machine.script(script)
    else:
        monkeypatch.setenv("PATH", str(machine.folder / "bin"))
    report = machine.drbd().read()
    assert report.role is Role.STANDBY
    assert reason in report.reasons[0]


def test_a_program_that_may_not_be_run(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.table.write_text(NINE)
    monkeypatch.setenv("PATH", str(machine.folder / "bin"))
    (machine.folder / "bin/drbdsetup").write_text("#!/bin/sh\n")
    assert machine.drbd().read().role is Role.STANDBY


def test_the_stream_is_a_condition_where_there_is_one(machine: Machine) -> None:
    machine.state("03-primary-a.node-a")
    said: list[str | None] = ["drbdsetup ended; it is tried again"]
    drbd = machine.drbd(stream=lambda: said[0])
    assert drbd.read().reasons == ("DRBD's events are lost: drbdsetup ended; it is tried again",)
    said[0] = None
    assert drbd.read().role is Role.PRIMARY


def settings(role: str, machine: Machine, **more: object) -> NodeConfig:
    base = {"node": "a", "repo": "/srv/ha/repo", "state": "/srv/ha/state", "role": role, "mount": "/srv/ha"}
    return NodeConfig.model_validate({**base, "role_file": str(machine.folder / "role"), **more})


def test_what_the_settings_name(machine: Machine) -> None:
    def lost() -> str | None:
        return "lost"

    drbd = {"resource": "nowhere"}
    assert provider(settings("drbd", machine, drbd=drbd)).name == "drbd"
    texts = [
        condition.text for condition in provider(settings("heartbeat", machine, drbd=drbd), lost).read().conditions
    ]
    assert "heartbeat has not made" in texts[0]
    assert texts[1] == "DRBD's events are lost: lost"
    assert len(texts) == 4
    texts = [condition.text for condition in provider(settings("heartbeat", machine), lost).read().conditions]
    assert "heartbeat has not made" in texts[0] and texts[1:] == ["nothing is mounted at /srv/ha"]
