"""Isolated networks: what the files of each dnsmasq say, and what they do not."""

import pytest
from dnsmasq_sites import make_site, settings
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st
from pydantic import ValidationError
from state_trees import built

from reconciler.config import BindSettings, DnsmasqSettings
from reconciler.deployed import Deployed
from reconciler.dns.records import RRset
from reconciler.evaluate import Evaluator
from reconciler.join import join
from reconciler.services.dnsmasq.dhcp import handed_out
from reconciler.services.dnsmasq.render import CONF, IDLE, render
from reconciler.services.dnsmasq.service import Dnsmasq
from reconciler.site import Site
from reconciler.state.hatches import HatchAllowance

BIND = BindSettings.model_validate({"directory": "/srv/bind"})
SITE = """\
version: 1
site: home
domain: example.net
networks:
  office:
    interface: lan0
    domain: office.example.net
    ipv4: 192.168.10.0/24
    ipv6: 2001:db8:a::/64
    ipv6_mode: stateful
    virtual_ips: [192.168.10.4]
    dhcp: {ranges: [192.168.10.100-192.168.10.199]}
  guest:
    interface: guest0
    isolated: yes
    domain: guest.example.net
    ipv4: 192.168.20.0/24
    ipv6: 2001:db8:b::/64
    ipv6_mode: stateful
    virtual_ips: [192.168.20.4, "2001:db8:b::4"]
    dhcp: {ranges: [192.168.20.100-192.168.20.199], lease: 2h}
dns: {clients_ask: dnsmasq, authoritative: none, nameservers: [ns.example.net], forwarders: [9.9.9.9]}
"""
BEFORE_BIND = SITE.replace("authoritative: none", "authoritative: bind")
HOSTS = """\
nas: {mac: "52:54:00:0a:00:01", ipv4: 192.168.10.11, ipv6: "2001:db8:a::11", aliases: [store, files.example.net.]}
tv: {mac: "52:54:00:0b:00:01", ipv4: 192.168.20.11, ipv6: "2001:db8:b::11", aliases: [telly]}
door: {ipv4: 192.168.20.4}
both: {ipv4: [192.168.10.12, 192.168.20.12]}
"""
COMMON = """\
www: {type: A, value: 198.51.100.7}
ns: {type: A, value: 198.51.100.2}
one: {type: CNAME, value: two.example.net.}
two: {type: CNAME, value: nas.office.example.net.}
"""


def site_of(site: str = SITE, hosts: str = HOSTS, **files: str) -> Site:
    texts = {"zones/example.net.yaml": COMMON, "zones/internal.example.org.yaml": "x: {type: A, value: 192.0.2.1}\n"}
    return make_site(texts | files, site=site, hosts=hosts)


def texts(site: Site, network: str | None) -> dict[str, str]:
    rendered = render(site, settings(isolated={"guest": {"address": "127.0.1.3"}}), BIND, network)
    assert rendered.complaints == ()
    return {path: file.content.decode() for path, file in rendered.files.items()}


def told(files: dict[str, str]) -> str:
    """All that the files say, but for what they say does not exist."""
    lines = [line for text in files.values() for line in text.splitlines()]
    return "\n".join(line for line in lines if not line.startswith(("local=", "rev-server=")))


@pytest.mark.parametrize("text", [SITE, BEFORE_BIND], ids=["alone", "before BIND"])
def test_each_has_its_interface_its_ranges_and_its_reservations(text: str) -> None:
    main, guest = texts(site_of(text), None), texts(site_of(text), "guest")
    assert {"interface=lan0", "except-interface=guest0"} <= set(main[CONF].splitlines())
    assert {"interface=guest0", "except-interface=lo"} <= set(guest[CONF].splitlines())
    assert "net-guest" not in main[CONF] and "net-office" not in guest[CONF]
    assert "192.168.20.11" in guest["reservations.d/guest.conf"] and "reservations.d/guest.conf" not in main
    assert [str(each) for each in handed_out(guest[CONF])] == ["192.168.20.0/24", "2001:db8:b::/64"]
    assert [str(each) for each in handed_out(main[CONF])] == ["192.168.10.0/24", "2001:db8:a::/64"]


def test_the_main_one_does_not_listen_by_address_alone_where_that_would_let_guests_in() -> None:
    listening = settings(listen=["127.0.0.1", "192.168.10.4"])
    plain = render(site_of(SITE.replace("isolated: yes", "isolated: no")), listening, None).files[CONF].content
    apart = render(site_of(), listening, None).files[CONF].content
    assert [b"listen-address=192.168.10.4" in text for text in (plain, apart)] == [True, False]
    assert b"listen-address=127.0.0.1" in apart


def test_what_each_knows() -> None:
    main, guest = texts(site_of(), None), texts(site_of(), "guest")
    assert "192.168.20.11 tv.guest.example.net telly.guest.example.net" in main["hosts.d/guest.hosts"]
    assert "192.168.20.4 door.guest.example.net" in guest["hosts.d/guest.hosts"]
    assert "198.51.100.7 www.example.net" in told(guest)
    for name in ("files", "one", "two"):
        assert f"{name}.example.net" in told(main) and f"{name}.example.net" not in told(guest)
    hidden = {"local=/office.example.net/", "local=/10.168.192.in-addr.arpa/", "rev-server=192.168.10.0/24"}
    assert hidden <= set(guest[CONF].splitlines())
    assert not any(line.startswith("rev-server") for line in main[CONF].splitlines())


def test_what_all_may_see_does_not_tell_whose_address_it_is() -> None:
    shop = COMMON + "shop: {type: A, value: 192.168.10.11}\n"
    for text in (SITE, BEFORE_BIND):
        said = told(texts(site_of(text, **{"zones/example.net.yaml": shop}), "guest"))
        assert "office" not in said
        assert ("192.168.10.11 shop.example.net" in said) == (text == SITE)


def test_before_bind_it_asks_for_its_own_and_for_what_is_nobodys() -> None:
    lines = set(texts(site_of(BEFORE_BIND), "guest")[CONF].splitlines())
    asked = {line.split("/")[1] for line in lines if line.startswith("server=/")}
    reverse = {"20.168.192.in-addr.arpa", "0.0.0.0.b.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"}
    assert asked == {"guest.example.net", "example.net", "internal.example.org", *reverse}
    assert {f"local=/{name}.example.net/" for name in ("office", "files", "one", "two")} <= lines


def test_networks_that_share_a_reverse_zone() -> None:
    text = BEFORE_BIND.replace("192.168.10.0/24", "192.168.20.0/26").replace("192.168.20.0/24", "192.168.20.64/26")
    text = text.replace("192.168.10.4", "192.168.20.2").replace("192.168.20.4,", "192.168.20.66,")
    text = text.replace("192.168.10.100-192.168.10.199", "192.168.20.10-192.168.20.20")
    text = text.replace("192.168.20.100-192.168.20.199", "192.168.20.100-192.168.20.110")
    site = site_of(text, "nas: {ipv4: 192.168.20.5}\ntv: {ipv4: 192.168.20.70}\n")
    lines = set(texts(site, "guest")[CONF].splitlines())
    assert "server=/20.168.192.in-addr.arpa/127.0.0.1#53" in lines
    assert "rev-server=192.168.20.0/26" in lines


def test_an_instance_without_an_isolated_network_has_no_socket() -> None:
    for text in (
        SITE.replace("isolated: yes", "isolated: no"),
        SITE.replace("clients_ask: dnsmasq", "clients_ask: bind"),
    ):
        site = site_of(text.replace("clients_ask: bind, authoritative: none", "clients_ask: bind, authoritative: bind"))
        assert render(site, settings(), BIND, "guest").files == {CONF: IDLE}
    plain = site_of(SITE.replace("isolated: yes", "isolated: no"))
    assert "interface=guest0" in texts(plain, None)[CONF]


def test_leases_of_the_guests_are_names_for_the_main_one_only_in_a_file() -> None:
    site = site_of()
    phone = RRset("phone.guest.example.net.", 60, "A", ("192.168.20.101",))
    back = RRset("101.20.168.192.in-addr.arpa.", 60, "PTR", ("phone.guest.example.net.",))
    zones = {"guest.example.net.": phone, "20.168.192.in-addr.arpa.": back}
    leased = join(site, {name: {rrset.key: rrset} for name, rrset in zones.items()})
    assert texts(leased, None)["hosts.d/leases.hosts"] == "192.168.20.101 phone.guest.example.net\n"
    assert texts(leased, None)[CONF] == texts(site, None)[CONF]
    assert texts(leased, "guest") == texts(site, "guest")


def test_hatches_go_to_the_instance_of_their_name() -> None:
    site = site_of(**{"dnsmasq.d/guest.conf": "log-dhcp\n", "dnsmasq.d/more.conf": "log-queries\n"})
    assert [("log-dhcp" in texts(site, name)[CONF]) for name in (None, "guest")] == [False, True]
    assert [("log-queries" in texts(site, name)[CONF]) for name in (None, "guest")] == [True, False]


@st.composite
def sites(draw: st.DrawFn) -> Site:
    """Hosts of both networks with aliases, reservations and pointers; records beside them that lead anywhere."""
    inside, outside = {"office": ("10", "a"), "guest": ("20", "b")}, []
    hosts: list[str] = []
    for network, (octet, group) in inside.items():
        for number in range(draw(st.integers(0, 4))):
            name = f"{network}{number}"
            parts = [f"ipv4: 192.168.{octet}.{20 + number}"]
            if draw(st.booleans()):
                parts.append(f'ipv6: "2001:db8:{group}::{20 + number}"')
            if draw(st.booleans()):
                parts.append(f'mac: "52:54:00:0{group}:00:{20 + number}"')
            aliases = draw(
                st.sampled_from(["", f"{name}alias", f"{name}alias.example.net.", f"{name}alias.elsewhere.net."])
            )
            parts += [f"aliases: [{aliases}]"] if aliases else []
            parts += draw(st.sampled_from([[], ["ptr: no"], [f"ptr: {name}.{network}.example.net."]]))
            hosts.append(f"{name}: {{{', '.join(parts)}}}\n")
            outside.append(f"{name}.{network}.example.net.")
    rows = []
    for number in range(draw(st.integers(0, 3))):
        target = draw(st.sampled_from([*outside, "www.example.net."]))
        kind = draw(st.sampled_from(["CNAME", "A"]))
        value = target if kind == "CNAME" else f"198.51.100.{number}"
        rows.append(f"free{number}: {{type: {kind}, value: {value}}}\n")
    text = draw(st.sampled_from([SITE, BEFORE_BIND]))
    zones = {
        "zones/example.net.yaml": "www: {type: A, value: 198.51.100.7}\nns: {type: A, value: 198.51.100.2}\n"
        + "".join(rows)
    }
    return site_of(
        text, "".join(hosts) or "{}\n", **zones, **{"zones/elsewhere.net.yaml": "x: {type: A, value: 198.51.100.9}\n"}
    )


@how(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sites())
def test_nothing_of_another_network_stands_in_the_files_of_an_isolated_one(site: Site) -> None:
    said = told(texts(site, "guest"))
    for sign in ("office", "192.168.10.", "10.168.192", "2001:db8:a:", "52:54:00:0a:", "a.0.0.0.8.b.d.0"):
        assert sign not in said, sign
    for host in site.hosts:
        if host.network == "guest" and host.ptr is not None:
            assert host.name[:-1] in told(texts(site, "guest")) or site.dns.authoritative == "bind"
    main = told(texts(site, None))
    assert "52:54:00:0b:" not in main and "net-guest" not in main


def test_a_site_is_refused_where_the_node_has_no_instance() -> None:
    evaluator = Evaluator([Dnsmasq(settings(), bind=None)], HatchAllowance())
    (said,) = evaluator._complaints(site_of(), Deployed())
    assert 'network "guest" is isolated' in said
    assert "`isolated: {guest: {address: 127.0.1.3}}`" in said and "dnsmasq@guest" in said


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "    domain: guest.example.net\n",
            "    domain: office.example.net\n",
            "has the domain office.example.net. together",
        ),
        ("interface: guest0", "interface: lan0", "is on interface lan0 together"),
    ],
)
def test_what_keeps_networks_from_being_told_apart(old: str, new: str, said: str) -> None:
    result = built({"site.yaml": SITE.replace(old, new), "hosts.yaml": HOSTS})
    assert result.site is None
    assert f'site.yaml:15:15: network "guest" is isolated, and {said} with network "office"' in "\n".join(
        map(str, result.problems)
    )


def test_settings_of_an_instance() -> None:
    main = settings(lease_file="/srv/leases/dnsmasq.leases", isolated={"guest": {"address": "127.0.1.3"}}, dhcp="yes")
    own = main.instance("guest")
    assert (str(own.directory), str(own.lease_file)) == (
        "/srv/dnsmasq/isolated/guest",
        "/srv/leases/dnsmasq-guest.leases",
    )
    assert (own.unit, own.address, own.port) == ("dnsmasq@guest", "127.0.1.3", 53)
    for further in ({"address": "127.0.0.1"}, {"address": "127.0.1.3", "unit": "dnsmasq"}):
        with pytest.raises(ValidationError, match="the main dnsmasq's already"):
            DnsmasqSettings.model_validate({"directory": "/srv/dnsmasq", "isolated": {"guest": further}})
