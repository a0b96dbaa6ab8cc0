"""Dynamic updates as values: what changes, and the messages that say so."""

import time
from collections.abc import Mapping
from itertools import pairwise

import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.tsig
import dns.update
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.deployed import DeployedZone
from reconciler.dns.records import Key, RRset, group
from reconciler.dns.serials import SerialStyle
from reconciler.dns.zone import SOA, Zone
from reconciler.errors import ApplyFailed
from reconciler.services.bind import message, update
from reconciler.services.bind.difference import RRsetChange, difference, only_leases
from reconciler.services.bind.render import TsigKey
from reconciler.services.bind.sender import Sender
from reconciler.site import SiteZone

Z = "example.net."
KEY = TsigKey("reconciler", "hmac-sha256", "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0ISE=")
OWNERS = (Z, f"a.{Z}", f"b.{Z}", f"x.y.{Z}")
DATA = {"A": ("192.0.2.1", "192.0.2.2", "192.0.2.3"), "PTR": ("h.example.", "i.example.")}

RRsets = Mapping[Key, RRset]
contents = st.dictionaries(
    st.tuples(st.sampled_from(OWNERS), st.sampled_from(sorted(DATA))),
    st.tuples(st.sampled_from((60, 300)), st.sets(st.integers(0, 2), min_size=1)),
).map(
    lambda found: {
        key: RRset(key[0], ttl, key[1], tuple(sorted({DATA[key[1]][n % len(DATA[key[1]])] for n in picked})))
        for key, (ttl, picked) in found.items()
    }
)


def records(rrsets: RRsets) -> set[tuple[Key, str]]:
    return {(key, rdata) for key, rrset in rrsets.items() for rdata in rrset.rdatas}


def after(there: set[tuple[Key, str]], changes: tuple[RRsetChange, ...]) -> set[tuple[Key, str]]:
    gone = {(change.key, rdata) for change in changes for rdata in change.gone}
    return (there - gone) | {(change.key, rdata) for change in changes for rdata in change.new}


@given(contents, contents)
def test_a_difference_makes_one_version_of_the_other_and_nothing_of_equal_ones(old: RRsets, new: RRsets) -> None:
    assert after(records(old), difference([old], new)) == records(new)
    assert difference([new], dict(new)) == ()
    assert all(
        set(change.new) == set(new[change.key].rdatas)
        for change in difference([old], new)
        if change.key in old and change.key in new and old[change.key].ttl != new[change.key].ttl
    )


@given(contents, contents, contents, contents, st.data())
def test_a_difference_makes_the_wanted_one_of_any_mixture_and_leaves_others(
    one: RRsets, two: RRsets, want: RRsets, foreign: RRsets, data: st.DataObject
) -> None:
    both = records(one) & records(two)
    either = sorted((records(one) | records(two)) - both)
    landed = set(data.draw(st.lists(st.sampled_from(either)))) if either else set()
    others = records(foreign) - records(one) - records(two)
    changes = difference([one, two], want)
    assert after(both | landed | others, changes) == records(want) | others
    assert after(after(both | landed | others, changes), changes) == records(want) | others


def test_only_records_of_leases_with_addresses_and_names_count_as_leases() -> None:
    a, txt, host = (f"a.{Z}", "A"), (f"a.{Z}", "TXT"), (f"b.{Z}", "A")
    change = {key: RRsetChange(key, 60, (), ("192.0.2.1",)) for key in (a, txt, host)}
    assert only_leases([change[a]], [frozenset({a})], {})
    assert only_leases([change[a]], [frozenset(), frozenset({a})], {})
    assert not only_leases([change[a], change[host]], [frozenset({a})], {})
    assert not only_leases([change[txt]], [frozenset({txt})], {})
    alias = {(f"a.{Z}", "CNAME"): RRset(f"a.{Z}", 60, "CNAME", ("b.",))}
    assert not only_leases([change[a]], [frozenset({a})], alias)


labels = st.text(st.sampled_from("abz09-_*/"), min_size=1, max_size=63)
odd_labels = st.binary(min_size=1, max_size=20)


@given(st.lists(labels, min_size=0, max_size=3), st.lists(odd_labels, max_size=1))
def test_names_in_wire_form_are_those_of_dnspython(plain: list[str], odd: list[bytes]) -> None:
    name = dns.name.Name([label.encode() for label in plain] + odd + [b""]).canonicalize()
    assert message.name_wire(name.to_text()) == name.to_wire()


@pytest.mark.parametrize(
    ("rtype", "rdata"),
    [
        ("A", "192.0.2.1"),
        ("AAAA", "2001:db8::1"),
        ("PTR", "h.example.net."),
        ("CNAME", r"a\.b.example.net."),
        ("MX", "10 mail.example.net."),
        ("TXT", '"a b" "c;d"'),
        ("SRV", "0 5 88 kdc.example.net."),
        ("CAA", '0 issue "ca.example"'),
        ("TYPE65280", r"\# 2 abcd"),
    ],
)
def test_record_data_in_wire_form_is_that_of_dnspython(rtype: str, rdata: str) -> None:
    number = dns.rdatatype.from_text(rtype)
    parsed = dns.rdata.from_wire(dns.rdataclass.IN, number, (wire := message.rdata_wire(rtype, rdata)), 0, len(wire))
    assert parsed == dns.rdata.from_text(dns.rdataclass.IN, number, rdata)


def parsed(zone: str, part: message.Part) -> dns.update.UpdateMessage:
    soa = message.rdata_wire("SOA", "ns.example. h.example. 5 1 2 3 4")
    following = message.rdata_wire("SOA", "ns.example. h.example. 6 1 2 3 4")
    key = message.tsig_key(KEY)
    signed = message.signed(message.unsigned(zone, part, soa, 60, following, 77), key, 1_000_000_000)
    assert len(signed.wire) <= 65535
    found = dns.message.from_wire(signed.wire, keyring=False, one_rr_per_rrset=True)
    assert isinstance(found, dns.update.UpdateMessage)
    assert found.opcode() == dns.opcode.UPDATE
    assert found.id == 77
    assert found.zone[0].name.to_text() == zone
    assert [rrset[0].serial for rrset in found.prerequisite] == [5]
    assert found.update[-1][0].serial == 6
    assert found.mac == signed.mac
    return found


def said(zone: str, part: message.Part) -> list[tuple[str, str, int, str]]:
    """What a part says: deleted records with class NONE, added ones with class IN."""
    found = parsed(zone, part).update[:-1]
    return [
        (dns.rdataclass.to_text(rrset.deleting or rrset.rdclass), rrset.name.to_text(), rrset.ttl, rrset[0].to_text())
        for rrset in found
    ]


def test_a_message_says_per_owner_what_goes_and_then_what_comes() -> None:
    old = group([(f"a.{Z}", 60, "CNAME", f"b.{Z}"), (f"b.{Z}", 60, "A", "192.0.2.1"), (f"b.{Z}", 60, "A", "192.0.2.2")])
    new = group([(f"b.{Z}", 60, "A", "192.0.2.2"), (f"b.{Z}", 60, "A", "192.0.2.3"), (f"a.{Z}", 30, "A", "192.0.2.9")])
    (part,) = message.parts(Z, difference([old], new)) or ()
    assert sorted(said(Z, part)) == [
        ("IN", f"a.{Z}", 30, "192.0.2.9"),
        ("IN", f"b.{Z}", 60, "192.0.2.3"),
        ("NONE", f"a.{Z}", 0, f"b.{Z}"),
        ("NONE", f"b.{Z}", 0, "192.0.2.1"),
    ]
    order = said(Z, part)
    assert order.index(("NONE", f"a.{Z}", 0, f"b.{Z}")) < order.index(("IN", f"a.{Z}", 30, "192.0.2.9"))


def test_name_servers_of_the_zone_come_before_the_old_ones_go() -> None:
    old, new = group([(Z, 60, "NS", "one.example.")]), group([(Z, 60, "NS", "two.example.")])
    (part,) = message.parts(Z, difference([old], new)) or ()
    assert [line[0] for line in said(Z, part)] == ["IN", "NONE"]


@pytest.mark.parametrize("zone", [Z, "192/26.113.0.203.in-addr.arpa.", ".", r"a\.b.example."])
def test_many_records_come_in_as_few_messages_as_fit_and_none_is_lost(zone: str) -> None:
    suffix = "" if zone == "." else zone
    new = group((f"host{n}.{suffix}", 60, "A", f"10.0.{n // 256}.{n % 256}") for n in range(6000))
    found = message.parts(zone, difference([{}], new)) or ()
    assert 3 <= len(found) <= 5
    lines = [line for part in found for line in said(zone, part)]
    assert sorted(lines) == sorted(("IN", owner, 60, rrset.rdatas[0]) for (owner, _), rrset in new.items())
    assert all(len(one.wire) + len(two.wire) > message.ROOM for one, two in pairwise(found))


def test_an_owner_with_more_than_a_message_holds_is_split() -> None:
    texts = tuple(f'"{n:0200}"' for n in range(500))
    found = message.parts(Z, [RRsetChange((f"a.{Z}", "TXT"), 60, (), texts)]) or ()
    assert len(found) == 2
    assert sum(len(said(Z, part)) for part in found) == 500


def test_records_of_one_owner_stay_together() -> None:
    changes = [RRsetChange((f"h{n}.{Z}", "A"), 60, ("192.0.2.1",), ("192.0.2.2",)) for n in range(3000)]
    for part in message.parts(Z, changes) or ():
        owners = [line[1] for line in said(Z, part)]
        assert all(owners.count(owner) == 2 for owner in (owners[0], owners[-1]))


def test_signature_is_valid_for_dnspython_and_not_with_another_key() -> None:
    (part,) = message.parts(Z, [RRsetChange((f"a.{Z}", "A"), 60, (), ("192.0.2.1",))]) or ()
    soa = message.rdata_wire("SOA", "ns.example. h.example. 5 1 2 3 4")
    signed = message.signed(message.unsigned(Z, part, soa, 60, soa, 77), message.tsig_key(KEY), int(time.time()))
    assert dns.message.from_wire(signed.wire, keyring=message.tsig_key(KEY)).had_tsig
    other = message.tsig_key(KEY._replace(secret="AAAA" + KEY.secret[4:]))
    with pytest.raises(dns.tsig.BadSignature):
        dns.message.from_wire(signed.wire, keyring=other)


ANSWERS = {
    "not signed": lambda wire: wire[:2] + b"\xa8\x00" + bytes(8),
    "to another": lambda wire: bytes((wire[0] ^ 1, wire[1])) + b"\xa8\x05" + bytes(8),
    "not a message": lambda wire: wire[:5],
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_that_anybody_could_have_made_is_not_taken(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr(Sender, "_exchange", lambda _, wire: ANSWERS[answer](wire))
    (part,) = message.parts(Z, [RRsetChange((f"a.{Z}", "A"), 60, (), ("192.0.2.1",))]) or ()
    soa = message.rdata_wire("SOA", "ns.example. h.example. 5 1 2 3 4")
    with pytest.raises(ApplyFailed, match="not one from named"):
        Sender("192.0.2.1", 53, KEY).send(Z, part, now=soa, ttl=60, following=soa)


def site_zone(
    rrsets: RRsets, *, leases: frozenset[Key] = frozenset(), dynamic: bool = True, minimum: int = 4
) -> SiteZone:
    zone = Zone(Z, SOA("ns.example.", "h.example.", minimum=minimum), rrsets)
    return SiteZone(zone, dynamic, "report", (), (), SerialStyle.INCREMENT, leases)


def planned(want: SiteZone, old: RRsets, *, dynamic: bool = True) -> update.Update | None:
    was = (DeployedZone(site_zone(old).zone, dynamic, 5),)
    return update.plan(want, was, difference([old], want.zone.rrsets))


def hosts(count: int) -> dict[Key, RRset]:
    return group((f"h{n}.{Z}", 60, "A", f"10.0.{n // 256}.{n % 256}") for n in range(count))


def test_what_goes_by_updates_and_what_by_a_new_file() -> None:
    small, large = hosts(1), hosts(6000)
    assert planned(site_zone(small), {})
    assert planned(site_zone(small), small) is None
    assert planned(site_zone(small), {}, dynamic=False) is None
    assert planned(site_zone(small, dynamic=False), {}) is None
    assert planned(site_zone(small, minimum=5), {}) is None
    assert planned(site_zone(large), {}) is None
    assert planned(site_zone(hosts(3500)), {}) is None
    assert planned(site_zone({}), small)
    found = planned(site_zone(large, leases=frozenset(large)), {})
    assert found is not None
    assert len(found.parts) > 1
    assert planned(site_zone(large, leases=frozenset(list(large)[1:])), {}) is None
    assert update.plan(site_zone(small), (), ()) is None


def test_types_that_dnspython_cannot_write_go_by_a_new_file() -> None:
    legacy = group([(f"a.{Z}", 60, "MB", "b.example.")])
    assert planned(site_zone(legacy), {}) is None
