"""Kea's memfile."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.leases import kea
from reconciler.leases.lease import Lease

H4 = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context,pool_id\n"
H4_OLD = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname\n"
H6 = (
    "address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,fqdn_fwd,fqdn_rev,"
    "hostname,hwaddr,state,user_context,hwtype,hwaddr_source,pool_id\n"
)
V4 = H4 + (
    "192.168.1.100,52:54:00:12:34:56,01:52:54:00:12:34:56,43200,1795125600,1,0,0,printer.example.org.,0,,0\n"
    '192.168.1.101,52:54:00:12:34:57,,4294967295,6090049695,1,0,0,,0,{ "a": 1&#x2c "b": 2 },0\n'
    "192.168.1.102,,,43200,1795125600,1,0,0,,1,,0\n"
    "192.168.1.103,52:54:00:12:34:58,,43200,1795125600,1,0,0,gone,0,,0\n"
    "192.168.1.104,52:54:00:12:34:59,,43200,1795125600,1,0,0,reclaimed,2,,0\n"
    "192.168.1.103,52:54:00:12:34:58,,0,1795125000,1,0,0,gone,0,,0\n"
    "192.168.1.105,52:54:00:12:34:5a,,43200,1795125600,1,0,0,a&#x2cb&#x0,0,,0\n"
)
V6 = H6 + (
    "2001:db8:0:1::5,00:03:00:01:52:54:00:12:34:56,600,1795125600,1,375,0,7,128,0,0,laptop,52:54:00:12:34:56,0,,1,2,0\n"
    "2001:db8:0:1::6,00:04:de:ad,600,1795125600,1,375,1,8,128,0,0,,,0,,,,0\n"
    "2001:db8:8::,00:04:de:ad,600,1795125600,1,375,2,9,56,0,0,,,0,,,,0\n"
    "2001:db8:0:1::9,00,600,1795125600,1,375,0,9,128,0,0,,,1,,,,0\n"
)


def test_v4():
    parsed = kea.parse(V4.encode())
    assert parsed.complete and not parsed.problems
    assert parsed.leases == (
        Lease(
            IPv4Address("192.168.1.100"),
            "52:54:00:12:34:56",
            "printer.example.org.",
            1795125600,
            "01:52:54:00:12:34:56",
        ),
        Lease(IPv4Address("192.168.1.101"), "52:54:00:12:34:57", None, None),
        Lease(IPv4Address("192.168.1.105"), "52:54:00:12:34:5a", "a,b&#x0", 1795125600),
    )


def test_v6():
    parsed = kea.parse(V6.encode())
    assert parsed.complete and not parsed.problems
    duid = "00:03:00:01:52:54:00:12:34:56"
    assert parsed.leases == (
        Lease(IPv6Address("2001:db8:0:1::5"), "52:54:00:12:34:56", "laptop", 1795125600, None, duid, 7),
        Lease(IPv6Address("2001:db8:0:1::6"), None, None, 1795125600, None, "00:04:de:ad", 8, True),
    )


def test_older_schemas():
    assert [lease.name for lease in kea.parse(f"{H4_OLD}10.0.0.1,,,1,2,1,0,0,a\n".encode()).leases] == ["a"]
    header = H6[: H6.index(",hwaddr")] + "\n"
    row = "2001:db8::5,00:04:de:ad,600,1795125600,1,375,0,7,128,0,0,laptop\n"
    assert [lease.name for lease in kea.parse((header + row).encode()).leases] == ["laptop"]


@pytest.mark.parametrize(
    "row",
    [
        "10.0.0.256,,,1,2,1,0,0,a,0,,0",
        "10.0.0.2,,,x,2,1,0,0,a,0,,0",
        "10.0.0.2,,,1,,1,0,0,a,0,,0",
        "10.0.0.2,,zz,1,2,1,0,0,a,0,,0",
        "10.0.0.2,,,1,2,1,0,0,a,9,,0",
        "10.0.0.2,,,1,2",
        "junk",
    ],
)
def test_a_row_that_cannot_be_read_is_told_and_skipped(row):
    parsed = kea.parse(f"{H4}10.0.0.1,,,1,2,1,0,0,a,0,,0\n{row}\n10.0.0.3,,,1,2,1,0,0,c,0,,0\n".encode())
    assert [lease.name for lease in parsed.leases] == ["a", "c"]
    assert [problem.line for problem in parsed.problems] == [3]
    assert parsed.complete


@pytest.mark.parametrize("data", [b"", b"\n", b"a,b,c\n", H4.encode()[:-1], b"\0" * 512, f"{H4}?\n".encode()])
def test_empty_cut_or_foreign_is_not_complete(data):
    parsed = kea.parse(data)
    assert not parsed.complete and not parsed.leases


def test_a_header_alone_is_a_server_without_leases():
    assert kea.parse(H4.encode()).complete


def row(last, name, lifetime=600):
    return f"10.0.0.{last},,,{lifetime},1795125600,1,0,0,{name},0,,0\n"


def names(parsed):
    return {int(lease.address) & 255: lease.name for lease in parsed.leases}


def test_merge_in_the_order_of_the_server():
    files = {
        "k.csv" + kea.PREVIOUS: H4 + row(1, "previous") + row(2, "previous") + row(3, "previous"),
        "k.csv" + kea.INPUT: H4 + row(2, "input") + row(3, "input"),
        "k.csv": H4 + row(3, "current") + row(1, "", 0),
    }
    encoded = {key: text.encode() for key, text in files.items()}
    parsed = kea.merge(encoded)
    assert names(parsed) == {2: "input", 3: "current"} and parsed.complete
    done = kea.merge({**encoded, "k.csv" + kea.COMPLETED: (H4 + row(4, "done")).encode()})
    assert names(done) == {3: "current", 4: "done"} and done.complete


def test_merge_is_complete_only_with_every_file_whole():
    whole, cut = (H4 + row(1, "a")).encode(), (H4 + row(2, "b")).encode()[:-1]
    assert not kea.merge({"k.csv" + kea.PREVIOUS: whole}).complete
    assert not kea.merge({"k.csv" + kea.PREVIOUS: cut, "k.csv": whole}).complete
    assert not kea.merge({"k.csv" + kea.PREVIOUS: whole, "k.csv": cut}).complete
    assert kea.merge({"k.csv": whole}) == kea.parse(whole)
    assert not kea.merge({}).complete
    both = kea.merge({"a.csv": whole, "b.csv": V6.encode(), "b.csv.2": V6.encode()})
    assert both.complete and len(both.leases) == 3
    told = kea.merge({"k.csv" + kea.PREVIOUS: whole + b"?\n", "k.csv": whole}).problems
    assert [problem.what.startswith("k.csv.2: ") for problem in told] == [True]


@pytest.mark.parametrize("sample", [V4, V6])
def test_cut_anywhere_keeps_the_rows_before(sample):
    data = sample.encode()
    for cut in range(len(data)):
        parsed = kea.parse(data[:cut])
        assert parsed.leases == kea.parse(data[: data.rfind(b"\n", 0, cut) + 1]).leases
        assert parsed.complete == data[:cut].endswith(b"\n")


@given(
    st.text(st.characters(exclude_characters="\n\0", codec="utf-8")), st.integers(1, 2**32 - 2), st.integers(0, 10**11)
)
def test_round_trip(name, lifetime, expire):
    escaped = name.replace(",", "&#x2c")
    parsed = kea.parse(f"{H4}10.0.0.1,,01:02,{lifetime},{expire},1,0,0,{escaped},0,,0\n".encode())
    if "&#x" not in name:
        assert parsed.leases == (Lease(IPv4Address("10.0.0.1"), None, name or None, expire, "01:02"),)
    assert parsed.complete


@given(st.binary(max_size=200), st.sampled_from([H4, H6]))
def test_junk_never_raises(junk, header):
    kea.parse(junk)
    kea.parse(header.encode() + junk + b"\n")
    known = kea.parse(V4.encode() + junk.replace(b"\n", b"") + b"\n" + row(9, "z").encode())
    assert names(known)[9] == "z"
