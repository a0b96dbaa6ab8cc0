"""Contents of zones on disk: what is described is read back, and a few leases need no new file."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler import contents
from reconciler.deployed import Deployed, DeployedZone
from reconciler.dns.records import RRset
from reconciler.dns.zone import SOA, Zone
from reconciler.effects import Effects
from reconciler.manifest import ManifestError, ManifestStore
from reconciler.role.always import Always

EFFECTS = Effects(Always(), helper=Path("/nonexistent"))
NAME = "example.org."
STATE = {"ns": 1, "www": 2}


def deployed(leases: dict[str, int], state: dict[str, int] = STATE, minimum: int = 300) -> Deployed:
    """A zone with A records by label and last octet; leases win no label from the state."""
    rrsets = {}
    for label, last in {**leases, **state}.items():
        rrset = RRset(f"{label}.{NAME}", 300, "A", (f"192.0.2.{last}",))
        rrsets[rrset.key] = rrset
    keys = frozenset((f"{label}.{NAME}", "A") for label in leases.keys() - state.keys())
    zone = Zone(NAME, SOA(f"ns.{NAME}", f"hostmaster.{NAME}", minimum=minimum), rrsets)
    return Deployed("c" * 40, {NAME: DeployedZone(zone, dynamic=True, serial=7, leases=keys)})


def files(folder: Path) -> set[str]:
    return {path.name for path in (folder / "zones").iterdir()}


def test_few_leases_need_no_new_file(tmp_path: Path) -> None:
    store = ManifestStore(tmp_path)
    store.save(deployed({"a": 10, "b": 11}), EFFECTS)
    before = files(tmp_path)
    for leases in ({"b": 11}, {"b": 12, "c": 13}, {}, {"a": 10, "b": 11}):
        store.begin(deployed(leases).zones, EFFECTS)
        assert ManifestStore(tmp_path).load().pending[NAME][0] == deployed(leases).zones[NAME]
        store.save(deployed(leases), EFFECTS)
        assert ManifestStore(tmp_path).load() == deployed(leases)
        assert files(tmp_path) == before
    assert "changes" not in json.loads((tmp_path / "manifest.json").read_bytes())["zones"][NAME]


def test_another_process_goes_on_with_the_file(tmp_path: Path) -> None:
    ManifestStore(tmp_path).save(deployed({"a": 10}), EFFECTS)
    before = files(tmp_path)
    for last in (20, 21):
        store = ManifestStore(tmp_path)
        store.load()
        store.save(deployed({"a": last}), EFFECTS)
    assert ManifestStore(tmp_path).load() == deployed({"a": 21})
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    "after",
    [
        deployed({"a": 10}, {**STATE, "new": 3}),
        deployed({"a": 10}, {"ns": 1}),
        deployed({"a": 10}, minimum=301),
        deployed({}, {**STATE, "a": 10}),
        deployed({"a": 10, "www": 2}, {"ns": 1}),
    ],
)
def test_the_states_own_change_is_a_new_file(tmp_path: Path, after: Deployed) -> None:
    store = ManifestStore(tmp_path)
    store.save(deployed({"a": 10}), EFFECTS)
    before = files(tmp_path)
    store.save(after, EFFECTS)
    assert ManifestStore(tmp_path).load() == after
    assert files(tmp_path).isdisjoint(before)


def test_many_leases_are_a_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "MOST", 2)
    store = ManifestStore(tmp_path)
    store.save(deployed({"a": 10}), EFFECTS)
    before = files(tmp_path)
    store.save(deployed({"a": 10, "b": 11, "c": 12}), EFFECTS)
    assert files(tmp_path) == before
    store.save(deployed({"a": 10, "b": 11, "c": 12, "d": 13}), EFFECTS)
    assert files(tmp_path).isdisjoint(before)
    assert ManifestStore(tmp_path).load() == deployed({"a": 10, "b": 11, "c": 12, "d": 13})


def test_a_file_that_somebody_removed_is_written_again(tmp_path: Path) -> None:
    store = ManifestStore(tmp_path)
    store.save(deployed({"a": 10}), EFFECTS)
    for path in (tmp_path / "zones").iterdir():
        path.unlink()
    store.save(deployed({"a": 10, "b": 11}), EFFECTS)
    assert ManifestStore(tmp_path).load() == deployed({"a": 10, "b": 11})


@pytest.mark.parametrize("changes", [5, {"gone": ["x"]}, {"come": ["junk"]}, {"gone": 7}, ["gone"]])
def test_a_description_of_another_form_is_damage(tmp_path: Path, changes: object) -> None:
    ManifestStore(tmp_path).save(deployed({"a": 10}), EFFECTS)
    path = tmp_path / "manifest.json"
    document = json.loads(path.read_bytes())
    document["zones"][NAME]["changes"] = changes
    path.write_text(json.dumps(document))
    with pytest.raises(ManifestError):
        ManifestStore(tmp_path).load()


some = st.dictionaries(st.sampled_from("abcdef"), st.integers(10, 12), max_size=6)
states = st.builds(lambda more: {**STATE, **more}, st.dictionaries(st.sampled_from("ab"), st.just(10), max_size=1))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.builds(deployed, some, st.just(STATE) | states), st.booleans()), min_size=1, max_size=6))
def test_what_was_saved_is_read_whatever_came_before(steps: list[tuple[Deployed, bool]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = ManifestStore(Path(folder))
        saved = Deployed()
        for item, ends in steps:
            store.begin(item.zones, EFFECTS)
            found = ManifestStore(Path(folder)).load()
            assert found.zones == saved.zones
            assert found.pending[NAME][0] == item.zones[NAME]
            if ends:
                store.save(item, EFFECTS)
                saved = item
                assert ManifestStore(Path(folder)).load() == saved
