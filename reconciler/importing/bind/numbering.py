"""Which line of its master files a record comes from. Of help to people only: what it cannot follow it passes over."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from reconciler.dns import names, rdata
from reconciler.errors import BadName, BadRdata
from reconciler.importing.bind.signing import SIGNING
from reconciler.importing.bind.sources import Sources
from reconciler.state import generate
from reconciler.state.tokens import Token, Trouble, entries
from reconciler.state.types import Invalid

MAX_BYTES = 4 * 2**20
"""Files of more than this are not numbered: it takes longer than all the rest (60 s for a million records)."""
MAX_GENERATED = 65536
"""Records of $GENERATE, likewise."""

Identity = tuple[str, str, str]
"""(owner, type, rdata), canonical."""

_TTL_OR_CLASS = re.compile(r"[0-9][0-9smhdw]*|IN|CH|HS|CHAOS|HESIOD|CLASS[0-9]+", re.ASCII | re.IGNORECASE)
_ESCAPED = {code: f"\\{code:03d}" for code in range(0x80, 0x100)}
"""named takes octets beyond ASCII as they are; in canonical text they are escapes."""


class Line(NamedTuple):
    """A line of a master file."""

    path: str
    number: int


def lines_of(sources: Sources, zone: str) -> dict[Identity, Line]:
    """The first line of each record, as far as it can be told."""
    main = sources.files[sources.main]
    if sources.raw or main.size > MAX_BYTES or main.generated > MAX_GENERATED:
        return {}
    numbered = _Numbered(sources)
    numbered.file(sources.main, zone)
    return numbered.found


class _Numbered:
    def __init__(self, sources: Sources) -> None:
        self.found: dict[Identity, Line] = {}
        self._sources = sources
        self._path = sources.main
        self._origin = self._owner = ""

    def file(self, path: Path, origin: str) -> None:
        """Go through one file; afterwards origin and owner are as before (RFC 1035 section 5.1)."""
        before = self._path, self._origin, self._owner
        self._path, self._origin = path, origin
        included = {one.line: one.path for one in self._sources.files[path].includes}
        text = self._sources.files[path].data.decode("latin-1").translate(_ESCAPED)
        for entry in entries(text):
            if isinstance(entry, Trouble):
                continue
            try:
                if not entry.blank and entry.tokens[0].text.startswith("$"):
                    self._directive(entry.tokens, included.get(entry.tokens[0].line))
                else:
                    self._record(entry.tokens, blank=entry.blank)
            except (BadName, BadRdata, Invalid, IndexError):
                continue
        self._path, self._origin, self._owner = before

    def _directive(self, tokens: list[Token], included: Path | None) -> None:
        kind = tokens[0].text.upper()
        if kind == "$ORIGIN":
            self._origin = names.parse(tokens[1].text, self._origin)
        elif kind == "$INCLUDE" and included is not None:
            origin = names.parse(tokens[2].text, self._origin) if len(tokens) > 2 else self._origin
            self.file(included, origin)
        elif kind == "$GENERATE":
            for value in generate.steps(tokens[1].text):
                filled = [one._replace(text=generate.fill(one.text, value)) for one in tokens[2:]]
                self._add(names.parse(filled[0].text, self._origin), filled[1:], tokens[0].line)

    def _record(self, tokens: list[Token], *, blank: bool) -> None:
        rest = tokens
        if not blank:
            self._owner = ""  # Where it cannot be read, the lines below have none either.
            self._owner = names.parse(tokens[0].text, self._origin)
            rest = tokens[1:]
        if self._owner:
            self._add(self._owner, rest, tokens[0].line)

    def _add(self, owner: str, tokens: list[Token], line: int) -> None:
        data = _data(tokens)
        rtype = rdata.canonical_type(next(data))
        if rtype == "SOA" or rtype in SIGNING:
            return
        canonical = rdata.canonical(rtype, "".join(data).strip(), self._origin)
        self.found.setdefault((owner, rtype, canonical), Line(str(self._path), line))


def _data(tokens: list[Token]) -> Iterator[str]:
    """The type, then the pieces of the data with blanks between them; TTL and class are left out."""
    index = 0
    while _TTL_OR_CLASS.fullmatch(tokens[index].text):
        index += 1
    yield tokens[index].text
    for token in tokens[index + 1 :]:
        yield token.text if token.glued else f" {token.text}"
