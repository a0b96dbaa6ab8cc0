"""Joining state into the site: networks, zones, name servers, delegations, reverse zones."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from state_trees import FILES, HOSTS, SITE, ZONE, built, rrset

LAN, GUEST = "lan.example.org.", "guest.example.org."
LAN_REVERSE = "1.168.192.in-addr.arpa."
LAN_REVERSE6 = "1.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."


def test_a_clean_site_has_no_problems_and_all_its_zones():
    result = built(FILES)
    assert result.problems == ()
    assert result.site is not None
    assert sorted(result.site.zones) == sorted(
        [LAN, GUEST, "example.com.", LAN_REVERSE, "3.168.192.in-addr.arpa.", LAN_REVERSE6]
    )


def test_a_host_yields_addresses_aliases_and_pointers():
    result = built(FILES)
    assert rrset(result, LAN, "printer.lan.example.org.", "A").rdatas == ("192.168.1.40",)
    assert rrset(result, LAN, "print.lan.example.org.", "CNAME").rdatas == ("printer.lan.example.org.",)
    assert rrset(result, LAN_REVERSE, f"40.{LAN_REVERSE}", "PTR").rdatas == ("printer.lan.example.org.",)
    assert rrset(result, LAN, "nas.lan.example.org.", "AAAA").rdatas == ("2001:db8:0:1::41",)
    owner = f"1.4.{'0.' * 14}{LAN_REVERSE6}"
    assert rrset(result, LAN_REVERSE6, owner, "PTR").rdatas == ("nas.lan.example.org.",)


def test_a_node_without_host_entry_gets_a_name_and_a_node_with_one_does_not():
    result = built(FILES)
    assert rrset(result, LAN, "node1.lan.example.org.", "A").rdatas == ("192.168.1.6",)
    assert rrset(result, LAN_REVERSE, f"6.{LAN_REVERSE}", "PTR").rdatas == ("node1.lan.example.org.",)
    result = built(FILES | {"hosts.yaml": HOSTS + "server: {ipv4: 192.168.1.6}\n"})
    assert rrset(result, LAN, "node1.lan.example.org.", "A") is None
    assert rrset(result, LAN_REVERSE, f"6.{LAN_REVERSE}", "PTR").rdatas == ("server.lan.example.org.",)


def test_a_node_leaves_its_name_to_a_host_that_has_it():
    result = built(FILES | {"hosts.yaml": HOSTS + "node1: {ipv4: 192.168.1.77}\n"})
    assert result.problems == ()
    assert rrset(result, LAN, "node1.lan.example.org.", "A").rdatas == ("192.168.1.77",)


def test_a_host_in_two_networks_has_a_name_in_each():
    hosts = HOSTS + "box: {ipv4: [192.168.1.50, 192.168.3.50], aliases: [crate, crate.lan.example.org.]}\n"
    result = built(FILES | {"hosts.yaml": hosts})
    assert result.problems == ()
    assert rrset(result, LAN, "box.lan.example.org.", "A").rdatas == ("192.168.1.50",)
    assert rrset(result, GUEST, "box.guest.example.org.", "A").rdatas == ("192.168.3.50",)
    assert rrset(result, GUEST, "crate.guest.example.org.", "CNAME").rdatas == ("box.guest.example.org.",)
    assert rrset(result, LAN, "crate.lan.example.org.", "CNAME").rdatas == ("box.lan.example.org.",)
    boxes = [host for host in result.site.hosts if host.name.startswith("box.")]
    assert [(host.network, host.ipv4) for host in boxes] == [
        ("lan", (IPv4Address("192.168.1.50"),)),
        ("guest", (IPv4Address("192.168.3.50"),)),
    ]


def test_an_absolute_name_lies_in_the_zone_that_holds_it():
    hosts = HOSTS + "web.example.com.: {ipv4: 192.168.1.50, aliases: [w], ptr: w}\n"
    result = built(FILES | {"hosts.yaml": hosts})
    assert result.problems == ()
    assert rrset(result, "example.com.", "web.example.com.", "A").rdatas == ("192.168.1.50",)
    assert rrset(result, "example.com.", "w.example.com.", "CNAME").rdatas == ("web.example.com.",)
    assert rrset(result, LAN_REVERSE, f"50.{LAN_REVERSE}", "PTR").rdatas == ("w.example.com.",)


def test_ptr_no_and_ptr_name():
    hosts = HOSTS + "a: {ipv4: 192.168.1.50, ptr: no}\nb: {ipv4: 192.168.1.51, ptr: nas}\n"
    result = built(FILES | {"hosts.yaml": hosts})
    assert result.problems == ()
    assert rrset(result, LAN_REVERSE, f"50.{LAN_REVERSE}", "PTR") is None
    assert rrset(result, LAN_REVERSE, f"51.{LAN_REVERSE}", "PTR").rdatas == ("nas.lan.example.org.",)


def test_a_written_ptr_wins_and_free_ones_stand_beside():
    text = '"40": {type: PTR, value: elsewhere.test.}\n"250": {type: PTR, value: free.test.}\n'
    result = built(FILES | {f"zones/{LAN_REVERSE[:-1]}.yaml": text})
    assert result.problems == ()
    assert rrset(result, LAN_REVERSE, f"40.{LAN_REVERSE}", "PTR").rdatas == ("elsewhere.test.",)
    assert rrset(result, LAN_REVERSE, f"250.{LAN_REVERSE}", "PTR").rdatas == ("free.test.",)
    assert rrset(result, LAN_REVERSE, f"41.{LAN_REVERSE}", "PTR").rdatas == ("nas.lan.example.org.",)


def test_soa_and_ns_are_generated_unless_a_file_brings_them():
    soa = "@ IN SOA primary admin 7 1h 15m 1w 2m\n"
    result = built(FILES | {"zones/example.com.zone": ZONE.replace("$TTL 3600\n", "$TTL 3600\n" + soa)})
    own = result.site.zones["example.com."].zone
    assert own.soa.mname == "primary.example.com."
    assert own.soa.minimum == 120
    assert own.rrsets["example.com.", "NS"].rdatas == ("ns.example.com.",)
    generated = result.site.zones[LAN].zone
    assert generated.soa.line(LAN, 5) == (f"{LAN} 3600 IN SOA ns.example.net. hostmaster.{LAN} 5 7200 900 1209600 300")
    assert generated.rrsets[LAN, "NS"].rdatas == ("ns.example.net.",)
    result = built(FILES | {"site.yaml": SITE + "  contact: me.example.net\n  negative_ttl: 60\n"})
    soa = result.site.zones[LAN_REVERSE].zone.soa
    assert (soa.rname, soa.minimum) == ("me.example.net.", 60)


def test_without_bind_no_name_server_is_needed():
    site = SITE.replace("  authoritative: bind\n  nameservers: ns.example.net\n", "  authoritative: none\n")
    result = built(FILES | {"site.yaml": site})
    assert result.problems == ()
    assert result.site.zones[LAN].zone.soa.mname == f"ns.{LAN}"
    assert rrset(result, LAN, LAN, "NS") is None


def test_zone_policy_reaches_the_zone():
    site = SITE + (
        "  serial: increment\n"
        "keys:\n  acme: {secret: {secret: acme}}\n"
        "zones:\n"
        "  lan.example.org:\n"
        "    dynamic: yes\n    drift: heal\n    ttl: 5m\n    serial: unixtime\n    nameservers: ns2.example.net\n"
        "    keep: [{name: _acme-challenge, types: TXT}]\n"
        "    update: [{key: acme, name: _acme-challenge, types: TXT}]\n"
    )
    result = built(FILES | {"site.yaml": site})
    assert result.problems == ()
    zone = result.site.zones[LAN]
    assert (zone.dynamic, zone.drift, zone.serial) == (True, "heal", "unixtime")
    assert [rule.name for rule in zone.keep] == ["_acme-challenge"]
    assert [grant.key for grant in zone.update] == ["acme"]
    assert zone.zone.rrsets["printer.lan.example.org.", "A"].ttl == 300
    assert zone.zone.rrsets[LAN, "NS"].rdatas == ("ns2.example.net.",)
    assert result.site.zones[GUEST].serial == "increment"
    assert rrset(result, LAN_REVERSE, f"40.{LAN_REVERSE}", "PTR").ttl == 3600


def test_a_zone_below_another_is_delegated_with_glue():
    files = FILES | {
        "zones/example.org.yaml": "www: {type: A, value: 203.0.113.9}\n",
        "zones/sub.example.com.zone": "@ 60 IN NS ns1\nns1 60 IN A 203.0.113.53\n",
    }
    result = built(files)
    assert result.problems == ()
    assert rrset(result, "example.org.", LAN, "NS").rdatas == ("ns.example.net.",)
    assert rrset(result, "example.com.", "sub.example.com.", "NS").rdatas == ("ns1.sub.example.com.",)
    assert rrset(result, "example.com.", "ns1.sub.example.com.", "A").rdatas == ("203.0.113.53",)


def test_a_delegation_that_the_parent_writes_itself_stays():
    files = FILES | {"zones/example.org.yaml": "lan: {type: NS, value: other.test.}\n"}
    result = built(files)
    assert result.problems == ()
    assert rrset(result, "example.org.", LAN, "NS").rdatas == ("other.test.",)
    assert rrset(result, LAN, LAN, "NS").rdatas == ("ns.example.net.",)


def test_records_go_to_the_closest_zone_of_ours():
    files = FILES | {"zones/example.org.yaml": "tv.lan: {type: A, value: 192.168.1.60}\n"}
    result = built(files)
    assert rrset(result, LAN, "tv.lan.example.org.", "A").rdatas == ("192.168.1.60",)
    assert rrset(result, "example.org.", "tv.lan.example.org.", "A") is None


LAB = SITE.replace(
    "dns:\n",
    "  lab:\n    domain: lab.example.org\n    ipv4: 11.111.111.192/26\n    reverse: {reverse}\ndns:\n",
)
LAB_HOSTS = HOSTS + "entropy: {ipv4: 11.111.111.236}\n"


@pytest.mark.parametrize(
    "zone",
    ["192-255.111.111.11.in-addr.arpa", "192/26.111.111.11.in-addr.arpa", "192.111.111.11.in-addr.arpa"],
)
def test_rfc_2317_zones_in_every_naming_style(zone):
    result = built(FILES | {"site.yaml": LAB.replace("{reverse}", zone), "hosts.yaml": LAB_HOSTS})
    assert result.problems == ()
    assert rrset(result, f"{zone}.", f"236.{zone}.", "PTR").rdatas == ("entropy.lab.example.org.",)


def test_reverse_no_makes_no_zone():
    result = built(FILES | {"site.yaml": LAB.replace("{reverse}", "no"), "hosts.yaml": LAB_HOSTS})
    assert result.problems == ()
    assert not any("11.in-addr" in zone for zone in result.site.zones)


def test_an_rfc_2317_zone_is_guessed_and_said():
    site = LAB.replace("    reverse: {reverse}\n", "")
    result = built(FILES | {"site.yaml": site, "hosts.yaml": LAB_HOSTS})
    assert [str(problem) for problem in result.problems] == [
        'site.yaml:25:11: warning: the name of the reverse zone of network "lab" is a guess: '
        "192-255.111.111.11.in-addr.arpa. (RFC 2317); ask your provider for it, and write "
        "`reverse: 192-255.111.111.11.in-addr.arpa`, or `reverse: no`"
    ]


def test_a_zone_file_of_the_provider_s_name_needs_no_guess():
    zone = "192.111.111.11.in-addr.arpa"
    site = LAB.replace("    reverse: {reverse}\n", "")
    result = built(
        FILES | {"site.yaml": site, "hosts.yaml": LAB_HOSTS, f"zones/{zone}.zone": "193 60 IN PTR a.test.\n"}
    )
    assert result.problems == ()
    assert rrset(result, f"{zone}.", f"236.{zone}.", "PTR").rdatas == ("entropy.lab.example.org.",)


def test_an_rfc_2317_zone_below_a_zone_of_ours_is_linked():
    site = SITE.replace(
        "dns:\n",
        "  lab:\n    domain: lab.example.org\n    ipv4: 10.0.0.192/26\n"
        "    reverse: [192-255.0.0.10.in-addr.arpa, 0.0.10.in-addr.arpa]\ndns:\n",
    )
    result = built(FILES | {"site.yaml": site, "hosts.yaml": HOSTS + "x: {ipv4: 10.0.0.200}\n"})
    assert result.problems == ()
    above = "0.0.10.in-addr.arpa."
    assert rrset(result, above, f"200.{above}", "CNAME").rdatas == (f"200.192-255.{above}",)
    assert rrset(result, above, f"192-255.{above}", "NS").rdatas == ("ns.example.net.",)
    assert rrset(result, f"192-255.{above}", f"200.192-255.{above}", "PTR").rdatas == ("x.lab.example.org.",)


def test_networks_that_share_a_prefix_are_told_apart_by_ipv4_or_by_name():
    site = SITE.replace("    ipv4: 192.168.3.0/24\n", "    ipv4: 192.168.3.0/24\n    ipv6: 2001:db8:0:1::/64\n")
    hosts = HOSTS + (
        'a: {ipv4: 192.168.3.50, ipv6: "::50"}\n'
        "b: {ipv6: 2001:db8:0:1::51, network: guest}\n"
        "c: {ipv6: 2001:db8:0:1::52}\n"
    )
    result = built(FILES | {"site.yaml": site, "hosts.yaml": hosts})
    assert [str(problem) for problem in result.problems] == [
        'site.yaml:20:11: warning: networks "lan" and "guest" share 2001:db8:0:1::/64; '
        "a host there is placed by its IPv4 address or by `network:`"
    ]
    placed = {host.name: (host.network, host.ipv6) for host in result.site.hosts}
    assert placed["a.guest.example.org."] == ("guest", (IPv6Address("2001:db8:0:1::50"),))
    assert placed["b.guest.example.org."] == ("guest", (IPv6Address("2001:db8:0:1::51"),))
    assert placed["c.lan.example.org."] == ("lan", (IPv6Address("2001:db8:0:1::52"),))


def test_a_suffix_in_ipv4_mapped_form_joins_the_prefix():
    hosts = HOSTS + 'v: {ipv4: 192.168.1.50, ipv6: "::ffff:c0a8:132"}\n'
    result = built(FILES | {"hosts.yaml": hosts})
    assert result.problems == ()
    assert rrset(result, LAN, "v.lan.example.org.", "AAAA").rdatas == ("2001:db8:0:1:0:ffff:c0a8:132",)


def test_a_host_known_by_mac_only_has_a_name_and_no_records():
    result = built(FILES | {"hosts.yaml": HOSTS + "tv: {mac: 52:54:00:00:00:01, network: guest, aliases: [t]}\n"})
    assert result.problems == ()
    host = next(host for host in result.site.hosts if host.macs == ("52:54:00:00:00:01",))
    assert (host.name, host.network, host.ipv4) == ("tv.guest.example.org.", "guest", ())


def test_building_is_a_function_of_the_state():
    assert built(FILES) == built(FILES)
