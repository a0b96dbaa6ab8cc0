"""The two networks that this was made for: a home on dnsmasq with a pair, and a small subnet on BIND."""

from state_trees import built, rrset

HOME = """\
version: 1
site: home
domain: thesteins.org
nodes:
  lsvm1: {address: 192.168.1.6}
  lsvm2: {address: 192.168.1.7, preferred: true}
networks:
  internal:
    interface: enp2s1
    domain: internal.thesteins.org
    ipv4: 192.168.1.0/24
    ipv6: 2601:40f:4100:13c2::/64
    router: 192.168.1.1
    virtual_ips: [192.168.1.4, "2601:40f:4100:13c2:0:ffff:c0a8:104"]
    dhcp: {ranges: [192.168.1.100-192.168.1.199], lease: 12h}
    ipv6_mode: slaac
  guest:
    interface: enp2s1.3
    vlan: 3
    isolated: true
    domain: guest.thesteins.org
    ipv4: 192.168.3.0/24
    virtual_ips: [192.168.3.4, "2601:40f:4100:13c2:0:ffff:c0a8:304"]
    dhcp:
      ranges: [192.168.3.100-192.168.3.199]
      lease: 2h
      options: {router: 192.168.3.1, dns-server: 192.168.3.4}
dns: {clients_ask: dnsmasq, authoritative: none, forwarders: [9.9.9.9, 149.112.112.112]}
pair: {manager: heartbeat, auto_failback: yes}
"""

HOME_HOSTS = """\
rtbr1: {ipv4: [192.168.1.1, 192.168.3.1]}
linuxserver: {ipv4: 192.168.1.4, ipv6: "::ffff:c0a8:104"}
guestserver.guest.thesteins.org.: {ipv4: 192.168.3.4}
lsvm1: {ipv4: 192.168.1.6, ipv6: 2601:40f:4100:234c:215:5dff:fe01:207}
printer: {mac: 52:54:00:12:34:56, ipv4: 192.168.1.40, aliases: [print]}
"""


def test_the_home_network():
    result = built({"site.yaml": HOME, "hosts.yaml": HOME_HOSTS})
    told = [(str(problem.where), problem.what.split(",")[0]) for problem in result.problems]
    assert told == [
        ("hosts.yaml:2:21", 'address 192.168.1.4 is the virtual IP of network "internal"'),
        ("hosts.yaml:3:42", 'address 192.168.3.4 is the virtual IP of network "guest"'),
        (
            "hosts.yaml:4:34",
            "address 2601:40f:4100:234c:215:5dff:fe01:207 is in no network of this site",
        ),
    ]
    zone = "internal.thesteins.org."
    assert rrset(result, zone, f"linuxserver.{zone}", "AAAA").rdatas == ("2601:40f:4100:13c2:0:ffff:c0a8:104",)
    assert rrset(result, zone, f"lsvm2.{zone}", "A").rdatas == ("192.168.1.7",)
    guest = "guest.thesteins.org."
    assert rrset(result, guest, f"rtbr1.{guest}", "A").rdatas == ("192.168.3.1",)
    assert "thesteins.org." not in result.site.zones


SUBNET = """\
version: 1
site: small-subnet
networks:
  lan:
    ipv4: 198.51.100.192/26
    domain: example.org
    reverse: 192-255.100.51.198.in-addr.arpa
dns: {clients_ask: bind, authoritative: bind, serial: increment}
"""

SUBNET_ZONE = """\
$TTL 21600
@   IN SOA malaria hostmaster ( 0 21600 3600 1728000 21600 )
    IN NS  malaria
    IN MX  10 engram
    IN A   198.51.100.236
www IN CNAME diphtheria
"""

SUBNET_HOSTS = """\
malaria:    {ipv4: 198.51.100.193}
engram:     {ipv4: 198.51.100.194}
diphtheria: {ipv4: 198.51.100.237}
"""


def test_the_small_subnet():
    files = {"site.yaml": SUBNET, "zones/example.org.zone": SUBNET_ZONE, "hosts.yaml": SUBNET_HOSTS}
    reverse = "192-255.100.51.198.in-addr.arpa."
    result = built(files)
    assert result.problems == ()
    assert sorted(result.site.zones) == [reverse, "example.org."]
    assert rrset(result, reverse, f"237.{reverse}", "PTR").rdatas == ("diphtheria.example.org.",)
    assert rrset(result, reverse, reverse, "NS").rdatas == ("malaria.example.org.",)
    assert result.site.zones["example.org."].zone.soa.refresh == 21600
