r"""The syntax of ISC dhcpd's lease files: statements of words and "strings", ended by `;` or a block in braces.

A file that was torn and then written on has an unfinished block in its middle. Whatever stands inside a block is
indented and what stands outside is not, so a known statement at the start of a line begins anew.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from reconciler.leases.lease import Complaints
from reconciler.state.text import shown

_TOKEN = re.compile(
    r"""(?P<blank>\s+|\#[^\n]*)
      | (?P<string>"(?:[^"\\\n]|\\[^\n])*")
      | (?P<mark>[{};])
      | (?P<word>[^\s{};"\#]+)
      | (?P<bad>"[^\n]*)""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(?:([0-3][0-7]{2})|x([0-9a-fA-F]{1,2})|(.))", re.DOTALL)
_LETTERS = {"t": "\t", "r": "\r", "n": "\n", "b": "\b"}
_OUTSIDE = frozenset(
    {"lease", "ia-na", "ia-ta", "ia-pd", "host", "group", "class", "subclass", "failover"}
    | {"server-duid", "authoring-byte-order"}
)
"""Statements that stand outside of all blocks."""


@dataclass(slots=True)
class Statement:
    """Words and strings (these with their quotes, escaped), the line of the first, and the block if there is one.

    damaged: something in its block could not be read, and has been told.
    """

    line: int
    words: list[str] = field(default_factory=list)
    block: "list[Statement] | None" = None
    damaged: bool = False


class Reader:
    """Cuts text into statements; `complete` tells, after all of them, whether nothing was left open."""

    def __init__(self, text: str, complaints: Complaints) -> None:
        self.complete = False
        self._text = text
        self._complaints = complaints
        self._open: list[Statement] = []
        self._words: list[str] = []
        self._first = 1

    def statements(self) -> Iterator[Statement]:
        """The statements that stand outside of all blocks, each as soon as it has ended."""
        line, text = 1, self._text
        for match in _TOKEN.finditer(text):
            kind, token, here = match.lastgroup, match[0], line
            if kind == "blank":
                line += token.count("\n")
                continue
            if kind == "mark":
                yield from self._mark(token, here)
                continue
            if kind == "bad":
                self._damage(here, f"{shown(token)} has no closing quote")
                continue
            outermost = match.start() == 0 or text[match.start() - 1] == "\n"
            if outermost and token in _OUTSIDE and (self._open or self._words):
                self._abandon()
            if not self._words:
                self._first = here
            self._words.append(token)
        self.complete = not self._open and not self._words

    def _mark(self, mark: str, line: int) -> Iterator[Statement]:
        if mark == "}":
            if not self._open:
                self._complaints.add(line, "a closing brace without an opening one")
                self._words = []
                return
            if self._words:
                self._damage(self._first, f"{shown(' '.join(self._words))} does not end with a semicolon")
                self._words = []
            ended = self._open.pop()
            if not self._open:
                yield ended
            return
        statement = Statement(self._first if self._words else line, self._words)
        self._words = []
        if mark == "{":
            statement.block = []
        if self._open and self._open[-1].block is not None:
            self._open[-1].block.append(statement)
        if mark == "{":
            self._open.append(statement)
        elif not self._open and statement.words:
            yield statement

    def _damage(self, line: int, what: str) -> None:
        self._complaints.add(line, what)
        if self._open:
            self._open[0].damaged = True

    def _abandon(self) -> None:
        begun = self._open[0] if self._open else Statement(self._first, self._words)
        self._complaints.add(begun.line, f"{shown(' '.join(begun.words))} has no end")
        self._open, self._words = [], []


def string(token: str) -> bytes | None:
    """The octets of a string token, or of hex octets with colons (lease-id-format hex); None for other words."""
    if token.startswith('"'):
        return _ESCAPE.sub(_unescape, token[1:-1]).encode("latin-1")
    try:
        return bytes(int(part, 16) for part in token.split(":"))
    except ValueError:
        return None


def _unescape(match: re.Match[str]) -> str:
    octal, hexadecimal, letter = match.groups()
    if letter is not None:
        return _LETTERS.get(letter, letter)
    return chr(int(octal, 8) if octal else int(hexadecimal, 16))
