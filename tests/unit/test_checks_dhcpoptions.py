"""Options of DHCP in site.yaml: what dnsmasq would refuse is told with its place, and nothing else is."""

import pytest
from state_trees import built

from reconciler.state.dhcpoptions import ADDRESSES, DHCP, DHCP6

V4 = "{domain: lan.example.org, interface: eth1, ipv4: 192.168.1.0/24, dhcp: {options: {%s}}}"
V6 = (
    "{domain: lan.example.org, interface: eth1, ipv6: '2001:db8:0:1::/64', ipv6_mode: stateless, dhcp: {options: {%s}}}"
)


def said(network: str, options: str) -> list[str]:
    site = (
        "version: 1\nsite: test\nnodes:\n  n: {address: 192.0.2.1}\nnetworks:\n"
        f"  lan: {network % options}\ndns: {{authoritative: bind, nameservers: ns.example.net}}\n"
    )
    result = built({"site.yaml": site, "hosts.yaml": ""})
    return [str(problem) for problem in result.problems if "option" in problem.what or "option" in problem.fix]


@pytest.mark.parametrize(
    ("network", "options", "what"),
    [
        (V4, "ntp-servr: 192.168.1.1", "dnsmasq knows no DHCP option 'ntp-servr'; did you mean 'ntp-server'?"),
        (V4, "qqq: 1", "dnsmasq knows no DHCP option 'qqq'; write its number"),
        (V4, "dns-server: foo", "'foo' is not an address, and DHCP option 'dns-server' takes nothing else"),
        (V4, "router: [192.168.1.1, 192.168.1.300]", "'192.168.1.300' is not an address"),
        (V4, "6: foo", "'foo' is not an address, and DHCP option '6'"),
        (V4, "sntp-server: 192.168.1.1", "DHCP for IPv4 has no option 'sntp-server', DHCPv6 has"),
        (V6, "router: '2001:db8::1'", "DHCPv6 has no option 'router'"),
    ],
)
def test_what_dnsmasq_would_refuse_is_refused_where_it_stands(network: str, options: str, what: str) -> None:
    (text,) = said(network, options)
    assert text.startswith("site.yaml:6:")
    assert what in text


def test_what_dnsmasq_takes_is_taken() -> None:
    for name, number in DHCP.items():
        value = "192.168.1.1" if name in ADDRESSES else "foo"
        names = () if "+" in name else (name, name.upper(), name.lower())  # A key of ours has no plus.
        for key in (*names, str(number)):
            assert not said(V4, f"{key}: [{value}]"), key
    for name in DHCP6:
        if "+" in name:
            continue
        assert not said(V6, f"{name}: ['2001:db8::1', '2001:db8::2']"), name
    assert not said(V4, "224: foo, dns-server: [192.168.1.1, '2001:db8::1'], static-route: [192.168.2.0/24]")
