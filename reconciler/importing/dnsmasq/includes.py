"""dnsmasq.conf with everything that it includes: conf-file, conf-dir, servers-file, and files of dhcp-host lines."""

from collections.abc import Iterator

from reconciler.importing.dnsmasq import syntax
from reconciler.importing.dnsmasq.syntax import BadLine, Statement
from reconciler.importing.found import Fate, Line
from reconciler.importing.source import Source, Unreadable, shown

MAX_FILES = 10_000
MAX_DEPTH = 20

_LINES_OF = {
    "dhcp-hostsfile": "dhcp-host",
    "dhcp-hostsdir": "dhcp-host",
    "dhcp-optsfile": "dhcp-option",
    "dhcp-optsdir": "dhcp-option",
}
"""Files whose lines are values of one directive."""


class Reader:
    """Walks through the files; `lines` tells of each that was read itself, and of lines that mean nothing."""

    def __init__(self, source: Source) -> None:
        self.lines: list[Line] = []
        self._source = source
        self._open: list[str] = []
        self._files = 0

    def statements(self, path: str) -> Iterator[Statement]:
        """All statements in the order in which dnsmasq takes them; raises Unreadable for the first file only."""
        for number, text in self._text(path):
            statement = self._parsed(path, number, text)
            if statement is None:
                continue
            if statement.key in ("conf-file", "servers-file"):
                yield from self._included(statement, [syntax.plain(statement.value)])
            elif statement.key == "conf-dir":
                yield from self.folder(statement)
            elif statement.key in _LINES_OF:
                yield from self._values(statement)
            else:
                yield statement

    def folder(self, statement: Statement) -> Iterator[Statement]:
        """All statements of a conf-dir."""
        yield from self._included(statement, self._folder(statement))

    def _parsed(self, path: str, number: int, text: str) -> Statement | None:
        try:
            return syntax.parse(path, number, text)
        except BadLine as error:
            self.lines.append(Line(path, number, shown(text), Fate.LEFT, str(error)))
            return None

    def _text(self, path: str) -> Iterator[tuple[int, str]]:
        text = self._source.text(path)
        if text.latin1:
            self.lines.append(Line(path, 1, "(the file)", Fate.TAKEN, "not UTF-8: read as ISO 8859-1 (Latin-1)"))
        yield from text.lines()

    def _note(self, statement: Statement, fate: Fate, note: str) -> None:
        self.lines.append(Line(statement.path, statement.number, shown(statement.written), fate, note))

    def _folder(self, statement: Statement) -> list[str]:
        """Files of a conf-dir: `*.conf` takes those that end so, `.bak` leaves those out (dnsmasq(8), --conf-dir)."""
        folder, *filters = map(syntax.plain, syntax.split(statement.value))
        wanted = tuple(item[1:] for item in filters if item.startswith("*"))
        refused = tuple(item for item in filters if item and not item.startswith("*"))
        try:
            names = self._source.names(folder)
        except Unreadable as error:
            self._note(statement, Fate.LEFT, f"{folder}: {error}")
            return []
        return [
            f"{folder.rstrip('/')}/{name}"
            for name in names
            if not is_skipped(name)
            and (not wanted or name.endswith(wanted))
            and not (refused and name.endswith(refused))
            and not self._source.is_folder(f"{folder.rstrip('/')}/{name}")
        ]

    def _included(self, statement: Statement, paths: list[str]) -> Iterator[Statement]:
        for path in paths:
            self._files += 1
            if path in self._open or path == statement.path:
                self._note(statement, Fate.LEFT, f"a circle: {path} is being read already")
            elif len(self._open) >= MAX_DEPTH or self._files > MAX_FILES:
                self._note(statement, Fate.LEFT, "too many files include each other")
            else:
                self._open.append(statement.path)
                try:
                    yield from self.statements(path)
                    self._note(statement, Fate.TAKEN, f"{path} was read")
                except Unreadable as error:
                    self._note(statement, Fate.LEFT, f"{path}: {error}")
                self._open.pop()

    def _values(self, statement: Statement) -> Iterator[Statement]:
        """Lines of dhcp-hostsfile and the like, each as the directive that it stands for."""
        key = _LINES_OF[statement.key]
        for path in files_at(self._source, syntax.plain(statement.value)):
            try:
                for number, text in self._text(path):
                    found = self._parsed(path, number, f"{key}={text}") if text.split("#")[0].strip() else None
                    if found is not None:
                        yield found
                self._note(statement, Fate.TAKEN, f"{path} was read")
            except Unreadable as error:
                self._note(statement, Fate.LEFT, f"{path}: {error}")


def is_skipped(name: str) -> bool:
    """Whether dnsmasq never reads a file of this name in a folder."""
    return name.startswith(".") or name.endswith("~") or (name.startswith("#") and name.endswith("#"))


def files_at(source: Source, path: str) -> list[str]:
    """The file itself, or the files of a folder."""
    try:
        if source.is_folder(path):
            return [f"{path.rstrip('/')}/{name}" for name in source.names(path) if not is_skipped(name)]
    except Unreadable:
        pass
    return [path]
