"""Journals' headers, and whether a file shows what its journal did before."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from reconciler.dns.records import group
from reconciler.services.bind.journal import HEADER, Span, Step, _steps, fits, replay, span

serials = st.integers(0, 2**32 - 1)


def header(first: int, last: int, *, begins: int = 512, ends: int = 1668, magic: bytes = b";BIND LOG V9.2\n") -> bytes:
    return struct.pack("!16s4I", magic, first, begins, last, ends).ljust(HEADER, b"\0")


@given(serials, serials)
def test_a_journal_spans_what_its_header_says(first: int, last: int) -> None:
    assert span(header(first, last)) == Span(first, last)
    assert span(header(first, last, magic=b";BIND LOG V9\n")) == Span(first, last)


def test_an_empty_journal_leads_nowhere() -> None:
    assert span(header(7, 0, begins=0, ends=0)) == Span(7, 7)


@given(st.binary(max_size=100))
def test_anything_else_is_none(data: bytes) -> None:
    assert span(data) is None


PRINTED = """\
del dyn.example.\t\t3600\tIN\tSOA\tns.example. host.example. 1 7200 900 1209600 300
add dyn.example.\t\t3600\tIN\tSOA\tns.example. host.example. 2 7200 900 1209600 300
add a.dyn.example.\t\t60\tIN\tA\t192.0.2.1
del dyn.example.\t\t3600\tIN\tSOA\tns.example. host.example. 2 7200 900 1209600 300
add dyn.example.\t\t3600\tIN\tSOA\tns.example. host.example. 3 7200 900 1209600 300
del a.dyn.example.\t\t60\tIN\tA\t192.0.2.1
add B.dyn.example.\t\t60\tIN\tTXT\t"x y"
"""
A = ("a.dyn.example.", 60, "A", "192.0.2.1")
B = ("b.dyn.example.", 60, "TXT", '"x y"')


def test_steps_know_the_serial_that_they_lead_to() -> None:
    assert list(_steps(PRINTED)) == [Step(True, A, 2), Step(False, A, 3), Step(True, B, 3)]


def test_a_dump_shows_what_was_done_before_it() -> None:
    steps = list(_steps(PRINTED))
    with_a, with_b = "a.dyn.example. 60 IN A 192.0.2.1\n", 'b.dyn.example. 60 IN TXT "x y"\n'
    assert fits(steps[:1], with_a)
    assert not fits(steps[:1], with_b)
    assert fits(steps, with_b)
    assert not fits(steps, with_a + with_b)
    assert not fits(steps, "")
    assert fits([], "")


def test_replaying_takes_what_is_not_there_for_granted() -> None:
    steps = list(_steps(PRINTED))
    other = ("c.dyn.example.", 60, "A", "192.0.2.3")
    assert replay(group([other]), steps) == group([B, other])
    assert replay(group([A, B, other]), steps) == group([B, other])
