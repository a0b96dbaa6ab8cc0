"""A master file with all that it includes, made ready for named-compilezone.

named has no protection from `$INCLUDE` of a file in itself (it opens it until it has no more descriptors), nor from a
`$GENERATE` of billions. So both are looked for before, on bytes, in every line that named's lexer could take for one.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from reconciler.errors import Refused
from reconciler.importing.bind.places import Places, read
from reconciler.importing.bind.syntax import plain
from reconciler.state.bounds import MAX_GENERATED

MAX_BYTES = 256 * 2**20
"""Of a zone's master file with all that it includes, each as often as it is included."""
MAX_NESTED = 20
_RAW = b"\0\0\0\2"

_DIRECTIVE = re.compile(rb"(?i)\$(?:INCLUDE|GENERATE)[^\r\n]*")
_BEFORE = b' \t("'
"""What may stand before a directive, which is the first token of its line."""
_INCLUDE = re.compile(rb'(?i)\$INCLUDE[ \t]+(?:"(?P<quoted>[^"\\\0]+)"|(?P<word>[^ \t";()\\\0]+))(?=[ \t;]|\Z)')
_GENERATE = re.compile(
    rb"(?i)\$GENERATE[ \t]+(?P<first>[0-9]{1,10})-(?P<last>[0-9]{1,10})(?:/(?P<step>[0-9]{1,10}))?[ \t]"
)


class Include(NamedTuple):
    """An `$INCLUDE`: the bytes that name the file, its line, and the file."""

    start: int
    end: int
    line: int
    path: Path


@dataclass(slots=True)
class Source:
    """One file. size, generated: bytes and records of $GENERATE, with those of what it includes. depth: of includes."""

    path: Path
    data: bytes
    includes: list[Include] = field(default_factory=list)
    size: int = 0
    generated: int = 0
    depth: int = 0


class Sources(NamedTuple):
    """The files of a zone by path. raw: they are in named's raw format, and include nothing."""

    main: Path
    files: dict[Path, Source]
    raw: bool = False

    @property
    def whole(self) -> bool:
        """Whether the master file is all there is."""
        return len(self.files) == 1


def gather(path: Path, places: Places) -> Sources:
    """Read a zone's files. Raises Refused with file and line for what must not be given to named-compilezone."""
    data = read(path, MAX_BYTES)
    if not data:  # Or one that the kernel makes up, for which named-compilezone would wait.
        raise Refused(f"{plain(str(path))} is empty")
    if data.startswith(_RAW):
        return Sources(path, {path: Source(path, data, size=len(data))}, raw=True)
    files: dict[Path, Source] = {}
    _scan(path, data, places, files, ())
    return Sources(path, files)


def _scan(path: Path, data: bytes, places: Places, files: dict[Path, Source], above: tuple[Path, ...]) -> Source:
    source = Source(path, data, size=len(data))
    line, counted = 1, 0
    for match in _DIRECTIVE.finditer(data):
        start = data.rfind(b"\n", 0, match.start()) + 1
        start = data.rfind(b"\r", start, match.start()) + 1 or start
        if data[start : match.start()].strip(_BEFORE):
            continue
        line, counted = line + data.count(b"\n", counted, start), start
        whole = data[start : match.end()]
        where = f"{plain(str(path))}:{line}"
        if generate := _GENERATE.match(whole):
            source.generated += _count(generate)
        elif include := _INCLUDE.match(whole):
            kind = include.lastgroup or ""
            written = include[kind].decode("utf-8", "surrogateescape")
            inner = _include(written, where, places, files, (*above, path))
            begin, end = (start + place for place in include.span(kind))
            source.includes.append(Include(begin, end, line, inner.path))
            source.size += inner.size
            source.generated += inner.generated
            source.depth = max(source.depth, inner.depth + 1)
        else:
            text = whole[:60].decode("utf-8", "replace").strip()
            raise Refused(f"{where}: {plain(text)!r} cannot be read; write the directive plainly at the line's start")
        if source.depth > MAX_NESTED:
            raise Refused(f"{where}: files are included in each other deeper than {MAX_NESTED} levels")
        if source.size > MAX_BYTES:
            raise Refused(f"{where}: with all that is included there are more than {MAX_BYTES // 2**20} MiB")
        if source.generated > MAX_GENERATED:
            raise Refused(f"{where}: $GENERATE makes more than {MAX_GENERATED} records in all")
    files[path] = source
    return source


def _include(written: str, where: str, places: Places, files: dict[Path, Source], above: tuple[Path, ...]) -> Source:
    try:
        path = places.find(written)
        if path.resolve() in {one.resolve() for one in above}:
            raise Refused(f"{plain(written)} includes itself")
        if len(above) > MAX_NESTED:  # Before going on, since this calls itself.
            raise Refused(f"files are included in each other deeper than {MAX_NESTED} levels")
        if path in files:
            return files[path]
        data = read(path, MAX_BYTES)
    except Refused as error:
        raise Refused(f"{where}: $INCLUDE: {error}") from None
    return _scan(path, data, places, files, above)


def _count(generate: re.Match[bytes]) -> int:
    first, last, step = int(generate["first"]), int(generate["last"]), int(generate["step"] or 1)
    return max(last - first, 0) // max(step, 1) + 1


def staged(sources: Sources, folder: Path) -> dict[Path, Path]:
    """Write the files into a scratch folder, their `$INCLUDE` leading there; returns where each lies now."""
    moved = {path: folder / f"{number:05d}.part" for number, path in enumerate(sources.files)}
    for path, source in sources.files.items():
        pieces, done = [], 0
        for include in source.includes:
            pieces += [source.data[done : include.start], str(moved[include.path]).encode()]
            done = include.end
        moved[path].write_bytes(b"".join([*pieces, source.data[done:]]))
    return moved
