"""The allow-list for bind.d/*.conf, and a reader of named.conf's syntax (BIND 9 ARM, chapter 8).

It is stricter than the server's own: no backslash outside of comments, strings on one line, printable text.
So there is nothing that the two could read differently.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from reconciler.state.bounds import first
from reconciler.state.problem import Problem
from reconciler.state.text import Lines, position, shown

# A comment begins anywhere outside of strings, also inside of a word: as in the server's lexer.
_TOKEN = re.compile(
    r"""(?P<blank>\s+)|(?P<comment>//[^\n]*|\#[^\n]*|/\*.*?\*/)|(?P<open_comment>/\*)"""
    r"""|(?P<string>"[^"\\\n]*")|(?P<mark>[{};])|(?P<word>(?:(?!/[/*])[^\s{};"\\\#])+)|(?P<bad>.)""",
    re.DOTALL | re.ASCII,
)

# Statements that stand whole, and those of which only some parts may be used.
_WHOLE = frozenset({"acl", "primaries", "masters", "parental-agents"})
_PARTS = {
    "server": frozenset(
        """bogus edns edns-udp-size edns-version keys max-udp-size padding provide-ixfr request-expire
        request-ixfr request-nsid send-cookie tcp-keepalive tcp-only transfer-format transfers""".split()  # noqa: SIM905
    ),
    "zone": frozenset(
        """type forward forwarders server-addresses server-names primaries masters allow-query""".split()  # noqa: SIM905
    ),
}
_ZONE_TYPES = ("forward", "static-stub", "stub")
ALLOWED = _WHOLE | frozenset(_PARTS)
_REASONS = {
    "key": "secrets do not belong into the repository: use keys: in site.yaml",
    "include": "put the statements here",
}
MAX_DEPTH = 20


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    index: int


@dataclass(slots=True)
class _Statement:
    """Words up to a semicolon, and the statements in its braces."""

    words: list[_Word] = field(default_factory=list)
    inner: list["_Statement"] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.words[0].text.lower() if self.words else ""


class _Bad(Exception):
    def __init__(self, index: int, what: str, fix: str) -> None:
        super().__init__(what)
        self.index = index
        self.what = what
        self.fix = fix


def check(path: str, text: str, allow: frozenset[str]) -> list[Problem]:
    """What in one file may not be there; one problem alone when its braces or quotes do not fit."""
    try:
        statements = _parse(text)
    except _Bad as bad:
        return [Problem(position(path, text, bad.index), bad.what, bad.fix)]
    lines = Lines(path, text)
    return first(
        Problem(lines.at(index), what, fix)
        for statement in statements
        for index, what, fix in _statement(statement, allow)
    )


def first_zone(text: str) -> int | None:
    """Where the first `zone` statement of a text that was checked begins; None where it has none."""
    found = (statement.words[0].index for statement in _parse(text) if statement.name == "zone")
    return next(found, None)


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or ""
        if kind == "open_comment":
            raise _Bad(match.start(), "the comment that opens here is not closed", "close it with */")
        if kind == "bad":
            fix = "close the string in its line" if match[0] == '"' else "remove it"
            raise _Bad(match.start(), f"unexpected {match[0]!r}", fix)
        if kind not in ("blank", "comment"):
            yield kind, match[0], match.start()


def _parse(text: str) -> list[_Statement]:
    root = _Statement()
    stack = [root]
    opened: list[int] = []
    current = _Statement()
    waiting: list[_Statement] = []
    for kind, piece, index in _tokens(text):
        if kind in ("word", "string"):
            current.words.append(_Word(piece.strip('"'), index))
        elif piece == "{":
            if len(opened) >= MAX_DEPTH:
                raise _Bad(index, f"nested deeper than {MAX_DEPTH} levels", "flatten it")
            opened.append(index)
            waiting.append(current)
            stack.append(current)
            current = _Statement()
        elif piece == "}":
            if not opened:
                raise _Bad(index, "a brace closes that was never opened", "remove it")
            if current.words or current.inner:
                raise _Bad(index, "a semicolon is missing before this brace", "add it")
            opened.pop()
            stack.pop()
            current = waiting.pop()
        else:
            if current.words or current.inner:
                stack[-1].inner.append(current)
            current = _Statement()
    if opened:
        raise _Bad(opened[-1], "the brace that opens here is not closed", "close it with };")
    if current.words or current.inner:
        index = current.words[-1].index if current.words else 0
        raise _Bad(index, "a semicolon is missing after this", "add it")
    return root.inner


def _statement(statement: _Statement, allow: frozenset[str]) -> Iterator[tuple[int, str, str]]:
    name = statement.name
    if not statement.words:
        yield 0, "braces without a statement", "remove them"
    elif name in allow or name in _WHOLE:
        return
    elif name in _PARTS:
        yield from _parts(statement, name, allow)
    else:
        widen = _REASONS.get(name) or _widen(name)
        yield statement.words[0].index, f"statement {shown(name)} is not allowed", widen


def _parts(statement: _Statement, name: str, allow: frozenset[str]) -> Iterator[tuple[int, str, str]]:
    start = statement.words[0].index
    for part in statement.inner:
        if not part.words:
            yield start, f"braces without a statement in {name}", "remove them"
        elif part.name not in _PARTS[name] and f"{name}.{part.name}" not in allow:
            what = f"{shown(part.name)} is not allowed in {name}"
            yield part.words[0].index, what, _widen(f"{name}.{part.name}")
    if name != "zone":
        return
    types = [part.words[1].text.lower() for part in statement.inner if part.name == "type" and len(part.words) == 2]
    if len(types) != 1 or types[0] not in _ZONE_TYPES:
        yield start, f"a zone here is of type {', '.join(_ZONE_TYPES)}", "write other zones under zones/"


def _widen(name: str) -> str:
    return f"the node's administrator can allow it: bind.allow: [{name}] in node.yaml"
