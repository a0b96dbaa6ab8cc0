"""No text may carry syntax into dnsmasq's files."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.services.dnsmasq import syntax
from reconciler.services.dnsmasq.syntax import Unservable

ANY = st.text(max_size=40)
NASTY = st.one_of(ANY, st.text(alphabet='\n\r\t ,"#\\/=*a.\x00-1', max_size=20))
MAC = "52:54:00:12:34:56"


def written(write, *arguments):
    """The line, or None where it was refused."""
    try:
        return write(*arguments)
    except Unservable:
        return None


@given(NASTY)
def test_name_is_plain_or_refused(text):
    line = written(syntax.name, text)
    assert line is None or (line + "." == text and not set(line) & set('\n\r\t ,"#\\/=*;'))


@given(NASTY, NASTY)
def test_setting_is_one_line_with_exactly_its_arguments(first, second):
    for make in (syntax.word, syntax.value, syntax.path):
        line = written(lambda make=make: syntax.setting("dhcp-option", make(first), make(second)))
        if line is not None:
            assert len(line.splitlines()) == 1
            assert line.partition("=")[2].split(",") == [first, second]
            assert '"' not in line and " #" not in line


@given(NASTY)
def test_domain_setting_has_one_domain(text):
    line = written(syntax.domain_setting, "local", text)
    assert line is None or line.count("/") == 2


@given(st.binary(max_size=300))
def test_quoted_text_stays_inside_its_quotes(data):
    text = syntax.quoted(data)
    if text is not None:
        assert text[0] == text[-1] == '"' and not set(text[1:-1]) & set('"\\\n\r')


@given(NASTY, st.lists(NASTY, max_size=2), NASTY)
def test_reservation_is_one_line_of_known_fields(mac, more, owner):
    line = written(syntax.reservation, [mac, *more], [ip_address("192.0.2.1")], owner)
    assert line is None or line.split(",") == [mac, *more, "192.0.2.1", owner[:-1]]


def test_client_name_that_looks_like_a_lease_time_stays_a_name():
    line = syntax.reservation([MAC], [ip_address("192.0.2.1"), ip_address("2001:db8::1")], "12h.example.org.")
    assert line == f"{MAC},192.0.2.1,[2001:db8::1],12h.example.org"


def test_line_longer_than_dnsmasq_reads_is_refused():
    with pytest.raises(Unservable, match="1024"):
        syntax.raw_record("a.example.org.", 16, b"x" * 600)


def test_wildcard_is_written_as_below_its_domain():
    assert syntax.domain_setting("address", "*.app.example.org.", "192.0.2.1") == "address=/*.app.example.org/192.0.2.1"
