"""Statements that the state has no words for, as text for bind.d/, where its allow-list lets them in."""

from collections.abc import Iterator

from reconciler.errors import Refused
from reconciler.importing.bind.matching import Lists, address, key_name
from reconciler.importing.bind.syntax import Statement, Word
from reconciler.services.bind.syntax import quote
from reconciler.state import bindtext

FILE = "imported.conf"
"""The file in bind.d/."""

_SERVERS = frozenset({"primaries", "masters"})
_CACHE = frozenset({"file", "masterfile-format", "zone-statistics"})
"""Parts of a stub or forward zone without which it is the same zone."""


def text(statement: Statement, lists: Lists, keys: frozenset[str]) -> str:
    """The statement with named lists written out. keys: those that were taken. Raises Refused with the reason."""
    written = "".join(_lines(statement, lists)) + "\n"
    for key in _keys(statement):
        if key not in keys:
            raise Refused(f"it needs key {key}, which was not taken")
    problems = bindtext.check(FILE, written, frozenset())
    if problems:
        raise Refused(f"{problems[0].what}; {problems[0].fix}")
    return written


def _lines(statement: Statement, lists: Lists) -> Iterator[str]:
    yield " ".join(_word(part) for part in statement.parts if isinstance(part, Word))
    yield " {\n"
    for inner in statement.inner:
        if inner.name not in _CACHE:
            yield f"\t{_part(inner, lists)};\n"
    yield "};"


def _part(statement: Statement, lists: Lists) -> str:
    elements: list[str] | None = None
    if statement.name in _SERVERS and not all(address(inner.words[0]) for inner in statement.inner if inner.words):
        servers = lists.servers(statement)
        if servers.unsaid or servers.keys:
            raise Refused(f"{statement.text()} cannot be written out without the lists that it names")
        elements = list(servers.said)
    elif statement.name == "allow-query":
        match = lists.match(statement)
        if match.unsaid:
            raise Refused(f"{statement.text()} cannot be written out without the lists that it names")
        elements = [*match.said, *(f"key {quote(key)}" for key in match.keys)] or ["none"]
    if elements is not None:
        return f"{statement.name} {{ {' '.join(f'{element};' for element in elements)} }}"
    return _plain(statement)


def _plain(statement: Statement) -> str:
    pieces = []
    for part in statement.parts:
        if isinstance(part, Word):
            pieces.append(_word(part))
        else:
            pieces.append(f"{{ {''.join(f'{_plain(inner)}; ' for inner in part)}}}")
    return " ".join(pieces)


def _word(word: Word) -> str:
    return quote(word.text) if word.quoted else word.text


def _keys(statement: Statement) -> Iterator[str]:
    for inner in statement.inner:
        if inner.name == "keys":
            yield from (key_name(word) for word in inner.words[1:])
            yield from (key_name(word) for element in inner.inner for word in element.words)
        for element in inner.inner:
            words = element.words
            if inner.name != "keys" and "key" in words[:-1]:
                yield key_name(words[words.index("key") + 1])
