"""What of a site leases may use, and what is not theirs."""

from ipaddress import ip_address, ip_network

import pytest
from state_trees import built

from reconciler.leases.lease import Lease
from reconciler.leases.naming import assign
from reconciler.leases.policy import LeaseNetwork, OnConflict, Reservation, lease_networks, statics

SITE = """\
version: 1
site: test
domain: example.org
nodes:
  lsvm1: {address: 192.168.1.6}
networks:
  internal:
    interface: eth0
    domain: internal.example.org
    ipv4: 192.168.1.0/24
    ipv6: 2001:db8:0:1::/64
    router: 192.168.1.1
    virtual_ips: [192.168.1.4]
    dhcp: {ranges: [192.168.1.100-192.168.1.199], lease: 2h}
    ipv6_mode: stateful
  lab:
    interface: eth1
    domain: lab.example.org
    ipv4: 203.0.113.192/26
    reverse: 192-255.113.0.203.in-addr.arpa
    dhcp: {ranges: [203.0.113.200-203.0.113.210]}
  odd:
    interface: eth2
    domain: odd.example.org
    ipv4: 203.0.113.128/26
    reverse: odd.113.0.203.in-addr.arpa
    dhcp: {}
    generate_names: yes
    name_conflicts: number
    privacy_addresses: yes
  quiet:
    domain: quiet.example.org
    ipv4: 10.0.0.0/24
    reverse: no
    lease_names: no
  self:
    domain: self.example.org
    ipv6: fd12::/64
    slaac_names: yes
dns:
  clients_ask: bind
  authoritative: bind
  nameservers: [ns1.example.org]
  ttl: 1800
  reserved_names: [CUPS]
"""
HOSTS = """\
vip: {ipv4: 192.168.1.4}
printer: {mac: 52:54:00:00:00:40, ipv4: 192.168.1.40, aliases: [print]}
tablet: {mac: 52:54:00:00:00:41, network: internal}
secret: {mac: 52:54:00:00:00:42, ipv4: 192.168.1.42, ptr: no}
a.b: {ipv4: 192.168.1.43}
"""
ZONE = """\
wild:
  type: A
  value: 192.168.1.50
"*":
  type: A
  value: 192.168.1.51
"""
PARENT = """\
ns1:
  type: A
  value: 192.168.1.7
"""


@pytest.fixture(scope="module")
def site():
    result = built(
        {
            "site.yaml": SITE,
            "hosts.yaml": HOSTS,
            "zones/internal.example.org.yaml": ZONE,
            "zones/example.org.yaml": PARENT,
        }
    )
    assert result.site is not None, [str(problem) for problem in result.problems]
    return result.site


def test_lease_networks(site):
    found = {network.name: network for network in lease_networks(site)}
    assert set(found) == {"internal", "lab", "odd", "quiet", "self"}
    assert (found["self"].slaac, found["self"].enabled) == (True, True), "whoever advertises the prefix"
    internal = found["internal"]
    assert (internal.domain, internal.zone) == ("internal.example.org.", "internal.example.org.")
    assert internal.prefixes == (ip_network("192.168.1.0/24"), ip_network("2001:db8:0:1::/64"))
    assert [zone.name for zone in internal.reverse] == [
        "1.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.",
        "1.168.192.in-addr.arpa.",
    ]
    assert (internal.ttl, internal.lease, internal.record_ttl, internal.enabled) == (1800, 7200, 1800, True)
    assert [zone.name for zone in found["lab"].reverse] == ["192-255.113.0.203.in-addr.arpa."]
    assert [(zone.name, str(zone.network)) for zone in found["odd"].reverse] == [
        ("odd.113.0.203.in-addr.arpa.", "203.0.113.128/26")
    ]
    assert not internal.slaac
    assert (internal.generate, internal.on_conflict, internal.temporary) == (False, OnConflict.DROP, False)
    odd = found["odd"]
    assert (odd.enabled, odd.generate, odd.on_conflict, odd.temporary) == (True, True, OnConflict.NUMBER, True)
    assert internal.reserved == {"cups"}
    assert (found["quiet"].enabled, found["quiet"].reverse) == (False, ())


def test_statics(site):
    found = statics(site, ["lsvm1", "LSVM2.example.org"])
    inside = "internal.example.org."
    for name in ("vip", "printer", "print", "secret", "tablet", "a.b", "b", "wild", "*", "lsvm1"):
        assert f"{name}.{inside}" in found.names or name in found.labels
    assert {inside, "example.org.", "lab.example.org.", "odd.example.org.", "ns1.example.org."} <= found.names
    assert found.labels == {"lsvm1", "lsvm2"}
    assert {"192.168.1.1", "192.168.1.4", "192.168.1.6", "192.168.1.42", "192.168.1.50"} <= found.addresses
    assert "192.168.1.100" not in found.addresses
    assert found.reservations == {
        ("internal", "52:54:00:00:00:40"): Reservation(f"printer.{inside}", f"printer.{inside}"),
        ("internal", "52:54:00:00:00:41"): Reservation(f"tablet.{inside}", f"tablet.{inside}"),
        ("internal", "52:54:00:00:00:42"): Reservation(f"secret.{inside}", None),
    }


def test_no_lease_record_has_the_key_of_a_static_one(site):
    hostile = ["vip", "print", "printer", "b", "wild", "lsvm1", "internal", "ns1", "x", "a.b"]
    leases = [
        Lease(ip_address(f"{net}.{200 + index}"), f"52:54:00:00:{number}:{index:02x}", name, None)
        for number, net in enumerate(("192.168.1", "203.0.113"), 10)
        for index, name in enumerate(hostile)
    ]
    found = assign(leases, lease_networks(site), statics(site, ["lsvm1"]))
    assert {record.owner for record in found.records if record.rtype == "A"} >= {"x.internal.example.org."}
    for record in found.records:
        assert (record.owner, record.rtype) not in site.zones[record.zone].zone.rrsets
    labels = {record.owner.partition(".")[0] for record in found.records if record.zone == "internal.example.org."}
    assert labels == {"internal", "x", "a"}


def test_a_host_without_address_is_named_by_its_mac(site):
    lease = Lease(ip_address("192.168.1.150"), "52:54:00:00:00:41", "whatever", None)
    thief = Lease(ip_address("192.168.1.151"), "52:54:00:00:00:99", "tablet", None)
    found = assign([thief, lease], lease_networks(site), statics(site, []))
    assert {record.owner for record in found.records if record.rdata == "192.168.1.150"} == {
        "tablet.internal.example.org."
    }
    assert len(found.records) == 2


def test_record_ttl_of_a_short_lease():
    assert LeaseNetwork("a", "a.", "a.", (), lease=90).record_ttl == 60
