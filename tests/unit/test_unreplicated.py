"""Which pushes are taken, by role and replication, and the form of the files that keep them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.daemon.hook_request import HookRequest
from reconciler.daemon.lost import branches
from reconciler.daemon.push import pre_receive, stored
from reconciler.daemon.unreplicated import Kept, gate, waiting
from reconciler.git.bundle import Header, decode, encode
from reconciler.git.receive import Update
from reconciler.role.base import Condition, Replication, RoleReport

PRIMARY, STANDBY = Condition(True, "r0 is Primary"), Condition(False, "r0 is Secondary")
SYNCED = Replication(True, "Connected", "Primary", "Secondary", "UpToDate", "UpToDate")
ALONE = Replication(False, "WFConnection", "Primary", "Unknown", "UpToDate", "DUnknown")
ACCEPT = ("accept-unreplicated",)

IDS = st.text("0123456789abcdef", min_size=40, max_size=40)
REFS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs"]), min_size=1).map(
    lambda text: f"refs/heads/{text}"
)


@pytest.mark.parametrize(
    ("conditions", "replication", "options", "policy", "taken", "alone"),
    [
        ((PRIMARY,), None, (), "refuse", True, False),
        ((PRIMARY,), SYNCED, (), "refuse", True, False),
        ((PRIMARY,), SYNCED, ACCEPT, "refuse", True, False),
        ((PRIMARY,), ALONE, (), "refuse", False, False),
        ((PRIMARY,), ALONE, ("allow-mass-change",), "refuse", False, False),
        ((PRIMARY,), ALONE, ACCEPT, "refuse", True, True),
        ((PRIMARY,), ALONE, (), "warn", True, True),
        ((PRIMARY, STANDBY), ALONE, ACCEPT, "warn", False, False),
        ((STANDBY,), SYNCED, ACCEPT, "warn", False, False),
        ((), None, ACCEPT, "warn", False, False),
    ],
)
def test_the_gate(
    conditions: tuple[Condition, ...],
    replication: Replication | None,
    options: tuple[str, ...],
    policy: str,
    taken: bool,
    alone: bool,
) -> None:
    decided = gate(RoleReport(conditions, replication), options, policy)
    assert (not decided.refusal, decided.unreplicated is not None) == (taken, alone)


@pytest.mark.parametrize("report", [RoleReport((STANDBY,), SYNCED), RoleReport((PRIMARY,), ALONE)])
def test_a_refusal_comes_before_anything_is_looked_at(report: RoleReport) -> None:
    # Nothing else of a node is there to be touched.
    node: Any = SimpleNamespace(
        role=SimpleNamespace(read=lambda: report),
        config=SimpleNamespace(unreplicated="refuse", upstream=None),
        receiving=SimpleNamespace(closed=""),
    )
    said: list[str] = []
    assert pre_receive(node, HookRequest("pre-receive"), said.append) == 1
    assert said[0].startswith("refused ")


def test_a_refusal_says_why_and_how_to_go_on() -> None:
    text = "\n".join(gate(RoleReport((PRIMARY,), ALONE), (), "refuse").refusal)
    assert ALONE.text in text
    assert "git push -o accept-unreplicated" in text
    text = "\n".join(gate(RoleReport((PRIMARY, STANDBY), SYNCED), (), "refuse").refusal)
    assert "standby: r0 is Secondary" in text


@given(st.dictionaries(REFS, IDS, min_size=1, max_size=4), st.lists(IDS, max_size=3), st.binary(max_size=50))
def test_headers_read_as_they_were_written(refs: dict[str, str], needs: list[str], pack: bytes) -> None:
    header = Header(refs, tuple(needs))
    assert decode(encode(header) + pack) == header


@given(st.binary(max_size=200))
def test_what_is_no_header_is_told(data: bytes) -> None:
    for each in (data, b"# v2 git bundle\n" + data):
        try:
            assert decode(each).refs is not None
        except ValueError as error:
            assert str(error)


def test_a_standby_does_not_look_into_the_repository_after_a_push(tmp_path: Path) -> None:
    """Whoever asks for anything else of the node gets an AttributeError."""
    role = SimpleNamespace(read=lambda: RoleReport((STANDBY,), ALONE))
    node: Any = SimpleNamespace(role=role, config=SimpleNamespace(own=tmp_path))
    stored(node, HookRequest("post-receive", (Update("0" * 40, "1" * 40, "refs/heads/main"),)), print)


def test_each_ref_gets_a_name_of_its_own() -> None:
    refs = {"refs/heads/main": "a" * 40, "refs/heads/x": "a" * 40, "refs/tags/v1": "b" * 40, "refs/notes/y": "c" * 40}
    assert branches(Kept(Path("x"), refs, "ada", 1796047481.0), "ns1") == {
        "refs/heads/main": "refs/heads/lost/ns1/20261130-140441-aaaaaaaaa",
        "refs/heads/x": "refs/heads/lost/ns1/20261130-140441-aaaaaaaaa-1",
        "refs/tags/v1": "refs/tags/lost/ns1/20261130-140441-bbbbbbbbb",
        "refs/notes/y": "refs/tags/lost/ns1/20261130-140441-ccccccccc",
    }


def test_waiting_pushes_are_read_oldest_first_and_odd_files_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "unreplicated"
    assert waiting(tmp_path) == []
    folder.mkdir()
    names = ("20261130-140442-000001-bbb.bundle", "20261130-140441-000009-aaa.bundle")
    for name in names:
        (folder / name).write_bytes(encode(Header({"refs/heads/main": "a" * 40})) + b"PACK")
    (folder / names[0]).with_suffix(".json").write_text('{"pushed_by": "ada"}')
    (folder / "20261130-140443-000001-ccc.bundle").write_bytes(b"")
    (folder / "odd.bundle").write_bytes(encode(Header({"refs/heads/main": "a" * 40})))
    (folder / ".20261130-140444-000001-ddd.bundle").write_bytes(b"")
    found = waiting(tmp_path)
    assert [kept.path.name for kept in found] == list(reversed(names))
    assert [kept.pushed_by for kept in found] == ["unknown", "ada"]
    assert found[0].when == 1796047481.0
