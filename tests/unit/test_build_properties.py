"""What holds for every site: addresses lead to names and back, and every record lies in its zone."""

from ipaddress import IPv4Network, IPv6Network

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from state_trees import built

from reconciler.checks.lookup import PrefixMap, enclosing
from reconciler.dns import names
from reconciler.dns.reverse import ptr_name

LABELS = st.from_regex(r"[a-z]([a-z0-9-]{0,6}[a-z0-9])?", fullmatch=True).filter(lambda text: text != "no")
V4 = (IPv4Network("10.1.0.0/22"), IPv4Network("203.0.113.192/26"), IPv4Network("192.168.7.128/25"))
V6 = (IPv6Network("2001:db8:0:1::/64"), IPv6Network("fd00:1:2:3::/64"), None)
SITE = "version: 1\nsite: t\ndns: {authoritative: bind, nameservers: ns.test}\nnetworks:\n" + "".join(
    f"  n{index}: {{domain: n{index}.example.org, ipv4: {v4}"
    + (f", ipv6: '{v6}', reverse: " if v6 else ", reverse: ")
    + ("192/26.113.0.203.in-addr.arpa}\n" if index == 1 else "[]}\n")
    for index, (v4, v6) in enumerate(zip(V4, V6, strict=True))
)


@st.composite
def hosts(draw):
    """Text of hosts.yaml: distinct names and addresses, some with suffixes, PTR names and aliases."""
    lines = []
    wanted = draw(st.lists(LABELS, min_size=1, max_size=12, unique=True))
    numbers = draw(st.lists(st.integers(1, 62), min_size=len(wanted), max_size=len(wanted), unique=True))
    for name, number in zip(wanted, numbers, strict=True):
        index = draw(st.integers(0, 2))
        fields = [f"ipv4: {V4[index][number]}"]
        if V6[index] is not None and draw(st.booleans()):
            fields.append(draw(st.sampled_from([f"ipv6: '::{number:x}'", f"ipv6: '{V6[index][number]}'"])))
        ptr = draw(st.sampled_from(["", "ptr: no", f"ptr: {name}.n{index}.example.org."]))
        fields += [ptr] if ptr else []
        fields += [f"aliases: [al-{name}]"] if draw(st.booleans()) else []
        lines.append(f"{name}: {{{', '.join(fields)}}}\n")
    return "".join(lines)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(hosts())
def test_every_address_points_back_unless_told_not_to(text):
    result = built({"site.yaml": SITE, "hosts.yaml": text})
    assert result.problems == ()
    zones = result.site.zones
    pointers = {
        key[0]: rrset.rdatas for site in zones.values() for key, rrset in site.zone.rrsets.items() if key[1] == "PTR"
    }
    expected = {}
    for host in result.site.hosts:
        network = result.site.networks[host.network]
        assert host.name.endswith(f".{network.domain}")
        for address in (*host.ipv4, *host.ipv6):
            assert address in (network.settings.ipv4 if address.version == 4 else network.settings.ipv6)
            rtype = "A" if address.version == 4 else "AAAA"
            assert str(address) in zones[network.domain].zone.rrsets[host.name, rtype].rdatas
            owner = ptr_name(address)
            if address in V4[1]:
                owner = f"{int(address) & 255}.192/26.113.0.203.in-addr.arpa."
            if host.ptr is not None:
                expected[owner] = (host.ptr,)
    assert pointers == expected


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(hosts())
def test_every_record_lies_in_its_zone_and_every_alias_leads_to_its_host(text):
    site = built({"site.yaml": SITE, "hosts.yaml": text}).site
    for name, managed in site.zones.items():
        for owner, rtype in managed.zone.rrsets:
            assert names.is_under(owner, name)
            assert rtype == "NS" or enclosing(owner, site.zones) == name
    for host in site.hosts:
        for alias in host.aliases:
            assert site.zones[enclosing(alias, site.zones)].zone.rrsets[alias, "CNAME"].rdatas == (host.name,)


PREFIXES = st.builds(
    lambda number, length: IPv4Network((number, length), strict=False),
    st.integers(0, 2**32 - 1),
    st.integers(0, 32),
)


@given(st.lists(PREFIXES, max_size=20), st.integers(0, 2**32 - 1))
def test_the_longest_prefix_is_found(prefixes, number):
    table = PrefixMap()
    for prefix in prefixes:
        table.add(prefix, prefix)
    address = IPv4Network(number)[0]
    holding = [prefix for prefix in prefixes if address in prefix]
    longest = max((prefix.prefixlen for prefix in holding), default=None)
    assert table.find(address) == [prefix for prefix in holding if prefix.prefixlen == longest]
