"""Zone differences and the three-way merge, as an algebra."""

from hypothesis import given
from hypothesis import strategies as st

from reconciler.dns.diff import Change, diff, keep_matcher, merge3
from reconciler.dns.records import RRset, group

ZONE = "example.org."
OWNERS = [ZONE, "a.example.org.", "b.example.org.", "_acme-challenge.a.example.org."]
RECORDS = st.tuples(
    st.sampled_from(OWNERS),
    st.sampled_from([60, 3600]),
    st.sampled_from(["A", "TXT"]),
    st.sampled_from(["192.0.2.1", "192.0.2.2", "192.0.2.3"]),
)
ZONES = st.lists(RECORDS, max_size=12).map(group)
KEEPS = st.sampled_from([[], [("_acme-challenge.*", ["TXT"])], [("*", ["*"]), ("@", ["*"])]]).map(
    lambda rules: keep_matcher(ZONE, rules)
)


def records(zone):
    return {(*key, rdata) for key, rrset in zone.items() for rdata in rrset.rdatas}


def applied(old, change):
    new = {key: rrset for key, rrset in old.items() if rrset not in change.removed}
    assert len(new) == len(old) - len(change.removed)
    assert not any(rrset.key in old for rrset in change.added)
    new |= {rrset.key: rrset for rrset in change.added}
    for before, after in change.changed:
        assert new[before.key] == before
        new[after.key] = after
    return new


@given(ZONES, ZONES)
def test_a_difference_leads_from_old_to_new(old, new):
    change = diff(old, new)
    assert applied(old, change) == new
    assert bool(change) is (old != new)
    counts = {sign: sum(c.sign == sign for c in change.changes) for sign in "+-~"}
    assert counts == {"+": change.plus, "-": change.minus, "~": change.tilde}
    assert change.plus - change.minus == len(records(new)) - len(records(old))
    assert change.plus + change.tilde >= len(records(new) - records(old))


@given(ZONES, ZONES)
def test_the_way_back_is_the_difference_turned_round(old, new):
    there, back = diff(old, new), diff(new, old)
    assert (there.plus, there.minus, there.tilde) == (back.minus, back.plus, back.tilde)
    assert there.added == back.removed


def test_changes_by_example():
    old = group(
        [
            ("z.", 60, "A", "192.0.2.1"),
            ("b.", 60, "A", "192.0.2.1"),
            ("b.", 60, "A", "192.0.2.2"),
            ("c.", 60, "A", "192.0.2.1"),
            ("d.", 60, "A", "192.0.2.1"),
        ]
    )
    new = group(
        [
            ("a.", 60, "A", "192.0.2.1"),
            ("b.", 60, "A", "192.0.2.2"),
            ("b.", 60, "A", "192.0.2.3"),
            ("b.", 60, "A", "192.0.2.4"),
            ("c.", 300, "A", "192.0.2.1"),
            ("d.", 300, "A", "192.0.2.2"),
        ]
    )
    change = diff(old, new)
    assert change.changes == [
        Change("+", "a. 60 A 192.0.2.1"),
        Change("~", "b. 60 A 192.0.2.1 -> 192.0.2.3"),
        Change("+", "b. 60 A 192.0.2.4"),
        Change("~", "c. 60 -> 300 A 192.0.2.1"),
        Change("~", "d. 60 -> 300 A 192.0.2.1 -> 192.0.2.2"),
        Change("-", "z. 60 A 192.0.2.1"),
    ]
    assert (change.plus, change.minus, change.tilde) == (2, 1, 3)


@given(ZONES, ZONES, KEEPS, st.booleans())
def test_where_nobody_interfered_ours_is_the_result(base, ours, keep, heal):
    assert merge3(base, ours, dict(base), keep, heal) == (ours, ())


@given(ZONES, ZONES, ZONES, KEEPS)
def test_report_deletes_nothing_of_others_and_brings_nothing_back(base, ours, theirs, keep):
    merged = records(merge3(base, ours, theirs, keep, heal=False).rrsets)
    b, o, t = records(base), records(ours), records(theirs)
    assert merged == (t - (b - o)) | (o - b)
    assert t - b <= merged


@given(ZONES, ZONES, ZONES, KEEPS)
def test_heal_leaves_ours_and_what_is_kept(base, ours, theirs, keep):
    merged = records(merge3(base, ours, theirs, keep, heal=True).rrsets)
    foreign = records(theirs) - records(base) - records(ours)
    assert merged == records(ours) | {record for record in foreign if keep(*record[:2])}


@given(ZONES, ZONES, ZONES, KEEPS, st.booleans())
def test_drift_is_what_others_did(base, ours, theirs, keep, heal):
    drift = merge3(base, ours, theirs, keep, heal).drift

    def lines(zone, wanted):
        return {
            f"{key[0]} {rrset.ttl} {key[1]} {rdata}"
            for key, rrset in zone.items()
            for rdata in rrset.rdatas
            if (*key, rdata) in wanted
        }

    b, o, t = records(base), records(ours), records(theirs)
    other_ttl = {
        key
        for key in base.keys() & ours.keys() & theirs.keys()
        if theirs[key].ttl not in (base[key].ttl, ours[key].ttl) and not keep(*key)
    }
    stayed = {record for record in b & o & t if record[:2] in other_ttl}
    assert {line for sign, line in drift if sign == "-"} == lines(base, ((b & o) - t) | stayed)
    foreign = {record for record in t - b - o if not keep(*record[:2])}
    assert {line for sign, line in drift if sign == "+"} == lines(theirs, foreign | stayed)


@given(ZONES, ZONES, ZONES, KEEPS, st.booleans())
def test_merging_again_changes_nothing(base, ours, theirs, keep, heal):
    first = merge3(base, ours, theirs, keep, heal).rrsets
    again = merge3(ours, ours, first, keep, heal)
    assert again.rrsets == first
    if heal:
        assert again.drift == ()


@given(ZONES, ZONES, ZONES, KEEPS, st.booleans())
def test_merged_rrsets_are_well_formed_and_have_our_ttl(base, ours, theirs, keep, heal):
    for key, rrset in merge3(base, ours, theirs, keep, heal).rrsets.items():
        assert rrset.key == key
        assert rrset.rdatas == tuple(sorted(set(rrset.rdatas)))
        assert rrset.rdatas
        assert rrset.ttl == (ours.get(key) or theirs[key]).ttl


def test_a_certificate_client_beside_our_records():
    keep = keep_matcher(ZONE, [("_acme-challenge", ["TXT"]), ("_acme-challenge.*", ["TXT"])])
    base = group([("a.example.org.", 60, "A", "192.0.2.1")])
    ours = group([("a.example.org.", 60, "A", "192.0.2.2")])
    token = ("_acme-challenge.a.example.org.", 60, "TXT", '"token"')
    stray = ("x.example.org.", 60, "A", "192.0.2.9")
    theirs = group([("a.example.org.", 60, "A", "192.0.2.1"), token, stray])
    drift = (("+", "x.example.org. 60 A 192.0.2.9"),)
    assert merge3(base, ours, theirs, keep, heal=True) == (ours | group([token]), drift)
    assert merge3(base, ours, theirs, keep, heal=False) == (ours | group([token, stray]), drift)


def test_keep_rules_do_not_keep_what_we_take_back():
    base = group([("a.", 60, "TXT", '"ours"'), ("a.", 60, "TXT", '"stays"')])
    ours = group([("a.", 60, "TXT", '"stays"')])
    theirs = group([("a.", 60, "TXT", text) for text in ('"ours"', '"stays"', '"token"')])
    keep = keep_matcher(".", [("*", ["*"])])
    expected = group([("a.", 60, "TXT", '"stays"'), ("a.", 60, "TXT", '"token"')])
    for heal in (True, False):
        assert merge3(base, ours, theirs, keep, heal) == (expected, ())


def test_a_ttl_that_others_changed_is_drift_where_the_name_is_ours_alone():
    ours = group([("a.", 3600, "TXT", '"ours"')])
    theirs = group([("a.", 60, "TXT", '"ours"'), ("a.", 60, "TXT", '"token"')])
    kept = merge3(ours, ours, theirs, keep_matcher(".", [("*", ["*"])]), heal=True)
    assert kept.drift == ()
    assert kept.rrsets["a.", "TXT"] == RRset("a.", 3600, "TXT", ('"ours"', '"token"'))
    healed = merge3(ours, ours, theirs, keep_matcher(".", []), heal=True)
    assert healed.rrsets == ours
    assert healed.drift == (
        ("-", 'a. 3600 TXT "ours"'),
        ("+", 'a. 60 TXT "ours"'),
        ("+", 'a. 60 TXT "token"'),
    )


def test_keep_patterns():
    def kept(pattern, owner, rtype="TXT", types=("TXT",)):
        return keep_matcher(ZONE, [(pattern, types)])(owner, rtype)

    assert kept("@", "example.org.")
    assert not kept("@", "a.example.org.")
    assert kept("_acme-challenge", "_acme-challenge.example.org.")
    assert not kept("_acme-challenge", "_acme-challenge.a.example.org.")
    assert kept("_Acme-Challenge.*", "_acme-challenge.a.b.example.org.")
    assert not kept("_acme-challenge.*", "_acme-challenge.example.org.")
    assert not kept("_acme-challenge.*", "x_acme-challenge.a.example.org.")
    assert kept("*", "a.b.example.org.")
    assert not kept("*", "example.org.")
    assert kept("*.lab", r"a\.b.lab.example.org.")
    assert not kept("lab", r"a\.lab.example.org.")
    assert kept("a.example.org.", "a.example.org.")
    assert not kept("a", "aXexample.org.")
    assert not kept("a", "a.example.org.", "A")
    assert kept("a", "a.example.org.", "A", ("txt", "a"))
    assert kept("a", "a.example.org.", "SRV", ("*",))
    assert keep_matcher(".", [("@", ["*"])])(".", "NS")


@given(ZONES)
def test_group_is_undone_by_listing(zone):
    listed = [(r.owner, r.ttl, r.rtype, rdata) for r in zone.values() for rdata in r.rdatas]
    assert group(reversed(listed)) == zone


def test_group_takes_the_lowest_ttl_and_no_duplicates():
    found = group([("a.", 60, "A", "2"), ("a.", 30, "A", "1"), ("a.", 90, "A", "2")])
    assert found == {("a.", "A"): RRset("a.", 30, "A", ("1", "2"))}
