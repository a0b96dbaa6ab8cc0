"""Naming again and again gives what naming everything anew gives."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from test_leases_naming import DOMAIN, GUEST, LAN, STATICS, mac, opaque, policies, sets, tellings, v4

from reconciler.leases.changes import by_address
from reconciler.leases.contest import stem
from reconciler.leases.namer import Namer
from reconciler.leases.naming import assign
from reconciler.leases.policy import OnConflict, Reservation, Statics
from reconciler.leases.render import by_zone


def everything(record):
    return True


@settings(max_examples=300)
@given(policies, st.lists(st.tuples(sets, tellings, st.booleans()), min_size=1, max_size=6))
def test_every_step_is_as_if_named_anew(networks, steps):
    namer, holders = Namer(networks, STATICS, everything), {}
    leases, told = {}, {}
    for step, tellings_, whole in steps:
        # Few leases change at a time, or all of them.
        leases = by_address(step) if whole else {**leases, **by_address(step[:2])}
        told = {**told, **tellings_}
        anew = assign(leases.values(), networks, STATICS, told=told, previous=holders)
        named = namer.name(leases, told, holders)
        assert named.records == by_zone(anew.records)
        assert named.holders == anew.holders
        assert sorted(named.reports) == sorted(anew.reports)
        names = {(r.owner, r.rdata) for r in anew.records if r.rtype in ("A", "AAAA")}
        assert {(name, str(address)) for address, name in named.published.items()} == names
        holders = named.holders


def test_what_a_change_does_not_touch_stays_the_same_object():
    namer = Namer([LAN, GUEST], STATICS, everything)
    first = namer.name(by_address([v4(100, "a", 1), v4(101, "b", 2)]), {}, {})
    leases = by_address([v4(100, "a", 1, expires=2000), v4(102, "c", 3)])
    second = namer.name(leases, {}, first.holders)
    kept = (f"a.{DOMAIN}", "A")
    assert second.records[DOMAIN].keys() == {kept, (f"c.{DOMAIN}", "A")}
    assert second.records[DOMAIN][kept] is first.records[DOMAIN][kept]
    assert (f"b.{DOMAIN}", "A") in first.records[DOMAIN]
    renewed = by_address(replace(lease, expires=3000) for lease in leases.values())
    assert namer.name(renewed, {}, second.holders) is second


def test_what_was_never_served_is_named_anew():
    namer = Namer([LAN], STATICS, everything)
    namer.name(by_address([v4(100, "a", 1)]), {}, {})
    both = by_address([v4(100, "a", 1), v4(101, "a", 2)])
    held = {f"a.{DOMAIN}": f"mac:{mac(2)}"}
    assert namer.name(both, {}, held).published == {v4(101).address: f"a.{DOMAIN}"}


def test_a_name_that_somebody_gave_up_goes_to_who_waits_for_it():
    namer = Namer([replace(LAN, on_conflict=OnConflict.NUMBER)], STATICS, everything)
    one, two = v4(100, "a", 1), v4(101, "a", 2)
    first = namer.name(by_address([one, two]), {}, {})
    assert first.published == {one.address: f"a.{DOMAIN}", two.address: f"a-2.{DOMAIN}"}
    assert namer.name(by_address([two]), {}, first.holders).published == {two.address: f"a.{DOMAIN}"}


def test_a_numbered_name_is_not_given_to_who_says_it():
    namer = Namer([replace(LAN, on_conflict=OnConflict.NUMBER)], STATICS, everything)
    leases = by_address([v4(100, "a", 1), v4(101, "a", 2)])
    first = namer.name(leases, {}, {})
    third = v4(102, "a-2", 3)
    found = namer.name({**leases, third.address: third}, {}, first.holders).published
    assert found == {**first.published, third.address: f"a-2-2.{DOMAIN}"}


def test_addresses_of_a_host_with_two_interfaces_stay_together():
    host = Reservation(f"printer.{DOMAIN}", None)
    statics = Statics(reservations={("internal", mac(1)): host, ("internal", mac(2)): host})
    namer = Namer([LAN], statics, everything)
    one, two = v4(100, None, 1), v4(101, None, 2)
    first = namer.name(by_address([one]), {}, {})
    both = namer.name(by_address([one, two]), {}, first.holders)
    assert both.records[DOMAIN][host.name, "A"].rdatas == ("192.168.1.100", "192.168.1.101")


def test_a_stem_has_no_numbers():
    assert [stem(label) for label in ("a", "a-2", "a-2-10", "a-1", "a-02", opaque(1))] == [
        "a",
        "a",
        "a",
        "a-1",
        "a-02",
        opaque(1),
    ]
