"""The guard: what needs somebody's word."""

import pytest

from reconciler import guard, plan
from reconciler.deployed import Deployed, DeployedZone
from reconciler.dns.records import RRset
from reconciler.dns.serials import SerialStyle
from reconciler.dns.zone import SOA, Zone
from reconciler.site import Site, SiteZone
from reconciler.state import schema

SOA_ = SOA("ns.example.org.", "hostmaster.example.org.")


def zone(*rrsets: RRset, name: str = "example.org.") -> Zone:
    return Zone(name, SOA_, {rrset.key: rrset for rrset in rrsets})


def hosts(count: int, *, last_octet: int = 1) -> list[RRset]:
    return [RRset(f"h{n}.example.org.", 300, "A", (f"192.0.2.{last_octet}",)) for n in range(count)]


def planned(old: Zone | None, new: Zone | None) -> plan.Plan:
    sites = {new.name: SiteZone(new, False, "report", (), (), SerialStyle.DATE)} if new else {}
    site = Site("test", schema.Dns(), {}, (), sites, {})
    deployed = {old.name: DeployedZone(old, False, 1)} if old else {}
    return plan.make(site, {}, Deployed("c", deployed))


@pytest.mark.parametrize(
    ("before", "after", "held"),
    [
        (10, 7, False),  # exactly 30 %
        (10, 6, True),
        (9, 0, False),  # too small to measure
        (100, 70, False),
        (100, 69, True),
    ],
)
def test_deleting_a_large_part_of_a_zone_is_held(before: int, after: int, held: bool) -> None:
    reasons = guard.reasons(planned(zone(*hosts(before)), zone(*hosts(after))))
    assert bool(reasons) is held
    if held:
        assert f"{before - after} of {before} records of example.org. would be deleted" in reasons[0]


def test_changing_a_large_part_of_a_zone_is_held() -> None:
    reasons = guard.reasons(planned(zone(*hosts(20)), zone(*hosts(20, last_octet=9))))
    assert reasons == ("20 of 20 records of example.org. would be changed (100 %, allowed unasked: 30 %)",)


def test_adding_is_never_held() -> None:
    assert guard.reasons(planned(zone(*hosts(10)), zone(*hosts(1000)))) == ()


def test_a_new_zone_is_not_held_and_a_removed_one_is() -> None:
    assert guard.reasons(planned(None, zone(*hosts(50)))) == ()
    assert guard.reasons(planned(zone(*hosts(2)), None)) == ("zone example.org. would be removed with its 2 records",)


@pytest.mark.parametrize("after", [("ns2.example.org.",), ("ns1.example.org.", "ns2.example.org."), None])
def test_touching_the_apex_ns_is_held(after: tuple[str, ...] | None) -> None:
    old = zone(RRset("example.org.", 300, "NS", ("ns1.example.org.",)))
    new = zone(RRset("example.org.", 300, "NS", after)) if after else zone()
    assert guard.reasons(planned(old, new)) == ("the NS records at the apex of example.org. would change",)
