"""octoDNS's record form: the same records that octoDNS makes of it, and mistakes in their place."""

import dns.rdata
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.state import fields, octodns
from reconciler.state.problem import Severity
from reconciler.state.tree import Blob

ZONE = "example.org."


def read(text: str, zone: str = ZONE) -> tuple[list[tuple[str, int | None, str, str]], list[str]]:
    file, problems = octodns.read("zones/example.org.yaml", Blob("", text.encode()), zone)
    records = [(record.owner, record.ttl, record.rtype, record.rdata) for record in file.records]
    return records, [str(problem).removeprefix("zones/example.org.yaml:") for problem in problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("www: {type: A, value: 192.0.2.1}", [("www.example.org.", None, "A", "192.0.2.1")]),
        ("'': {type: a, ttl: 60, value: 192.0.2.1}", [("example.org.", 60, "A", "192.0.2.1")]),
        ("'@': {type: A, value: 192.0.2.1}", [("example.org.", None, "A", "192.0.2.1")]),
        ("'*.Sub': {type: CNAME, value: www}", [("*.sub.example.org.", None, "CNAME", "www.example.org.")]),
        ("x.example.org.: {type: A, value: 192.0.2.1}", [("x.example.org.", None, "A", "192.0.2.1")]),
        (
            "x: {type: AAAA, values: ['::1', 2001:DB8::2]}",
            [("x.example.org.", None, "AAAA", "::1"), ("x.example.org.", None, "AAAA", "2001:db8::2")],
        ),
        (
            "x:\n- {type: A, ttl: 1h, value: 192.0.2.1}\n- {type: TXT, value: hi}",
            [("x.example.org.", 3600, "A", "192.0.2.1"), ("x.example.org.", None, "TXT", '"hi"')],
        ),
        ("", []),
    ],
)
def test_forms(text: str, expected: list[tuple[str, int | None, str, str]]) -> None:
    assert read(text) == (expected, [])


# Presentation text as octoDNS 1.22 makes it from the same values.
VALUES = [
    ("MX", "{preference: 10, exchange: mail.example.org.}", "10 mail.example.org."),
    ("MX", "{priority: 10, value: mail}", "10 mail.example.org."),
    ("MX", "10 mail", "10 mail.example.org."),
    ("MX", "{preference: 0, exchange: .}", "0 ."),
    ("SRV", "{priority: 1, weight: 2, port: 3, target: a.b.com.}", "1 2 3 a.b.com."),
    ("CAA", "{flags: 0, tag: issue, value: ca.example}", '0 issue "ca.example"'),
    ("CAA", "{tag: issue, value: 'ca.example\\; a=b'}", '0 issue "ca.example; a=b"'),
    (
        "NAPTR",
        "{order: 1, preference: 2, flags: s, service: SIP+D2U, regexp: '!^.*$!sip:a@b!', replacement: .}",
        '1 2 "S" "SIP+D2U" "!^.*$!sip:a@b!" .',
    ),
    ("SSHFP", f"{{algorithm: 1, fingerprint_type: 1, fingerprint: {'Ab' * 20}}}", f"1 1 {'ab' * 20}"),
    (
        "TLSA",
        f"{{certificate_usage: 3, selector: 1, matching_type: 1, certificate_association_data: {'ab' * 32}}}",
        f"3 1 1 {'ab' * 32}",
    ),
    ("TLSA", "{certificate_association_data: abcd}", "0 0 0 abcd"),
    ("DS", f"{{key_tag: 1, algorithm: 5, digest_type: 1, digest: {'AB' * 20}}}", f"1 5 1 {'ab' * 20}"),
    ("DS", f"{{flags: 1, protocol: 5, algorithm: 1, public_key: {'AB' * 20}}}", f"1 5 1 {'ab' * 20}"),
    (
        "LOC",
        "{altitude: 20, lat_degrees: 31, lat_direction: S, lat_minutes: 58, lat_seconds: 52.1, long_degrees: 115,"
        " long_direction: E, long_minutes: 49, long_seconds: 11.7, precision_horz: 10, precision_vert: 2, size: 10}",
        "31 58 52.100 S 115 49 11.700 E 20.00m 10.00m 10.00m 2.00m",
    ),
    ("SVCB", "{svcpriority: 0, targetname: a.b.com.}", "0 a.b.com."),
    (
        "HTTPS",
        "{svcpriority: 1, targetname: ., svcparams: {port: 443, alpn: [h2, h3], no-default-alpn: }}",
        '1 . alpn="h2,h3" no-default-alpn port="443"',
    ),
    ("URI", "{priority: 1, weight: 2, target: 'https://a.b/'}", '1 2 "https://a.b/"'),
    ("TXT", "'v=DKIM1\\; k=rsa'", '"v=DKIM1; k=rsa"'),
    ("TXT", "v=DKIM1; k=rsa", '"v=DKIM1; k=rsa"'),
    ("TXT", "'say \"hi\" \\ bye'", '"say \\"hi\\" \\\\ bye"'),
    ("TXT", '\'"in" "chunks\\;"\'', '"inchunks;"'),
    ("TXT", "ä", '"\\195\\164"'),
    ("TXT", "''", '""'),
    ("TXT", "010", '"010"'),
    ("SPF", "v=spf1 -all", '"v=spf1 -all"'),
    ("TXT", "a" * 300, f'"{"a" * 255}" "{"a" * 45}"'),
    ("TYPE65280", "'\\# 2 abcd'", "\\# 2 abcd"),
    ("NS", "ns1", "ns1.example.org."),
    ("PTR", "a.b.com.", "a.b.com."),
    ("DNAME", "'@'", "example.org."),
]


@pytest.mark.parametrize(("rtype", "value", "expected"), VALUES)
def test_values(rtype: str, value: str, expected: str) -> None:
    value = value.replace("no-default-alpn: }", "no-default-alpn: null}")
    assert read(f"x: {{type: {rtype}, value: {value}}}") == ([("x.example.org.", None, rtype, expected)], [])


@given(st.text(st.characters(blacklist_categories=("Cs",)), max_size=600))
def test_character_strings_carry_the_text(text: str) -> None:
    rdata = dns.rdata.from_text("IN", "TXT", fields.character_strings("x" + text))
    assert all(len(part) <= 255 for part in rdata.strings)
    assert b"".join(rdata.strings).decode() == "x" + text.replace("\\;", ";")


MISTAKES = [
    (
        "www.example.org: {type: A, value: 192.0.2.1}",
        "1:1: 'www.example.org': missing trailing dot; write www.example.org. (or",
    ),
    ("www.example.com.: {type: A, value: 192.0.2.1}", "1:1: www.example.com. is not in zone example.org."),
    ("a..b: {type: A, value: 192.0.2.1}", "1:1: 'a..b' has an empty label"),
    ("ä: {type: A, value: 192.0.2.1}", "1:1: 'ä' has letters outside ASCII"),
    ("x: {type: CNAME, value: mail.example.org}", "1:25: 'mail.example.org': missing trailing dot"),
    ("x: {type: CNAME, value: mail.example.net.org}", "1:25: 'mail.example.net.org': missing trailing dot"),
    ("x: {type: NS, values: [a., b.org]}", "1:28: 'b.org': missing trailing dot"),
    ("x: {type: MX, value: 10 a.org}", "1:22: 'a.org': missing trailing dot"),
    ("x: {type: MX, value: {preference: 1, exchange: a.org}}", "1:15: 'a.org': missing trailing dot"),
    ("x: {type: SRV, value: {priority: 1, weight: 1, port: 1, target: a.org}}", "1:16: 'a.org': missing"),
    ("x: {type: A, value: 300.0.2.1}", "1:21: A '300.0.2.1': not an IPv4 address"),
    ("x: {type: A, values: [192.0.2.1, x]}", "1:34: A 'x': not an IPv4 address"),
    ("x: {type: FOO, value: x}", "1:11: 'FOO' is not a record type"),
    ("x: {type: ANY, value: x}", "1:11: 'ANY' is a type for queries only"),
    ("x: {type: ALIAS, value: x.}", "1:11: ALIAS is resolved by octoDNS's providers"),
    ("x: {type: URLFWD, value: x.}", "1:11: URLFWD is done by octoDNS's providers"),
    ("x: {type: SOA, value: x.}", "1:11: the SOA record is made by the reconciler"),
    ("x: {type: A, ttl: 1y, value: 192.0.2.1}", "1:19: '1y' is not a time"),
    ("x: {type: A, vaule: 192.0.2.1, value: 192.0.2.1}", "1:14: unknown key 'vaule'; did you mean 'value'?"),
    ("x: {type: A, value: 192.0.2.1, dynamic: {}}", "1:32: 'dynamic' cannot be used here"),
    ("x: {type: A, value: 192.0.2.1, geo: {}}", "1:32: 'geo' cannot be used here"),
    ("x: {type: A, value: 192.0.2.1, octodns: {}}", "1:32: warning: settings for octoDNS are ignored"),
    ("x: {type: A}", "1:1: the record has no value"),
    ("x: {type: A, values: []}", "1:1: the record has no value"),
    ("x: {value: 192.0.2.1}", "1:1: the record has no type"),
    ("x: {type: A, value: 192.0.2.1, values: [192.0.2.1]}", "1:14: the record has both value and values"),
    ("x:", "1:1: expected a record with type and value, found nothing"),
    ("x: [A]", "1:5: expected a record with type and value, found 'A'"),
    ("- x", "1:1: expected owner names with their records, found a list"),
    ("x: {type: A, values: [[192.0.2.1]]}", "1:23: expected a value, found a list"),
    ("x: {type: A, value: {a: b}}", "1:14: A has no structured form here"),
    ('x: {type: A, value: "192.0.2.1\\n"}', "1:21: '192.0.2.1\\n' is not on one line"),
    ("x: {type: MX, value: {preference: 1}}", "1:15: the value has no 'exchange'; add `exchange:`"),
    (
        "x: {type: MX, value: {preference: 1, exchnge: a}}",
        "1:38: unknown key 'exchnge' in a value of type MX; did you mean 'exchange'?",
    ),
    ("x: {type: MX, value: {preference: 1 2, exchange: a}}", "1:35: '1 2' is not one word"),
    ("x: {type: MX, value: {preference: [1], exchange: a}}", "1:23: preference is a list"),
    (
        "x: {type: HTTPS, value: {svcpriority: 1, targetname: ., svcparams: x}}",
        "1:68: expected a mapping of parameters",
    ),
    (
        "x: {type: HTTPS, value: {svcpriority: 1, targetname: ., svcparams: {a: {}}}}",
        "1:57: parameter 'a' is not a value",
    ),
    ("x: {type: A, type: A, value: 192.0.2.1}", "1:14: key 'type' stands twice"),
]


@pytest.mark.parametrize(("text", "expected"), MISTAKES)
def test_mistakes(text: str, expected: str) -> None:
    (problem,) = read(text)[1]
    assert problem.startswith(expected), problem


def test_a_target_without_dot_in_a_reverse_zone() -> None:
    zone = "2.0.192.in-addr.arpa."
    assert read("'1': {type: PTR, value: a.example.org}", zone)[1][0].startswith("1:25: 'a.example.org': missing")
    assert read("'1': {type: CNAME, value: 1.0-25}", zone)[1] == []


def test_warning_does_not_refuse() -> None:
    _, (problem,) = octodns.read("z", Blob("", b"x: {type: A, value: 192.0.2.1, octodns: {}}"), ZONE)
    assert problem.severity is Severity.WARNING


JUNK = st.recursive(
    st.sampled_from(["A", "MX", "TXT", "HTTPS", "1.2.3.4", "x", "a.b.", "", '"', "\\", "1 x", "\\# 1 aa", "~", "( ;"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "value", "values", "ttl", "target", "svcparams", "exchange", ""]), inner
        )
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=5), JUNK, max_size=3))
def test_junk_gives_problems(data: dict[str, object]) -> None:
    import json

    octodns.read("z", Blob("", json.dumps(data).encode()), ZONE)
