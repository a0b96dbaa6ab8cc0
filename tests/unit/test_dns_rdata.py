"""Record data: one text for one meaning."""

import dns.rdata
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.dns import rdata
from reconciler.errors import BadRdata

DIGEST = "ab" * 32

# type, as a person or named-compilezone writes it below example.org., canonical
TABLE = [
    ("A", "192.0.2.1", "192.0.2.1"),
    ("A", r"\# 4 C0000201", "192.0.2.1"),
    ("A", " 192.0.2.1 ", "192.0.2.1"),
    ("AAAA", "2001:DB8:0:0::1", "2001:db8::1"),
    ("AAAA", r"\# 16 20010db8000000000000000000000001", "2001:db8::1"),
    ("AAAA", "::ffff:C000:0201", "::ffff:192.0.2.1"),
    ("CNAME", "WWW", "www.example.org."),
    ("CNAME", "@", "example.org."),
    ("CNAME", "( WWW )", "www.example.org."),
    ("DNAME", "Other.Example.", "other.example."),
    ("NS", "Ns1.Example.", "ns1.example."),
    ("PTR", "Host.Example.", "host.example."),
    ("MX", "10  Mail", "10 mail.example.org."),
    ("MX", "0 .", "0 ."),
    ("SRV", "1 2 53 Ns", "1 2 53 ns.example.org."),
    ("SOA", "A B 1 1h 2 3 1d", "a.example.org. b.example.org. 1 3600 2 3 86400"),
    ("TXT", '"Kept As Is; yes"', '"Kept As Is; yes"'),
    ("TXT", r'a "b \"c\"" "\195\164" "ä"', r'"a" "b \"c\"" "\195\164" "\195\164"'),
    ("SPF", "v=spf1", '"v=spf1"'),
    ("CAA", '0 issue "Le.org"', '0 issue "Le.org"'),
    ("URI", '10 1 "ftp://X/"', '10 1 "ftp://X/"'),
    ("NAPTR", '1 2 "U" "E2U+sip" "!^.*$!sip:x@Y!" Repl.', '1 2 "U" "E2U+sip" "!^.*$!sip:x@Y!" repl.'),
    ("SSHFP", f"4 2 {DIGEST.upper()[:60]} {DIGEST.upper()[60:]}", f"4 2 {DIGEST}"),
    ("TLSA", f"3 1 1 {DIGEST.upper()}", f"3 1 1 {DIGEST}"),
    ("DS", f"12345 8 2 {DIGEST.upper()}", f"12345 8 2 {DIGEST}"),
    ("SVCB", "1 Foo port=53", '1 foo.example.org. port="53"'),
    ("HTTPS", "1 . alpn=h2,h3", '1 . alpn="h2,h3"'),
    ("LOC", "51 30 12.748 N 0 7 39.611 W 0.00m", "51 30 12.748 N 0 7 39.611 W 0.00m"),
    ("RP", "Mail Txt", "mail.example.org. txt.example.org."),
    ("HIP", "2 200100107B1A74DF AAAA Rvs.Example.", "2 200100107b1a74df AAAA rvs.example."),
    ("IPSECKEY", "10 3 2 Gw.Example. AQNR", "10 3 2 gw.example. AQNR"),
    ("NID", "10 14:4fff:ff20:EE64", "10 0014:4fff:ff20:ee64"),
    ("L64", "10 2001:DB8:1140:1", "10 2001:0db8:1140:0001"),
    ("MB", "Host", "host.example.org."),
    ("MINFO", "A B", "a.example.org. b.example.org."),
    ("TA", f"12345 8 2 {DIGEST.upper()[:60]} {DIGEST.upper()[60:]}", f"12345 8 2 {DIGEST}"),
    ("RKEY", "0 255 1 AA AA", "0 255 1 AAAA"),
    ("EID", "AA BB", "aabb"),
    ("NXT", "Next a ns", "next.example.org. A NS"),
    ("A6", "64 ::1 Up", "64 ::1 up.example.org."),
    ("DOA", '1 2 1 "x" AA AA', '1 2 1 "x" AAAA'),
    ("TYPE65534", r"\# 4 0A0B0C0D", r"\# 4 0a0b0c0d"),
]


@pytest.mark.parametrize(("rtype", "text", "expected"), TABLE)
def test_canonical(rtype, text, expected):
    assert rdata.canonical(rtype, text, "example.org.") == expected
    assert rdata.canonical(rtype, expected, "example.org.") == expected


@pytest.mark.parametrize(
    ("rtype", "text", "reason"),
    [
        ("A", "192.0.2", "not an IPv4 address"),
        ("A", "192.0.2.010", "not an IPv4 address"),
        ("A", "192.0.2.1\nx A 192.0.2.2", "line break"),
        ("AAAA", "fe80::1%eth0", "not an IPv6 address"),
        ("AAAA", "192.0.2.1", "not an IPv6 address"),
        ("CNAME", "a..b", "dot too many"),
        ("CNAME", "a b", "blank"),
        ("CNAME", "", "empty"),
        ("MX", "mail", "mail"),
        ("MX", "10", "MX"),
        ("MX", "10 mü", "outside of quotes"),
        ("SRV", "1 2 70000 a", "70000"),
        ("TXT", "v=DKIM1; k=rsa", "semicolon"),
        ("TXT", '"unfinished', "TXT"),
        ("TXT", '"two\nlines"', "TXT"),
        ("MINFO", "a", "2 fields"),
        ("MB", "a b", "1 fields"),
        ("MB", r"\# 1 00", "own form"),
        ("TYPE65534", "abc", "TYPE65534"),
        ("EID", "xyz", "EID"),
    ],
)
def test_bad_data_is_told_with_its_reason(rtype, text, reason):
    with pytest.raises(BadRdata, match=reason) as caught:
        rdata.canonical(rtype, text, "example.org.")
    assert str(caught.value).startswith(f"{rtype} ")


OCTETS = st.text("0123456789", min_size=1, max_size=3)


@given(st.one_of(st.lists(OCTETS, min_size=4, max_size=4).map(".".join), st.ip_addresses(v=4).map(str)))
def test_the_short_way_for_addresses_agrees_with_dnspython(text):
    try:
        expected = dns.rdata.from_text("IN", "A", text).to_text()
    except Exception:
        expected = None
    try:
        assert rdata.canonical("A", text, ".") == expected
    except BadRdata:
        assert expected is None


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=300))
def test_the_short_way_for_strings_agrees_with_dnspython(text):
    quoted = f'"{text}"'
    try:
        expected = dns.rdata.from_text("IN", "TXT", quoted).to_text()
    except Exception:
        expected = None
    try:
        assert rdata.canonical("TXT", quoted, ".") == expected
    except BadRdata as error:
        assert expected is None or "semicolon" in str(error)


def test_types():
    assert rdata.canonical_type("aaaa") == "AAAA"
    assert rdata.canonical_type("TYPE1") == "A"
    assert rdata.canonical_type("TYPE65534") == "TYPE65534"
    assert rdata.canonical_type("mb") == "MB"
    assert rdata.canonical_type("TYPE7") == "MB"
    assert rdata.canonical_type("TYPE40") == "SINK"
    assert rdata.canonical_type("UID") == "TYPE101"
    for bad in ("ANY", "AXFR", "OPT", "TSIG", "FOO", "TYPE0", "TYPE65536", "", "A A"):
        with pytest.raises(BadRdata):
            rdata.canonical_type(bad)
        assert not rdata.known(bad)
    assert all(rdata.known(rtype) for rtype, _, _ in TABLE if rtype != "TYPE65534")
    assert not rdata.known("TYPE65534")


def test_targets():
    assert rdata.targets("CNAME", "a.") == ("a.",)
    assert rdata.targets("MX", "10 mail.example.") == ("mail.example.",)
    assert rdata.targets("SRV", "1 2 53 ns.example.") == ("ns.example.",)
    assert rdata.targets("MX", "0 .") == ()
    assert rdata.targets("SRV", "0 0 0 .") == ()
    assert rdata.targets("TXT", '"a b"') == ()
