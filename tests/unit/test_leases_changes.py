"""What has changed between two sets of leases."""

from dataclasses import replace
from ipaddress import IPv4Address

from hypothesis import given
from hypothesis import strategies as st

from reconciler.leases.changes import LeaseChanges, by_address, current, diff, next_expiry, settled
from reconciler.leases.lease import Lease, Parsed

A = Lease(IPv4Address("10.0.0.1"), "52:54:00:00:00:01", "a", 100)
B = Lease(IPv4Address("10.0.0.2"), "52:54:00:00:00:02", "b", 200)
C = Lease(IPv4Address("10.0.0.3"), "52:54:00:00:00:03", "c", None)


def test_diff():
    renamed, renewed = replace(A, name="x", expires=300), replace(B, expires=None)
    found = diff(by_address([A, B]), by_address([renamed, renewed, C]))
    assert found == LeaseChanges(added=(C,), changed=((A, renamed),), renewed=((B, renewed),))
    assert diff(by_address([A, C]), by_address([A])) == LeaseChanges(removed=(C,))


def test_a_renewal_is_no_change():
    assert not diff(by_address([A]), by_address([replace(A, expires=101)]))
    assert not diff(by_address([A]), by_address([replace(A)]))
    assert diff(by_address([A]), {})


def test_expiry():
    assert current(by_address([A, B, C]), 99) == by_address([A, B, C])
    assert current(by_address([A, B, C]), 100) == by_address([B, C])
    assert next_expiry([A, B, C], 99) == 100
    assert next_expiry([A, B, C], 100) == 200
    assert next_expiry([C], 0) is None


def test_only_a_complete_reading_ends_leases():
    known = by_address([A, B])
    renewed = replace(A, expires=500)
    assert settled(known, Parsed((renewed,), complete=False)) == by_address([renewed, B])
    assert settled(known, Parsed((renewed,), complete=True)) == by_address([renewed])
    assert settled(known, Parsed()) == known


def test_a_client_keeps_its_name_when_the_server_gives_it_to_another():
    robbed, thief = replace(A, name=None, expires=300), replace(B, name="a")
    found = settled(by_address([A]), Parsed((robbed, thief), complete=True))
    assert found == by_address([replace(A, expires=300), thief])
    assert settled(found, Parsed((robbed, thief), complete=True))[A.address] is found[A.address]
    another = replace(robbed, mac="52:54:00:00:00:09")
    assert settled(found, Parsed((another,), complete=True)) == by_address([another])


leases = st.builds(
    Lease,
    st.integers(1, 6).map(lambda last: IPv4Address(f"10.0.0.{last}")),
    st.sampled_from(["52:54:00:00:00:01", None]),
    st.sampled_from(["a", "b", None]),
    st.sampled_from([1, 2, None]),
)
sets = st.lists(leases).map(by_address)


@given(sets, sets)
def test_diff_leads_from_old_to_new(old, new):
    found = diff(old, new)
    result = {address: lease for address, lease in old.items() if lease not in found.removed}
    result |= by_address([*found.added, *(pair[1] for pair in (*found.changed, *found.renewed))])
    assert result == new
    assert all(before.address == after.address and before != after for before, after in found.changed)
