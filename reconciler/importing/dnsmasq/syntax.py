r"""One line of dnsmasq.conf, taken apart as `read_file` in option.c does.

`"` opens a quoted part, in which `,` `:` `.` and `#` mean nothing and `\` escapes; `#` after a blank begins a comment.
"""

import re
from typing import NamedTuple

_HIDDEN = {ord(mark): 0xE000 + ord(mark) for mark in ',:.#/="'}
_SHOWN = {code: mark for mark, code in _HIDDEN.items()}
_ESCAPES = {"t": "\t", "n": "\n", "b": "\b", "r": "\r", "e": "\033", '"': '"', "\\": "\\"}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_LENGTH = re.compile(r"([0-9]{1,9})([smhdw]?)", re.IGNORECASE | re.ASCII)

INFINITE = 0xFFFFFFFF


class BadLine(Exception):
    """A line means nothing to dnsmasq; the text says why."""


class Statement(NamedTuple):
    """A directive with its value, in which quoted marks are hidden; `written`: as it stands there, without comment."""

    path: str
    number: int
    key: str
    value: str
    written: str


def parse(path: str, number: int, line: str) -> Statement | None:
    """The statement of a line; None where it has none. Raises BadLine."""
    text, end = _unquoted(line)
    text = " ".join(text.split()) if "  " in text or "\t" in text else text.strip()
    if not text:
        return None
    key, _, value = text.partition("=")
    written = line[:end].strip()
    return Statement(path, number, plain(key.strip()), value.strip(), written)


def _unquoted(line: str) -> tuple[str, int]:
    """The line without quotes and comment, and where in the line the comment begins."""
    if '"' not in line:
        match = re.search(r"(?:^|\s)#", line)
        end = match.start() if match else len(line)
        return line[:end], end
    made: list[str] = []
    blank, place = True, 0
    while place < len(line):
        mark = line[place]
        if mark == '"':
            place = _quoted(line, place + 1, made)
            blank = False
            continue
        if mark == "#" and blank:
            break
        blank = mark.isspace()
        made.append(mark)
        place += 1
    return "".join(made), place


def _quoted(line: str, place: int, made: list[str]) -> int:
    """Take in a quoted part that begins at `place`; return where it has ended."""
    while place < len(line) and line[place] != '"':
        mark = line[place]
        if mark == "\\" and line[place + 1 : place + 2] in _ESCAPES:
            place += 1
            mark = _ESCAPES[line[place]]
        made.append(mark.translate(_HIDDEN))
        place += 1
    if place >= len(line):
        raise BadLine("a quote is not closed")
    return place + 1


def plain(text: str) -> str:
    """The text with what quotes had hidden."""
    return text.translate(_SHOWN)


def split(value: str) -> list[str]:
    """Arguments, divided by commas; still with hidden marks."""
    return [part.strip() for part in value.split(",")]


def lease_time(text: str) -> int | None:
    """Seconds from `12h`, `infinite`, `3600`; None for what is no time."""
    if text == "infinite":
        return INFINITE
    match = _LENGTH.fullmatch(text)
    return int(match[1]) * _UNITS[match[2].lower() or "s"] if match else None


def tag_of(text: str, *kinds: str) -> str | None:
    """The tag of `tag:NAME`, `set:NAME` or the old `net:NAME`, if it is of one of these kinds."""
    kind, colon, tag = text.partition(":")
    return plain(tag.strip()) if colon and kind in kinds else None
