"""Every check across files: a broken site, and the exact place and text of what is said."""

import pytest
from state_trees import FILES, HOSTS, SITE, ZONE, built

LATE = "  late: {domain: late.example.org, %s}\ndns:\n"


def said(files):
    result = built(FILES | files)
    texts = [str(problem) for problem in result.problems]
    assert (result.site is None) == any(": warning: " not in text for text in texts)
    return texts


HOST_CASES = {
    "twice": (
        "x: {ipv4: 192.168.1.40}",
        '9:11: address 192.168.1.40 is already used by host "printer" (hosts.yaml:3:9); '
        "give one of them another, or make one name an alias of the other",
    ),
    "twice in one host": (
        "x: {ipv4: [192.168.1.50, 192.168.1.50]}",
        "9:26: address 192.168.1.50 stands twice in this host; remove one",
    ),
    "network address": (
        "x: {ipv4: 192.168.1.0}",
        '9:11: address 192.168.1.0 is the network address of network "lan"; give the host another address',
    ),
    "broadcast address": (
        "x: {ipv4: 192.168.1.255}",
        '9:11: address 192.168.1.255 is the broadcast address of network "lan"; give the host another address',
    ),
    "anycast address": (
        'x: {ipv6: "2001:db8:0:1::"}',
        '9:11: address 2001:db8:0:1:: is the subnet-router anycast address of network "lan"; '
        "give the host another address",
    ),
    "router with mac": (
        "x: {mac: 52:54:00:00:00:01, ipv4: 192.168.1.1}",
        '9:35: address 192.168.1.1 is the router of network "lan"; '
        "give the host another address, or leave its `mac:` out if this is meant to name it",
    ),
    "reservation on virtual IP": (
        "x: {mac: 52:54:00:00:00:01, ipv4: 192.168.1.4}",
        '9:35: address 192.168.1.4 is the virtual IP of network "lan"; '
        "give the host another address, or leave its `mac:` out if this is meant to name it",
    ),
    "reservation on node": (
        "x: {mac: 52:54:00:00:00:01, ipv4: 192.168.1.6}",
        '9:35: address 192.168.1.6 is the address of node "node1"; '
        "give the host another address, or leave its `mac:` out if this is meant to name it",
    ),
    "network of another address": (
        "x: {ipv4: 192.168.3.9, network: lan}",
        '9:33: host "x" has no address in network "lan", but in "guest"; correct the address, or leave `network:` out',
    ),
    "virtual IP named": (
        "x: {ipv4: 192.168.1.4}",
        '9:11: warning: address 192.168.1.4 is the virtual IP of network "lan", so this name moves with it',
    ),
    "reservation in no network": (
        "x: {mac: 52:54:00:00:00:01, ipv4: 10.0.0.1, network: lan}",
        "9:35: address 10.0.0.1 is in no network, so it cannot be reserved for a MAC; "
        "correct it, or add its network to site.yaml",
    ),
    "address in no network": (
        "x: {ipv4: [192.168.1.50, 10.0.0.1]}",
        "9:26: warning: address 10.0.0.1 is in no network of this site",
    ),
    "multicast": ("x: {ipv4: 224.0.0.1, network: lan}", "9:11: 224.0.0.1 is no host's address"),
    "static in a range": (
        "x: {ipv4: 192.168.1.150}",
        '9:11: warning: address 192.168.1.150 is in a DHCP range of network "lan", so a client may get it too; '
        "add the host's `mac:`, or use an address outside of the range",
    ),
    "MAC twice": (
        "x: {mac: 52-54-00-12-34-56, ipv4: 192.168.1.50}",
        '9:10: MAC 52:54:00:12:34:56 is already used by host "printer" in network "lan" (hosts.yaml:2:8); '
        "a MAC can stand once per network",
    ),
    "unknown network": (
        "x: {ipv4: 192.168.1.50, network: lab}",
        '9:34: there is no network "lab"; site.yaml has lan, guest',
    ),
    "nothing known": ("x: {}", '9:1: host "x" has neither address nor MAC; add `ipv4:` or `ipv6:`'),
    "suffix of several": (
        'x: {ipv6: "::9", network: guest}',
        "9:11: IPv6 suffix ::9 has no prefix to be joined to; "
        "give the host's network an `ipv6:` prefix, or write the whole address",
    ),
    "name twice": (
        "nas.lan.example.org.: {ipv4: 192.168.1.50}",
        '9:1: the name nas.lan.example.org. is already the name of host "nas" (hosts.yaml:6:1); '
        "give one of them another name",
    ),
    "alias of a host's name": (
        "x: {ipv4: 192.168.1.50, aliases: [nas]}",
        '9:35: the name nas.lan.example.org. is already the name of host "nas" (hosts.yaml:6:1); '
        "give one of them another name",
    ),
    "alias twice": (
        "x: {ipv4: 192.168.1.50, aliases: [print]}",
        '9:35: the name print.lan.example.org. is already an alias of host "printer" (hosts.yaml:5:7); '
        "give one of them another name",
    ),
    "alias of itself": (
        "x: {ipv4: 192.168.1.50, aliases: [x]}",
        "9:35: alias x.lan.example.org. is the host's own name; remove it",
    ),
    "in no zone": (
        "x.example.net.: {ipv4: 192.168.1.50}",
        "9:1: no zone of this site holds the name x.example.net.; "
        "use a name below one that does, or add zones/example.net.yaml",
    ),
    "alias at the apex": (
        "x: {ipv4: 192.168.1.50, aliases: [lan.example.org.]}",
        "9:35: a CNAME cannot stand at lan.example.org., the name of the zone itself; "
        "write the addresses instead (RFC 1034 3.6.2)",
    ),
    "ptr to no host name": (
        "x: {ipv4: 192.168.1.50, ptr: _x.example.net.}",
        "9:30: PTR target _x.example.net. is no host name; "
        "use letters, digits and inner hyphens; named would refuse it (RFC 1123 2.1)",
    ),
    "ptr to nowhere": (
        "x: {ipv4: 192.168.1.50, ptr: y}",
        "9:30: warning: PTR target y.lan.example.org. does not exist; "
        "add it as a host or alias, so that it leads back to the address",
    ),
}


@pytest.mark.parametrize("case", HOST_CASES)
def test_hosts(case):
    line, text = HOST_CASES[case]
    assert said({"hosts.yaml": HOSTS + line + "\n"}) == [f"hosts.yaml:{text}"]


def test_that_a_name_moves_is_said_once():
    site = SITE.replace("virtual_ips: 192.168.1.4", "virtual_ips: [192.168.1.4, 192.168.1.5]")
    assert site != SITE
    (text,) = said({"site.yaml": site, "hosts.yaml": HOSTS + "x: {ipv4: [192.168.1.4, 192.168.1.5]}\n"})
    assert text.startswith("hosts.yaml:9:12: warning: address 192.168.1.4 is the virtual IP")


def test_a_host_without_domain():
    text = "x: {ipv4: 10.0.0.1}\n"
    assert said({"hosts.yaml": HOSTS + text}) == [
        'hosts.yaml:9:1: host "x" lies in no network, so its domain is not known; '
        "correct its address, name its `network:`, or give the site a `domain:`",
        "hosts.yaml:9:11: warning: address 10.0.0.1 is in no network of this site",
    ]
    assert said({"hosts.yaml": HOSTS + text, "site.yaml": SITE + "domain: example.net\n"})[:1] == [
        "hosts.yaml:9:11: warning: address 10.0.0.1 is in no network of this site"
    ]


def test_a_domain_that_makes_no_host_names():
    site = SITE.replace("domain: guest.example.org", "domain: guest_lan.example.org")
    assert said({"site.yaml": site, "hosts.yaml": HOSTS + "x: {ipv4: 192.168.3.9}\n"}) == [
        "hosts.yaml:9:1: x.guest_lan.example.org. is no host name; "
        "use letters, digits and inner hyphens; named would refuse the zone (RFC 1123 2.1)"
    ]


def test_a_name_that_becomes_too_long():
    label = "a" * 60
    (text,) = said({"hosts.yaml": HOSTS + f"{label}.{label}.{label}.{label}: {{ipv4: 192.168.1.50}}\n"})
    assert text.startswith("hosts.yaml:9:1: ")
    assert "255 octets" in text


def test_a_suffix_that_fits_several_networks():
    site = SITE.replace("ipv4: 192.168.3.0/24\n", "ipv4: 192.168.3.0/24\n    ipv6: 2001:db8:0:3::/64\n")
    assert said({"site.yaml": site, "hosts.yaml": HOSTS + 'x: {ipv6: "::9"}\n'}) == [
        "hosts.yaml:9:11: IPv6 suffix ::9 fits several networks; "
        "say which with `network:` (lan, guest), or write the whole address"
    ]


SITE_CASES = {
    "no domain": (
        "    domain: guest.example.org\n",
        "",
        '16:3: network "guest" has no domain; add `domain:` here, or one for the whole site',
    ),
    "router outside": (
        "router: 192.168.1.1\n",
        "router: 192.168.2.1\n",
        "11:13: router 192.168.2.1 is not in 192.168.1.0/24 of this network",
    ),
    "router is broadcast": (
        "router: 192.168.1.1\n",
        "router: 192.168.1.255\n",
        "11:13: router 192.168.1.255 is the broadcast address of this network",
    ),
    "virtual IP outside": (
        "virtual_ips: 192.168.1.4",
        "virtual_ips: [192.168.1.4, 192.168.2.4]",
        '12:32: virtual IP 192.168.2.4 is not in 192.168.1.0/24, the prefix of network "lan"',
    ),
    "virtual IP is a node": (
        "virtual_ips: 192.168.1.4",
        "virtual_ips: [192.168.1.6]",
        '12:19: 192.168.1.6 is already the address of node "node1"; a virtual IP is nobody\'s own',
    ),
    "range outside": (
        "192.168.1.100-192.168.1.199",
        "192.168.1.100-192.168.2.199",
        '15:11: range 192.168.1.100-192.168.2.199 is not within 192.168.1.0/24, the prefix of network "lan"',
    ),
    "range reversed": (
        "192.168.1.100-192.168.1.199",
        "192.168.1.199-192.168.1.100",
        "15:11: range 192.168.1.199-192.168.1.100 is reversed; write 192.168.1.100-192.168.1.199",
    ),
    "range of two families": (
        "192.168.1.100-192.168.1.199",
        "192.168.1.100-::199",
        "15:11: range 192.168.1.100-::199 mixes IPv4 and IPv6; write two addresses of one family",
    ),
    "range without prefix": (
        "192.168.3.100-192.168.3.199",
        "::100-::199",
        '22:11: network "guest" has no IPv6 prefix for range ::100-::199',
    ),
    "ranges overlap": (
        "        - 192.168.1.100-192.168.1.199\n",
        "        - 192.168.1.100-192.168.1.199\n        - 192.168.1.199-192.168.1.220\n",
        "16:11: range 192.168.1.199-192.168.1.220 overlaps 192.168.1.100-192.168.1.199 (site.yaml:15:11); "
        "make them disjoint",
    ),
    "range holds the broadcast address": (
        "192.168.3.100-192.168.3.199",
        "192.168.3.100-192.168.3.255",
        '22:11: the range holds 192.168.3.255, the broadcast address of network "guest"; '
        "leave it out, or DHCP would hand it out",
    ),
    "range holds router": (
        "192.168.1.100-192.168.1.199",
        "192.168.1.1-192.168.1.3",
        '15:11: the range holds 192.168.1.1, the router of network "lan"; leave it out, or DHCP would hand it out',
    ),
    "range holds virtual IP": (
        "192.168.1.100-192.168.1.199",
        "192.168.1.3-192.168.1.5",
        '15:11: the range holds 192.168.1.4, the virtual IP of network "lan"; leave it out, or DHCP would hand it out',
    ),
    "range holds node": (
        "192.168.1.100-192.168.1.199",
        "192.168.1.5-192.168.1.7",
        '15:11: the range holds 192.168.1.6, the address of node "node1"; leave it out, or DHCP would hand it out',
    ),
    "DHCP without interface": (
        "    interface: eth1\n",
        "",
        '19:5: network "guest" has DHCP but no interface; add `interface:` with the name of the one that serves it',
    ),
    "IPv6 mode without prefix": (
        "    ipv4: 192.168.3.0/24\n",
        "    ipv4: 192.168.3.0/24\n    ipv6_mode: slaac\n",
        '20:16: ipv6_mode slaac of network "guest" needs `ipv6:`; add `ipv6:`, or set `ipv6_mode: off`',
    ),
    "SLAAC names without prefix": (
        "    ipv4: 192.168.3.0/24\n",
        "    ipv4: 192.168.3.0/24\n    slaac_names: yes\n",
        '20:18: slaac_names of network "guest" needs an IPv6 prefix that hosts can make addresses in, and it has none; '
        "set `ipv6:` to a prefix of 64 bits, or `slaac_names: no`",
    ),
    "SLAAC names in a long prefix": (
        "    ipv4: 192.168.3.0/24\n",
        "    ipv4: 192.168.3.0/24\n    ipv6: fd12::/80\n    slaac_names: yes\n",
        '21:18: slaac_names of network "guest" needs an IPv6 prefix that hosts can make addresses in, and its prefix '
        "is fd12::/80; set `ipv6:` to a prefix of 64 bits, or `slaac_names: no`",
    ),
    "SLAAC names without lease names": (
        "    ipv4: 192.168.3.0/24\n",
        "    ipv4: 192.168.3.0/24\n    ipv6: fd12::/64\n    slaac_names: yes\n    lease_names: no\n",
        '21:18: warning: slaac_names of network "guest" has no effect with `lease_names: no`',
    ),
    "one interface": (
        "interface: eth1",
        "interface: eth0",
        '17:16: warning: networks "lan" and "guest" both do DHCP on interface eth0; '
        "a client there gets an address of either",
    ),
    "overlap": (
        "dns:\n",
        LATE % "ipv4: 192.168.3.0/26",
        '23:42: 192.168.3.0/26 overlaps 192.168.3.0/24 of network "guest"; give every network addresses of its own',
    ),
    "no prefix": ("dns:\n", LATE % "vlan: 7", '23:3: network "late" has no prefix; add `ipv4:` or `ipv6:`'),
    "nested IPv6": (
        "dns:\n",
        LATE % "ipv6: 2001:db8:0:1:8000::/65, reverse: no",
        '23:42: warning: 2001:db8:0:1:8000::/65 overlaps 2001:db8:0:1::/64 of network "lan"; the longer prefix counts',
    ),
    "reverse zone of others": (
        "dns:\n",
        LATE % "ipv4: 198.51.100.192/26, reverse: 100.51.198.in-addr.arpa",
        "23:70: reverse zone 100.51.198.in-addr.arpa. covers 198.51.100.0/24, "
        "which has addresses that are not of this site; name the zone that your provider delegated (RFC 2317, "
        "such as 192-255.100.51.198.in-addr.arpa), or add the networks that are yours to site.yaml",
    ),
    "reverse zone of another network": (
        "dns:\n",
        LATE % "ipv4: 198.51.100.192/26, reverse: 0-63.100.51.198.in-addr.arpa",
        '23:70: reverse zone 0-63.100.51.198.in-addr.arpa. is for 198.51.100.0/26, which is not in network "late"; '
        "its prefix is 198.51.100.192/26",
    ),
    "no reverse zone": (
        "dns:\n",
        LATE % "ipv4: 198.51.100.192/26, reverse: example.org",
        "23:70: example.org. is no reverse zone whose addresses can be told; "
        "write a name below in-addr.arpa or ip6.arpa, as your provider delegated it",
    ),
    "no name server": (
        "  nameservers: ns.example.net\n",
        "",
        "23:1: no name server is known for 1.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa., 1.168.192.in-addr.arpa., "
        "3.168.192.in-addr.arpa., guest.example.org., lan.example.org.; "
        "add `nameservers: [ns1.lan.example.org.]` under `dns:`, with the names of the servers",
    ),
    "name server without domain": (
        "nameservers: ns.example.net",
        "nameservers: ns",
        "25:16: name server ns. has no domain; write its full name, such as ns1.example.org",
    ),
    "name server missing": (
        "nameservers: ns.example.net",
        "nameservers: ns.lan.example.org",
        "25:16: NS target ns.lan.example.org. does not exist in zone lan.example.org.; "
        "add ns as a host or record, or correct the name",
    ),
    "pair of one node": (
        "dns:\n",
        "pair: {manager: heartbeat}\ndns:\n",
        "23:1: a pair has two nodes, and `nodes:` has 1; name both there, or no pair",
    ),
}


@pytest.mark.parametrize("case", SITE_CASES)
def test_site(case):
    old, new, text = SITE_CASES[case]
    assert SITE.count(old) == 1
    assert said({"site.yaml": SITE.replace(old, new)}) == [f"site.yaml:{text}"]


POLICY_CASES = {
    "no such zone": (
        "lan.example.net: {ttl: 60}",
        "27:3: there is no zone lan.example.net.; perhaps lan.example.org. is meant",
    ),
    "keep in a static zone": (
        "lan.example.org: {dynamic: no, keep: [{name: x}]}",
        "27:34: `keep:` has no meaning for zone lan.example.org., which is static; set `dynamic: yes`, or remove it",
    ),
    "unknown key": (
        "lan.example.org: {dynamic: yes, update: [{key: k, name: x}]}",
        '27:50: there is no key "k"; add it under `keys:`, which has none',
    ),
    "keep elsewhere": (
        "lan.example.org.: {dynamic: yes, keep: [{name: x.test.}]}",
        "27:50: x.test. is not in zone lan.example.org.",
    ),
}


@pytest.mark.parametrize("case", POLICY_CASES)
def test_zone_policies(case):
    line, text = POLICY_CASES[case]
    assert said({"site.yaml": SITE + f"zones:\n  {line}\n"}) == [f"site.yaml:{text}"]


def test_a_dynamic_zone_needs_bind():
    site = SITE.replace("authoritative: bind", "authoritative: none")
    assert said({"site.yaml": site + "zones:\n  lan.example.org: {dynamic: yes}\n"}) == [
        "site.yaml:27:30: zone lan.example.org. cannot be dynamic without BIND; set `authoritative: bind` under `dns:`"
    ]


RECORD_CASES = {
    "CNAME beside data": (
        "ns2 IN A 203.0.113.8\nns2 IN CNAME www.test.",
        "8:1: ns2.example.com. is a CNAME and has other data too: A at zones/example.com.zone:7:1; "
        "remove one of them (RFC 1034 3.6.2)",
    ),
    "two CNAMEs": (
        "www IN CNAME ns",
        "7:1: www.example.com. is a CNAME of ns.example.com. here and of mail.example.com. "
        "at zones/example.com.zone:5:1; a name can have only one (RFC 2181 10.1)",
    ),
    "CNAME at the apex": (
        "@ IN CNAME ns",
        "7:1: a CNAME cannot stand at example.com., the name of the zone itself; "
        "write the addresses instead (RFC 1034 3.6.2)",
    ),
    "CNAME to nothing": (
        "x IN CNAME y",
        "7:1: CNAME target y.example.com. does not exist in zone example.com.; "
        "add y as a host or record, or correct the name",
    ),
    "CNAME to nothing in another zone": (
        "x IN CNAME y.lan.example.org.",
        "7:1: CNAME target y.lan.example.org. does not exist in zone lan.example.org.; "
        "add y as a host or record, or correct the name",
    ),
    "MX without dot": (
        "@ IN MX 20 mail.google.net",
        "7:1: MX target mail.google.net.example.com. does not exist in zone example.com.; "
        "add it as a host or record; if mail.google.net. is meant, write it with that dot at its end",
    ),
    "MX to an alias": (
        "@ IN MX 20 www",
        "7:1: MX target www.example.com. is a CNAME (zones/example.com.zone:5:1); "
        "write mail.example.com. instead (RFC 2181 10.3)",
    ),
    "SRV to a name without address": (
        "_a._tcp IN SRV 0 0 1 t\nt IN TXT x",
        "7:1: SRV target t.example.com. has no address; add an A or AAAA record for it",
    ),
    "NS without glue": (
        "sub IN NS ns.sub",
        "7:1: NS target ns.sub.example.com. does not exist in zone example.com.; "
        "add it as a host or record; if ns.sub. is meant, write it with that dot at its end",
    ),
    "target no host name": (
        "@ IN MX 10 a_b.test.",
        "7:1: MX target a_b.test. is no host name; "
        "use letters, digits and inner hyphens; named would refuse it (RFC 1123 2.1)",
    ),
    "owner no host name": (
        "_x IN A 203.0.113.8",
        "7:1: _x.example.com. is no host name, so it cannot own A records; "
        "use letters, digits and inner hyphens; named would refuse the zone (RFC 1123 2.1)",
    ),
    "TTLs": (
        "mail 60 IN A 203.0.113.8",
        "7:1: warning: mail.example.com. A has TTL 60 here and 3600 at zones/example.com.zone:4:1; "
        "they have to be equal (RFC 2181 5.2); 60 is used",
    ),
    "loop": (
        "a IN CNAME b\nb IN CNAME a",
        "7:1: CNAMEs go round in a loop: a.example.com. → b.example.com. → a.example.com.; point one to a host",
    ),
}


@pytest.mark.parametrize("case", RECORD_CASES)
def test_records(case):
    lines, text = RECORD_CASES[case]
    assert said({"zones/example.com.zone": ZONE + lines + "\n"}) == [f"zones/example.com.zone:{text}"]


FINE = {
    "wildcard": "*.w IN A 203.0.113.8\nx IN CNAME y.w\n@ IN MX 20 z.y.w",
    "delegation": "sub IN NS ns.test.\nx IN CNAME y.sub",
    "delegation with glue": "sub IN NS ns.sub\nns.sub IN A 203.0.113.8",
    "null MX": "x IN MX 0 .",
    "service not offered": "_a._tcp IN SRV 0 0 0 .",
    "address twice in zones": "b IN A 203.0.113.7",
    "chain of CNAMEs": "x IN CNAME www",
    "target in another zone": "x IN CNAME print.lan.example.org.",
    "outside": "x IN CNAME somewhere.test.",
    "service instances": r"_a._tcp IN PTR my\032tv._a._tcp",
    "underscore without address": "_x IN TXT x\ny IN CNAME _x",
}


@pytest.mark.parametrize("case", FINE)
def test_what_is_allowed(case):
    assert said({"zones/example.com.zone": ZONE + FINE[case] + "\n"}) == []


def test_names_in_the_soa_are_host_names():
    fix = "use letters, digits and inner hyphens; named would refuse the zone (RFC 1123 2.1)"
    path = "zones/example.com.zone"
    zone = ZONE.replace("$TTL 3600\n", "$TTL 3600\n@ IN SOA my_ns ad_min.x_y 1 1h 15m 1w 2m\n")
    assert said({path: zone}) == [
        f"{path}:1:1: SOA name server my_ns.example.com. is no host name; {fix}",
        f"{path}:1:1: the domain of SOA mailbox ad_min.x_y.example.com. is no host name; {fix}",
    ]
    assert said({"site.yaml": SITE + "  contact: me.x_y.example.com\n"}) == [
        f"site.yaml:26:12: the domain of mailbox me.x_y.example.com. is no host name; {fix}"
    ]


def test_a_wildcard_does_not_reach_below_a_name_that_exists():
    lines = "*.w IN A 203.0.113.8\na.b.w IN TXT x\nx IN CNAME c.b.w\n"
    assert said({"zones/example.com.zone": ZONE + lines}) == [
        "zones/example.com.zone:9:1: CNAME target c.b.w.example.com. does not exist in zone example.com.; "
        "add it as a host or record; if c.b.w. is meant, write it with that dot at its end"
    ]


def test_a_zone_file_may_repeat_a_host_and_add_to_it_but_not_contradict():
    path = "zones/lan.example.org.yaml"
    same = "nas: [{type: A, value: 192.168.1.41}, {type: TXT, value: x}]\n"
    assert said({path: same}) == []
    assert said({path: "nas:\n  type: A\n  value: 192.168.1.42\n"}) == [
        f"{path}:3:10: nas.lan.example.org. A 192.168.1.42 contradicts the name of host "
        '"nas" (hosts.yaml:6:1); write the address there, or remove this record'
    ]
    (text,) = said({path: "print: {type: TXT, value: x}\n"})
    assert text.startswith("hosts.yaml:5:7: print.lan.example.org. is a CNAME and has other data too: TXT at")


def test_a_name_that_waits_for_its_dhcp_client_may_be_pointed_to():
    hosts = HOSTS + "tv: {mac: 52:54:00:00:00:01, network: guest}\n"
    zone = ZONE + "tv IN CNAME tv.guest.example.org.\n"
    assert said({"hosts.yaml": hosts, "zones/example.com.zone": zone}) == []


def test_a_free_ptr_record_should_lead_to_a_name_that_exists():
    path = "zones/1.168.192.in-addr.arpa.zone"
    (text,) = said({path: "9 60 IN PTR x.example.com.\n10 60 IN PTR ns.example.com.\n"})
    assert text == (
        f"{path}:1:1: warning: PTR target x.example.com. does not exist; "
        "add it as a host or alias, so that it leads back to the address"
    )


def test_names_that_others_add_to_a_dynamic_zone_may_be_pointed_to():
    site = SITE + "zones:\n  guest.example.org: {dynamic: yes, keep: [{name: x}]}\n"
    zone = ZONE + "a IN CNAME x.guest.example.org.\n"
    assert said({"site.yaml": site, "zones/example.com.zone": zone}) == []


def test_a_public_reverse_zone_file_must_be_ours_a_private_one_need_not():
    (text,) = said({"zones/113.0.203.in-addr.arpa.zone": "@ 60 IN NS ns.example.net.\n"})
    assert text.startswith(
        "zones/113.0.203.in-addr.arpa.zone:1:1: reverse zone 113.0.203.in-addr.arpa. covers 203.0.113.0/24, "
    )
    assert said({"zones/10.in-addr.arpa.zone": "@ 60 IN NS ns.example.net.\n"}) == []
    prefix = "1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
    assert len(said({f"zones/{prefix}.zone": "@ 60 IN NS ns.example.net.\n"})) == 1
    wider = "0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
    assert said({f"zones/{wider}.zone": "@ 60 IN NS ns.example.net.\n"}) == []


def test_all_problems_are_told_in_one_run():
    hosts = HOSTS + "x: {ipv4: 192.168.1.40}\ny: {ipv4: 192.168.1.0}\n"
    site = SITE.replace("router: 192.168.1.1\n", "router: 192.168.2.1\n")
    zone = ZONE + "x IN CNAME y\n"
    places = [
        text.split(": ")[0] for text in said({"hosts.yaml": hosts, "site.yaml": site, "zones/example.com.zone": zone})
    ]
    assert places == ["hosts.yaml:9:11", "hosts.yaml:10:11", "site.yaml:11:13", "zones/example.com.zone:7:1"]
