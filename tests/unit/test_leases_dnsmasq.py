"""dnsmasq's lease file."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.leases import dnsmasq
from reconciler.leases.lease import MAX_PROBLEMS, Lease, LineProblem, duid_of_client_id, mac_of_duid, octets

SAMPLE = """\
1795125600 52:54:00:12:34:56 192.168.1.100 printer 01:52:54:00:12:34:56
0 52:54:00:12:34:57 192.168.1.101 * *
1795125601 20-80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:01:02:03 192.168.1.102 ib ff:00:01
1795125602 06-52:54:00:12:34:58 192.168.1.103 wlan *
1795125603 01- 192.168.1.104 ppp 00:11
1795125604 00:00:00:00:00:00 192.168.1.105 nobody *
duid 00:01:00:01:2c:86:0e:96:52:54:00:00:00:01
1795125605 1193046 2001:db8:0:1::5 laptop 00:03:00:01:52:54:00:12:34:57
1795125606 T7 2001:db8:0:1::6 * 00:04:de:ad
0 8 2001:db8:0:1::7 * *
"""


def v4(last, mac, name, expires, client_id=None):
    return Lease(IPv4Address(f"192.168.1.{last}"), mac, name, expires, client_id)


def test_every_form():
    parsed = dnsmasq.parse(SAMPLE.encode())
    assert parsed.complete and not parsed.problems
    assert parsed.server_duid == "00:01:00:01:2c:86:0e:96:52:54:00:00:00:01"
    six = "2001:db8:0:1::"
    assert parsed.leases == (
        v4(100, "52:54:00:12:34:56", "printer", 1795125600, "01:52:54:00:12:34:56"),
        v4(101, "52:54:00:12:34:57", None, None),
        v4(102, None, "ib", 1795125601, "ff:00:01"),
        v4(103, "52:54:00:12:34:58", "wlan", 1795125602),
        v4(104, None, "ppp", 1795125603, "00:11"),
        v4(105, None, "nobody", 1795125604),
        Lease(
            IPv6Address(six + "5"), None, "laptop", 1795125605, None, "00:03:00:01:52:54:00:12:34:57", 1193046, False
        ),
        Lease(IPv6Address(six + "6"), None, None, 1795125606, None, "00:04:de:ad", 7, True),
        Lease(IPv6Address(six + "7"), None, None, None, None, None, 8, False),
    )


@pytest.mark.parametrize(
    "line",
    [
        "",
        "lease 192.168.1.1 {",
        "x 52:54:00:12:34:56 192.168.1.100 printer *",
        "1 52:54:00:12:34:5 192.168.1.100 printer *",
        "1 52:54:00::12:34:5 192.168.1.100 printer *",
        "1 52:54:0:012:34:56 192.168.1.100 printer *",
        "1 52:54:00:12:34:56 192.168.1.256 printer *",
        "1 52:54:00:12:34:56 192.168.1.01 printer *",
        "1 52:54:00:12:34:56 192.168.1 printer *",
        "1 52:54:00:12:34:56 192.168.1.100 printer",
        "1 52:54:00:12:34:56 192.168.1.100 a b *",
        "1 52:54:00:12:34:56 192.168.1.100 printer 01:2",
        "1 52:54:00:12:34:56 192.168.1.100 printer :::",
        "1 x 2001:db8::5 laptop *",
        "1 5 2001:db8:::5 laptop *",
        "duid xyz",
        "1\u0661 52:54:00:12:34:56 192.168.1.100 printer *",
    ],
)
def test_a_line_that_cannot_be_read_is_told_and_skipped(line):
    parsed = dnsmasq.parse(f"1 52:54:00:12:34:56 10.0.0.1 a *\n{line}\n2 52:54:00:12:34:57 10.0.0.2 b *\n".encode())
    assert [lease.name for lease in parsed.leases] == ["a", "b"]
    assert [problem.line for problem in parsed.problems] == [2]
    assert parsed.complete


@pytest.mark.parametrize("data", [b"", b"\n", b"junk\n", b"\x00" * 4096, b"1 52:54:00:12:34:56 10.0.0.1 a *"])
def test_empty_cut_or_foreign_is_not_complete(data):
    parsed = dnsmasq.parse(data)
    assert not parsed.complete and not parsed.leases


def test_a_block_that_was_never_written_makes_it_incomplete():
    assert not dnsmasq.parse(SAMPLE.encode() + b"\0" * 100 + b"\n").complete


def test_junk_does_not_fill_the_memory_with_complaints():
    problems = dnsmasq.parse(b"?\n" * 100_000).problems
    assert len(problems) == MAX_PROBLEMS
    assert problems[-1] == LineProblem(MAX_PROBLEMS, "and 99901 more lines from here on")


def test_the_last_of_two_entries_counts():
    parsed = dnsmasq.parse(b"1 52:54:00:12:34:56 10.0.0.1 a *\n1 52:54:00:12:34:57 10.0.0.1 b *\n")
    assert [lease.name for lease in parsed.leases] == ["b"]


def test_unchanged_lines_keep_their_objects():
    parser = dnsmasq.Parser()
    first = parser.parse(SAMPLE.encode())
    second = parser.parse(SAMPLE.replace("laptop", "other").encode())
    same = [old is new for old, new in zip(first.leases, second.leases, strict=True)]
    assert same.count(False) == 1 and second.leases[6].name == "other"
    assert parser.parse(b"") == dnsmasq.parse(b"")
    assert parser.parse(SAMPLE.encode()) == first


@pytest.mark.parametrize(
    ("duid", "mac"),
    [
        ("00:01:00:01:2c:86:0e:96:52:54:00:12:34:56", "52:54:00:12:34:56"),
        ("00:03:00:01:52:54:00:12:34:56", "52:54:00:12:34:56"),
        ("00:03:00:06:52:54:00:12:34:56", "52:54:00:12:34:56"),
        ("00:03:00:20:52:54:00:12:34:56", None),
        ("00:03:00:01:52:54:00:12:34", None),
        ("00:01:00:01:52:54:00:12:34:56", None),
        ("00:03:00:01:00:00:00:00:00:00", None),
        ("00:02:00:00:ab:11:52:54:00:12:34:56", None),
        ("00:04:00:01:52:54:00:12:34:56", None),
        ("", None),
    ],
)
def test_mac_of_duid(duid, mac):
    assert mac_of_duid(duid) == mac


def test_duid_of_client_id():
    assert duid_of_client_id("ff:00:00:00:01:00:04:de:ad") == "00:04:de:ad"
    assert duid_of_client_id("ff:00:00:00:01") is None
    assert duid_of_client_id("01:52:54:00:12:34:56") is None


@pytest.mark.parametrize(
    ("text", "canonical"),
    [("1:2:AB", "01:02:ab"), ("52-54-00", "52:54:00"), ("", None), ("1::2", None), ("123", None), ("0g", None)],
)
def test_octets(text, canonical):
    assert octets(text) == canonical


octet = st.integers(0, 255).map("{:02x}".format)
macs = st.lists(octet, min_size=6, max_size=6).map(":".join).filter(lambda mac: mac != "00:00:00:00:00:00")
ids = st.lists(octet, min_size=1, max_size=20).map(":".join)
times = st.none() | st.integers(1, 2**33)
said = st.none() | st.text(st.characters(exclude_characters=" \n\0", codec="utf-8"), min_size=1).filter(
    lambda text: text != "*"
)


@st.composite
def leases(draw):
    address = draw(st.ip_addresses())
    if address.version == 4:
        return Lease(address, draw(macs), draw(said), draw(times), draw(st.none() | ids))
    identity = draw(st.none() | ids), draw(st.integers(0, 2**32 - 1)), draw(st.booleans())
    return Lease(address, None, draw(said), draw(times), None, *identity)


def line(lease):
    name = "*" if lease.name is None else lease.name
    if lease.address.version == 4:
        return f"{lease.expires or 0} {lease.mac} {lease.address} {name} {lease.client_id or '*'}\n"
    kind = "T" if lease.temporary else ""
    return f"{lease.expires or 0} {kind}{lease.iaid} {lease.address} {name} {lease.duid or '*'}\n"


sets = st.lists(leases(), max_size=6, unique_by=lambda lease: lease.address)


@given(sets, ids)
def test_round_trip(known, duid):
    text = f"duid {duid}\n" + "".join(map(line, known))
    parsed = dnsmasq.parse(text.encode())
    assert parsed.leases == tuple(known)
    assert (parsed.server_duid, parsed.problems, parsed.complete) == (duid, (), True)


@given(sets.filter(bool))
def test_cut_anywhere_keeps_the_lines_before(known):
    data = "".join(map(line, known)).encode()
    for cut in range(len(data)):
        parsed = dnsmasq.parse(data[:cut])
        whole = data[:cut].count(b"\n")
        assert parsed.leases == tuple(known[:whole])
        assert not parsed.problems
        assert parsed.complete == (cut > 0 and data[cut - 1 : cut] == b"\n")


@given(st.binary(max_size=300))
@example(b"\xff\xfe\n\x85\n\x1c")
def test_junk_never_raises_nor_hides_a_lease(junk):
    parsed = dnsmasq.parse(junk.replace(b"\n", b"") + b"\n" + SAMPLE.encode())
    assert parsed.leases == dnsmasq.parse(SAMPLE.encode()).leases


@given(st.binary(max_size=300))
def test_what_is_read_is_an_address_with_its_text(junk):
    for lease in dnsmasq.parse(junk + b"\n").leases:
        assert ip_address(str(lease.address)) == lease.address
