"""DRBD's event stream followed line by line; the role as it would be read at each point of what was recorded."""

from pathlib import Path

import pytest
from drbd_data import STREAMS, report, section, stream
from hypothesis import given
from hypothesis import strategies as st

from reconciler.role.base import Role
from reconciler.role.drbd.events import StateMap


def follow(lines: list[str], name: str = "r0") -> StateMap:
    state = StateMap(name)
    for line in lines:
        state.feed(line)
    return state


def role(state: StateMap) -> Role:
    resource = state.resource()
    return report(resource).role if resource and state.complete else Role.STANDBY


def ids(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", STREAMS, ids=ids)
def test_at_every_line_primary_only_after_the_resource_said_so(path: Path) -> None:
    """The kernel's last word on the own role, and on the peer's, decides alone as long as the disk is UpToDate."""
    state, own, peer, disk = StateMap("r0"), "", "", ""
    for line in stream(path):
        state.feed(line)
        words = dict(word.partition(":")[::2] for word in line.split()[2:])
        match line.split()[:2]:
            case ["destroy", "resource"]:
                own = ""
            case [_, "resource"]:
                own = words.get("role", own)
            case ["destroy", "connection"]:
                peer = ""
            case [_, "connection"]:
                peer = words.get("role", peer)
            case ["destroy", "device"]:
                disk = ""
            case [_, "device"]:
                disk = words.get("disk", disk)
        expected = own == "Primary" and peer != "Primary" and disk == "UpToDate"
        assert (role(state) is Role.PRIMARY) == expected, line
        assert state.strange is None


@pytest.mark.parametrize(
    "scenario, last",
    [
        ("ha-failover.node-b", "21-ha-after-failover.node-b"),
        ("setup-switchover.node-a", "03-primary-a.node-a"),
        ("setup-switchover.node-b", "03-primary-a.node-b"),
        ("kill-and-return.node-a", "09-a-back-secondary.node-a"),
        ("kill-and-return.node-b", "09-a-back-secondary.node-b"),
        ("split-brain.node-b", "14-peer-down-orderly.node-b"),
    ],
)
@pytest.mark.parametrize("form", ["", "--statistics"])
def test_a_stream_ends_in_what_a_snapshot_says(scenario: str, last: str, form: str) -> None:
    (path,) = [path for path in STREAMS if path.name == f"events2-stream{form}.{scenario}.txt"]
    resource = follow(stream(path)).resource()
    again = follow(section(last, "events2-now").splitlines()).resource()
    assert resource and again
    if scenario.startswith("setup"):
        # Switched over and back, or not yet: who is Primary is the scenario's own.
        assert resource.volumes == again.volumes
    else:
        assert resource == again


def test_after_the_resource_is_down_nothing_is_left() -> None:
    (path,) = [path for path in STREAMS if path.name == "events2-stream.split-brain.node-a.txt"]
    assert follow(stream(path)).resource() is None


@pytest.mark.parametrize("node", ["node-a", "node-b"])
def test_split_brain_is_noted_until_the_copies_replicate_again(node: str) -> None:
    (path,) = [path for path in STREAMS if path.name == f"events2-stream.split-brain.{node}.txt"]
    state, heard = StateMap("r0"), []
    for line in stream(path):
        state.feed(line)
        if not heard or heard[-1][1] != state.split_brain:
            heard.append((line, state.split_brain))
    calls, replicating = [line for line, said in heard if said], [line for line, said in heard[1:] if not said]
    assert [line.rpartition(":")[2] for line in calls] == ["split-brain"]
    assert ["replication:WFBitMap" in line for line in replicating] == [True]


def test_only_what_matters_is_a_change() -> None:
    state = follow(section("03-primary-a.node-a", "events2-now").splitlines())
    assert not state.feed("change connection name:r0 peer-node-id:0 conn-name:peer")
    assert not state.feed("change peer-device name:r0 peer-node-id:0 conn-name:peer volume:0 sent:7 unheard-of:x")
    assert not state.feed("change resource name:r0 may_promote:no promotion_score:10101")
    assert not state.feed("change resource name:other role:Secondary")
    assert not state.feed(
        "exists path name:r0 peer-node-id:0 local:ipv4:10.0.0.1:7788 peer:ipv4:10.0.0.2:7788 established:yes"
    )
    assert role(state) is Role.PRIMARY
    assert state.feed("change resource name:r0 role:Secondary")
    assert role(state) is Role.STANDBY


@pytest.mark.parametrize("line", ["rename resource name:r0 new_name:r1", "rename resource name:r1 new_name:r0"])
def test_a_rename_leaves_nothing_known(line: str) -> None:
    state = follow(section("03-primary-a.node-a", "events2-now").splitlines())
    assert state.feed(line)
    assert not state.complete
    assert state.resource() is None


WORDS = """
exists create change destroy rename call response - resource connection device peer-device helper name:r0 new_name:r0
peer-node-id:0 volume:0 volume:-1 volume:99999999999999999999 volume:² minor:x disk:UpToDate suspended:no role:Secondary
role: : ::
"""

word = st.one_of(st.sampled_from(WORDS.split()), st.text(max_size=8))


@given(st.lists(st.lists(word, max_size=8).map(" ".join)))
def test_garbage_never_raises_and_never_gives_primary(lines: list[str]) -> None:
    state = follow(lines)
    assert role(state) is Role.STANDBY


@given(
    st.lists(st.lists(word, max_size=8).map(" ".join).filter(lambda line: "name:r0" not in line), max_size=5), st.data()
)
def test_garbage_among_a_stream_changes_nothing_of_what_it_tells(garbage: list[str], data: st.DataObject) -> None:
    lines = stream(STREAMS[0])
    mixed = list(lines)
    for line in garbage:
        mixed.insert(data.draw(st.integers(0, len(mixed))), line)
    assert follow(mixed).resource() == follow(lines).resource()


def test_of_a_connection_that_is_gone_nothing_is_left() -> None:
    state = follow(section("03-primary-a.node-a", "events2-now").splitlines())
    state.feed("destroy connection name:r0 peer-node-id:0 conn-name:peer")
    state.feed("create connection name:r0 peer-node-id:0 conn-name:peer connection:Connected role:Secondary")
    resource = state.resource()
    assert resource and resource.connections[0].volumes == ()
