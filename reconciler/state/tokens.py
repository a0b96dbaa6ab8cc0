"""Splits a master file into entries of tokens with positions (RFC 1035 section 5.1)."""

import re
from collections.abc import Iterator
from typing import NamedTuple

# Blanks, then one of: comment, line end, parenthesis, quoted string, word. A word ends where dnspython's does.
_TOKEN = re.compile(
    r"""[ \t\r]*(?:(?P<word>(?:[^\s;()"\\]|\\[^\n])+)|(?P<end>(?:;[^\n]*)?(?:\n|\Z))"""
    r"""|(?P<quoted>"(?:[^"\\\n]|\\[^\n])*")|(?P<bracket>[()])|(?P<bad>[^\n]))"""
)


class Token(NamedTuple):
    """A word or quoted string as written; `glued` when no blank parts it from the token before."""

    text: str
    line: int
    column: int
    glued: bool = False


class Entry(NamedTuple):
    """The tokens of one entry. `blank`: it begins with a blank, so the owner is the one before."""

    tokens: list[Token]
    blank: bool


class Trouble(NamedTuple):
    """Text that cannot be split: what is wrong where. Reading goes on in the next line."""

    what: str
    fix: str
    line: int
    column: int


def entries(text: str) -> Iterator[Entry | Trouble]:
    """All entries of a file, in order; empty ones are left out."""
    line, start = 1, 0
    opened: list[tuple[int, int]] = []
    tokens: list[Token] = []
    trouble: Trouble | None = None
    blank = False
    previous_end = -1
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        begin = match.start(kind or 0)
        if kind in ("word", "quoted"):
            if not tokens and not opened:
                blank = begin > start
            tokens.append(Token(match[kind], line, begin - start + 1, begin == previous_end))
            previous_end = match.end()
        elif kind == "end":
            if not opened or trouble is not None:
                yield from _finished(tokens, blank=blank, trouble=trouble)
                tokens, trouble, opened = [], None, []
            line, start = line + 1, match.end()
        elif match[0].endswith("("):
            if not tokens and not opened:
                blank = begin > start
            opened.append((line, begin - start + 1))
        elif match[0].endswith(")") and opened:
            opened.pop()
        elif trouble is None:
            trouble = _trouble(match[0][-1], line, begin - start + 1)
    if opened:
        trouble = trouble or Trouble("the parenthesis that opens here is not closed", "close it", *opened[0])
    yield from _finished(tokens, blank=blank, trouble=trouble)


def _finished(tokens: list[Token], *, blank: bool, trouble: Trouble | None) -> Iterator[Entry | Trouble]:
    if trouble is not None:
        yield trouble
    elif tokens:
        yield Entry(tokens, blank)


def _trouble(character: str, line: int, column: int) -> Trouble:
    if character == '"':
        return Trouble("the quote that opens here is not closed in its line", "close it", line, column)
    if character == ")":
        return Trouble("a parenthesis closes that was never opened", "remove it", line, column)
    return Trouble(f"unexpected character {character!r}", "escape or remove it", line, column)
