"""The role by DRBD 8.4's own words, as they were recorded in each state of a pair."""

import re

import pytest
from drbd_data import DOWN, FOLDER, STATES, by_events, by_proc, section
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import Temporary
from reconciler.role.base import Role, RoleReport
from reconciler.role.drbd import events, proc

PRIMARY = section("03-primary-a.node-a", "proc-drbd")
NOW = section("03-primary-a.node-a", "events2-now")


def unmet(report: RoleReport) -> set[str]:
    return {condition.text for condition in report.conditions if not condition.met}


def expected_unmet(state: str) -> set[str]:
    role, _, text = STATES[state]
    found = re.fullmatch(r"\w+, \w+/(\w+), disks (\w+)/\w+", text)
    assert found
    return {
        *(["DRBD resource r0 is Secondary here"] if role == "Secondary" else []),
        *(["its peer is Primary"] if found[1] == "Primary" else []),
        *([f"the disk of DRBD device 0 is {found[2]}, not UpToDate"] if found[2] != "UpToDate" else []),
    }


def test_every_recorded_state_is_expected_here() -> None:
    assert {path.stem for path in FOLDER.glob("[0-9]*.txt")} == {*STATES, *DOWN}
    assert len(RECORDED) > 2 * len(STATES)


RECORDED = [
    (state, source)
    for state in STATES
    for source in ("proc-drbd", "events2-now", "events2-now-stats")
    if section(state, source)
]


@pytest.mark.parametrize(("state", "source"), RECORDED)
def test_a_recorded_state(state: str, source: str) -> None:
    text = section(state, source)
    report = by_proc(text) if source == "proc-drbd" else by_events(text)
    role, in_sync, words = STATES[state]
    assert unmet(report) == expected_unmet(state)
    assert (report.role is Role.PRIMARY) == (role == "Primary")
    assert report.replication is not None
    assert (report.replication.in_sync, report.replication.text) == (in_sync, words)


@pytest.mark.parametrize("state", STATES)
def test_both_sources_tell_the_same(state: str) -> None:
    here, there = (
        proc.parse(section(state, "proc-drbd"), "r0", [0]),
        events.snapshot(section(state, "events2-now"), "r0"),
    )
    assert here == there


@pytest.mark.parametrize("state", DOWN)
def test_a_resource_that_is_down(state: str) -> None:
    with pytest.raises(Temporary, match=r"r0 is not up.*drbdadm up r0"):
        by_proc(section(state, "proc-drbd"))
    with pytest.raises(Temporary, match="drbdadm up r0"):
        by_events(section(state, "events2-now"))


@pytest.mark.parametrize("state", ["12-split-brain.node-a", "12-split-brain.node-b"])
def test_split_brain_goes_on_answering_and_says_so(state: str) -> None:
    for report in (by_proc(section(state, "proc-drbd")), by_events(section(state, "events2-now"))):
        assert report.role is Role.PRIMARY
        assert any("split brain" in reason for reason in report.reasons)
        assert report.replication and not report.replication.in_sync


def test_a_connected_pair_says_nothing_of_a_split_brain() -> None:
    assert not any("split brain" in reason for reason in by_proc(PRIMARY).reasons)


def test_the_first_flag_is_suspended_io_and_the_last_is_not() -> None:
    suspended = by_proc(PRIMARY.replace(" r-----", " s-----"))
    assert unmet(suspended) == {"I/O of DRBD resource r0 is suspended: what writes to it hangs"}
    assert by_proc(PRIMARY.replace(" r-----", " r----s")).role is Role.PRIMARY


@pytest.mark.parametrize("line", [" x-----", " -----", ""])
def test_flags_that_say_nothing_of_io_are_not_determined(line: str) -> None:
    with pytest.raises(Temporary, match="cannot be understood"):
        by_proc(PRIMARY.replace(" r-----", line))


@pytest.mark.parametrize("why", ["user", "no-data", "fencing", "user,fencing"])
def test_suspended_by_events(why: str) -> None:
    assert unmet(by_events(NOW.replace("suspended:no\nexists connection", f"suspended:{why}\nexists connection"))) == {
        f"I/O of DRBD resource r0 is suspended ({why}): what writes to it hangs"
    }


@pytest.mark.parametrize(
    "before, after, role",
    [
        ("ds:UpToDate/", "ds:Diskless/", Role.PRIMARY),
        ("ds:UpToDate/UpToDate", "ds:Diskless/Inconsistent", Role.STANDBY),
        (
            "cs:Connected ro:Primary/Secondary ds:UpToDate/",
            "cs:WFConnection ro:Primary/Unknown ds:Diskless/",
            Role.STANDBY,
        ),
        ("ds:UpToDate/", "ds:Failed/", Role.STANDBY),
        ("ds:UpToDate/", "ds:Consistent/", Role.STANDBY),
        ("ds:UpToDate/", "ds:Outdated/", Role.STANDBY),
        ("ro:Primary/Secondary", "ro:Primary/Primary", Role.STANDBY),
        ("ro:Primary/", "ro:Unknown/", Role.STANDBY),
        ("ro:Primary/Secondary", "ro:Primary/Unheard", Role.STANDBY),
    ],
)
def test_what_a_disk_and_a_peer_may_be(before: str, after: str, role: Role) -> None:
    assert before in PRIMARY
    assert by_proc(PRIMARY.replace(before, after)).role is role


@pytest.mark.parametrize(
    "cs, in_sync",
    [("VerifyS", True), ("Ahead", False), ("PausedSyncS", False), ("WFReportParams", False), ("Unheard", False)],
)
def test_what_counts_as_replicating(cs: str, in_sync: bool) -> None:
    replication = by_proc(PRIMARY.replace("cs:Connected", f"cs:{cs}")).replication
    assert replication and replication.in_sync is in_sync


def test_of_two_volumes_the_worse_counts() -> None:
    first = " 0: cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate C r-----\n    ns:0\n"
    second = "10: cs:SyncSource ro:Primary/Secondary ds:UpToDate/Inconsistent C s-----\n    ns:0\n"
    resource = proc.parse(f"version: 8.4.11\n{first}{second}", "r0", [0, 10])
    assert resource.suspended == "yes"
    assert [volume.minor for volume in resource.volumes] == [0, 10]
    assert [peer.replication for peer in resource.connections[0].volumes] == ["Established", "SyncSource"]


@pytest.mark.parametrize("end", range(len(PRIMARY)))
def test_a_cut_proc_drbd_is_primary_only_with_its_whole_state(end: int) -> None:
    cut = PRIMARY[:end]
    try:
        report = by_proc(cut)
    except Temporary:
        return
    assert "C r-" in cut
    assert report == by_proc(PRIMARY)


@pytest.mark.parametrize("lines", range(NOW.count("\n")))
def test_a_cut_snapshot_is_not_determined(lines: int) -> None:
    with pytest.raises(Temporary, match="did not come to its end"):
        by_events("".join(NOW.splitlines(keepends=True)[:lines]))


@pytest.mark.parametrize(
    "torn", ["exists connection name:r0 peer-nod", "exists conn", "exists device name:r0 volume:x", "# no"]
)
def test_a_torn_line_in_a_snapshot_is_not_determined(torn: str) -> None:
    with pytest.raises(Temporary, match="cannot be understood"):
        by_events(f"{torn}\n{NOW}")


def test_a_connection_without_the_peers_role_is_not_determined() -> None:
    with pytest.raises(Temporary, match="nothing whole"):
        by_events(NOW.replace("connection:Connected role:Secondary", "connection:Connected"))


@pytest.mark.parametrize("text", ["", "nonsense", "version: x", "\0", "version: 8.4.11"])
def test_garbage_in_proc_drbd(text: str) -> None:
    with pytest.raises(Temporary):
        proc.version(text)
        by_proc(text)


@given(st.text())
def test_no_text_raises_anything_else(text: str) -> None:
    for source in (by_proc, by_events, proc.version):
        try:
            source(text)
        except Temporary:
            continue
        assert source is proc.version
