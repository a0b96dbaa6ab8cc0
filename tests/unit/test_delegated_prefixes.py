"""Networks with a delegated prefix: which /64 they get, what is built of it, what a mistake is told as."""

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv6Address, IPv6Network

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from state_trees import tree_of

from reconciler.build import Built, build, delegated
from reconciler.config import DnsmasqSettings
from reconciler.dns import prefixes, reverse
from reconciler.dns.zone import Zone
from reconciler.services.dnsmasq.render import render
from reconciler.site import KnownPrefix, Site
from reconciler.state.load import load
from reconciler.state.model import State

HOME = """\
version: 1
site: home
domain: example.org
nodes: {ns1: {address: 192.168.1.6, ipv6: "::6"}}
networks:
  internal:
    interface: lan0
    domain: internal.example.org
    ipv4: 192.168.1.0/24
    ipv6: IPV6
    virtual_ips: [192.168.1.4, "SUFFIX::ffff:c0a8:104"]
    dhcp: {ranges: [192.168.1.100-192.168.1.199, "::1000-::1fff"], options: {dns-server: [192.168.1.4, "SUFFIX::53"]}}
    ipv6_mode: stateful
"""
HOSTS = """\
linuxserver: {ipv4: 192.168.1.4, ipv6: "::ffff:c0a8:104"}
printer: {mac: "52:54:00:12:34:56", ipv4: 192.168.1.40, ipv6: "::40"}
six: {ipv6: "::42"}
"""
V4_HOSTS = HOSTS.replace(', ipv6: "::ffff:c0a8:104"', "").replace(', ipv6: "::40"', "").partition("six")[0]
SUFFIXES = IPv6Network("::/64")
LENGTHS = st.integers(16, 64)
PUBLIC = st.integers(0x2000 << 112, (0x4000 << 112) - 1)


def state(ipv6: str, hosts: str = HOSTS, written: IPv6Network = SUFFIXES) -> State:
    site = HOME.replace("IPV6", ipv6)
    for suffix in ("::ffff:c0a8:104", "::53"):
        address = IPv6Address(int(written.network_address) | int(IPv6Address(suffix)))
        site = site.replace(f"SUFFIX{suffix}", str(address))
    loaded = load(tree_of({"site.yaml": site, "hosts.yaml": hosts}))
    assert loaded.state is not None, [str(problem) for problem in loaded.problems]
    return loaded.state


def mistakes(ipv6: str, hosts: str = HOSTS, **files: str) -> list[str]:
    site = HOME.replace("IPV6", ipv6).replace("SUFFIX::", "::")
    tree = {"site.yaml": site, "hosts.yaml": hosts, **files}
    loaded = load(tree_of(tree))
    problems = loaded.problems if loaded.state is None else build(loaded.state).problems
    return [str(problem) for problem in problems if "warning" not in str(problem)]


def site_of(built: Built) -> Site:
    assert built.site is not None, [str(problem) for problem in built.problems]
    return built.site


def zones(site: Site) -> Mapping[str, Zone]:
    return {name: item.zone for name, item in site.zones.items()}


@given(PUBLIC, LENGTHS, st.data())
def test_subnets_are_disjoint_and_make_up_what_is_delegated(number: int, length: int, data: st.DataObject) -> None:
    prefix = IPv6Network((number, length), strict=False)
    count = 2 ** (64 - length)
    one, other = data.draw(st.integers(0, count - 1)), data.draw(st.integers(0, count - 1))
    first, second = prefixes.subnet(prefix, one), prefixes.subnet(prefix, other)
    assert first.prefixlen == 64
    assert first.subnet_of(prefix)
    assert (first == second) == (one == other)
    assert (int(first.network_address) - int(prefix.network_address)) >> 64 == one
    with pytest.raises(ValueError, match=f"no subnet {count} in a /{length}"):
        prefixes.subnet(prefix, count)


@given(PUBLIC, LENGTHS, st.one_of(st.none(), LENGTHS))
def test_what_is_shown_lies_in_what_is_delegated(number: int, shown: int, length: int | None) -> None:
    seen = IPv6Network((number, shown), strict=False)
    found = prefixes.delegated(seen, length)
    assert seen.subnet_of(found)
    assert found.prefixlen == (shown if length is None else min(shown, length))
    assert prefixes.delegated(found, length) == found


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PUBLIC, st.integers(0, 255))
def test_a_known_prefix_is_as_good_as_a_written_one(number: int, subnet: int) -> None:
    """Zones, hosts, and every file of dnsmasq; names of reverse zones among them."""
    seen = IPv6Network((number, 56), strict=False)
    network = prefixes.subnet(seen, subnet)
    known = {"wan0": KnownPrefix(seen)}
    found = site_of(build(state(f"{{prefix_from: wan0, subnet: {subnet}}}"), known))
    written = site_of(build(state(f"'{network}'", written=network)))
    assert zones(found) == zones(written)
    assert reverse.zones_for(network)[0] in found.zones
    assert found.hosts == written.hosts
    dnsmasq = DnsmasqSettings.model_validate({"directory": "/d"})
    assert render(found, dnsmasq, None) == render(written, dnsmasq, None)


def test_an_unknown_prefix_is_as_none_at_all() -> None:
    built = build(state("{prefix_from: wan0}"))
    found = site_of(built)
    text = HOME.replace("    ipv6: IPV6\n", "").replace(', ipv6: "::6"', "").replace("    ipv6_mode: stateful\n", "")
    text = text.replace(', "SUFFIX::ffff:c0a8:104"', "").replace(', "::1000-::1fff"', "").replace(', "SUFFIX::53"', "")
    loaded = load(tree_of({"site.yaml": text, "hosts.yaml": V4_HOSTS}))
    assert loaded.state is not None, loaded.problems
    without = site_of(build(loaded.state))
    assert zones(found) == zones(without)
    assert found.hosts == without.hosts
    dnsmasq = DnsmasqSettings.model_validate({"directory": "/d"})
    assert render(found, dnsmasq, None).files == render(without, dnsmasq, None).files
    (warning,) = [str(problem) for problem in built.problems if "not known" in str(problem)]
    assert warning.startswith('site.yaml:10:5: warning: the IPv6 prefix of network "internal" is not known yet')


def test_validity_does_not_depend_on_the_prefix() -> None:
    """What names today's prefix is refused today, not on the day when that has gone."""
    known = {"wan0": KnownPrefix(IPv6Network("2001:db8:1::/56"))}
    zone = reverse.zones_for(IPv6Network("2001:db8:1:2::/64"))[0]
    said = mistakes("{prefix_from: wan0, subnet: 2}", **{f"zones/{zone[:-1]}.yaml": "x: {type: TXT, value: x}\n"})
    assert any("covers 2001:db8:1:2::/64, which has addresses that are not of this site" in text for text in said)
    whole = HOSTS + 'pc: {mac: "52:54:00:00:00:01", ipv6: "2001:db8:1:2::77"}\n'
    built = build(state("{prefix_from: wan0, subnet: 2}", hosts=whole), known)
    assert built.site is None
    assert any("so it cannot be reserved for a MAC" in str(problem) for problem in built.problems)
    assert any("write suffixes" in str(problem) for problem in built.problems)


@pytest.mark.parametrize(
    ("ipv6", "expected"),
    [
        ("{prefix_from: wan0, subnet: 256, length: 56}", "site.yaml:10:39: there is no subnet 256 in a /56, which has"),
        ("{prefix_from: wan0, subnet: 1, length: 64}", "site.yaml:10:39: there is no subnet 1 in a /64, which has one"),
        ("{prefix_from: wan0, length: 65}", "site.yaml:10:39: '65' is too large; the limit is 64"),
        ("{prefix_from: wan0, length: 8}", "site.yaml:10:39: '8' is too small; the limit is 16"),
        ("{prefix_from: wan0, subnet: -1}", "site.yaml:10:39: '-1' is not a whole number"),
        ("{prefix_from: wan0, subnet: 0x2}", "site.yaml:10:39: '0x2' is not a whole number"),
        ("{prefix_from: wan0, subnet: 281474976710656}", "site.yaml:10:39: '281474976710656' is too large"),
        ("{subnet: 1}", "'ipv6' has no 'prefix_from'"),
        ("{prefix_from: 'w an'}", "site.yaml:10:25: 'w an' is not a network interface's name"),
        ("{prefix_from: wan0, prefx: 1}", "site.yaml:10:31: unknown key 'prefx'"),
        ("{prefix_from: wan0, keep_old: soon}", "site.yaml:10:41: 'soon' is not a time"),
        ("[wan0]", "site.yaml:10:5: expected a single value, found a list"),
        ("wan0", "site.yaml:10:11: 'wan0' is not a network"),
    ],
)
def test_mistakes_are_told_where_they_stand(ipv6: str, expected: str) -> None:
    said = mistakes(ipv6)
    assert any(expected in text for text in said), said


def test_a_suffix_that_is_too_long_and_a_range_outside() -> None:
    (said,) = mistakes("{prefix_from: wan0, subnet: 3}", HOSTS + "x: {network: internal, ipv4: 192.168.1.40}\n")
    assert "address 192.168.1.40 is already used" in said


@pytest.mark.parametrize(
    ("seen", "before", "chosen"),
    [
        ("2001:db8:1::/56", None, "2001:db8:1::/56"),
        ("2001:db8:1::/56", "2001:db8:2::/56", "2001:db8:1::/56"),
        (None, "2001:db8:2::/56", "2001:db8:2::/56"),
        ("2001:db8:1::/64", "2001:db8:2::/56", "2001:db8:2::/56"),
        ("2001:db8:1::/64", None, None),
    ],
)
def test_what_does_not_hold_the_subnet_is_not_chosen(seen: str | None, before: str | None, chosen: str | None) -> None:
    moving = state("{prefix_from: wan0, subnet: 2}")
    known = [{"wan0": KnownPrefix(IPv6Network(text))} if text else {} for text in (seen, before)]
    found, problems = delegated.choose(moving, *known)
    assert found == ({"wan0": KnownPrefix(IPv6Network(chosen))} if chosen else {})
    assert bool(problems) == (seen == "2001:db8:1::/64")
    for text in problems:
        assert text.startswith("network internal: wan0 shows 2001:db8:1::/64, and there is no subnet 2 in a /64")


def test_two_networks_of_two_providers_of_which_one_is_known() -> None:
    guest = "networks:\n  guest: {domain: guest.example.org, ipv6: {prefix_from: wan1}}\n"
    text = HOME.replace("networks:\n", guest).replace("IPV6", "{prefix_from: wan0}").replace("SUFFIX::", "::")
    hosts = HOSTS.replace("ipv4: 192.168.1.4,", "ipv4: 192.168.1.4, network: internal,")
    hosts = hosts.replace("six: {ipv6", "six: {network: guest, ipv6")
    loaded = load(tree_of({"site.yaml": text, "hosts.yaml": hosts}))
    assert loaded.state is not None, loaded.problems
    known = {"wan0": KnownPrefix(IPv6Network("2001:db8:1::/64"), since=7)}
    site = site_of(build(loaded.state, known))
    assert site.prefixes == known
    assert site.networks["internal"].settings.prefix6 == IPv6Network("2001:db8:1::/64")
    assert site.networks["guest"].settings.prefix6 is None
    assert not any(key[1] == "AAAA" for key in site.zones["guest.example.org."].zone.rrsets)
    assert [host.name for host in site.hosts if host.network == "guest"] == []
    six = {"wan1": KnownPrefix(IPv6Network("2001:db8:9::/48"))}
    both = site_of(build(loaded.state, {**known, **six}))
    assert ("six.guest.example.org.", "AAAA") in both.zones["guest.example.org."].zone.rrsets
    assert replace(both, prefixes={}) != replace(site, prefixes={})
