"""named.conf with all that it includes, as one list of statements in named's order."""

import re
from pathlib import Path

from reconciler.errors import Refused
from reconciler.importing.bind import syntax
from reconciler.importing.bind.places import Places, read
from reconciler.importing.bind.syntax import Statement

MAX_BYTES = 32 * 2**20
"""Of all files together."""
MAX_FILES = 1000
MAX_INCLUDES = 20
"""Includes in includes."""

_GLOB = re.compile(r"[*?\[]")
_MAPS = frozenset({"options", "view", "zone", "logging", "controls", "server", "key"})
"""Statements in whose braces named takes `include`."""


def load(path: Path, places: Places) -> list[Statement]:
    """All statements; `include` is replaced by what the file holds. Sets `places.directory` on the way, as named does.

    Raises Refused with path, line and column.
    """
    return _Loader(places).file(path, read(path, MAX_BYTES))


class _Loader:
    def __init__(self, places: Places) -> None:
        self._places = places
        self._open: list[Path] = []
        self._count = 0
        self._left = MAX_BYTES

    def file(self, path: Path, data: bytes) -> list[Statement]:
        self._left -= len(data)
        self._count += 1
        if self._left < 0:
            raise Refused(f"{path}: with this file the configuration has more than {MAX_BYTES} bytes")
        if self._count > MAX_FILES:
            raise Refused(f"{path}: more than {MAX_FILES} files are included")
        self._open.append(path.resolve())
        statements = self._expanded(syntax.parse(str(path), data.decode("utf-8", "surrogateescape")))
        self._open.pop()
        return statements

    def _expanded(self, statements: list[Statement]) -> list[Statement]:
        found: list[Statement] = []
        for statement in statements:
            if statement.name == "include":
                found += self._included(statement)
                continue
            if statement.name in _MAPS:
                statement.parts = [self._expanded(part) if isinstance(part, list) else part for part in statement.parts]
            elif statement.name == "directory" and statement.value:
                self._places.directory = statement.value
            found.append(statement)
        return found

    def _included(self, statement: Statement) -> list[Statement]:
        try:
            if _GLOB.search(statement.value):
                paths = self._places.matching(statement.value)
            else:
                paths = [self._places.find(statement.value)]
            if not paths:
                raise Refused(f"no file is called {syntax.plain(statement.value)}")
        except Refused as error:
            raise Refused(f"{statement.place}: include: {error}") from None
        return [inner for path in paths for inner in self._one(path, statement)]

    def _one(self, path: Path, statement: Statement) -> list[Statement]:
        if path.resolve() in self._open:
            raise Refused(f"{statement.place}: {syntax.plain(str(path))} includes itself")
        if len(self._open) >= MAX_INCLUDES:
            raise Refused(f"{statement.place}: includes nested deeper than {MAX_INCLUDES} levels")
        try:
            data = read(path, MAX_BYTES)
        except Refused as error:
            raise Refused(f"{statement.place}: include: {error}") from None
        return self.file(path, data)
