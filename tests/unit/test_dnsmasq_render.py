"""What the site becomes in dnsmasq's files."""

from ipaddress import ip_address

from dnsmasq_sites import HOSTS, SITE, ZONE, make_site, settings

from reconciler.config import BindSettings
from reconciler.dns.records import group
from reconciler.join import join
from reconciler.services.dnsmasq.render import CONF, render
from reconciler.services.dnsmasq.served import Mode, answers, expected, reverse_address, reverse_pointer
from reconciler.state.model import Hatch

BIND = BindSettings.model_validate({"directory": "/srv/bind", "address": "127.0.0.1", "port": "5301"})
FORWARD = SITE.replace("authoritative: none", "authoritative: bind, nameservers: ns.example.net")
DHCP_ONLY = FORWARD.replace("clients_ask: dnsmasq", "clients_ask: bind")
CLASSLESS = """\
version: 1
site: small
domain: example.org
networks:
  lan: {ipv4: 203.0.113.192/26}
dns: {clients_ask: dnsmasq, authoritative: bind, nameservers: ns.example.net}
"""


def lines(site, path=CONF, bind=None, **changed):
    result = render(site, settings(**changed), bind)
    assert not result.complaints
    return result.files[path].content.decode().splitlines() if path in result.files else []


def test_same_site_gives_same_bytes():
    assert render(make_site(), settings(), None) == render(make_site(), settings(), None)


def test_names_of_an_address_stand_on_one_line_with_the_reverse_name_first():
    hosts = lines(make_site(), "hosts.d/internal.hosts")
    assert "192.168.1.40 printer.internal.example.org print.internal.example.org" in hosts
    assert "192.168.1.41 storage.internal.example.org nas.internal.example.org" in hosts


def test_host_without_reverse_name_is_in_no_hosts_file():
    site = make_site()
    assert not any("quiet" in line for line in lines(site, "hosts.d/internal.hosts"))
    assert "dns-rr=quiet.internal.example.org,1,c0a8012a" in lines(site)


def test_reverse_name_without_that_address_is_a_ptr_record():
    pointer = reverse_pointer(reverse_address("1.4" + ".0" * 18 + ".1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."))
    assert f"ptr-record={pointer[:-1]},storage.internal.example.org" in lines(make_site())


def test_adding_a_host_changes_only_its_networks_hosts_file():
    before = render(make_site(), settings(), None).files
    after = render(make_site(hosts=HOSTS + "new: {ipv4: 192.168.1.50, aliases: [fresh]}\n"), settings(), None).files
    assert {path for path in after if after[path] != before.get(path)} == {"hosts.d/internal.hosts"}


def test_options_reach_their_own_network_only():
    conf = lines(make_site())
    assert "dhcp-option=tag:net-internal,option:router,192.168.1.1" in conf
    assert "dhcp-option=tag:net-guest,option:router" in conf, "an empty option keeps dnsmasq from naming itself"
    assert "dhcp-option=tag:net-internal,option:dns-server,192.168.1.4" in conf
    assert "dhcp-option=tag:net-internal,option6:dns-server,[2001:db8:1::4]" in conf
    assert "dhcp-option=tag:net-guest,66,boot.example.net" in conf
    assert not [line for line in conf if line.startswith("dhcp-option=") and "=tag:net-" not in line]


def test_ranges():
    conf = lines(make_site())
    assert "dhcp-range=set:net-internal,192.168.1.100,192.168.1.199,255.255.255.0,43200" in conf
    assert "dhcp-range=set:net-guest,192.168.3.0,static,255.255.255.0,7200" in conf
    assert "dhcp-range=set:net-internal,2001:db8:1::,ra-only,64,43200" in conf
    assert "dhcp-range=set:net-guest,2001:db8:3::1000,2001:db8:3::1fff,64,7200" in conf


def test_never_a_default_router_unless_told():
    assert {"ra-param=enp2s1,0,0", "ra-param=enp2s1.3,0,0"} <= set(lines(make_site()))
    told = SITE.replace("ipv6_mode: slaac", "ipv6_mode: slaac\n    router_advertisement_default: yes")
    assert "ra-param=enp2s1,0,0" not in lines(make_site(site=told))


def test_suffixes_in_ipv6_ranges_get_the_prefix():
    told = SITE.replace("dhcp: {lease: 2h,", "dhcp: {ranges: ['::2000-::2fff'], lease: 2h,")
    assert "dhcp-range=set:net-guest,2001:db8:3::2000,2001:db8:3::2fff,64,7200" in lines(make_site(site=told))


def test_reservations():
    site = make_site()
    assert lines(site, "reservations.d/internal.conf") == [
        "52:54:00:12:34:56,192.168.1.40,printer.internal.example.org"
    ]
    assert lines(site, "reservations.d/guest.conf") == [
        "52:54:00:12:34:57,192.168.3.40,[2001:db8:3::40],phone.guest.example.org"
    ]


def test_without_dhcp_no_dhcp_setting_is_left():
    conf = lines(make_site(), dhcp="no", listen=["127.0.0.1"])
    assert not [line for line in conf if line.startswith(("dhcp", "ra-", "enable-ra", "interface", "domain="))]
    assert "bind-interfaces" in conf


def test_hatches_come_last_and_verbatim():
    site = make_site(files={"dnsmasq.d/extra.conf": "cache-size=500\n"})
    assert site.dnsmasq_hatches == (Hatch("dnsmasq.d/extra.conf", "cache-size=500\n"),)
    assert lines(site)[-2:] == ["# from dnsmasq.d/extra.conf", "cache-size=500"]


def test_before_bind_zones_are_forwarded_and_names_left_to_bind():
    site = make_site(site=FORWARD)
    conf = lines(site, bind=BIND)
    assert "server=/internal.example.org/127.0.0.1#5301" in conf
    assert "server=/1.168.192.in-addr.arpa/127.0.0.1#5301" in conf
    assert "rebind-domain-ok=/internal.example.org/" in conf
    assert not [line for line in conf if line.startswith(("local=", "mx-host", "address=", "dns-rr"))]
    without_dhcp = render(site, settings(dhcp="no"), BIND).files
    assert not [path for path in without_dhcp if path.startswith("hosts.d/")]


def test_before_bind_names_that_clients_could_take_are_known_as_bind_answers_them():
    site = make_site(site=FORWARD)
    assert lines(site, "hosts.d/internal.hosts", BIND) == [
        "192.168.1.40 printer.internal.example.org print.internal.example.org",
        "192.168.1.41 storage.internal.example.org nas.internal.example.org",
    ], "not quiet, which has no reverse name, nor an address of nas whose reverse name has not that address"
    assert "hosts.d/guest.hosts" not in render(site, settings(), BIND).files, "clients get no names there"
    served = expected(site.zones.values(), Mode.FORWARD)
    assert served[("print.internal.example.org.", "CNAME")] == ("printer.internal.example.org.",)
    assert served[("print.internal.example.org.", "A")] == ("192.168.1.40",)


def test_before_bind_a_name_stands_with_all_its_addresses_or_none():
    zone = "two: {type: A, values: [192.168.1.40, 192.168.1.42]}\nlone: {type: A, value: 192.168.1.77}\n"
    site = make_site(site=FORWARD, zone=zone)
    assert not [line for line in lines(site, "hosts.d/internal.hosts", BIND) if "two" in line or "lone" in line]
    assert {"set:reserved,two.internal.example.org", "set:reserved,lone.internal.example.org"} <= set(
        lines(site, "reservations.d/names.conf", BIND)
    )


def test_names_that_hosts_files_do_not_keep_from_clients_are_reserved():
    given = SITE.replace("forwarders", "reserved_names: [Intranet, a.b], forwarders")
    hosts = HOSTS + 'mobile: {mac: "52:54:00:12:34:99", network: internal, aliases: [handy]}\n'
    zone = ZONE + "web: {type: CNAME, value: internal.example.org.}\n"
    site = make_site(site=given, hosts=hosts, zone=zone)
    told = {line.removeprefix("set:reserved,").partition(".")[0] for line in lines(site, "reservations.d/names.conf")}
    assert {"wpad", "www", "intranet", "mobile", "handy", "web", "quiet"} <= told
    assert not told & {"printer", "print", "nas", "storage", "a", "phone"}
    conf = lines(site)
    assert "dhcp-ignore-names=tag:reserved" in conf and "dhcp-name-match=set:reserved,ns1*" in conf
    own = lines(site, "reservations.d/internal.conf")
    assert own[0] == "52:54:00:12:34:99,mobile.internal.example.org"
    assert own[-1] == "set:reserved,mobile.internal.example.org", "read last, it is found first"


def test_name_of_one_family_is_reserved_where_clients_get_both():
    site = make_site(site=SITE.replace("lease_names: no", ""), hosts=HOSTS + "tv: {ipv4: 192.168.3.41}\n")
    told = lines(site, "reservations.d/names.conf")
    assert "set:reserved,tv.guest.example.org" in told and "set:reserved,phone.guest.example.org" not in told


def test_reserved_address_without_a_name_to_give_gets_none_that_the_client_chose():
    hosts = HOSTS.replace("52:54", "52:55") + '"tv.x": {mac: "52:54:00:12:34:98", ipv4: 192.168.1.39}\n'
    assert lines(make_site(hosts=hosts), "reservations.d/internal.conf")[-1] == (
        "52:54:00:12:34:98,set:reserved,192.168.1.39"
    )


def leased(site, *rows):
    """The site with leases of `internal`: (owner without domain, address)."""
    domain = "internal.example.org."
    found = {}
    for owner, address in rows:
        pointer = reverse_pointer(ip_address(address))
        zone = max((name for name in site.zones if pointer.endswith(f".{name}")), key=len)
        found.setdefault(zone, []).append((pointer, 60, "PTR", f"{owner}.{domain}"))
        rtype = "AAAA" if ":" in address else "A"
        found.setdefault(domain, []).append((f"{owner}.{domain}", 60, rtype, address))
    return join(site, {zone: group(records) for zone, records in found.items()})


def test_leases_have_a_hosts_file_of_their_own():
    site = make_site()
    with_leases = leased(site, ("laptop", "2001:db8:1::77"), ("quiet", "2001:db8:1::78"), ("printer", "2001:db8:1::79"))
    before, after = render(site, settings(), None).files, render(with_leases, settings(), None).files
    assert {path for path in after if after[path] != before.get(path)} == {"hosts.d/leases.hosts"}
    assert lines(with_leases, "hosts.d/leases.hosts") == [
        "2001:db8:1::77 laptop.internal.example.org",
        "2001:db8:1::78 quiet.internal.example.org",
        "2001:db8:1::79 printer.internal.example.org print.internal.example.org",
    ]


def test_before_bind_leases_change_no_file():
    site = make_site(site=FORWARD)
    with_leases = leased(site, ("laptop", "192.168.1.101"), ("laptop", "2001:db8:1::77"))
    assert render(with_leases, settings(), BIND) == render(site, settings(), BIND)
    assert expected(with_leases.zones.values(), Mode.FORWARD) == expected(site.zones.values(), Mode.FORWARD)


def test_before_bind_without_bind_is_a_complaint():
    assert "bind:" in render(make_site(site=FORWARD), settings(), None).complaints[0]


def test_before_bind_plain_reverse_names_of_a_classless_zone_are_answered():
    hosts = "a: {ipv4: 203.0.113.193}\nb: {ipv4: 203.0.113.194, ptr: elsewhere}\nc: {ipv4: 203.0.113.195, ptr: no}\n"
    site = make_site({"site.yaml": CLASSLESS, "hosts.yaml": hosts, "zones/internal.example.org.yaml": ""})
    assert lines(site, "hosts.d/lan.hosts", BIND) == ["203.0.113.193 a.example.org", "203.0.113.194 b.example.org"]
    conf = lines(site, bind=BIND)
    assert "ptr-record=194.113.0.203.in-addr.arpa,elsewhere.example.org" in conf
    assert not [line for line in conf if "c.example.org" in line]


def test_dhcp_only():
    conf = lines(make_site(site=DHCP_ONLY), bind=BIND)
    assert "port=0" in conf and "dhcp-option=tag:net-internal,option:dns-server,192.168.1.4" in conf
    assert not [line for line in conf if line.startswith(("server=", "hostsdir", "local"))]
    assert render(make_site(site=DHCP_ONLY), settings(dhcp="no"), BIND).files == {}


def test_alias_of_a_host_is_a_further_name_and_others_stay_aliases():
    zone = ZONE + "mx-too: {type: CNAME, value: internal.example.org.}\n"
    served = answers((item.zone for item in make_site(zone=zone).zones.values()), Mode.ALONE)
    assert served[("print.internal.example.org.", "A")] == ("192.168.1.40",)
    assert served[("mx-too.internal.example.org.", "CNAME")] == ("internal.example.org.",)
    assert "cname=mx-too.internal.example.org,internal.example.org" in lines(make_site(zone=zone))


def test_what_dnsmasq_alone_cannot_do_is_said():
    zone = (
        ZONE
        + """\
away: {type: CNAME, value: www.example.net.}
'*.mail': {type: MX, values: [{preference: 10, exchange: nas.internal.example.org.}]}
sub: {type: NS, value: ns.example.net.}
"""
    )
    said = " ".join(render(make_site(zone=zone), settings(), None).complaints)
    for part in ("away.internal", "*.mail.internal", "sub.internal.example.org. NS", "use BIND"):
        assert part in said


def test_text_that_quotes_cannot_carry_becomes_hexadecimal():
    zone = "x: {type: TXT, value: 'a \"b\" c'}\ny: {type: TXT, value: 'a, b'}\nz: {type: TXT, value: plain}\n"
    conf = lines(make_site(zone=zone))
    assert [line for line in conf if line.startswith("dns-rr=x.internal.example.org,16,")]
    assert [line for line in conf if line.startswith("dns-rr=y.internal.example.org,16,")]
    assert 'txt-record=z.internal.example.org,"plain"' in conf


def test_reverse_address_of_every_form():
    for owner in (
        "193.113.0.203.in-addr.arpa.",
        "193.192-255.113.0.203.in-addr.arpa.",
        "193.192/26.113.0.203.in-addr.arpa.",
        "193.192.113.0.203.in-addr.arpa.",
    ):
        assert str(reverse_address(owner)) == "203.0.113.193"
    for owner in ("x.113.0.203.in-addr.arpa.", "300.113.0.203.in-addr.arpa.", "1.ip6.arpa.", "example.org."):
        assert reverse_address(owner) is None


def test_the_script_is_run_only_where_there_is_dhcp():
    assert "dhcp-script=/usr/lib/x" in lines(make_site(), dhcp_script="/usr/lib/x")
    assert not any("dhcp-script" in line for line in lines(make_site()))
    assert not any("dhcp-script" in line for line in lines(make_site(), dhcp_script="/usr/lib/x", dhcp="no"))
