"""zones/NAME.zone: plain master files (RFC 1035 section 5, RFC 2308 section 4, BIND's $GENERATE).

Record data goes through `reconciler.dns.rdata`, so every type that it knows can be used. A bad record does
not stop the reading: all mistakes of a file are told at once.
"""

import contextlib
import re
from collections.abc import Iterable

from reconciler.dns import names, rdata
from reconciler.dns.zone import SOA
from reconciler.errors import BadName, BadRdata
from reconciler.state import dots, generate
from reconciler.state.bounds import (
    MAX_GENERATED,
    MAX_GENERATED_TEXT,
    MAX_RECORDS,
    Enough,
    Problems,
)
from reconciler.state.model import StateRecord, ZoneFile
from reconciler.state.problem import Position, Problem
from reconciler.state.text import MEBIBYTE, decode, shown
from reconciler.state.tokens import Token, Trouble, entries
from reconciler.state.tree import Blob
from reconciler.state.types import Invalid, seconds

LIMIT = 64 * MEBIBYTE

_TTL = re.compile(r"[0-9][0-9smhdw]*", re.ASCII | re.IGNORECASE)
_CLASSES = frozenset({"IN", "CH", "CHAOS", "HS", "HESIOD", "CS", "CSNET", "NONE", "ANY"})
_TARGETS = {"CNAME": (0,), "DNAME": (0,), "NS": (0,), "PTR": (0,), "MX": (1,), "SRV": (3,), "SOA": (0, 1)}


class _Bad(Exception):
    """A mistake in an entry, at one of its tokens."""

    def __init__(self, token: Token, what: str, fix: str = "") -> None:
        super().__init__(what)
        self.token = token
        self.what = what
        self.fix = fix


def read(path: str, blob: Blob, zone: str) -> tuple[ZoneFile, list[Problem]]:
    """The records of one file; `zone` is canonical. All that is wrong comes back as problems."""
    text, problems = decode(path, blob.data, LIMIT)
    if problems:
        return ZoneFile(zone, path, ()), problems
    reader = _Reader(path, zone)
    with contextlib.suppress(Enough):
        for entry in entries(text):
            if isinstance(entry, Trouble):
                reader.problem(entry.line, entry.column, entry.what, entry.fix)
            else:
                reader.entry(entry.tokens, blank=entry.blank)
    file = ZoneFile(zone, path, tuple(reader.records), reader.soa, reader.generated, serial=reader.serial)
    return file, reader.problems


class _Reader:
    def __init__(self, path: str, zone: str) -> None:
        self.records: list[StateRecord] = []
        self.problems = Problems()
        self.generated = 0
        self.soa: SOA | None = None
        self.serial = 0
        self._path = path
        self._zone = zone
        self._origin = zone
        self._owner: str | None = None
        self._owner_refused = False
        self._default_ttl: int | None = None
        self._last_ttl: int | None = None
        self._generated_text = 0

    def problem(self, line: int, column: int, what: str, fix: str) -> None:
        self.problems.add(Problem(Position(self._path, line, column), what, fix))

    def entry(self, tokens: list[Token], *, blank: bool) -> None:
        """Take in one directive or record."""
        try:
            if not blank and tokens[0].text.startswith("$"):
                self._directive(tokens)
            else:
                self._record(tokens, blank=blank)
        except _Bad as bad:
            self.problem(bad.token.line, bad.token.column, bad.what, bad.fix)

    def _directive(self, tokens: list[Token]) -> None:
        name, arguments = tokens[0].text.upper(), tokens[1:]
        if name == "$INCLUDE":
            raise _Bad(
                tokens[0],
                "$INCLUDE is not allowed",
                "put the records here, or into a zone's file of their own",
            )
        if name not in ("$ORIGIN", "$TTL", "$GENERATE"):
            raise _Bad(tokens[0], f"unknown directive {shown(tokens[0].text)}", "known are $ORIGIN, $TTL, $GENERATE")
        if name == "$GENERATE":
            self._generate(tokens[0], arguments)
            return
        if len(arguments) != 1:
            raise _Bad(tokens[0], f"{name} takes one value, found {len(arguments)}")
        if name == "$TTL":
            self._default_ttl = self._seconds(arguments[0])
        else:
            self._origin = self._name(arguments[0])

    def _name(self, token: Token) -> str:
        if token.text[0] == '"':
            raise _Bad(token, f"{shown(token.text)} is in quotes; a name is not", "remove the quotes")
        try:
            name = names.parse(token.text, self._origin)
        except BadName as error:
            raise _Bad(token, str(error)) from None
        if dots.missing(token.text, self._origin):
            raise _Bad(token, f"{shown(token.text)}: {dots.NO_DOT}", dots.advice(token.text, self._origin))
        return name

    def _seconds(self, token: Token) -> int:
        try:
            return seconds(token.text)
        except Invalid as error:
            raise _Bad(token, error.what, error.fix) from None

    def _record(self, tokens: list[Token], *, blank: bool) -> None:
        body = tokens
        if not blank:
            body = tokens[1:]
            self._owner, self._owner_refused = None, True
            try:
                self._owner = self._owner_name(tokens[0])
            except _Bad as bad:  # The rest of the line may hold a second mistake.
                self.problem(bad.token.line, bad.token.column, bad.what, bad.fix)
        elif self._owner is None and not self._owner_refused:
            self._owner_refused = True
            self.problem(tokens[0].line, tokens[0].column, "the first record has no owner name", "write @ or a name")
        ttl, rtype, data = self._header(body, tokens[-1])
        text = self._data(rtype, data)
        if rtype == "SOA":
            self._start_of_authority(tokens[0], text, ttl)
        else:
            self._add(tokens[0], self._owner, self._effective(ttl), rtype, text)

    def _owner_name(self, token: Token) -> str:
        owner = self._name(token)
        if not names.is_under(owner, self._zone):
            raise _Bad(token, f"{owner} is not in zone {self._zone}", "move it to its own zone's file")
        return owner

    def _header(self, tokens: list[Token], end: Token) -> tuple[int | None, str, list[Token]]:
        """TTL and class in either order, type, and the tokens of the data, at least one."""
        ttl: int | None = None
        classes = 0
        for index, token in enumerate(tokens):
            upper = token.text.upper()
            if ttl is None and _TTL.fullmatch(token.text):
                ttl = self._seconds(token)
            elif not classes and (upper in _CLASSES or re.fullmatch(r"CLASS[0-9]+", upper)):
                classes += 1
                if upper not in ("IN", "CLASS1"):
                    raise _Bad(token, f"class {upper} is not served", "use IN, or leave it out")
            else:
                if index + 1 == len(tokens):
                    raise _Bad(
                        token,
                        f"{shown(token.text)} is followed by no data",
                        "write its data, or check the type",
                    )
                try:
                    return ttl, rdata.canonical_type(token.text), tokens[index + 1 :]
                except BadRdata as error:
                    raise _Bad(token, str(error)) from None
        raise _Bad(
            end,
            "the record has no type",
            "write OWNER [TTL] [IN] TYPE DATA; a blank line start repeats the owner",
        )

    def _data(self, rtype: str, tokens: list[Token]) -> str:
        for place in _TARGETS.get(rtype, ()):
            if place < len(tokens) and dots.missing(tokens[place].text, self._origin):
                token = tokens[place]
                raise _Bad(token, f"{shown(token.text)}: {dots.NO_DOT}", dots.advice(token.text, self._origin))
        if len(tokens) == 1:
            text = tokens[0].text
        else:
            text = "".join(token.text if token.glued else f" {token.text}" for token in tokens)[1:]
        try:
            return rdata.canonical(rtype, text, self._origin)
        except BadRdata as error:
            raise _Bad(tokens[0], str(error)) from None

    def _effective(self, ttl: int | None) -> int | None:
        """RFC 2308 section 4: $TTL; without one, the last TTL that was written (RFC 1035 section 5.1)."""
        if ttl is None:
            return self._default_ttl if self._default_ttl is not None else self._last_ttl
        self._last_ttl = ttl
        return ttl

    def _start_of_authority(self, first: Token, text: str, ttl: int | None) -> None:
        mname, rname, serial, *times = text.split(" ")
        refresh, retry, expire, minimum = map(int, times)
        if self._effective(ttl) is None:
            self._default_ttl = minimum  # As BIND does, where there is no $TTL.
        if self._owner is None:
            return
        if self._owner != self._zone:
            raise _Bad(first, f"SOA of {self._owner} is not at the zone's apex {self._zone}", "write it at @")
        if self.soa is not None:
            raise _Bad(first, "a second SOA record", "keep one")
        self.serial = int(serial)
        self.soa = SOA(mname, rname, refresh, retry, expire, minimum, self._effective(ttl) or 0)

    def _add(self, first: Token, owner: str | None, ttl: int | None, rtype: str, text: str) -> None:
        if owner is not None:
            if len(self.records) >= MAX_RECORDS:
                self.problem(first.line, first.column, f"the file has more than {MAX_RECORDS} records", "remove some")
                raise Enough
            where = Position(self._path, first.line, first.column)
            self.records.append(StateRecord(owner, ttl, rtype, text, where))

    def _generate(self, directive: Token, arguments: list[Token]) -> None:
        if len(arguments) < 4:
            raise _Bad(directive, "$GENERATE is not complete", "write $GENERATE RANGE OWNER [TTL] [IN] TYPE DATA")
        place, owner, *rest = arguments
        ttl, rtype, data = self._header(rest, arguments[-1])
        if rtype == "SOA":
            raise _Bad(directive, "$GENERATE cannot make SOA records", "write the one SOA by itself")
        try:
            values = generate.steps(place.text)
        except Invalid as error:
            raise _Bad(place, error.what, error.fix) from None
        self.generated += len(values)
        if self.generated > MAX_GENERATED:
            raise _Bad(directive, f"all $GENERATE together make more than {MAX_GENERATED} records", "split the file")
        effective = self._effective(ttl)
        for value in values:
            name = self._owner_name(_filled(owner, value))
            text = self._data(rtype, [_filled(token, value) for token in _unquoted(data)])
            self._generated_text += len(name) + len(text)
            if self._generated_text > MAX_GENERATED_TEXT:
                size = MAX_GENERATED_TEXT // MEBIBYTE
                raise _Bad(directive, f"all $GENERATE together make more than {size} MiB of text", "make it shorter")
            self._add(directive, name, effective, rtype, text)


def _unquoted(tokens: Iterable[Token]) -> list[Token]:
    """BIND takes the data of $GENERATE as one token, in quotes where it holds blanks."""
    tokens = list(tokens)
    first = tokens[0]
    if len(tokens) == 1 and first.text[0] == '"':
        return [first._replace(text=word, glued=False) for word in first.text[1:-1].split()] or tokens
    return tokens


def _filled(token: Token, value: int) -> Token:
    try:
        return token._replace(text=generate.fill(token.text, value))
    except Invalid as error:
        raise _Bad(token, error.what, error.fix) from None
