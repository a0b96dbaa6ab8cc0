"""ISC dhcpd's lease files."""

from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.leases import isc
from reconciler.leases.lease import Lease

V4 = r"""# The format of this file is documented in the dhcpd.leases(5) manual page.
# This lease file was written by isc-dhcp-4.4.3-P1

# authoring-byte-order entry is generated, DO NOT DELETE
authoring-byte-order little-endian;

lease 192.168.1.100 {
  starts 4 2026/11/19 10:00:00;
  ends 4 2026/11/19 22:00:00;
  tstp 4 2026/11/19 22:00:00;
  cltt 4 2026/11/19 10:00:00;
  binding state active;
  next binding state free;
  rewind binding state free;
  hardware ethernet 52:54:00:12:34:56;
  uid "\001RT\000\0224V";
  set vendor-class-identifier = "MSFT \"5.0\" { ; }";
  client-hostname "printer";
}
failover peer "dhcp" state {
  my state normal at 4 2026/11/19 09:00:00;
  partner state normal at 4 2026/11/19 09:00:00;
}
lease 192.168.1.101 {
  starts epoch 1795082400; # Thu Nov 19 10:00:00 2026
  ends epoch 1795125600; # Thu Nov 19 22:00:00 2026
  binding state active;
  hardware ethernet 52:54:0:12:34:57;
  option agent.circuit-id "a;b}";
  set ddns-client-fqdn = "tab\tlet.example.org.";
  on expiry or release {
    if (exists agent.circuit-id) { execute ("log", "}{"); }
  }
}
host fixed {
  dynamic;
  hardware ethernet 52:54:00:12:34:99;
  fixed-address 192.168.1.9;
}
lease 192.168.1.102 {
  ends never;
  hardware token-ring 52:54:00:12:34:58;
  uid 01:52:54:00:12:34:58;
  client-hostname "b\303\274ro \"\\ ; }";
}
lease 192.168.1.103 {
  ends 4 2026/11/19 22:00:00;
  binding state active;
  client-hostname "gone";
}
lease 192.168.1.103 {
  ends 4 2026/11/19 12:00:00;
  binding state free;
}
lease 192.168.1.104 {
  ends 4 2026/11/19 22:00:00;
  binding state abandoned;
}
lease 192.168.1.105 {
  ends never;
  abandoned;
}
lease 192.168.1.100 {
  ends 5 2026/11/20 10:00:00;
  binding state active;
  hardware ethernet 52:54:00:12:34:56;
  client-hostname "printer2";
}
"""

V6 = r"""authoring-byte-order little-endian;
server-duid "\000\001\000\001,\206\016\226RT\000\000\000\001";

ia-na "\001\000\000\000\000\003\000\001RT\000\0224V" {
  cltt 4 2026/11/19 10:00:00;
  iaaddr 2001:db8:0:1::5 {
    binding state active;
    preferred-life 375;
    max-life 600;
    ends 4 2026/11/19 22:00:00;
    set ddns-client-fqdn = "laptop";
  }
  iaaddr 2001:db8:0:1::6 {
    binding state active;
    ends never;
  }
}
ia-ta "\002\000\000\000\000\004\336\255" {
  iaaddr 2001:db8:0:1::7 {
    binding state active;
    ends epoch 1795125600;
  }
  iaaddr 2001:db8:0:1::8 {
    binding state expired;
    ends epoch 1795125600;
  }
}
ia-pd "\003\000\000\000\000\004\336\255" {
  iaprefix 2001:db8:8::/56 {
    binding state active;
    ends never;
  }
}
"""
AT_22 = int(datetime(2026, 11, 19, 22, tzinfo=UTC).timestamp())


def test_v4():
    parsed = isc.parse(V4.encode())
    assert parsed.complete and not parsed.problems
    assert {lease.address: lease for lease in parsed.leases} == {
        lease.address: lease
        for lease in (
            Lease(IPv4Address("192.168.1.100"), "52:54:00:12:34:56", "printer2", AT_22 + 43200),
            Lease(IPv4Address("192.168.1.101"), "52:54:00:12:34:57", "tab\tlet.example.org.", AT_22),
            Lease(IPv4Address("192.168.1.102"), "52:54:00:12:34:58", 'büro "\\ ; }', None, "01:52:54:00:12:34:58"),
        )
    }


def test_uid_in_octal():
    first = V4[: V4.index("failover")]
    assert [lease.client_id for lease in isc.parse(first.encode()).leases] == ["01:52:54:00:12:34:56"]


def test_v6():
    parsed = isc.parse(V6.encode())
    assert parsed.complete and not parsed.problems
    assert parsed.server_duid == "00:01:00:01:2c:86:0e:96:52:54:00:00:00:01"
    duid = "00:03:00:01:52:54:00:12:34:56"
    assert parsed.leases == (
        Lease(IPv6Address("2001:db8:0:1::5"), None, "laptop", AT_22, None, duid, 1),
        Lease(IPv6Address("2001:db8:0:1::6"), None, None, None, None, duid, 1),
        Lease(IPv6Address("2001:db8:0:1::7"), None, None, AT_22, None, "00:04:de:ad", 2, True),
    )


def test_big_endian_iaid():
    text = V6.replace("little-endian", "big-endian")
    assert {lease.iaid for lease in isc.parse(text.encode()).leases} == {0x01000000, 0x02000000}


def test_a_later_association_frees_what_it_does_not_list():
    again = V6[V6.index("ia-na") : V6.index("  iaaddr 2001:db8:0:1::6")] + "}\n"
    addresses = [str(lease.address) for lease in isc.parse((V6 + again).encode()).leases]
    assert addresses == ["2001:db8:0:1::7", "2001:db8:0:1::5"]


def test_hex_identifiers():
    text = "ia-na 01:00:00:00:00:04:de:ad {\n iaaddr 2001:db8::1 { binding state active; ends never; }\n}\n"
    assert [(lease.iaid, lease.duid) for lease in isc.parse(text.encode()).leases] == [(1, "00:04:de:ad")]


GOOD = "lease 10.0.0.1 {\n  ends never;\n}\nlease 10.0.0.3 {\n  ends never;\n}\n"


@pytest.mark.parametrize(
    "entry",
    [
        "lease 10.0.0.256 {\n  ends never;\n}",
        "lease {\n  ends never;\n}",
        "lease 10.0.0.2 {\n}",
        "lease 10.0.0.2 {\n  ends 4 2026/13/19 22:00:00;\n}",
        "lease 10.0.0.2 {\n  ends 4;\n}",
        "lease 10.0.0.2 {\n  ends never;\n  uid zz;\n}",
        'lease 10.0.0.2 {\n  ends never;\n  uid "open;\n}',
        "lease 10.0.0.2 {\n  ends never;\n",
        "lease 10.0.0.2",
        "}",
        "something else;",
        'ia-na "abc" {\n}',
    ],
)
def test_an_entry_that_cannot_be_read_is_told_and_skipped(entry):
    parsed = isc.parse(
        f"lease 10.0.0.1 {{\n  ends never;\n}}\n{entry}\nlease 10.0.0.3 {{\n  ends never;\n}}\n".encode()
    )
    assert [str(lease.address) for lease in parsed.leases] == ["10.0.0.1", "10.0.0.3"]
    assert parsed.problems and parsed.problems[0].line >= 4
    assert parsed.complete


@pytest.mark.parametrize(
    "text", ["", "# only a comment\n", GOOD[:-1], GOOD + "lease 10.0.0.4 {\n", "a b c\n", "{" * 99]
)
def test_empty_cut_or_foreign_is_not_complete(text):
    assert not isc.parse(text.encode()).complete


@pytest.mark.parametrize("sample", [V4, V6])
def test_cut_anywhere_keeps_the_entries_before(sample):
    data = sample.encode()
    for cut in range(len(data)):
        parsed = isc.parse(data[:cut])
        ends = [at for at in range(cut) if data[at : at + 2] == b"\n}" and at + 1 < cut]
        before = isc.parse(data[: ends[-1] + 2] + b"\n") if ends else None
        assert parsed.leases == (before.leases if before else ())
        if data[:cut].count(b"{") > data[:cut].count(b"}") + 2 or not data[:cut].endswith(b"\n"):
            assert not parsed.complete


def quoted(data):
    return '"' + "".join(chr(byte) if chr(byte).isalnum() and byte < 128 else f"\\{byte:03o}" for byte in data) + '"'


@given(st.text(), st.binary(min_size=1), st.none() | st.integers(0, 10**12 - 1))
def test_round_trip(name, uid, expires):
    ends = "never" if expires is None else f"epoch {expires}"
    text = (
        f"lease 10.0.0.1 {{\n  ends {ends};\n  binding state active;\n  uid {quoted(uid)};\n"
        f"  client-hostname {quoted(name.encode())};\n}}\n"
    )
    parsed = isc.parse(text.encode())
    assert parsed.complete
    assert parsed.leases == (Lease(IPv4Address("10.0.0.1"), None, name or None, expires, uid.hex(":")),)


@given(st.dates(), st.times())
def test_times_are_utc(day, time):
    moment = datetime.combine(day, time.replace(microsecond=0, tzinfo=UTC))
    text = f"lease 10.0.0.1 {{\n  ends {(moment.weekday() + 1) % 7} {moment.year:04}/{moment:%m/%d %H:%M:%S};\n}}\n"
    assert [lease.expires for lease in isc.parse(text.encode()).leases] == [int(moment.timestamp())]


@given(st.text('lease {}";\\#\n10.i', max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
def test_junk_never_raises_nor_hides_a_lease(junk):
    parsed = isc.parse(f"{GOOD}{junk}\n{GOOD}".encode("latin-1"))
    assert {"10.0.0.1", "10.0.0.3"} <= {str(lease.address) for lease in parsed.leases}


def test_deep_nesting():
    assert not isc.parse(b"lease {" * 200_000).complete
