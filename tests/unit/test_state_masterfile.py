"""Master files: the records that dnspython reads from the same text, BIND's rules for TTLs, mistakes in their place."""

import dns.zone
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.dns import rdata
from reconciler.dns.zone import SOA
from reconciler.state import generate, masterfile, tokens
from reconciler.state.model import ZoneFile
from reconciler.state.problem import Problem
from reconciler.state.tree import Blob

ZONE = "example.org."
Record = tuple[str, int | None, str, str]


def load(text: str | bytes, zone: str = ZONE) -> tuple[ZoneFile, list[Problem]]:
    data = text.encode() if isinstance(text, str) else text
    return masterfile.read("f.zone", Blob("", data), zone)


def read(text: str | bytes, zone: str = ZONE) -> tuple[list[Record], list[str]]:
    file, problems = load(text, zone)
    records = [(record.owner, record.ttl, record.rtype, record.rdata) for record in file.records]
    return records, [str(problem).removeprefix("f.zone:") for problem in problems]


OWNERS = st.sampled_from(["@", "www", "a.b", "*", "_x._tcp", "x.example.org.", "MixedCase", r"a\.b", r"\065", "0-25"])
DATA = st.sampled_from(
    [
        "A 192.0.2.1",
        "A 192.0.2.2",
        "AAAA 2001:DB8::0:1",
        "MX 10 mail",
        "MX ( 20 ; comment ) here\n  mail.example.com. )",
        "TXT plain",
        'TXT "with blank" ";" "\\"q\\""',
        'TXT (\n "a"\n "b" )',
        "SRV 1 2 3 target",
        "NS ns.@",
        'CAA 0 issue "ca.example; x=y"',
        'HTTPS 1 . alpn="h2,h3" port=443',
        "TYPE65280 \\# 2 ab cd",
        "PTR @",
        "LOC 52 22 23 N 4 53 32 E -2m",
        "DS 1 5 1 (" + "ab" * 10 + "\n" + "cd" * 10 + ")",
        'NAPTR 1 2 "S" "" "" .',
        "SPF x",
    ]
)
TTLS = st.sampled_from(["", "60", "IN", "IN 1h", "2d IN", "1h30m", "in"])
ENDS = st.sampled_from(["\n", " \n", "\t; comment (\n", "\r\n", "\n\n  \n; (\n"])


@st.composite
def zone_texts(draw: st.DrawFn) -> str:
    lines = [draw(st.sampled_from(["$TTL 300\n", "$ttl 1d\n"])), "@ SOA ns hostmaster ( 1 2h 3 4w\n 5 )\n"]
    for _ in range(draw(st.integers(0, 8))):
        if draw(st.integers(0, 5)) == 0:
            lines.append(draw(st.sampled_from(["$ORIGIN sub\n", "$ORIGIN sub.example.org.\n", "$ORIGIN @\n"])))
        owner = draw(st.sampled_from(["", ""]) | OWNERS)
        lines.append(f"{owner} {draw(TTLS)} {draw(DATA)}{draw(ENDS)}")
    return "".join(lines)


@given(zone_texts())
def test_reads_what_dnspython_reads(text: str) -> None:
    theirs = dns.zone.from_text(text, origin=ZONE, relativize=False, check_origin=False)
    expected = {
        (name.to_text().lower(), rdata_type, rdata.canonical(rdata_type, value.to_text(), ZONE))
        for name, _, value in theirs.iterate_rdatas()
        if (rdata_type := dns.rdatatype.to_text(value.rdtype)) != "SOA"
    }
    file, problems = load(text)
    assert problems == []
    assert {(record.owner, record.rtype, record.rdata) for record in file.records} == expected
    assert file.soa is not None
    lowest: dict[tuple[str, str], int] = {}
    for record in file.records:
        assert record.ttl is not None
        key = (record.owner, record.rtype)
        lowest[key] = min(record.ttl, lowest.get(key, record.ttl))
    for name, dataset in theirs.iterate_rdatasets():
        if dns.rdatatype.to_text(dataset.rdtype) != "SOA":
            assert lowest[name.to_text().lower(), dns.rdatatype.to_text(dataset.rdtype)] == dataset.ttl


@given(zone_texts(), st.data())
def test_junk_gives_problems_and_never_an_exception(text: str, data: st.DataObject) -> None:
    characters = list(text)
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(characters) - 1))
        characters[place] = data.draw(st.sampled_from('()";\\ \n$@.\x00ä\t9' + "\u00a0"))
    broken = "".join(characters)
    lines = broken.split("\n")
    for problem in load(broken)[1]:
        assert 1 <= problem.where.line <= len(lines)
        assert 1 <= problem.where.column <= len(lines[problem.where.line - 1]) + 1


@given(st.binary(max_size=80) | st.text(st.sampled_from('()";\\ \n$GENERATE1-3/{},IN A'), max_size=60).map(str.encode))
def test_junk_bytes(data: bytes) -> None:
    load(data)


def test_the_record_knows_its_place() -> None:
    file, _ = load("$TTL 60\n@ SOA a b (1 2\n 3 4 5)\n\n  A 192.0.2.1\n\tIN A 192.0.2.2\nx 60 IN A 192.0.2.3\n")
    assert [record.where[1:] for record in file.records] == [(5, 3), (6, 2), (7, 1)]


def test_soa_and_its_serial_apart() -> None:
    file, problems = load("$TTL 1h\n@ IN SOA ns.example.com. Host\\.Master ( 2026112001 2h 15m 2w 5m )\n")
    assert problems == []
    assert file.soa == SOA("ns.example.com.", r"host\.master.example.org.", 7200, 900, 1209600, 300, 3600)
    assert file.serial == 2026112001


# What named-compilezone 9.18 says of the same text.
@pytest.mark.parametrize(
    ("text", "soa_ttl", "ttls"),
    [
        ("$TTL 60\n@ SOA a b 1 2 3 4 5\n A 192.0.2.1\n 9 A 192.0.2.2\n A 192.0.2.3\n", 60, [60, 9, 60]),
        ("@ SOA a b 1 2 3 4 5\n A 192.0.2.1\n 9 A 192.0.2.2\n A 192.0.2.3\n", 5, [5, 9, 5]),
        ("@ 7 SOA a b 1 2 3 4 5\n A 192.0.2.1\n 9 A 192.0.2.2\n A 192.0.2.3\n", 7, [7, 9, 9]),
        ("@ 7 SOA a b 1 2 3 4 5\n$TTL 60\n A 192.0.2.1\n", 7, [60]),
    ],
)
def test_ttls(text: str, soa_ttl: int, ttls: list[int]) -> None:
    file, problems = load(text)
    assert problems == []
    assert file.soa is not None
    assert (file.soa.ttl, [record.ttl for record in file.records]) == (soa_ttl, ttls)


def test_without_any_ttl_the_zone_decides() -> None:
    assert read("www A 192.0.2.1\n")[0] == [("www.example.org.", None, "A", "192.0.2.1")]


def test_origin_of_the_root_needs_no_dots() -> None:
    records, problems = read("$ORIGIN .\nwww.example.org CNAME mail.example.org\n$ORIGIN org.\nx.example A 192.0.2.1\n")
    assert problems == []
    assert [(owner, data) for owner, _, _, data in records] == [
        ("www.example.org.", "mail.example.org."),
        ("x.example.org.", "192.0.2.1"),
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("$GENERATE 1-3 h$ A 192.0.2.$", [("h1", "192.0.2.1"), ("h2", "192.0.2.2"), ("h3", "192.0.2.3")]),
        ("$GENERATE 0-4/2 h$ 60 IN A 192.0.2.$", [("h0", "192.0.2.0"), ("h2", "192.0.2.2"), ("h4", "192.0.2.4")]),
        ("$GENERATE 9-10 h${1,4,d} A 192.0.2.${-9}", [("h0010", "192.0.2.0"), ("h0011", "192.0.2.1")]),
        ("$GENERATE 10-10 h${0,0,x}-${0,3,X}-${0,2,o} CNAME x$", [("ha-00a-12", "x10.example.org.")]),
        ("$GENERATE 1-1 ${0,3,n}.x CNAME $.0-25", [("1.0.x", "1.0-25.example.org.")]),
        ("$GENERATE 171-171 ${0,0,N} CNAME y", [("b.a", "y.example.org.")]),
        ("$GENERATE 5-5 ${0,4,n}x CNAME y", [("5.0.x", "y.example.org.")]),
        ("$GENERATE 300-300 ${0,2,n} CNAME y", [("c.2.1", "y.example.org.")]),
        ("$GENERATE 1-1 d$$ CNAME y", [(r"d\$", "y.example.org.")]),
        ('$GENERATE 1-1 m$ MX "10 mail$"', [("m1", "10 mail1.example.org.")]),
        ("$GENERATE 1-1 m$ MX 10 mail$", [("m1", "10 mail1.example.org.")]),
        ("$GENERATE 1-1 a\\$ CNAME b$", [(r"a\$", "b1.example.org.")]),
    ],
)
def test_generate(line: str, expected: list[tuple[str, str]]) -> None:
    records, problems = read(line)
    assert problems == []
    assert [(owner.removesuffix(".example.org."), data) for owner, _, _, data in records] == expected


def test_generate_fills_a_whole_reverse_zone() -> None:
    file, problems = load("$GENERATE 0-65535 $ PTR host$.example.org.\n", "168.192.in-addr.arpa.")
    assert (len(file.records), problems) == (65536, [])


MISTAKES: list[tuple[str | bytes, str]] = [
    ("www A 300.1.1.1\n", "1:7: A '300.1.1.1': not an IPv4 address"),
    ("www 1h IN FOO x\n", "1:11: 'FOO' is not a record type"),
    ("www A\n", "1:5: 'A' is followed by no data"),
    ("www\n", "1:1: the record has no type"),
    ("www IN 60\n", "1:8: the record has no type"),
    ("A 192.0.2.1\n", "1:3: '192.0.2.1' is followed by no data"),
    (" A 192.0.2.1\n", "1:2: the first record has no owner name"),
    ("www CH TXT x\n", "1:5: class CH is not served"),
    ("www CLASS3 TXT x\n", "1:5: class CLASS3 is not served"),
    ("www 99999999999 A 192.0.2.1\n", "1:5: '99999999999'"),
    ("www.example.org A 192.0.2.1\n", "1:1: 'www.example.org': missing trailing dot; write www.example.org. (or"),
    ("www CNAME mail.example.org\n", "1:11: 'mail.example.org': missing trailing dot"),
    ("www MX 10 ( mail.example.org )\n", "1:13: 'mail.example.org': missing trailing dot"),
    ("_x SRV 1 2 3\t mail.example.org\n", "1:15: 'mail.example.org': missing trailing dot"),
    ("@ SOA ns.example.org h 1 2 3 4 5\n", "1:7: 'ns.example.org': missing trailing dot"),
    ("@ SOA ns h.example.org 1 2 3 4 5\n", "1:10: 'h.example.org': missing trailing dot"),
    ("$ORIGIN sub.example.org\n", "1:9: 'sub.example.org': missing trailing dot"),
    ("www.example.com. A 192.0.2.1\n", "1:1: www.example.com. is not in zone example.org."),
    ("badexample.org. A 192.0.2.1\n", "1:1: badexample.org. is not in zone example.org."),
    ("$ORIGIN example.com.\nwww A 192.0.2.1\n", "2:1: www.example.com. is not in zone"),
    ("a..b A 192.0.2.1\n", "1:1: 'a..b' has an empty label"),
    ("ä A 192.0.2.1\n", "1:1: 'ä' has letters outside ASCII"),
    ('"www" A 192.0.2.1\n', "1:1: '\"www\"' is in quotes"),
    ("$INCLUDE /etc/passwd\n", "1:1: $INCLUDE is not allowed"),
    ("$include other.zone x\n", "1:1: $INCLUDE is not allowed"),
    ("$DATE x\n", "1:1: unknown directive '$DATE'"),
    ("$TTL\n", "1:1: $TTL takes one value, found 0"),
    ("$TTL 1 2\n", "1:1: $TTL takes one value, found 2"),
    ("$TTL x\n", "1:6: 'x' is not a time"),
    ("sub SOA a b 1 2 3 4 5\n", "1:1: SOA of sub.example.org. is not at the zone's apex"),
    ("@ SOA a b 1 2 3 4 5\n@ SOA a b 1 2 3 4 5\n", "2:1: a second SOA record"),
    ("@ SOA a b 1 2 3 4\n", "1:7: SOA 'a b 1 2 3 4'"),
    ("www TXT (\n a\n", "1:9: the parenthesis that opens here is not closed"),
    ("www TXT a )\n", "1:11: a parenthesis closes that was never opened"),
    ('www TXT "a\n', "1:9: the quote that opens here is not closed"),
    ("www TXT a\\\n", "1:10: unexpected character '\\\\'"),
    ("www\u00a0A 192.0.2.1\n", "1:4: unexpected character '\\xa0'"),
    (b"www TXT a ; f\xfcr\n", "1:14: byte 0xfc is not UTF-8"),
    (b"www TXT \x00\n", "1:9: character U+0000"),
    ("$GENERATE 1-2 a$\n", "1:1: $GENERATE is not complete"),
    ("$GENERATE 2-1 a$ A 192.0.2.$\n", "1:11: '2-1' is an empty range"),
    ("$GENERATE 1-2/0 a$ A 192.0.2.$\n", "1:11: '1-2/0' is an empty range"),
    ("$GENERATE 1,2 a$ A 192.0.2.$\n", "1:11: '1,2' is not a range"),
    ("$GENERATE 0-65536 a$ A 192.0.2.1\n", "1:11: '0-65536' makes 65537 records; the limit is 65536"),
    ("$GENERATE 1-2 a${x} A 192.0.2.1\n", "1:15: '${x}' is not a place for a number"),
    ("$GENERATE 1-2 a${-5} A 192.0.2.1\n", "1:15: '${-5}' makes a negative number"),
    ("$GENERATE 255-256 a$ A 192.0.2.$\n", "1:24: A '192.0.2.256': not an IPv4 address"),
    ("$GENERATE 1-2 @ SOA a b 1 2 3 4 5\n", "1:1: $GENERATE cannot make SOA records"),
    ("$GENERATE 1-2 a$.example.com. A 192.0.2.1\n", "1:15: a1.example.com. is not in zone"),
]


@pytest.mark.parametrize(("text", "expected"), MISTAKES)
def test_mistakes(text: str | bytes, expected: str) -> None:
    (problem,) = read(text)[1]
    assert problem.startswith(expected), problem


def test_all_mistakes_are_told_and_good_records_kept() -> None:
    records, problems = read(
        "@ SOA a b 1 2 3 4 5\na A x\nb A 192.0.2.1\n"
        'c TXT "\nd.example.com. A y\n  A 192.0.2.2\ne A 192.0.2.3 )\nf A 192.0.2.4\n'
    )
    assert [problem.split(": ")[0] for problem in problems] == ["2:5", "4:7", "5:1", "5:18", "7:15"]
    assert [owner for owner, *_ in records] == ["b.example.org.", "f.example.org."]


def test_a_target_without_dot_in_a_reverse_zone() -> None:
    zone = "192-255.100.51.198.in-addr.arpa."
    assert read("193 PTR host.example.org\n", zone)[1][0].startswith("1:9: 'host.example.org': missing trailing dot")
    assert read("193 PTR host.example.org.\n194 CNAME 194.0-25\n", zone)[1] == []


def test_all_generate_directives_together_are_bounded() -> None:
    count = masterfile.MAX_GENERATED // generate.MAX_RECORDS
    reader = masterfile._Reader("f", ZONE)
    reader.generated = masterfile.MAX_GENERATED
    (entry,) = tokens.entries("$GENERATE 1-1 a$ A 192.0.2.1\n")
    assert isinstance(entry, tokens.Entry)
    reader.entry(entry.tokens, blank=False)
    assert count == 16
    assert "all $GENERATE together" in reader.problems[0].what


def test_hostile_text_is_read_in_linear_time() -> None:
    for text in ("(" * 500_000, '"' * 500_000, "\\" * 500_000, ")\n" * 200_000, "a " * 300_000, ' "\n' * 200_000):
        load(text)
