"""What named-compilezone makes of our text, and of a person's, reads back as the same records."""

import shutil

import pytest

from reconciler.dns import names, rdata
from reconciler.dns.zonetext import parse_full
from reconciler.tools import run

pytestmark = pytest.mark.real

DIGEST = "AB" * 32
KEY = "AwEA" * 40

# Each as a person may write it; BIND writes many of them differently.
DATA = {
    "A": "192.0.2.1",
    "AAAA": "2001:DB8:0:0::ffff:1",
    "NS": "Ns",
    "DNAME": "Other.Example.",
    "PTR": "Host.Example.",
    "MX": "10 Mail",
    "SRV": "1 2 53 Ns",
    "TXT": r'"a \"b; c" plain "\195\164 \\"',
    "SPF": '"v=spf1 -all"',
    "HINFO": 'PC "Linux x"',
    "RP": "A. B",
    "AFSDB": "1 A",
    "X25": "12345",
    "ISDN": "123 456",
    "RT": "10 A",
    "NSAP": "0x47.0005.80.005a00.0000.0001.e133.ffffff000161.00",
    "NSAP-PTR": "x",
    "KEY": "256 3 8 AwEAAQ==",
    "PX": "10 A. B.",
    "GPOS": "-32.6882 116.8652 10.0",
    "LOC": "51 30 12.748 N 0 7 39.611 W 0.00m 1m 10000m 10m",
    "NXT": "a A NS",
    "EID": "aabb",
    "NIMLOC": "aabb",
    "ATMA": "+61200000000",
    "NAPTR": '100 10 "U" "E2U+sip" "!^.*$!sip:x@Y!" Repl.',
    "KX": "10 A",
    "CERT": "PKIX 1 RSASHA256 AAAA",
    "A6": "64 ::1 Up",
    "SINK": "1 1 1 AAAA",
    "APL": "1:192.168.32.0/21 !2:2001:DB8::/32",
    "DS": f"12345 8 2 {DIGEST}",
    "SSHFP": f"4 2 {DIGEST}",
    "IPSECKEY": "10 3 2 Gw.Example. AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==",
    "DNSKEY": f"257 3 8 {KEY}",
    "DHCID": "AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=",
    "TLSA": f"3 1 1 {DIGEST}",
    "SMIMEA": f"3 1 1 {DIGEST}",
    "HIP": "2 200100107B1A74DF365639CC39F1D578 AAAA Rvs.Example. Rvs2.Example.",
    "NINFO": '"x y"',
    "RKEY": f"0 255 1 {KEY}",
    "TALINK": "A B",
    "CDS": "0 0 0 00",
    "CDNSKEY": "0 3 0 AA==",
    "OPENPGPKEY": KEY,
    "CSYNC": "66 3 A NS AAAA",
    "ZONEMD": f"2018031500 1 1 {'AB' * 48}",
    "SVCB": "1 Foo port=53 key65000=Abc",
    "HTTPS": "1 . alpn=h2,h3 port=53 ipv4hint=192.0.2.1",
    "NID": "10 0014:4fff:ff20:Ee64",
    "L32": "10 192.0.2.2",
    "L64": "10 2001:0DB8:1140:1000",
    "LP": "10 L64",
    "EUI48": "00-00-5E-00-53-2A",
    "EUI64": "00-00-5E-EF-10-00-00-2A",
    "URI": '10 1 "ftp://X/"',
    "CAA": '0 issue "Le.org"',
    "AVC": '"x"',
    "DOA": f'1 2 1 "x" {KEY}',
    "AMTRELAY": "10 0 3 Relay.",
    "TA": f"12345 8 2 {DIGEST}",
    "DLV": f"12345 8 2 {DIGEST}",
    "MB": "A",
    "MG": "A",
    "MR": "A",
    "MINFO": "A B",
    "NULL": r"\# 1 00",
    "WKS": "192.0.2.1 6 25 53",
    "TYPE101": r"\# 1 00",
    "TYPE65534": r"\# 4 0A0B0C0D",
}
HEAD = "$TTL 60\n$ORIGIN Example.org.\n@ SOA Ns Host 7 2 3 4 5\n@ NS Ns.Example.\n"


def compiled(text: str) -> str:
    argv = ["named-compilezone", "-q", "-i", "none", "-k", "ignore", "-m", "ignore", "-n", "ignore"]
    argv += ["-f", "text", "-F", "text", "-s", "full", "-o", "-", "example.org", "/dev/stdin"]
    done = run(argv, stdin=text.encode())
    assert done.code == 0, done.text
    return done.stdout


@pytest.fixture(autouse=True)
def _needs_bind():
    if not shutil.which("named-compilezone"):
        pytest.skip("named-compilezone is not installed")


def test_every_type_reads_back_as_it_was_meant():
    meant = {
        (f"{rtype.lower()}.x.example.org.", 60, rtype, rdata.canonical(rtype, text, "example.org."))
        for rtype, text in DATA.items()
    }
    theirs = compiled(HEAD + "".join(f"{rtype}.X {rtype} {text}\n" for rtype, text in DATA.items()))
    found = set(parse_full(theirs))
    assert {record for record in found if record[0].endswith(".x.example.org.")} == meant


def test_our_text_survives_a_round_through_named():
    ours = "".join(
        f"{rtype.lower()}.x.example.org. 60 IN {rtype} {rdata.canonical(rtype, text, 'example.org.')}\n"
        for rtype, text in DATA.items()
    )
    found = set(parse_full(compiled(HEAD + ours)))
    assert set(parse_full(ours)) <= found
    assert len(found) == len(DATA) + 2


OWNERS = [
    "WWW",
    r"a\.b",
    r"a\032b",
    r"\097",
    r"a\"b",
    r"\(x\)",
    r"a\\b",
    r"\@",
    r"\$x",
    "192/26",
    "*.w",
    r"\255",
    "_x",
]


def test_owners_of_all_shapes_read_back():
    theirs = compiled(HEAD + "".join(f"{owner} A 192.0.2.1\n" for owner in OWNERS))
    found = {owner for owner, _, rtype, _ in parse_full(theirs) if rtype == "A"}
    assert found == {names.parse(owner, "example.org.") for owner in OWNERS}


CHECKED = [
    "WWW", "a_b", "-a", "a-", "a--b", "1", "*.x", "x.*.y", "gc._msdcs", "*.gc._msdcs", "x.gc._msdcs",
    "gc._msdcs.x_y", "_spf", "x._spf", "x_y._spf_rate.b", "a.b_c", "1.192/26", r"a\.b", r"x._spf.y_z",
    "x._spf_foo", r"\._spf", r"a\.b._spf.c", "*",
]  # fmt: skip


def test_host_names_are_those_that_check_names_lets_through():
    text = HEAD + "".join(f"{owner} A 192.0.2.1\n" for owner in CHECKED)
    argv = ["named-checkzone", "-k", "warn", "-i", "none", "-f", "text", "example.org", "/dev/stdin"]
    said = run(argv, stdin=text.encode()).stdout.splitlines()
    # /dev/stdin:6: a_b.example.org: bad owner name (check-names)
    refused = {line.split(": ")[1].lower() + "." for line in said if "bad owner name" in line}
    owners = [names.parse(owner, "example.org.") for owner in CHECKED]
    assert refused == {owner for owner in owners if not names.is_hostname(owner)}
