"""The control socket's language: lines of text, so that a hook can speak it within milliseconds of starting.

Request: lines `key value` (values percent-escaped, as in URLs), ended by an empty line; the first key is `verb`.
Response: lines `|text` to show, ended by `=CODE`, an exit code. A connection that ends without it broke off.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO
from urllib.parse import quote, unquote

from reconciler.errors import ReconcilerError

MAX_REQUEST = 1 << 20
"""Bytes; a push of several thousand branches stays below."""

_PLAIN = " !\"#$&'()*+,/:;<=>?@[\\]^`{|}"
"""Printable characters that need no escape."""


class ProtocolError(ReconcilerError):
    """The other side does not speak this protocol."""


@dataclass(frozen=True, slots=True)
class Request:
    """A verb and its arguments; keys may repeat."""

    verb: str
    arguments: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def all(self, key: str) -> tuple[str, ...]:
        """Every value of `key`."""
        return self.arguments.get(key, ())

    def one(self, key: str, default: str = "") -> str:
        """The first value of `key`."""
        values = self.all(key)
        return values[0] if values else default

    def encode(self) -> bytes:
        """The request as bytes."""
        pairs = [("verb", self.verb), *((key, value) for key, values in self.arguments.items() for value in values)]
        # An argument of a command may hold bytes that are no text.
        lines = (f"{key} {quote(value, safe=_PLAIN, errors='surrogateescape')}\n" for key, value in pairs)
        return "".join(lines).encode() + b"\n"


def read_request(stream: BinaryIO) -> Request:
    """Read one request. Raises ProtocolError when it is cut, too long or malformed."""
    pairs: list[tuple[str, str]] = []
    size = 0
    while True:
        raw = stream.readline(MAX_REQUEST)
        size += len(raw)
        if not raw.endswith(b"\n") or size > MAX_REQUEST:
            raise ProtocolError("the request was cut or is too long")
        if raw == b"\n":
            break
        key, _, value = raw[:-1].decode("utf-8", "replace").partition(" ")
        pairs.append((key, unquote(value)))
    if not pairs or pairs[0][0] != "verb":
        raise ProtocolError("the request does not begin with a verb")
    return Request(pairs[0][1], collect(pairs[1:]))


def collect(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Group values by key, in order."""
    arguments: dict[str, list[str]] = {}
    for key, value in pairs:
        arguments.setdefault(key, []).append(value)
    return {key: tuple(values) for key, values in arguments.items()}


def encode_line(text: str) -> bytes:
    """One or more lines to show. Control characters, which could steer the reader's terminal, are replaced."""
    return b"".join(b"|" + _visible(part).encode() + b"\n" for part in text.split("\n"))


def _visible(text: str) -> str:
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def encode_end(code: int) -> bytes:
    """The end of a response."""
    return f"={code}\n".encode()
