"""Addresses that hosts gave themselves: whose they are, which are published, and for how long."""

from dataclasses import replace
from ipaddress import IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.dns.reverse import parse_zone
from reconciler.leases.lease import Lease
from reconciler.leases.naming import assign
from reconciler.leases.policy import LeaseNetwork, Reservation, Statics
from reconciler.leases.slaac import GRACE, MOST, VALID, Seen, interface_identifier, is_eui64, observe

DOMAIN = "internal.example.org."
LAN = LeaseNetwork(
    "internal",
    DOMAIN,
    DOMAIN,
    (ip_network("192.168.1.0/24"), ip_network("2001:db8:0:1::/64")),
    (parse_zone("1.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."),),
    slaac=True,
)
OPEN = replace(LAN, temporary=True)
MAC, PRINTER, STRANGER = "52:54:00:12:34:56", "52:54:00:00:00:40", "52:54:00:ff:ff:ff"
STABLE = ip_address("2001:db8:0:1:5054:ff:fe12:3456")
CHOSEN = ip_address("2001:db8:0:1:1234:5678:9abc:def0")
STATICS = Statics(
    names=frozenset({DOMAIN, f"printer.{DOMAIN}"}),
    addresses=frozenset({"2001:db8:0:1:5054:ff:fe00:99"}),
    reservations={("internal", PRINTER): Reservation(f"printer.{DOMAIN}", f"printer.{DOMAIN}")},
)
PHONE = Lease(ip_address("192.168.1.150"), MAC, "phone", 100_000)
NOW = 7200


def look(*seen, before=None, networks=(LAN,), leases=(PHONE,), now=NOW, statics=STATICS):
    leased = {lease.address: lease for lease in leases}
    return observe(seen, before or {}, networks, statics, leased, now)


def eui(mac, prefix="2001:db8:0:1::"):
    return IPv6Address(int(IPv6Address(prefix)) | interface_identifier(mac))


def entry(address, mac=MAC, confirmed=True):
    return Seen(ip_address(str(address)), mac, confirmed)


OCTETS = st.lists(st.integers(0, 255), min_size=6, max_size=6)


@given(OCTETS, OCTETS, st.integers(0, 2**64 - 1))
def test_eui64_tells_the_mac_and_no_other(octets, others, prefix):
    mac, other = (":".join(f"{octet:02x}" for octet in each) for each in (octets, others))
    address = IPv6Address(prefix << 64 | interface_identifier(mac))
    assert is_eui64(address, mac)
    assert is_eui64(address, other) == (mac == other)
    low = (int(address) & (1 << 64) - 1).to_bytes(8)
    # RFC 4291 appendix A, backwards.
    assert (low[0] ^ 2, *low[1:3], *low[5:]) == tuple(octets)
    assert low[3:5] == b"\xff\xfe"


def test_the_example_of_the_rfc():
    assert interface_identifier("34:56:78:9a:bc:de") == 0x365678FFFE9ABCDE


def test_a_stable_address_of_a_known_client_is_a_lease_without_end():
    found = look(entry(STABLE))
    assert found[STABLE].lease == Lease(STABLE, MAC, None, None)
    names = assign([PHONE, found[STABLE].lease], [LAN], STATICS)
    shown = {(record.owner, record.rtype, record.rdata) for record in names.records}
    assert (f"phone.{DOMAIN}", "AAAA", str(STABLE)) in shown
    assert any(rtype == "PTR" and rdata == f"phone.{DOMAIN}" for _, rtype, rdata in shown)


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (entry(eui(STRANGER), STRANGER), "nobody knows that MAC"),
        (entry(CHOSEN), "a privacy address, perhaps"),
        (entry(eui(PRINTER)), "made of another MAC"),
        (entry(eui(MAC, "2001:db8:0:2::")), "in no network that asks"),
        (entry("2001:db8:0:1:5054:ff:fe00:99", "52:54:00:00:00:99"), "an address of the state"),
        (entry("192.168.1.150"), "IPv4"),
    ],
)
def test_what_is_not_published(seen, why):
    assert look(seen) == {}, why


def test_a_host_of_the_state_needs_no_lease():
    address = eui(PRINTER)
    assert set(look(entry(address, PRINTER), leases=())) == {address}


def test_the_lease_must_be_of_the_same_network():
    guest = LeaseNetwork("guest", "guest.example.org.", "example.org.", (ip_network("192.168.3.0/24"),), slaac=True)
    elsewhere = replace(PHONE, address=ip_address("192.168.3.9"))
    assert look(entry(STABLE), leases=(elsewhere,), networks=(LAN, guest)) == {}


def test_a_network_that_does_not_ask_and_a_dhcpv6_lease():
    assert look(entry(STABLE), networks=(replace(LAN, slaac=False),)) == {}
    given_out = Lease(STABLE, None, "phone", 9000, duid="00:04:ab")
    assert look(entry(STABLE), leases=(PHONE, given_out)) == {}


def test_others_only_where_wanted_and_as_temporary():
    found = look(entry(CHOSEN), networks=(OPEN,))
    assert found[CHOSEN].lease == Lease(CHOSEN, MAC, None, NOW + VALID, temporary=True)


def test_an_address_stays_for_its_grace_and_comes_back():
    first = look(entry(STABLE))
    gone = look(before=first, now=NOW + 10)
    assert gone[STABLE].lease.expires == NOW + 10 + GRACE
    later = look(before=gone, now=NOW + 100)
    assert later[STABLE].lease is gone[STABLE].lease, "the grace does not begin anew"
    back = look(entry(STABLE, confirmed=False), before=later, now=NOW + 200)
    assert back[STABLE].lease == first[STABLE].lease
    assert look(before=later, now=NOW + 10 + GRACE) == {}


def test_it_ends_with_the_dhcpv4_lease_even_while_it_is_seen():
    first = look(entry(STABLE))
    assert look(entry(STABLE), before=first, leases=()) == {}


def test_nothing_changes_while_nothing_happens():
    first = look(entry(STABLE), entry(CHOSEN), networks=(OPEN,))
    again = look(entry(STABLE, confirmed=False), entry(CHOSEN), before=first, networks=(OPEN,), now=NOW + 60)
    assert again == first
    assert all(again[address].lease is first[address].lease for address in first)


def test_a_temporary_address_ends_where_it_is_never_confirmed():
    first = look(entry(CHOSEN), networks=(OPEN,))
    end = first[CHOSEN].lease.expires
    stale = look(entry(CHOSEN, confirmed=False), before=first, networks=(OPEN,), now=NOW + 90_000)
    assert stale[CHOSEN].lease.expires == end
    over = look(entry(CHOSEN, confirmed=False), before=stale, networks=(OPEN,), now=end + 1)
    assert over[CHOSEN].lease.expires == end, "remembered, or it would begin anew"
    fresh = look(entry(CHOSEN), before=over, networks=(OPEN,), now=end + 1)
    assert fresh[CHOSEN].lease.expires > end


def test_one_client_does_not_fill_the_zone():
    many = [entry(IPv6Address(int(CHOSEN) + n)) for n in range(1, 50)]
    first = look(*many, networks=(OPEN,))
    assert len(first) == MOST
    lower = entry(CHOSEN)
    assert set(look(lower, *many, before=first, networks=(OPEN,))) == set(first), "who is published stays"


def test_of_two_with_one_address_the_one_it_is_made_of_then_who_had_it():
    other = Lease(ip_address("192.168.1.151"), PRINTER, None, 100_000)
    first = look(entry(STABLE, PRINTER), entry(STABLE), leases=(PHONE, other), networks=(OPEN,))
    assert first[STABLE].lease.mac == MAC
    for mac in (MAC, PRINTER):
        had = look(entry(CHOSEN, mac), leases=(PHONE, other), networks=(OPEN,))
        both = look(entry(CHOSEN, MAC), entry(CHOSEN, PRINTER), before=had, leases=(PHONE, other), networks=(OPEN,))
        assert both[CHOSEN].lease.mac == mac
