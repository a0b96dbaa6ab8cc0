"""The control socket's language."""

import contextlib
import io

import pytest
from effort import at_most
from hypothesis import given
from hypothesis import strategies as st

from reconciler.daemon.protocol import MAX_REQUEST, ProtocolError, Request, encode_line, read_request

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.sampled_from(["status", "pre-receive"]), st.dictionaries(st.sampled_from("abc"), st.lists(TEXT, min_size=1)))
def test_a_request_comes_through_whatever_it_holds(verb: str, values: dict[str, list[str]]) -> None:
    request = Request(verb, {key: tuple(items) for key, items in values.items()})
    assert read_request(io.BytesIO(request.encode())) == request


@pytest.mark.parametrize("raw", [b"", b"verb status", b"verb status\n", b"\n", b"status\n\n", b"x" * (1 << 21)])
def test_a_cut_or_foreign_request_is_refused(raw: bytes) -> None:
    with pytest.raises(ProtocolError):
        read_request(io.BytesIO(raw))


@given(st.binary())
def test_junk_never_ends_in_anything_but_a_protocol_error(raw: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        read_request(io.BytesIO(raw))


def test_a_request_of_many_values_is_read_in_linear_time() -> None:
    """As many as fit: gathered in a tuple that is copied for each, they take minutes."""
    count = (MAX_REQUEST - 100) // len("option a\n")
    with at_most(5):
        request = read_request(io.BytesIO(b"verb x\n" + b"option a\n" * count + b"\n"))
    assert request.all("option") == ("a",) * count


def test_a_shown_line_cannot_steer_the_terminal_nor_end_the_answer() -> None:
    assert encode_line("a\n=0\x1b[2J") == "|a\n|=0\ufffd[2J\n".encode()
