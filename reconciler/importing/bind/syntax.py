"""named.conf as a tree of statements (BIND 9 ARM, "Configuration File Syntax"). Pure.

It reads what named's own lexer reads: a comment begins anywhere outside of strings, also inside of a word; a string may
span lines; a quote after a backslash is part of the string. What the statements mean is not looked at here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from reconciler.errors import Refused

MAX_DEPTH = 20
"""Braces in braces."""
MAX_STATEMENTS = 2_000_000
"""Statements of one file, those in braces among them."""

_TOKEN = re.compile(
    r"""(?P<blank>[ \t\r\n\f\v]+)|(?P<comment>//[^\n]*|\#[^\n]*|/\*.*?\*/)|(?P<open_comment>/\*)"""
    r"""|"(?P<string>(?:[^"\\\0]|\\[^\0])*)"|(?P<mark>[{};])|(?P<word>!|(?:(?!/[/*])[^\s{};"\#!\0])+)|(?P<bad>.)""",
    re.DOTALL | re.ASCII,
)
_SHOWN = 90


class Place(NamedTuple):
    """Where something stands; line and column count from 1, columns in characters."""

    path: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{plain(self.path)}:{self.line}:{self.column}"


class Word(NamedTuple):
    """A word, a string without its quotes, or `!`."""

    text: str
    place: Place
    quoted: bool = False


@dataclass(slots=True)
class Statement:
    """Words up to a semicolon. parts: words and braces in their order; a brace is the list of statements in it."""

    place: Place
    parts: "list[Word | list[Statement]]" = field(default_factory=list)

    @property
    def words(self) -> list[str]:
        """The words outside of braces."""
        return [part.text for part in self.parts if isinstance(part, Word)]

    @property
    def name(self) -> str:
        """The first word in lower case; "" where it begins with a brace."""
        first = self.parts[0]
        return first.text.lower() if isinstance(first, Word) else ""

    @property
    def inner(self) -> "list[Statement]":
        """The statements in its braces."""
        return [inner for part in self.parts if isinstance(part, list) for inner in part]

    @property
    def value(self) -> str:
        """The second word; "" where there is none."""
        words = self.words
        return words[1] if len(words) > 1 else ""

    def get(self, *names: str) -> "Statement | None":
        """The statement in its braces with one of these names; the last, where there are several."""
        found = [inner for inner in self.inner if inner.name in names]
        return found[-1] if found else None

    def text(self) -> str:
        """The statement on one line, short, secrets left out; for people."""
        whole = plain(" ".join(_pieces(self)))
        return whole if len(whole) <= _SHOWN else f"{whole[: _SHOWN - 2]} …"

    def head(self) -> str:
        """The same with what is in braces left out."""
        whole = plain(" ".join(_pieces(self, inside=False)))
        return whole if len(whole) <= _SHOWN else f"{whole[: _SHOWN - 2]} …"


def plain(text: str) -> str:
    """Text that a terminal can be trusted with: what does not print is escaped."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def parse(path: str, text: str) -> list[Statement]:
    """The statements of one file. Raises Refused with path, line and column."""
    root: list[Statement] = []
    blocks = [root]
    opened: list[Statement] = []
    current: Statement | None = None
    count = 0
    for kind, piece, place in _tokens(path, text):
        if kind != "mark":
            current = current or Statement(place)
            current.parts.append(Word(piece, place, kind == "string"))
        elif piece == "{":
            if len(opened) >= MAX_DEPTH:
                raise Refused(f"{place}: braces nested deeper than {MAX_DEPTH} levels")
            current = current or Statement(place)
            opened.append(current)
            block: list[Statement] = []
            current.parts.append(block)
            blocks.append(block)
            current = None
        elif piece == "}":
            if not opened:
                raise Refused(f"{place}: a brace closes that was never opened")
            if current is not None:
                raise Refused(f"{place}: a semicolon is missing before this brace, after {current.text()!r}")
            current = opened.pop()
            blocks.pop()
        elif current is not None:
            blocks[-1].append(current)
            current = None
            count += 1
            if count > MAX_STATEMENTS:
                raise Refused(f"{place}: more than {MAX_STATEMENTS} statements")
    if opened:
        raise Refused(f"{opened[-1].place}: the brace of {opened[-1].head()!r} is not closed")
    if current is not None:
        raise Refused(f"{current.place}: a semicolon is missing after {current.text()!r}")
    return root


def _tokens(path: str, text: str) -> Iterator[tuple[str, str, Place]]:
    line, start = 1, 0
    for match in _TOKEN.finditer(text):
        kind, index = match.lastgroup or "", match.start()
        place = Place(path, line, index - start + 1)
        if kind == "open_comment":
            raise Refused(f"{place}: the comment that opens here is not closed")
        if kind == "bad":
            what = "the string that opens here is not closed" if match[0] == '"' else f"unexpected {match[0]!r}"
            raise Refused(f"{place}: {what}")
        if kind in ("word", "mark"):
            yield kind, match[0], place
            continue
        if kind == "string":
            yield kind, match["string"].replace('\\"', '"'), place
        if lines := match[0].count("\n"):
            line, start = line + lines, match.start() + match[0].rfind("\n") + 1


def _quoted(word: Word) -> str:
    return f'"{word.text}"' if word.quoted else word.text


def _pieces(statement: Statement, *, inside: bool = True) -> Iterator[str]:
    """Words for a short text: enough is enough, so that a list of thousands costs nothing."""
    length = 0
    for part in statement.parts:
        if isinstance(part, Word):
            text = _quoted(part)
        elif inside:
            text = " ".join(["{", *(f"{' '.join(_pieces(inner))};" for inner in part[:8]), "}"])
        else:
            text = "{ … }"
        yield text
        length += len(text)
        if length > _SHOWN:
            return
        if isinstance(part, Word) and part.text.lower().startswith("secret"):
            yield "hidden"
            return
