"""The plan: what changes, and what of it may surprise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler import plan
from reconciler.deployed import Deployed, DeployedZone
from reconciler.dns.records import RRset
from reconciler.dns.serials import SerialStyle
from reconciler.dns.zone import SOA, Zone
from reconciler.site import Site, SiteZone
from reconciler.state import schema

NAME = "example.org."


def zone(records: dict[str, tuple[int, str]], minimum: int = 300) -> Zone:
    soa = SOA("ns.example.org.", "hostmaster.example.org.", minimum=minimum)
    rrsets = [RRset(f"{owner}.{NAME}", ttl, "A", (address,)) for owner, (ttl, address) in records.items()]
    return Zone(NAME, soa, {rrset.key: rrset for rrset in rrsets})


def make(old: Zone | None, new: Zone | None, *, dynamic: bool = False) -> plan.Plan:
    zones = {NAME: SiteZone(new, dynamic, "report", (), (), SerialStyle.DATE)} if new else {}
    site = Site("test", schema.Dns(), {}, (), zones, {})
    return plan.make(site, {}, Deployed("c", {NAME: DeployedZone(old, False, 1)} if old else {}))


def test_nothing_to_do_is_an_empty_plan() -> None:
    same = {"a": (300, "192.0.2.1")}
    assert make(zone(same), zone(same)).empty


def test_counts_added_changed_deleted() -> None:
    old = zone({"a": (300, "192.0.2.1"), "b": (300, "192.0.2.2"), "c": (300, "192.0.2.3")})
    new = zone({"a": (300, "192.0.2.9"), "b": (300, "192.0.2.2"), "d": (300, "192.0.2.4")})
    assert make(old, new).counts == (1, 1, 1)


def test_tells_how_long_old_answers_stay_cached() -> None:
    notes = make(zone({"a": (21600, "192.0.2.1")}), zone({})).notes
    assert notes == ("old answers may stay in other resolvers' caches for up to 6 h",)


def test_tells_how_long_a_negative_answer_stays() -> None:
    (note,) = make(zone({}), zone({"a": (300, "192.0.2.1")})).notes
    assert "up to 5 min (negative answer)" in note


def test_a_zone_that_becomes_dynamic_is_a_change() -> None:
    same = zone({"a": (300, "192.0.2.1")})
    (change,) = make(same, same, dynamic=True).zones
    assert change.kind_change == "dynamic"
    assert not change.diff


def test_changed_soa_values_are_shown() -> None:
    (change,) = make(zone({}), zone({}, minimum=60)).zones
    assert change.soa is not None
    assert change.soa[1].minimum == 60


def test_files_are_compared_by_digest() -> None:
    site = Site("test", schema.Dns(), {}, (), {}, {})
    deployed = Deployed("c", {}, {"bind/a": "1", "bind/b": "2", "bind/c": "3"})
    planned = plan.make(site, {"bind/b": "2", "bind/c": "4", "bind/d": "5"}, deployed)
    assert planned.files == (("-", "bind/a"), ("~", "bind/c"), ("+", "bind/d"))


RECORDS = st.dictionaries(
    st.sampled_from("abcdefgh"), st.tuples(st.sampled_from([60, 300]), st.sampled_from(["192.0.2.1", "192.0.2.2"]))
)


@given(RECORDS, RECORDS)
def test_the_plan_is_empty_exactly_when_the_content_is_equal(old: dict, new: dict) -> None:
    assert make(zone(old), zone(new)).empty is (old == new)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (45, "45 s"),
        (60, "1 min"),
        (90, "1 min 30 s"),
        (3600, "1 h"),
        (5400, "90 min"),
        (5430, "1 h 30 min"),
        (86400, "1 d"),
    ],
)
def test_spans_read_as_a_person_would_say_them(seconds: int, text: str) -> None:
    assert plan.span(seconds) == text
