"""Names of leases: hostile clients, conflicts, ties between IPv4 and IPv6, and where records go."""

import re
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.dns import names as dns_names
from reconciler.dns.reverse import parse_zone, ptr_name
from reconciler.leases import labels, render
from reconciler.leases.lease import Lease
from reconciler.leases.naming import assign
from reconciler.leases.policy import LeaseNetwork, OnConflict, Reservation, Statics

DOMAIN = "internal.example.org."
LAN = LeaseNetwork(
    "internal",
    DOMAIN,
    DOMAIN,
    (ip_network("192.168.1.0/24"), ip_network("2001:db8:0:1::/64")),
    (parse_zone("1.168.192.in-addr.arpa."), parse_zone("1.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.")),
)
GUEST = LeaseNetwork("guest", "guest.example.org.", "example.org.", (ip_network("192.168.3.0/24"),))
STATICS = Statics(
    names=frozenset(
        {
            "example.org.",
            DOMAIN,
            "guest.example.org.",
            f"printer.{DOMAIN}",
            f"nas.{DOMAIN}",
            f"*.{DOMAIN}",
            ptr_name(ip_address("192.168.1.60")),
        }
    ),
    records={DOMAIN: {(f"printer.{DOMAIN}", "A"), (f"nas.{DOMAIN}", "A")}},
    addresses=frozenset({"192.168.1.40", "192.168.1.41"}),
    labels=frozenset({"lsvm1", "lsvm2"}),
    reservations={("internal", "52:54:00:00:00:40"): Reservation(f"printer.{DOMAIN}", f"printer.{DOMAIN}")},
)


def mac(number):
    return f"52:54:00:00:00:{number:02x}"


def duid(number):
    return f"00:03:00:01:{mac(number)}"


def opaque(number):
    return f"00:04:ab:cd:{number:02x}"


def v4(last, name=None, number=None, network=1, expires=1000, client_id=None):
    number = last if number is None else number
    return Lease(ip_address(f"192.168.{network}.{last}"), mac(number), name, expires, client_id)


def v6(last, duid=None, name=None, temporary=False):
    return Lease(ip_address(f"2001:db8:0:1::{last:x}"), None, name, 1000, None, duid, 1, temporary)


def forward(found):
    return {record.rdata: record.owner for record in found.records if record.rtype in ("A", "AAAA")}


def give(*leases, networks=(LAN, GUEST), statics=STATICS, **more):
    return assign(leases, networks, statics, **more)


def test_forward_and_reverse():
    found = give(v4(100, "Laptop"), v6(5, duid(100)))
    assert [record[:5] for record in found.records] == [
        (DOMAIN, f"laptop.{DOMAIN}", 3600, "A", "192.168.1.100"),
        ("1.168.192.in-addr.arpa.", "100.1.168.192.in-addr.arpa.", 3600, "PTR", f"laptop.{DOMAIN}"),
        (DOMAIN, f"laptop.{DOMAIN}", 3600, "AAAA", "2001:db8:0:1::5"),
        (LAN.reverse[1].name, ptr_name(ip_address("2001:db8:0:1::5")), 3600, "PTR", f"laptop.{DOMAIN}"),
    ]
    assert not found.reports
    assert found.holders == {f"laptop.{DOMAIN}": f"duid:{duid(100)} mac:{mac(100)}"}


def test_by_zone():
    zones = render.by_zone(give(v4(100, "a"), v4(101, "a", 100)).records)
    rrset = zones[DOMAIN][f"a.{DOMAIN}", "A"]
    assert (rrset.ttl, rrset.rdatas) == (3600, ("192.168.1.100", "192.168.1.101"))
    assert set(zones) == {DOMAIN, "1.168.192.in-addr.arpa."}


HOSTILE = {
    "www": None,
    "lsvm2": None,
    "LSVM2": None,
    "printer": None,
    "wpad": None,
    "isatap": None,
    "localhost": None,
    "localhost.localdomain": None,
    "ns": None,
    "ns1": None,
    "_dmarc": "dmarc",
    "*": None,
    "@": None,
    "": None,
    ".": None,
    "...": None,
    "-x": "x",
    "x-": "x",
    "a b": "a-b",
    "a\nb": "a-b",
    "x" * 64: None,
    "x" * 63: "x" * 63,
    "bücher": "bcher",
    "\u212ain": "in",  # The Kelvin sign becomes an ASCII k in lower case.
    "шарик": None,
    "xn--bcher-kva": None,
    "x.internal.example.org": "x",
    "x.internal.example.org.": "x",
    "X.INTERNAL.EXAMPLE.ORG": "x",
    "x.guest.example.org": "x",
    "x.example.org": "x",
    "printer.internal.example.org": None,
    "printer.evil.net": None,
    '";': None,
    'a";b': "ab",
    "a\\.b": "a",
    "w\u200bpad": None,
    "printer ": None,
    "dhcp-192-168-1-7": None,
    "dhcp-2001-db8-0-1-0-0-0-5": None,
    "dhcp-192-168-1-100": "dhcp-192-168-1-100",
    "site7": "site7",
}


@pytest.mark.parametrize(("said", "label"), HOSTILE.items())
def test_hostile_names(said, label):
    lan = replace(LAN, reserved=frozenset({"cups"}))
    found = give(v4(100, said), v4(101, "cups"), networks=[lan])
    assert forward(found) == ({"192.168.1.100": f"{label}.{DOMAIN}"} if label else {})
    *about, cups = found.reports
    assert '"cups", which is the name of a service' in cups
    assert bool(about) or label is not None
    assert all(text.isprintable() and "192.168.1.100" in text for text in about)


def test_a_name_of_another_domain_is_told():
    (report,) = give(v4(100, "x.example.org")).reports
    assert "'x.example.org' leads out of its network's domain, so that only x is used" in report


def test_reserved_in_one_network_is_reserved_in_all_of_its_domain():
    other = replace(GUEST, domain=DOMAIN, zone=DOMAIN, reserved=frozenset({"cups"}))
    assert not give(v4(100, "cups"), networks=[LAN, other]).records


def test_the_holder_keeps_its_name_until_its_lease_ends():
    first = give(v4(101, "a"))
    both = give(v4(100, "a"), v4(101, "a"), previous=first.holders)
    assert forward(both) == {"192.168.1.101": f"a.{DOMAIN}"}
    assert both.reports == (
        f"network internal: 192.168.1.100 ({mac(100)}): it asks for a.{DOMAIN}, which {mac(101)} holds; "
        "it gets no name",
    )
    later = give(v4(100, "a"), previous=both.holders)
    assert forward(later) == {"192.168.1.100": f"a.{DOMAIN}"} and not later.reports


def test_the_holder_is_known_by_its_client_id_or_duid_where_it_has_no_mac():
    old = Lease(ip_address("192.168.1.101"), None, "a", 1, "ff:01")
    assert forward(give(v4(100, "a"), old, previous=give(old).holders)) == {"192.168.1.101": f"a.{DOMAIN}"}
    six = v6(5, opaque(1), "a")
    assert forward(give(six, v6(6, opaque(0), "a"), previous=give(six).holders)) == {"2001:db8:0:1::5": f"a.{DOMAIN}"}


def test_showing_the_holders_duid_does_not_take_its_name():
    victim = [v4(100, "a", 9), v6(5, opaque(1))]
    told = {opaque(1): mac(9)}
    held = give(*victim, told=told).holders
    thief = v6(6, opaque(1), "a")
    found = give(*victim[:1], thief, told={opaque(1): mac(1)}, previous=held)
    assert forward(found) == {"192.168.1.100": f"a.{DOMAIN}"}


def test_numbered_names():
    lan = replace(LAN, on_conflict=OnConflict.NUMBER)
    one, two, three, claimer = v4(100, "a"), v4(101, "a"), v4(102, "a"), v4(103, "a-2")
    found = give(one, two, three, networks=[lan])
    assert forward(found) == {
        "192.168.1.100": f"a.{DOMAIN}",
        "192.168.1.101": f"a-2.{DOMAIN}",
        "192.168.1.102": f"a-3.{DOMAIN}",
    }
    assert len(found.reports) == 2 and "it is called a-2" in found.reports[0]
    # Numbers stay, also against one who says them, as long as the own name is taken.
    kept = give(one, three, claimer, networks=[lan], previous=found.holders)
    assert forward(kept)["192.168.1.102"] == f"a-3.{DOMAIN}"
    kept = give(one, two, claimer, networks=[lan], previous=found.holders)
    assert forward(kept)["192.168.1.101"] == f"a-2.{DOMAIN}"
    assert forward(kept)["192.168.1.103"] == f"a-2-2.{DOMAIN}"
    # The name has become free: no number any more.
    freed = give(two, claimer, networks=[lan], previous=kept.holders)
    assert forward(freed) == {"192.168.1.101": f"a.{DOMAIN}", "192.168.1.103": f"a-2.{DOMAIN}"}


def test_numbers_pass_over_names_that_are_said_or_held():
    lan = replace(LAN, on_conflict=OnConflict.NUMBER)
    fresh = give(v4(100, "a"), v4(101, "a"), v4(103, "a-2"), networks=[lan])
    assert forward(fresh)["192.168.1.101"] == f"a-3.{DOMAIN}"
    before = {f"a-2.{DOMAIN}": f"mac:{mac(102)}"}
    held = give(v4(100, "a"), v4(101, "a"), v4(102, "a"), networks=[lan], previous=before)
    assert forward(held)["192.168.1.101"] == f"a-3.{DOMAIN}"
    assert forward(held)["192.168.1.102"] == f"a-2.{DOMAIN}"


def test_a_numbered_name_that_the_state_takes_is_given_up():
    lan = replace(LAN, on_conflict=OnConflict.NUMBER)
    leases = v4(100, "a"), v4(101, "a")
    before = give(*leases, networks=[lan]).holders
    statics = replace(STATICS, names=STATICS.names | {f"a-2.{DOMAIN}"})
    assert forward(give(*leases, networks=[lan], statics=statics, previous=before)) == {
        "192.168.1.100": f"a.{DOMAIN}",
        "192.168.1.101": f"a-3.{DOMAIN}",
    }


def test_a_client_that_says_a_number_and_is_given_one_keeps_both():
    lan = replace(LAN, on_conflict=OnConflict.NUMBER)
    leases = v4(100, "a"), v6(1, opaque(0), "a-2"), v6(2, opaque(0), "a"), v6(3, duid(100))
    first = give(*leases, networks=[lan])
    assert forward(first)["2001:db8:0:1::2"] == f"a-3.{DOMAIN}"
    assert give(*leases, networks=[lan], previous=first.holders) == first


def test_numbers_pass_over_names_of_the_state_and_end_at_63_letters():
    lan = replace(LAN, on_conflict=OnConflict.NUMBER)
    statics = replace(STATICS, names=STATICS.names | {f"a-2.{DOMAIN}"})
    found = give(v4(100, "a"), v4(101, "a"), networks=[lan], statics=statics)
    assert forward(found)["192.168.1.101"] == f"a-3.{DOMAIN}"
    found = give(v4(100, "a" * 62), v4(101, "a" * 62), networks=[lan])
    assert len(forward(found)) == 1 and "gets no name" in found.reports[0]
    found = give(v4(100, "dhcp-1-2-3"), v4(101, "dhcp-1-2-3"), networks=[lan])
    assert not any(labels.is_generated(owner.partition(".")[0]) for owner in found.holders)


def test_generated_names():
    lan = replace(LAN, generate=True)
    found = give(v4(57), v4(58, "wpad"), v6(0x41, opaque(1)), v6(5, duid(57)), networks=[lan])
    assert forward(found) == {
        "192.168.1.57": f"dhcp-192-168-1-57.{DOMAIN}",
        "192.168.1.58": f"dhcp-192-168-1-58.{DOMAIN}",
        "2001:db8:0:1::41": f"dhcp-2001-db8-0-1-0-0-0-41.{DOMAIN}",
        "2001:db8:0:1::5": f"dhcp-192-168-1-57.{DOMAIN}",
    }


def test_a_network_without_lease_names_and_leases_of_no_network():
    assert give(v4(100, "a"), networks=[replace(LAN, enabled=False)]) == give()
    found = give(v4(9, "a", network=9), v4(8, "b", network=9))
    assert not found.records
    assert found.reports == ("192.168.9.8 and 1 more: leased, but in no network of the site, so without a name",)


def test_the_longest_prefix_counts():
    part = replace(GUEST, prefixes=(ip_network("192.168.1.64/26"),))
    assert forward(give(v4(100, "a"), networks=[LAN, part])) == {"192.168.1.100": "a.guest.example.org."}


def test_a_client_that_moves_has_its_name_in_both_networks():
    found = give(v4(100, "a"), v4(50, "a", 100, network=3))
    assert forward(found) == {"192.168.1.100": f"a.{DOMAIN}", "192.168.3.50": "a.guest.example.org."}
    assert not found.reports


def test_privacy_addresses_only_where_wanted():
    leases = v4(100, "a"), v6(5, duid(100), temporary=True)
    assert len(forward(give(*leases))) == 1
    assert len(forward(give(*leases, networks=[replace(LAN, temporary=True)]))) == 2


@pytest.mark.parametrize(
    ("lease", "told"),
    [
        (v6(5, duid(100)), {}),
        (v6(5, opaque(1)), {opaque(1): mac(100)}),
        (v6(5, duid(7)), {duid(7): mac(100)}),
        (replace(v6(5, opaque(1)), mac=mac(100)), {}),
        (v6(5, opaque(2)), {}),
        (v6(5, opaque(1), "A"), {}),
        (v6(5, duid(7), "a"), {}),
    ],
)
def test_ipv6_leases_are_tied_to_their_client(lease, told):
    four = v4(100, "a", client_id=f"ff:00:00:00:01:{opaque(2)}")
    found = give(four, lease, told=told)
    assert forward(found) == {"192.168.1.100": f"a.{DOMAIN}", "2001:db8:0:1::5": f"a.{DOMAIN}"}
    assert not found.reports
    assert f"mac:{mac(100)}" in found.holders[f"a.{DOMAIN}"]


@pytest.mark.parametrize(
    ("leases", "told"),
    [
        ([v6(5, opaque(1))], {}),
        ([v6(5, duid(100))], {duid(100): mac(7)}),
        ([v4(112, "b"), v6(5, duid(112), "a")], {}),
        ([v6(5, opaque(1), "a"), v6(6, duid(100))], {}),
        ([v6(5, opaque(1), "a"), v6(6, opaque(2), "a")], {}),
    ],
)
def test_ipv6_leases_of_others_are_not(leases, told):
    assert "2001:db8:0:1::5" not in forward(give(v4(100, "a"), *leases, told=told))


def test_a_second_duid_does_not_push_out_the_first():
    leases = v4(100, "a"), v6(5, opaque(9), "a")
    held = give(*leases).holders
    found = give(*leases, v6(6, opaque(1), "a"), previous=held)
    assert set(forward(found)) == {"192.168.1.100", "2001:db8:0:1::5"}


def test_a_duid_that_two_clients_show_ties_nothing():
    shared = f"ff:00:00:00:01:{opaque(2)}"
    found = give(v4(100, "a", client_id=shared), v4(101, "b", client_id=shared), v6(5, opaque(2)))
    assert len(forward(found)) == 2


def test_a_reservation_names_the_clients_other_addresses():
    found = give(v4(40, "evil", 0x40), v6(5, duid(0x40)))
    assert [record[:5] for record in found.records] == [
        (DOMAIN, f"printer.{DOMAIN}", 3600, "AAAA", "2001:db8:0:1::5"),
        (LAN.reverse[1].name, ptr_name(ip_address("2001:db8:0:1::5")), 3600, "PTR", f"printer.{DOMAIN}"),
    ]
    assert not found.holders
    elsewhere = replace(STATICS, reservations={("internal", mac(40)): Reservation("a.example.com.", None)})
    assert not give(v4(40, "evil", 40), statics=elsewhere).records
    silent = replace(STATICS, reservations={("internal", mac(50)): Reservation(f"b.{DOMAIN}", None)})
    assert [record.rtype for record in give(v4(50), statics=silent).records] == ["A"]


def test_static_addresses_and_owners_get_no_ptr():
    found = give(v4(41, "a"), v4(60, "b"))
    assert [(record.rtype, record.rdata) for record in found.records] == [("A", "192.168.1.41"), ("A", "192.168.1.60")]


def test_rfc_2317():
    zone = parse_zone("192-255.113.0.203.in-addr.arpa.")
    network = LeaseNetwork("dmz", DOMAIN, DOMAIN, (ip_network("203.0.113.192/26"),), (zone,))
    lease = replace(v4(1, "a"), address=ip_address("203.0.113.200"))
    found = give(lease, networks=[network])
    assert [record[:2] for record in found.records] == [
        (DOMAIN, f"a.{DOMAIN}"),
        (zone.name, "200.192-255.113.0.203.in-addr.arpa."),
    ]
    above = parse_zone("113.0.203.in-addr.arpa.")
    found = give(lease, networks=[replace(network, reverse=(above, zone))])
    whole = parse_zone("0/24.113.0.203.in-addr.arpa.")
    closest = give(lease, networks=[replace(network, reverse=(above, whole))]).records[1]
    assert closest.owner == "200.0/24.113.0.203.in-addr.arpa."
    assert found.records[2][:5] == (
        above.name,
        "200.113.0.203.in-addr.arpa.",
        3600,
        "CNAME",
        "200.192-255.113.0.203.in-addr.arpa.",
    )


@pytest.mark.parametrize(
    ("lease", "limit", "ttl"),
    [(43200, 3600, 3600), (3600, 3600, 1800), (100, 3600, 60), (100, 30, 30), (None, 7200, 7200)],
)
def test_ttl_follows_the_lease_time(lease, limit, ttl):
    found = give(v4(100, "a"), networks=[replace(LAN, lease=lease, ttl=limit)])
    assert {record.ttl for record in found.records} == {ttl}


said = st.sampled_from(["a", "A", "a-2", "a.internal.example.org", "b", "printer", "www", "lsvm2", "dhcp-192-168-1-1"])
four = st.builds(
    lambda last, name, number, network, client_id: v4(last, name, number, network, client_id=client_id),
    st.integers(0, 9),
    said | st.none() | st.text(max_size=5),
    st.integers(0, 6),
    st.sampled_from([1, 1, 1, 3]),
    st.sampled_from([None, f"ff:00:00:00:01:{opaque(1)}"]),
)
six = st.builds(
    v6,
    st.integers(0, 9),
    st.integers(0, 4).map(duid) | st.integers(0, 4).map(opaque) | st.none(),
    said | st.none(),
    st.booleans(),
)
sets = st.lists(four | six, max_size=12, unique_by=lambda lease: lease.address)
policies = st.builds(
    lambda generate, conflict, temporary, same: [
        replace(LAN, generate=generate, on_conflict=conflict, temporary=temporary),
        replace(GUEST, domain=DOMAIN, zone=DOMAIN) if same else GUEST,
    ],
    st.booleans(),
    st.sampled_from(OnConflict),
    st.booleans(),
    st.booleans(),
)
tellings = st.dictionaries(st.integers(0, 4).map(opaque), st.integers(0, 6).map(mac), max_size=3)


@settings(max_examples=300)
@given(sets, policies, tellings, st.data())
def test_properties(leases, networks, told, data):
    before = data.draw(sets)
    previous = assign(before, networks, STATICS, told=told).holders
    found = assign(leases, networks, STATICS, told=told, previous=previous)
    shuffled = data.draw(st.permutations(leases))
    assert assign(shuffled, networks, STATICS, told=told, previous=previous) == found
    assert not {(r.owner, r.rtype) for r in found.records} & STATICS.records[DOMAIN]
    reserved = f"printer.{DOMAIN}"
    holders = {}
    for record in found.records:
        if record.rtype not in ("A", "AAAA"):
            continue
        label, _, domain = record.owner.partition(".")
        assert domain in {network.domain for network in networks}
        assert (
            re.fullmatch("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", label) and dns_names.parse(record.owner) == record.owner
        )
        assert record.owner not in STATICS.names or record.owner == reserved
        assert label not in STATICS.labels and not labels.is_service(label)
        assert holders.setdefault(record.owner, record.holder) == record.holder
    assert found.holders.keys() | {reserved} == holders.keys() | {reserved}
    names = [record.owner for record in found.records if record.rtype == "PTR"]
    assert len(names) == len(set(names))
    # A holder whose client still says the name keeps it, and renewals change nothing.
    renewed = [replace(lease, expires=lease.expires + 1) for lease in leases]
    again = assign(renewed, networks, STATICS, told=told, previous=found.holders)
    assert again.records == found.records and again.holders == found.holders


@given(st.text())
def test_sanitise(text):
    label = labels.sanitise(text)
    assert label is None or re.fullmatch("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", label)
    if label is not None:
        assert labels.sanitise(label) == label


@given(st.ip_addresses())
def test_generated_names_are_labels_of_their_own(address):
    label = labels.generated(address)
    assert labels.sanitise(label) == label and labels.is_generated(label)
