"""What named reads of odd but legal master files, an import takes; hostile ones are left with file and line."""

from pathlib import Path

import pytest
from bindlab import Lab, dynamic, site
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler import tools
from reconciler.dns import rdata
from reconciler.dns.records import group
from reconciler.dns.zone import SOA, Zone
from reconciler.importing.bind import compiled, read_named
from reconciler.importing.found import Fate, FoundDns, FoundZone
from reconciler.importing.verify import verify
from reconciler.services.bind import zonefile

pytestmark = pytest.mark.real

HEAD = "$TTL 3600\n@ IN SOA ns hostmaster 7 7200 900 1209600 300\n@ NS ns\nns A 192.0.2.53\n"
COMMON = {
    ("example.org.", 3600, "NS", "ns.example.org."),
    ("ns.example.org.", 3600, "A", "192.0.2.53"),
}
HEX = "ab" * 32

# Text after HEAD in zone example.org, and the records that it makes.
ODD: dict[str, tuple[str, set[tuple[str, int, str, str]]]] = {
    "caa": ('@ CAA 0 issue "ca.example"\n', {("example.org.", 3600, "CAA", '0 issue "ca.example"')}),
    "svcb": (
        "@ HTTPS 1 . alpn=h2,h3 ipv4hint=192.0.2.1\n_dns SVCB 1 ns port=53\n",
        {
            ("example.org.", 3600, "HTTPS", '1 . alpn="h2,h3" ipv4hint="192.0.2.1"'),
            ("_dns.example.org.", 3600, "SVCB", '1 ns.example.org. port="53"'),
        },
    ),
    "tlsa": (
        f"_443._tcp.www TLSA 3 1 1 ( {HEX[:32]}\n {HEX[32:]} ) ; two lines\n",
        {("_443._tcp.www.example.org.", 3600, "TLSA", f"3 1 1 {HEX}")},
    ),
    "naptr": (
        '@ NAPTR 100 10 "U" "E2U+sip" "!^.*$!sip:x@Example.org!" .\n',
        {("example.org.", 3600, "NAPTR", '100 10 "U" "E2U+sip" "!^.*$!sip:x@Example.org!" .')},
    ),
    "loc": (
        "@ LOC 51 30 12.748 N 0 7 39.611 W 0\n",
        {("example.org.", 3600, "LOC", "51 30 12.748 N 0 7 39.611 W 0.00m")},
    ),
    "sshfp uri": (
        f'h SSHFP 4 2 {HEX}\n_x._tcp URI 10 1 "https://Example.org/a"\n',
        {
            ("h.example.org.", 3600, "SSHFP", f"4 2 {HEX}"),
            ("_x._tcp.example.org.", 3600, "URI", '10 1 "https://Example.org/a"'),
        },
    ),
    "unknown types": (
        "a TYPE65534 \\# 4 0A000001\nb TYPE1 \\# 4 0A000001\n",
        {
            ("a.example.org.", 3600, "TYPE65534", r"\# 4 0a000001"),
            ("b.example.org.", 3600, "A", "10.0.0.1"),
        },
    ),
    "escapes": (
        'a\\.b A 192.0.2.1\nc\\032d A 192.0.2.2\n\\$x TXT "semi;colon" \\"q\n',
        {
            (r"a\.b.example.org.", 3600, "A", "192.0.2.1"),
            (r"c\032d.example.org.", 3600, "A", "192.0.2.2"),
            (r"\$x.example.org.", 3600, "TXT", r'"semi;colon" "\"q"'),
        },
    ),
    "blank owners and @": (
        "w A 192.0.2.1\n  A 192.0.2.2\n\tTXT x\n@ MX 10 @\n  MX ( 20\n  w )\n",
        {
            ("w.example.org.", 3600, "A", "192.0.2.1"),
            ("w.example.org.", 3600, "A", "192.0.2.2"),
            ("w.example.org.", 3600, "TXT", '"x"'),
            ("example.org.", 3600, "MX", "10 example.org."),
            ("example.org.", 3600, "MX", "20 w.example.org."),
        },
    ),
    "ttl": (
        "a 1h30m A 192.0.2.1\n$TTL 1d\nb A 192.0.2.2\nc IN 5 A 192.0.2.3\nd 1W2D IN A 192.0.2.4\n",
        {
            ("a.example.org.", 5400, "A", "192.0.2.1"),
            ("b.example.org.", 86400, "A", "192.0.2.2"),
            ("c.example.org.", 5, "A", "192.0.2.3"),
            ("d.example.org.", 777600, "A", "192.0.2.4"),
        },
    ),
    "origins": (
        "$ORIGIN sub\na A 192.0.2.1\n$ORIGIN deep.sub.example.org.\n@ A 192.0.2.2\n"
        "$ORIGIN example.org.\nb CNAME a.sub\n",
        {
            ("a.sub.example.org.", 3600, "A", "192.0.2.1"),
            ("deep.sub.example.org.", 3600, "A", "192.0.2.2"),
            ("b.example.org.", 3600, "CNAME", "a.sub.example.org."),
        },
    ),
    "glue and what is out of the zone": (
        "child NS ns.child\nns.child A 192.0.2.9\nns.elsewhere.example. A 192.0.2.10\n",
        {
            ("child.example.org.", 3600, "NS", "ns.child.example.org."),
            ("ns.child.example.org.", 3600, "A", "192.0.2.9"),
        },
    ),
    "upper case": (
        "WWW.Example.ORG. in a 192.0.2.1\nMiXed cname WWW\n",
        {
            ("www.example.org.", 3600, "A", "192.0.2.1"),
            ("mixed.example.org.", 3600, "CNAME", "www.example.org."),
        },
    ),
    "idna and octets": (
        'xn--bcher-kva A 192.0.2.1\nb\\195\\188cher A 192.0.2.2\nb\u00fcro A 192.0.2.3\nt TXT "\u00fc"\n',
        {
            ("xn--bcher-kva.example.org.", 3600, "A", "192.0.2.1"),
            (r"b\195\188cher.example.org.", 3600, "A", "192.0.2.2"),
            (r"b\195\188ro.example.org.", 3600, "A", "192.0.2.3"),
            ("t.example.org.", 3600, "TXT", r'"\195\188"'),
        },
    ),
    "generate": (
        "$GENERATE 1-3/2 host${0,2} A 10.0.0.$\n$GENERATE 4-5 p$ 60 PTR q$\n",
        {
            ("host01.example.org.", 3600, "A", "10.0.0.1"),
            ("host03.example.org.", 3600, "A", "10.0.0.3"),
            ("p4.example.org.", 60, "PTR", "q4.example.org."),
            ("p5.example.org.", 60, "PTR", "q5.example.org."),
        },
    ),
    "return and newline": (
        "a A 192.0.2.1\r\nb A 192.0.2.2 ; x\r\n",
        {
            ("a.example.org.", 3600, "A", "192.0.2.1"),
            ("b.example.org.", 3600, "A", "192.0.2.2"),
        },
    ),
    "no newline at the end": ("; comment\n\n  \nlast A 192.0.2.1", {("last.example.org.", 3600, "A", "192.0.2.1")}),
    "wildcard, long text, two strings": (
        f'* TXT "{"a" * 255}" "{"b" * 40}"\n',
        {("*.example.org.", 3600, "TXT", f'"{"a" * 255}" "{"b" * 40}"')},
    ),
    "old types": (
        'h HINFO "PC" "Linux"\nh RP admin txt\nh AFSDB 1 ns\nh APL 1:192.0.2.0/24\n',
        {
            ("h.example.org.", 3600, "HINFO", '"PC" "Linux"'),
            ("h.example.org.", 3600, "RP", "admin.example.org. txt.example.org."),
            ("h.example.org.", 3600, "AFSDB", "1 ns.example.org."),
            ("h.example.org.", 3600, "APL", "1:192.0.2.0/24"),
        },
    ),
}


def imported(tmp_path: Path, text: str | bytes, name: str = "example.org", more: str = "") -> FoundDns:
    """What is found where `text` is the master file of a zone."""
    (tmp_path / "db").write_bytes(text if isinstance(text, bytes) else text.encode())
    (tmp_path / "named.conf").write_text(
        f'options {{ directory "{tmp_path}"; }};\nzone "{name}" {{ type master; file "db"; {more} }};\n'
    )
    return read_named(tmp_path / "named.conf")


def only(found: FoundDns) -> FoundZone:
    """The one zone; what was said of it where there is none."""
    assert len(found.zones) == 1, found.lines
    return found.zones[0]


def keys(zone: FoundZone) -> set[tuple[str, int, str, str]]:
    """Its records without lines."""
    return {(one.owner, one.ttl, one.rtype, one.rdata) for one in zone.records}


def left(found: FoundDns) -> str:
    """Why the zone was left."""
    assert not found.zones
    (note,) = [line.note for line in found.lines if line.text.startswith("zone ") and line.fate is Fate.LEFT]
    return note


def rendered(zone: FoundZone) -> Zone:
    """The zone as a state with just these records renders it."""
    return Zone(zone.name, zone.soa, group((one.owner, one.ttl, one.rtype, one.rdata) for one in zone.records))


@pytest.mark.parametrize("case", ODD)
def test_odd_files(tmp_path: Path, case: str) -> None:
    text, expected = ODD[case]
    zone = only(imported(tmp_path, HEAD + text))
    canonical = {(owner, ttl, rtype, rdata.canonical(rtype, data, ".")) for owner, ttl, rtype, data in expected}
    assert keys(zone) == canonical | COMMON
    assert zone.serial == 7
    assert verify([zone], {(zone.name, ""): rendered(zone)}) == [(zone.name, "", True, (), "")]


@pytest.mark.parametrize("case", [case for case in ODD if case not in ("unknown types",)])
def test_each_record_has_its_line(tmp_path: Path, case: str) -> None:
    text, _ = ODD[case]
    lines = (HEAD + text).split("\n")
    for record in only(imported(tmp_path, HEAD + text)).records:
        assert record.path == str(tmp_path / "db")
        assert record.number, record
        if record.rtype not in ("TLSA",):
            assert record.rtype in lines[record.number - 1].upper() or "(" in lines[record.number - 2], record


def test_names_of_rfc_2317_and_reverse_zones(tmp_path: Path) -> None:
    text = HEAD.replace(" ns", " ns.example.org.").replace("\nns A 192.0.2.53", "") + "193 PTR a.example.org.\n"
    zone = only(imported(tmp_path, text, "192/26.2.0.192.in-addr.arpa"))
    assert zone.name == "192/26.2.0.192.in-addr.arpa."
    assert ("193.192/26.2.0.192.in-addr.arpa.", 3600, "PTR", "a.example.org.") in keys(zone)


def test_a_zone_whose_name_looks_like_an_option(tmp_path: Path) -> None:
    assert only(imported(tmp_path, HEAD, "-i.example")).name == "-i.example."


def test_what_named_ignores_is_told_with_its_line(tmp_path: Path) -> None:
    found = imported(tmp_path, HEAD + ODD["glue and what is out of the zone"][0])
    (line,) = [line for line in found.lines if line.number == 7]
    assert (line.path, line.fate) == (str(tmp_path / "db"), Fate.LEFT)
    assert "out-of-zone" in line.text


def test_what_named_remarks_of_records_that_it_serves_is_told(tmp_path: Path) -> None:
    text = "@ IN SOA ns hostmaster 7 7200 900 1209600 300\n@ NS ns\nns 60 A 192.0.2.53\nb TXT x\n"
    found = imported(tmp_path, text)
    assert {one.ttl for one in only(found).records} == {300, 60}
    (line,) = [line for line in found.lines if line.number == 1 and line.path.endswith("/db")]
    assert line.fate is Fate.TAKEN
    assert "MINTTL" in line.text


def test_a_file_too_large_to_write_out_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "_COMPILE", ("prlimit", "--fsize=100", "--core=0", *compiled._COMPILE[3:]))
    assert "db: named-compilezone: " in left(imported(tmp_path, HEAD))


def test_includes(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/one").write_text(
        "a A 192.0.2.1\n$INCLUDE parts/two\n  TXT after\n$ORIGIN moved\nm A 192.0.2.4\n"
    )
    (tmp_path / "parts/two").write_text("$TTL 60\nb A 192.0.2.2\n")
    zone = only(imported(tmp_path, HEAD + '$include "parts/one" sub ; comment\n  3600 A 192.0.2.3\n'))
    assert keys(zone) - COMMON == {
        ("a.sub.example.org.", 3600, "A", "192.0.2.1"),
        ("b.sub.example.org.", 60, "A", "192.0.2.2"),
        ("a.sub.example.org.", 60, "TXT", '"after"'),
        ("m.moved.sub.example.org.", 60, "A", "192.0.2.4"),
        ("ns.example.org.", 3600, "A", "192.0.2.3"),
    }
    where = {one.rdata: (Path(one.path).name, one.number) for one in zone.records}
    assert where["192.0.2.2"] == ("two", 2)
    assert where['"after"'] == ("one", 3)
    assert where["192.0.2.3"] == ("db", 6)
    assert verify([zone], {(zone.name, ""): rendered(zone)})[0].equal


def test_relative_includes_begin_at_named_conf_where_named_has_no_directory(tmp_path: Path) -> None:
    (tmp_path / "zones").mkdir()
    (tmp_path / "zones/db").write_text(HEAD + "$INCLUDE more\n")
    (tmp_path / "more").write_text("a A 192.0.2.1\n")
    (tmp_path / "named.conf").write_text('zone "example.org" { type master; file "zones/db"; };')
    for root in (None, tmp_path):
        zone = only(read_named(tmp_path / "named.conf", root=root))
        assert len(zone.records) == 3
        assert verify([zone], {(zone.name, ""): rendered(zone)}, root=root)[0].equal


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x A 192.0.2.999\n", "db:5: named-compilezone: near '192.0.2.999': bad dotted quad"),
        ("x A 192.0.2.1\ny ( A 192.0.2.1\n", "db:"),
        ("x BOGUS 1\n", "db:5: named-compilezone: "),
        ("$INCLUDE missing\n", "db:5: $INCLUDE: "),
        ("$INCLUDE db\n", "db:5: $INCLUDE: db includes itself"),
        ("$INCLUDE /dev/zero\n", "db:5: $INCLUDE: /dev/zero cannot be read: not a regular file"),
        ('"$INCLUDE" /etc/passwd\n', "db:5: "),
        ("( $include /etc/passwd )\n", "db:5: "),
        ("x A 192.0.2.1\r$INCLUDE db\n", "db:5: $INCLUDE: db includes itself"),
        ("$INCLUDE\0 /etc/passwd\n", "db:5: "),
        ("$GENERATE 0-4000000000 a$ A 10.0.0.1\n", "db:5: $GENERATE makes more than"),
        ("$GENERATE 0-600000 a$ A 10.0.0.1\n$GENERATE 0-600000 b$ A 10.0.0.1\n", "db:6: $GENERATE makes more than"),
        ("$GENERATE 0x1-0xffffffff a$ A 10.0.0.1\n", "db:5: "),
        ("@ SOA a b 1 2 3 4 5\n", "db"),
        ("@ CNAME x\n", "db"),
    ],
)
def test_files_that_are_left(tmp_path: Path, text: str, words: str) -> None:
    assert words in left(imported(tmp_path, HEAD + text))


@pytest.mark.parametrize("data", [b"", b"\0" * 5000, bytes(range(256)) * 40, b"\0\0\0\2" + b"\xff" * 100, b'"' * 9999])
def test_binary(tmp_path: Path, data: bytes) -> None:
    assert str(tmp_path / "db") in left(imported(tmp_path, data))


def test_includes_in_a_circle_and_too_deep(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("$INCLUDE two\n")
    (tmp_path / "two").write_text("$INCLUDE one\n")
    assert "two:1: $INCLUDE: one includes itself" in left(imported(tmp_path, HEAD + "$INCLUDE one\n"))
    for number in range(40):  # The deepest first, so that each is known when it is included.
        (tmp_path / f"n{number}").write_text(f"$INCLUDE n{number - 1}\n" if number else "x A 192.0.2.1\n")
    text = "".join(f"$INCLUDE n{number}\n" for number in range(40))
    assert "deeper than 20" in left(imported(tmp_path, HEAD + text))


def test_includes_that_double(tmp_path: Path) -> None:
    (tmp_path / "n0").write_text("$GENERATE 1-1000 a$ A 10.0.0.1\n")
    for number in range(1, 20):
        (tmp_path / f"n{number}").write_text(f"$INCLUDE n{number - 1} a\n$INCLUDE n{number - 1} b\n")
    assert "$GENERATE makes more than" in left(imported(tmp_path, HEAD + "$INCLUDE n19\n"))


def test_nothing_outside_of_the_root_is_read(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.write_text("stolen A 192.0.2.1\n")
    (root / "link").symlink_to(outside)
    (root / "named.conf").write_text('zone "example.org" { type master; file "/db"; };')
    for written in (str(outside), "../outside", "/../outside", "link"):
        (root / "db").write_text(f"{HEAD}$INCLUDE {written}\n")
        assert "/db:5: $INCLUDE: " in left(read_named(root / "named.conf", root=root)), written


@pytest.fixture
def journalled(lab: Lab, tmp_path: Path) -> Path:
    """A folder with the file `db` and the journal `db.jnl` of dyn.net, as a running named keeps them."""
    lab.apply(site(dynamic("dyn.net.", "gone 60 A 192.0.2.1")))
    old = lab.file("dyn.net").read_bytes()
    done = lab.update("dyn.net.", "update delete gone.dyn.net. A", "update add come.dyn.net. 60 A 192.0.2.2")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "copied"
    folder.mkdir()
    (folder / "db").write_bytes(old)
    (folder / "db.jnl").write_bytes(lab.file("dyn.net.jnl").read_bytes())
    return folder


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """All files with their times."""
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


@pytest.mark.parametrize("elsewhere", [False, True])
def test_the_journal_is_folded_in_and_nothing_is_written(journalled: Path, elsewhere: bool) -> None:
    if elsewhere:
        (journalled / "db.jnl").rename(journalled / "other")
    more = 'journal "other";' if elsewhere else ""
    conf = f'options {{ directory "{journalled}"; }}; zone "dyn.net" {{ type master; file "db"; {more} }};'
    (journalled / "named.conf").write_text(conf)
    before = contents(journalled)
    zone = only(read_named(journalled / "named.conf"))
    owners = {one.owner for one in zone.records}
    assert "come.dyn.net." in owners
    assert "gone.dyn.net." not in owners
    assert zone.serial > (zonefile.serial_in(journalled / "db") or 0)
    assert verify([zone], {(zone.name, ""): rendered(zone)})[0].equal
    assert contents(journalled) == before


def test_a_journal_that_does_not_fit(journalled: Path) -> None:
    content = (journalled / "db").read_bytes()
    found = imported(journalled, zonefile.with_serial(content, 5), "dyn.net")
    assert "journal out of sync with zone" in left(found)


def test_raw_format(tmp_path: Path) -> None:
    (tmp_path / "text").write_text(HEAD + "a A 192.0.2.1\n")
    raw = tmp_path / "raw"
    argv = ["named-compilezone", "-F", "raw", "-o", str(raw), "example.org", str(tmp_path / "text")]
    assert tools.run(argv).code == 0
    zone = only(imported(tmp_path, raw.read_bytes(), more="masterfile-format raw;"))
    assert keys(zone) == COMMON | {("a.example.org.", 3600, "A", "192.0.2.1")}
    assert verify([zone], {(zone.name, ""): rendered(zone)})[0].equal


def test_a_signed_zone_is_taken_unsigned(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text(HEAD + "a A 192.0.2.1\nchild NS ns\nchild DS 1 8 2 " + HEX + "\n")
    argv = ["dnssec-keygen", "-q", "-K", str(tmp_path), "-a", "ECDSAP256SHA256", "-f", "KSK", "example.org"]
    assert tools.run(argv).code == 0
    argv = ["dnssec-signzone", "-S", "-z", "-K", str(tmp_path), "-o", "example.org", "-f", str(tmp_path / "signed")]
    done = tools.run([*argv, str(tmp_path / "plain")], cwd=tmp_path)
    assert done.code == 0, done.text
    found = imported(tmp_path, (tmp_path / "signed").read_bytes(), more="dnssec-policy default; inline-signing yes;")
    zone = only(found)
    assert {one.rtype for one in zone.records} == {"A", "NS", "DS"}
    (line,) = [line for line in found.lines if "RRSIG" in line.text]
    assert "DNSKEY" in line.text
    assert "DS records" in line.note
    (verdict,) = verify([zone], {(zone.name, ""): rendered(zone)})
    assert verdict.equal, verdict
    assert "of signing" in verdict.note


def test_verify_tells_differences(tmp_path: Path) -> None:
    zone = only(imported(tmp_path, HEAD + "A A 192.0.2.1\nb TXT x\n"))
    records = [(one.owner, one.ttl, one.rtype, one.rdata) for one in zone.records]
    changed = [("b.example.org.", 60, "TXT", '"X"') if one[0] == "b.example.org." else one for one in records]
    other = Zone(zone.name, SOA(zone.soa.mname, zone.soa.rname, refresh=1, ttl=3600), group(changed))
    (verdict,) = verify([zone], {(zone.name, ""): other})
    assert not verdict.equal
    assert verdict.differences == (
        "- example.org. 3600 IN SOA ns.example.org. hostmaster.example.org. SERIAL 7200 900 1209600 300",
        "+ example.org. 3600 IN SOA ns.example.org. hostmaster.example.org. SERIAL 1 900 1209600 300",
        '- b.example.org. 3600 IN TXT "x"',
        '+ b.example.org. 60 IN TXT "X"',
    )
    assert verify([zone], {}) == [(zone.name, "", False, (), "the new state has no such zone")]
    assert not verify([zone], {(zone.name, "inside"): rendered(zone)})[0].equal
    (tmp_path / "db").unlink()
    assert "cannot be read" in verify([zone], {(zone.name, ""): rendered(zone)})[0].note


def test_a_large_zone(tmp_path: Path) -> None:
    lines = "".join(f"h{number} A 10.0.{number >> 8}.{number & 255}\n" for number in range(50_000))
    zone = only(imported(tmp_path, HEAD + lines))
    assert len(zone.records) == 50_002
    assert verify([zone], {(zone.name, ""): rendered(zone)})[0].equal


_LABELS = st.one_of(
    st.from_regex(r"\A[a-z0-9_-]{1,8}\Z"),
    st.sampled_from(["*", r"a\.b", r"c\032d", r"\195\188", "x/y", r"q\"t", r"\;s", r"p\(", r"d\$", r"at\@"]),
)
_OWNERS = st.lists(_LABELS, min_size=1, max_size=3).map(lambda parts: ".".join([*parts, "example.org."]))
_DATA = st.one_of(
    st.tuples(st.just("A"), st.ip_addresses(v=4).map(str)),
    st.tuples(st.just("AAAA"), st.ip_addresses(v=6).map(str)),
    st.tuples(st.just("MX"), _OWNERS.map(lambda name: f"10 {name}")),
    st.tuples(st.just("PTR"), _OWNERS),
    st.tuples(
        st.just("TXT"),
        st.binary(max_size=40).map(lambda data: '"' + "".join(f"\\{byte:03d}" for byte in data) + '"'),
    ),
    st.tuples(
        st.just("TYPE65280"), st.binary(min_size=1, max_size=9).map(lambda data: rf"\# {len(data)} {data.hex()}")
    ),
)


@given(
    st.lists(st.tuples(_OWNERS, st.integers(0, 2**31 - 1), _DATA), max_size=12),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_rendered_reads_back_equal(
    tmp_path: Path, drawn: list[tuple[str, int, tuple[str, str]]], serial: int
) -> None:
    records = [(owner, ttl, rtype, rdata.canonical(rtype, data, ".")) for owner, ttl, (rtype, data) in drawn]
    ns = ("example.org.", 3600, "NS", "ns.elsewhere.example.")
    zone = Zone("example.org.", SOA("ns.example.org.", "hm.example.org."), group([*records, ns]))
    found = only(imported(tmp_path, zone.text(serial)))
    assert (found.soa, found.serial) == (zone.soa, serial)
    assert group((one.owner, one.ttl, one.rtype, one.rdata) for one in found.records) == zone.rrsets
    assert all(one.number for one in found.records)
