"""The audit's pure part: messages that cannot be forged, and the sharded tree."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.audit.entry import Entry, identity, message, note
from reconciler.audit.tree import depth, file_changes, shard, zone_changes
from reconciler.deployed import DeployedZone
from reconciler.dns.records import RRset
from reconciler.dns.zone import SOA, Zone
from reconciler.services.base import File

SOA_VALUE = SOA("ns.example.org.", "hostmaster.example.org.")


def deployed(owners: dict[str, str], serial: int = 1, name: str = "example.org.") -> DeployedZone:
    rrsets = {
        (f"{owner}.{name}", "A"): RRset(f"{owner}.{name}", 3600, "A", (address,)) for owner, address in owners.items()
    }
    return DeployedZone(Zone(name, SOA_VALUE, rrsets), dynamic=False, serial=serial)


def many(count: int, start: int = 0) -> dict[str, str]:
    return {f"h{number}": "192.0.2.1" for number in range(start, start + count)}


def play(tree: dict[str, bytes], changes) -> dict[str, bytes]:
    """What git makes of a change: a path that is deleted or written takes with it what is below."""
    kept = {
        path: data
        for path, data in tree.items()
        if not any(path == each or path.startswith(f"{each}/") for each in changes)
    }
    return kept | {path: data for path, data in changes.items() if data is not None}


zones = st.dictionaries(
    st.sampled_from(["example.org.", "1.168.192.in-addr.arpa.", "192/26.2.0.192.in-addr.arpa."]),
    st.tuples(
        st.one_of(
            st.dictionaries(st.text(string.ascii_lowercase, min_size=1), st.sampled_from(["192.0.2.1", "::"])),
            st.integers(0, 5000),
        ),
        st.integers(1, 3),
    ),
)


def manifest_of(spec) -> dict[str, DeployedZone]:
    """A count stands for that many owners: a small text when a test fails."""
    return {
        name: deployed(many(owners) if isinstance(owners, int) else owners, serial, name)
        for name, (owners, serial) in spec.items()
    }


@given(zones, zones, zones)
def test_changes_lead_to_the_same_tree_as_everything_anew(first, second, third):
    tree: dict[str, bytes] = {}
    before: dict[str, DeployedZone] = {}
    for manifest in map(manifest_of, (first, second, third)):
        tree = play(tree, zone_changes(before, manifest))
        assert tree == play({}, zone_changes({}, manifest))
        before = manifest


@given(zones)
def test_every_record_stands_once_and_nothing_without_change(spec):
    manifest = manifest_of(spec)
    tree = play({}, zone_changes({}, manifest))
    lines = sorted(line for path, data in tree.items() if "/records" in path for line in data.decode().split("\n"))
    expected = sorted(line for each in manifest.values() for line in each.zone.lines)
    assert [line for line in lines if line] == expected
    copy = {
        name: DeployedZone(Zone(name, each.zone.soa, dict(each.zone.rrsets)), each.dynamic, each.serial)
        for name, each in manifest.items()
    }
    assert zone_changes(manifest, copy) == {}


def test_small_zone_is_one_file():
    assert zone_changes({}, {"example.org.": deployed(many(2), 7)}) == {
        "zones/example.org/soa": b"example.org. 3600 IN SOA ns.example.org. hostmaster.example.org. "
        b"7 7200 900 1209600 300\n",
        "zones/example.org/records": b"h0.example.org. 3600 IN A 192.0.2.1\nh1.example.org. 3600 IN A 192.0.2.1\n",
    }


def test_one_record_of_ten_thousand_is_one_small_file_and_the_serial():
    old, new = deployed(many(10_000), 1), deployed(many(10_000) | {"h77": "192.0.2.9"}, 2)
    changes = zone_changes({"example.org.": old}, {"example.org.": new})
    key = shard("h77.example.org.", 2)
    assert set(changes) == {"zones/example.org/soa", f"zones/example.org/records/{key}"}
    assert sum(map(len, changes.values())) < 5000


def test_removed_zone_is_one_deletion_and_slashes_are_escaped():
    manifest = {"192/26.x.": deployed(many(1), name="192/26.x.")}
    assert zone_changes(manifest, {}) == {"zones/192%2F26.x": None}


@given(st.integers(0, 10_000_000))
def test_shards_stay_small(records):
    assert records <= 256 * 16 ** depth(records)
    assert depth(records) == 0 or records > 256 * 16 ** (depth(records) - 1)


def test_shard_paths():
    assert shard("a.", 0) == ""
    parts = shard("a.", 3).split("/")
    assert len(parts) == 3
    assert all(part in string.hexdigits for part in parts)
    assert shard("a.", 2) == "/".join(parts[1:])


def test_secret_files_are_not_shown_and_unchanged_ones_not_written():
    conf, keys = File(b"a\n"), File(b"key hunter2\n", secret=True)
    changes = file_changes({"bind/gone": "x", "dnsmasq/a": conf.digest}, {"dnsmasq/a": conf, "bind/keys": keys})
    assert changes == {"services/bind/gone": None, "services/bind/keys": changes["services/bind/keys"]}
    assert b"hunter2" not in changes["services/bind/keys"]
    assert b"not shown" in changes["services/bind/keys"]


texts = st.text(st.characters(exclude_categories=[])) | st.lists(
    st.sampled_from(["\n", "\r", "Result: forged", "---", "\n\n", "#", " ", "a", "\u2028", "\x1b[2J", "\ud800"])
).map("".join)


@given(texts, texts, texts)
def test_message_has_its_trailers_last_and_no_others(subject, body, value):
    text = message(Entry(subject, [("Trigger", value), ("Result", "ok")], body=body))
    text.encode()
    *before, trailers = text.rstrip("\n").split("\n\n")
    starts = [line.partition(":")[0] for line in trailers.split("\n") if not line.startswith(" ")]
    assert starts == ["Trigger", "Result"]
    assert "\n" not in before[0]
    assert before[0].strip()
    assert not any(line.startswith("---") for line in text.split("\n"))
    assert all(character.isprintable() or character in "\n\u3000\xa0" or character.isspace() for character in text)
    assert not set(text) & set("\x1b\r\0\x85\u2028\u202e")


def test_message_reads_well():
    entry = Entry(
        "apply 9f31c02",
        [("Trigger", "push"), ("Zone", "a. 2"), ("Zone", "b. 3"), ("Result", "failed\nline two\n\nend")],
        body="one\n\n# two\n",
    )
    assert message(entry) == (
        "apply 9f31c02\n\none\n\n # two\n\nTrigger: push\nZone: a. 2\nZone: b. 3\nResult: failed\n  line two\n  end\n"
    )
    assert message(Entry(" \n")) == "apply\n"
    assert message(Entry("x", [("State", "")])) == "x\n\nState: -\n"
    assert note("applied\nagain\n\n") == "applied\nagain\n"


@pytest.mark.parametrize("key", ["", "a b", "a:", "a\n", "é"])
def test_keys_are_plain(key):
    with pytest.raises(ValueError, match="trailer"):
        message(Entry("x", [(key, "y")]))


@pytest.mark.parametrize("node", ["n1", "n1>\ncommitter x", ""])
def test_identity_is_one_name_and_mail(node):
    text = identity(node)
    assert text.count("<") == text.count(">") == 1
    assert text.isprintable()
