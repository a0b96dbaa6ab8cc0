"""Domain names: dnspython is the oracle."""

import dns.exception
import dns.name
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.dns import names
from reconciler.errors import BadName

LABEL_BYTES = st.binary(min_size=1, max_size=63)
WIRE_NAMES = (
    st.lists(LABEL_BYTES, max_size=4)
    .filter(lambda labels: sum(len(label) + 1 for label in labels) < 255)
    .map(lambda labels: dns.name.Name([*labels, b""]))
)
PLAIN_TEXT = st.from_regex(r"[A-Za-z0-9_*/.\\@$-]{1,80}", fullmatch=True)


def canonical(name: dns.name.Name) -> str:
    return name.to_text().lower()


NAMES = WIRE_NAMES.map(canonical)


@given(st.one_of(PLAIN_TEXT, st.text(max_size=40)), st.sampled_from([".", "example.org.", r"a\.b.example."]))
@example("a" * 63 + ".b", ".")
@example("a" * 64, ".")
@example(".".join(["a" * 49] * 5), ".")
@example(".".join(["a" * 49] * 5), "abc.")
@example(".".join(["a" * 49] * 5), "abcd.")
@example(r"\065.B", "example.org.")
@example(r"\256", ".")
@example("a..b", ".")
@example(".", "example.org.")
def test_parse_agrees_with_dnspython(text, origin):
    try:
        expected = canonical(dns.name.from_text(text, origin=dns.name.from_text(origin)))
    except (dns.exception.DNSException, UnicodeError):
        expected = None
    try:
        found = names.parse(text, origin)
    except BadName:
        stricter = not text or not text.isascii() or any(c in text for c in '"();\x7f') or min(text) <= " "
        assert expected is None or stricter
    else:
        assert found == expected


@given(NAMES)
def test_canonical_names_parse_to_themselves(name):
    assert names.parse(name) == name


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "empty"),
        ("a..b", "dot too many"),
        ("a" * 64, "63"),
        (".".join(["a" * 50] * 5), "255"),
        (r"a\1", "escape"),
        (r"a\999", "escape"),
        ("müller.de", "xn--"),
        ("a b", "blank"),
        ("a;b", "semicolon"),
        ("a\nb", "blank"),
    ],
)
def test_bad_names_are_told_with_their_reason(text, word):
    with pytest.raises(BadName, match=word):
        names.parse(text)


def test_parse_by_example():
    assert names.parse("WWW", "example.org.") == "www.example.org."
    assert names.parse("WWW.") == "www."
    assert names.parse("@", "example.org.") == "example.org."
    assert names.parse("@") == "."
    assert names.parse(r"a\@b") == r"a\@b."


@given(st.lists(WIRE_NAMES, max_size=8))
def test_sort_key_is_the_canonical_order(wire_names):
    # dnspython compares names without regard to case in the order of RFC 4034 section 6.1.
    by_key = sorted((canonical(name) for name in wire_names), key=names.sort_key)
    assert by_key == [canonical(name) for name in sorted(wire_names)]


@given(NAMES, NAMES)
def test_is_under_agrees_with_dnspython(name, zone):
    expected = dns.name.from_text(name).is_subdomain(dns.name.from_text(zone))
    assert names.is_under(name, zone) is expected


@given(st.lists(LABEL_BYTES, max_size=2), st.lists(LABEL_BYTES, max_size=2))
def test_relativize_is_undone_by_parse(low, high):
    name = canonical(dns.name.Name([*low, *high, b""]))
    zone = canonical(dns.name.Name([*high, b""]))
    assert names.is_under(name, zone)
    assert names.parse(names.relativize(name, zone), zone) == name


def test_an_escaped_dot_separates_nothing():
    assert not names.is_under(r"a\.b.", "b.")
    assert names.is_under("a\\\\.b.", "b.")
    assert names.relativize("x.other.", "b.") == "x.other."


@given(WIRE_NAMES)
def test_labels_and_parent(wire):
    name = canonical(wire)
    assert len(names.labels(name)) == len(wire.labels) - 1
    assert "".join(f"{label}." for label in names.labels(name)) == ("" if name == "." else name)
    assert names.parent(name) == canonical(wire.parent() if len(wire.labels) > 1 else wire)


@given(NAMES)
def test_file_names_round_trip(name):
    file = names.filename(name)
    assert "/" not in file
    assert file not in ("", ".", "..")
    assert names.from_filename(file) == name


def test_file_names_by_example():
    assert names.filename("192/26.113.0.203.in-addr.arpa.") == "192%2F26.113.0.203.in-addr.arpa"
    assert names.filename(".") == "%2E"
    assert names.from_filename("Example.org") == "example.org."
    assert names.from_filename("192%2f26.x") == "192/26.x."
    for bad in ("a%2Eb", "a%", "a%zz", "", "@", "a..b"):
        with pytest.raises(BadName):
            names.from_filename(bad)


HOSTNAMES = [
    "a.",
    "a--b.example.",
    "1.example.",
    "*.example.",
    "*.",
    "gc._msdcs.example.",
    "x_y._spf.example.",
]
NO_HOSTNAMES = [
    "a_b.", "-a.", "a-.", "x.*.y.", "x.gc._msdcs.y.", "*.gc._msdcs.y.", "a.b_c.", "1.192/26.y.",
    r"a\.b.", r"a\._spf.y.",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTNAMES)
def test_host_names(name):
    assert names.is_hostname(name)


@pytest.mark.parametrize("name", NO_HOSTNAMES)
def test_no_host_names(name):
    assert not names.is_hostname(name)
