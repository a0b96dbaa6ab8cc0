"""Zone text, one record a line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.dns.records import group
from reconciler.dns.zone import SOA, Zone
from reconciler.dns.zonetext import parse_full
from reconciler.errors import BadRdata


def test_what_named_compilezone_writes():
    text = (
        "Example.org.\t\t\t\t      3600 IN SOA\tA.example.org. b.example.org. 5 7200 900 1209600 300\n"
        "; a comment\n"
        "\n"
        "WWW.Example.org.\t\t\t      60 IN A\t\t192.0.2.1\n"
        'www.example.org.\t\t\t      60 IN TXT\t\t"a;b" "c" ; said by named\n'
        "www.example.org.\t\t\t      60 IN TYPE65534\t\\# 4 0A0B0C0D\n"
        r"a\\\;b.example.org. 60 IN TYPE1 \# 4 C0000201"
    )
    assert list(parse_full(text)) == [
        ("example.org.", 3600, "SOA", "a.example.org. b.example.org. 5 7200 900 1209600 300"),
        ("www.example.org.", 60, "A", "192.0.2.1"),
        ("www.example.org.", 60, "TXT", '"a;b" "c"'),
        ("www.example.org.", 60, "TYPE65534", r"\# 4 0a0b0c0d"),
        (r"a\\\;b.example.org.", 60, "A", "192.0.2.1"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "a. 60 IN A",
        "a 60 IN A 192.0.2.1",
        "a. 60 CH A 192.0.2.1",
        "a. 1h IN A 192.0.2.1",
        "$TTL 60",
        "a. 60 IN A 192.0.2.256",
        "a..b. 60 IN A 192.0.2.1",
        "a. 60 IN NOTYPE x",
        "a. 60 IN SOA a. b. (",
    ],
)
def test_anything_else_is_refused_with_its_line(line):
    with pytest.raises(BadRdata, match=r"^line 2: "):
        list(parse_full(f"a. 60 IN A 192.0.2.1\n{line}\n"))


RECORDS = st.one_of(
    st.tuples(
        st.sampled_from(["example.org.", "b.a.example.org.", r"x\.y.example.org."]),
        st.integers(0, 2**31 - 1),
        st.just("TXT"),
        st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters='"\\'), max_size=40).map(
            lambda text: f'"{text}"'
        ),
    ),
    st.tuples(
        st.sampled_from(["example.org.", "a.example.org."]),
        st.integers(0, 2**31 - 1),
        st.just("A"),
        st.ip_addresses(v=4).map(str),
    ),
)


@given(st.lists(RECORDS, max_size=8).map(group))
def test_our_own_text_reads_back(rrsets):
    zone = Zone("example.org.", SOA("ns.example.org.", "hostmaster.example.org."), rrsets)
    head, *rest = parse_full(zone.text(7))
    assert head[2:] == ("SOA", "ns.example.org. hostmaster.example.org. 7 7200 900 1209600 300")
    assert group(rest) == rrsets
