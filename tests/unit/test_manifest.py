"""The manifest on disk: round trips, crashes, damage."""

import json
from dataclasses import replace
from ipaddress import IPv6Network
from pathlib import Path

import pytest

from reconciler.deployed import Deployed, DeployedZone
from reconciler.dns.records import RRset
from reconciler.dns.zone import SOA, Zone
from reconciler.effects import Effects
from reconciler.manifest import ManifestError, ManifestStore
from reconciler.role.always import Always
from reconciler.site import KnownPrefix

EFFECTS = Effects(Always(), helper=Path("/nonexistent"))


def zone(address: str = "192.0.2.1", name: str = "example.org.") -> Zone:
    rrsets = [
        RRset(name, 300, "NS", (f"ns.{name}",)),
        RRset(f"ns.{name}", 300, "A", (address,)),
        RRset(f"t.{name}", 60, "TXT", ('"a; \\"quoted\\" text"', '"b"')),
        RRset(f"v6.{name}", 60, "AAAA", ("2001:db8::1",)),
    ]
    return Zone(name, SOA(f"ns.{name}", f"hostmaster.{name}"), {rrset.key: rrset for rrset in rrsets})


def deployed(serial: int = 7, address: str = "192.0.2.1") -> Deployed:
    item = DeployedZone(zone(address), dynamic=True, serial=serial, file_digest="f")
    return Deployed("c" * 40, {"example.org.": item}, {"bind/x": "1"})


def pending(*applies: Deployed) -> dict[str, tuple[DeployedZone, ...]]:
    return {"example.org.": tuple(item.zones["example.org."] for item in applies)}


def test_nothing_on_disk_is_nothing_deployed(tmp_path: Path) -> None:
    assert ManifestStore(tmp_path).load() == Deployed()


def test_what_is_saved_is_read_by_another_process(tmp_path: Path) -> None:
    ManifestStore(tmp_path).save(deployed(), EFFECTS)
    assert ManifestStore(tmp_path).load() == deployed()


def test_an_unfinished_apply_is_seen_until_the_next_save(tmp_path: Path) -> None:
    store = ManifestStore(tmp_path)
    store.save(deployed(), EFFECTS)
    store.begin(deployed(8, "192.0.2.8").zones, EFFECTS)
    found = ManifestStore(tmp_path).load()
    assert found.zones == deployed().zones
    assert found.pending == pending(deployed(8, "192.0.2.8"))
    store.save(deployed(8, "192.0.2.8"), EFFECTS)
    assert ManifestStore(tmp_path).load() == deployed(8, "192.0.2.8")


def test_contents_that_are_no_longer_referred_to_are_removed(tmp_path: Path) -> None:
    store = ManifestStore(tmp_path)
    store.save(deployed(), EFFECTS)
    store.save(deployed(8, "192.0.2.8"), EFFECTS)
    assert len(list((tmp_path / "zones").iterdir())) == 1
    store.save(Deployed("d"), EFFECTS)
    assert not list((tmp_path / "zones").iterdir())


def test_a_change_by_another_process_is_noticed(tmp_path: Path) -> None:
    ours, theirs = ManifestStore(tmp_path), ManifestStore(tmp_path)
    ours.save(deployed(), EFFECTS)
    theirs.save(deployed(9), EFFECTS)
    assert ours.load() == deployed(9)


def test_an_unchanged_zone_is_neither_read_nor_written_again(tmp_path: Path) -> None:
    store = ManifestStore(tmp_path)
    store.save(deployed(), EFFECTS)
    (path,) = (tmp_path / "zones").iterdir()
    before = path.stat().st_mtime_ns
    store.save(deployed(8), EFFECTS)
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize("recorded", [True, False])
def test_an_apply_lacks_its_record_until_that_is_noted(tmp_path: Path, recorded: bool) -> None:
    store = ManifestStore(tmp_path)
    store.begin(deployed(8, "192.0.2.8").zones, EFFECTS)
    store.save(deployed(8, "192.0.2.8"), EFFECTS, recorded=False)
    if recorded:
        store.note_recorded(EFFECTS)
    found = ManifestStore(tmp_path).load()
    assert found.unrecorded is not recorded
    assert found == store.load()
    assert not found.pending
    assert found.zones == deployed(8, "192.0.2.8").zones


def test_what_a_crash_left_half_written_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".manifest.json.0123.tmp").write_text("half")
    ManifestStore(tmp_path).recover(EFFECTS)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "7",
        "\udcff\0",
        '{"version": 99}',
        '{"version": 1, "commit": 7, "zones": {}, "files": {}}',
        '{"version": 1, "zones": [1]}',
        '{"version": 1, "files": []}',
        '{"version": 1, "retired": {"a.": "7"}}',
        '{"version": 1, "zones": {"a.": {"digest": 3}}}',
        '{"version": 1, "zones": {"a.": 5}}',
        "[" * 100_000,
    ],
)
@pytest.mark.parametrize("name", ["manifest.json", "pending.json"])
def test_a_manifest_of_another_form_is_damage(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(ManifestError) as error:
        ManifestStore(tmp_path).load()
    assert str(tmp_path / name) in str(error.value)
    assert "reconciler apply" in str(error.value)


def test_a_zones_content_that_was_cut_at_a_line_is_damage(tmp_path: Path) -> None:
    ManifestStore(tmp_path).save(deployed(), EFFECTS)
    (path,) = (tmp_path / "zones").iterdir()
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(ManifestError, match="not what was applied"):
        ManifestStore(tmp_path).load()


@pytest.mark.parametrize("damage", ["manifest.json", "zones"])
def test_damage_is_told_with_what_to_do(tmp_path: Path, damage: str) -> None:
    ManifestStore(tmp_path).save(deployed(), EFFECTS)
    if damage == "zones":
        (path,) = (tmp_path / "zones").iterdir()
        path.write_text("junk\n")
    else:
        (tmp_path / damage).write_text("{")
    with pytest.raises(ManifestError) as error:
        ManifestStore(tmp_path).load()
    assert str(tmp_path) in str(error.value)


def test_what_a_server_may_have_taken_stays_pending(tmp_path: Path) -> None:
    store = ManifestStore(tmp_path)
    store.save(deployed(), EFFECTS)
    store.begin(deployed(8, "192.0.2.8").zones, EFFECTS)
    store.save(deployed(9), EFFECTS, ended=False)
    for found in (store.load(), ManifestStore(tmp_path).load()):
        assert found.zones == deployed(9).zones
        assert found.pending == pending(deployed(8, "192.0.2.8"))


def test_what_is_pending_stays_so_when_another_apply_begins(tmp_path: Path) -> None:
    store = ManifestStore(tmp_path)
    store.save(deployed(), EFFECTS)
    first, second = deployed(8, "192.0.2.8"), deployed(9, "192.0.2.9")
    store.begin(first.zones, EFFECTS)
    ManifestStore(tmp_path).begin(second.zones, EFFECTS)
    ManifestStore(tmp_path).begin({}, EFFECTS)
    assert ManifestStore(tmp_path).load().pending == pending(second, first)
    store.save(deployed(9), EFFECTS)
    assert not ManifestStore(tmp_path).load().pending


def test_an_apply_that_did_not_end_is_pending_also_when_an_earlier_one_lacks_its_record(tmp_path: Path) -> None:
    store = ManifestStore(tmp_path)
    store.begin(deployed(8, "192.0.2.8").zones, EFFECTS)
    store.save(deployed(), EFFECTS, recorded=False, ended=False)
    assert store.load().pending == pending(deployed(8, "192.0.2.8"))


def test_serials_of_zones_from_before_are_kept(tmp_path: Path) -> None:
    known = replace(deployed(), retired={"old.example.": 7})
    ManifestStore(tmp_path).save(known, EFFECTS)
    assert ManifestStore(tmp_path).load() == known


def test_delegated_prefixes_are_read_as_they_were_saved(tmp_path: Path) -> None:
    prefixes = {"wan0": KnownPrefix(IPv6Network("2001:db8:1::/56"), 1700000000)}
    found = replace(deployed(), prefixes=prefixes, kept={"example.org.": 1800000000})
    store = ManifestStore(tmp_path)
    store.save(found, EFFECTS)
    assert ManifestStore(tmp_path).load() == store.load() == found
    newer = {"wan0": KnownPrefix(IPv6Network("2001:db8:2::/56"), 1700000009)}
    store.begin({}, EFFECTS, newer)
    assert ManifestStore(tmp_path).load() == replace(found, trying=newer)
    store.save(replace(found, prefixes=newer), EFFECTS, recorded=False)
    assert ManifestStore(tmp_path).load() == replace(found, prefixes=newer, unrecorded=True)


@pytest.mark.parametrize("found", [5, {"wan0": 5}, {"wan0": ["x", 1]}, {"wan0": ["2001:db8::/56"]}, {"wan0": [[], {}]}])
def test_a_damaged_prefix_is_told(tmp_path: Path, found: object) -> None:
    ManifestStore(tmp_path).save(deployed(), EFFECTS)
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "prefixes": found}))
    with pytest.raises(ManifestError, match=r"manifest\.json: "):
        ManifestStore(tmp_path).load()
