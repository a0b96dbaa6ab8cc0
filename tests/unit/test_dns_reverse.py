"""Reverse trees."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from itertools import pairwise

import dns.reversename
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.dns import names, reverse
from reconciler.dns.reverse import ClasslessStyle, ReverseZone

BLOCK = IPv4Network("11.111.111.192/26")


@st.composite
def networks(draw, versions=(4, 6), shortest=None):
    version = draw(st.sampled_from(versions))
    bits, number = (32, IPv4Network) if version == 4 else (128, IPv6Network)
    address = draw(st.ip_addresses(v=version))
    return number((address, draw(st.integers(shortest or 0, bits))), strict=False)


@given(st.ip_addresses())
def test_ptr_name_agrees_with_dnspython(address):
    if getattr(address, "ipv4_mapped", None):  # dnspython turns those into IPv4.
        return
    assert reverse.ptr_name(address) == dns.reversename.from_address(str(address)).to_text()


@pytest.mark.parametrize(
    ("network", "zones"),
    [
        ("192.168.1.0/24", ["1.168.192.in-addr.arpa."]),
        ("192.168.1.64/26", ["1.168.192.in-addr.arpa."]),
        ("10.1.2.3/32", ["2.1.10.in-addr.arpa."]),
        ("100.64.0.0/30", ["0.64.100.in-addr.arpa."]),
        ("127.0.0.1/32", ["0.0.127.in-addr.arpa."]),
        ("172.32.0.0/25", ["0-127.0.32.172.in-addr.arpa."]),
        ("192.168.4.0/22", [f"{n}.168.192.in-addr.arpa." for n in (4, 5, 6, 7)]),
        ("10.0.0.0/15", ["0.10.in-addr.arpa.", "1.10.in-addr.arpa."]),
        ("10.0.0.0/8", ["10.in-addr.arpa."]),
        ("11.111.111.192/26", ["192-255.111.111.11.in-addr.arpa."]),
        ("198.51.100.192/26", ["192-255.100.51.198.in-addr.arpa."]),
        ("203.0.113.7/32", ["7-7.113.0.203.in-addr.arpa."]),
        ("2001:db8::/32", ["8.b.d.0.1.0.0.2.ip6.arpa."]),
        ("2001:db8::/31", ["8.b.d.0.1.0.0.2.ip6.arpa.", "9.b.d.0.1.0.0.2.ip6.arpa."]),
        ("2601:40f:4100:13c2::/64", ["2.c.3.1.0.0.1.4.f.0.4.0.1.0.6.2.ip6.arpa."]),
        ("2601:40f:4100:13c0::/60", ["c.3.1.0.0.1.4.f.0.4.0.1.0.6.2.ip6.arpa."]),
    ],
)
def test_zones_for(network, zones):
    assert list(reverse.zones_for(ip_network(network))) == zones


@given(networks())
def test_zones_cover_the_network_in_order_and_parse_back(network):
    found = reverse.zones_for(network)
    zones = [reverse.parse_zone(name) for name in found]
    assert len(zones) <= reverse.MAX_ZONES
    assert all(names.parse(name) == name for name in found)
    assert zones[0].network[0] <= network[0]
    assert zones[-1].network[-1] >= network[-1]
    for left, right in pairwise(zones):
        assert int(left.network[-1]) + 1 == int(right.network[0])


@given(networks(), st.data())
def test_each_address_has_one_owner_inside_its_zone(network, data):
    number = data.draw(st.integers(int(network[0]), int(network[-1])))
    address = IPv4Address(number) if network.version == 4 else IPv6Address(number)
    zones = [reverse.parse_zone(name) for name in reverse.zones_for(network)]
    (zone,) = [zone for zone in zones if address in zone.network]
    owner = zone.owner(address)
    assert names.is_under(owner, zone.name)
    if not zone.classless:
        assert owner == reverse.ptr_name(address)


@given(networks(versions=(4,), shortest=25), st.sampled_from(ClasslessStyle))
def test_classless_names_are_understood_in_every_style(network, style):
    name = reverse.classless_name(network, style)
    zone = reverse.parse_zone(name, hint=network)
    assert zone.network == network
    if style is not ClasslessStyle.FIRST:
        assert zone == reverse.parse_zone(name)
    assert len({zone.owner(address) for address in network}) == network.num_addresses


@pytest.mark.parametrize(
    ("name", "without_hint", "with_hint"),
    [
        ("192-255.111.111.11.in-addr.arpa.", BLOCK, BLOCK),
        ("192/26.111.111.11.in-addr.arpa.", BLOCK, BLOCK),
        ("193-254.111.111.11.in-addr.arpa.", BLOCK, BLOCK),
        ("63-64.111.111.11.in-addr.arpa.", IPv4Network("11.111.111.0/25"), IPv4Network("11.111.111.0/25")),
        ("192.111.111.11.in-addr.arpa.", IPv4Network("11.111.111.192/32"), BLOCK),
        ("200.111.111.11.in-addr.arpa.", IPv4Network("11.111.111.200/32"), IPv4Network("11.111.111.200/32")),
        ("fritz.111.111.11.in-addr.arpa.", None, BLOCK),
        ("193/26.111.111.11.in-addr.arpa.", None, BLOCK),
        ("fritz.112.111.11.in-addr.arpa.", None, None),
        ("111.111.11.in-addr.arpa.", IPv4Network("11.111.111.0/24"), IPv4Network("11.111.111.0/24")),
        ("11.in-addr.arpa.", IPv4Network("11.0.0.0/8"), IPv4Network("11.0.0.0/8")),
        ("a.192.111.111.11.in-addr.arpa.", None, None),
        ("256.11.in-addr.arpa.", None, None),
        ("01.11.in-addr.arpa.", None, None),
        ("in-addr.arpa.", None, None),
        ("ip6.arpa.", None, None),
        ("10.ip6.arpa.", None, None),
        (f"{'0.' * 33}ip6.arpa.", None, None),
        ("example.org.", None, None),
    ],
)
def test_parse_zone(name, without_hint, with_hint):
    def network(zone: ReverseZone | None):
        return zone and zone.network

    assert network(reverse.parse_zone(name)) == without_hint
    assert network(reverse.parse_zone(name, hint=BLOCK)) == with_hint


@pytest.mark.parametrize(
    ("zone", "address", "owner"),
    [
        ("192-255.111.111.11.in-addr.arpa.", "11.111.111.193", "193.192-255.111.111.11.in-addr.arpa."),
        ("192.111.111.11.in-addr.arpa.", "11.111.111.193", "193.192.111.111.11.in-addr.arpa."),
        ("192/26.111.111.11.in-addr.arpa.", "11.111.111.193", "193.192/26.111.111.11.in-addr.arpa."),
        ("fritz.111.111.11.in-addr.arpa.", "11.111.111.193", "193.fritz.111.111.11.in-addr.arpa."),
        ("111.111.11.in-addr.arpa.", "11.111.111.193", "193.111.111.11.in-addr.arpa."),
        ("200.111.111.11.in-addr.arpa.", "11.111.111.200", "200.111.111.11.in-addr.arpa."),
    ],
)
def test_owner(zone, address, owner):
    assert reverse.parse_zone(zone, hint=BLOCK).owner(ip_address(address)) == owner


def test_addresses_outside_have_no_owner():
    zone = reverse.parse_zone("192/26.111.111.11.in-addr.arpa.")
    for address in ("11.111.111.191", "11.111.112.193", "2001:db8::1"):
        with pytest.raises(ValueError, match="not in"):
            zone.owner(ip_address(address))


def test_a_short_prefix_has_no_classless_name():
    with pytest.raises(ValueError, match="/24"):
        reverse.classless_name(IPv4Network("192.0.2.0/24"))
