"""A zone's content as named reads it: named-compilezone on the master file, with its journal folded in.

The files themselves are only read; what named-compilezone writes goes into a scratch folder.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from reconciler import tools
from reconciler.errors import Refused, Temporary
from reconciler.importing.bind.places import Places
from reconciler.importing.bind.sources import Sources, gather, staged
from reconciler.importing.bind.syntax import plain
from reconciler.services.bind import zonefile

MAX_TEXT = 1024 * 2**20
"""Bytes of a zone with one record a line; more are not written."""

_LENIENT = tuple(word for mode in "iknmMSrTW" for word in (f"-{mode}", "none" if mode == "i" else "ignore"))
_PROGRAM = "named-compilezone"
_COMPILE = ("prlimit", f"--fsize={MAX_TEXT}", "--core=0", _PROGRAM, *_LENIENT, "-s", "full")
_TIMEOUT = 600.0
_REMARK = re.compile(r"(?:[a-z_]+: )?(?P<path>/.*?):(?P<line>[0-9]+): (?P<what>.*)")
_NOISE = re.compile(r"not loaded due to errors\.$|loaded serial|^dump zone to|^OK$")


class Remark(NamedTuple):
    """What named-compilezone says of a line. line: 0 where it names none."""

    path: str
    line: int
    what: str


class Compiled(NamedTuple):
    """text: one record a line, absolute, as named-compilezone writes it. remarks: of what it passed over."""

    text: str
    remarks: tuple[Remark, ...]
    sources: Sources


def compiled(name: str, path: Path, places: Places, journal: Path | None = None) -> Compiled:
    """Read a zone as named does. journal: the file; beside the master file when left out.

    Raises Refused with file, line and the words of named-compilezone, Temporary where that is missing.
    """
    path = path.absolute()
    sources = gather(path, places)
    with tempfile.TemporaryDirectory(prefix="reconciler-") as scratch:
        folder = Path(scratch)
        moved = {} if sources.whole else staged(sources, folder)
        output = folder / "zone.out"
        journal = journal or zonefile.journal(path)
        argv = [*_COMPILE, *(("-f", "raw") if sources.raw else ())]
        argv += ["-J", str(journal)] if _has_something(journal) else []
        argv += ["-o", str(output), "--", name, str(moved.get(path, path))]
        done = _run(argv, path)
        said = done.text
        for original, copy in moved.items():
            said = said.replace(str(copy), str(original))
        remarks = tuple(_remarks(said))
        if done.code or not output.exists():
            raise Refused(_reason(path, remarks))
        return Compiled(output.read_text(encoding="utf-8"), remarks, sources)


def _has_something(journal: Path) -> bool:
    """Raises Refused for what named-compilezone could wait for."""
    if not journal.exists():
        return False
    if not journal.is_file():
        raise Refused(f"{plain(str(journal))} is not a regular file, so it is no journal")
    return journal.stat().st_size > 0


def _run(argv: list[str], path: Path) -> tools.Completed:
    if shutil.which(_PROGRAM) is None:
        raise tools.missing(_PROGRAM)
    try:
        return tools.run(argv, timeout=_TIMEOUT)
    except Temporary as error:  # Too long, too large: it would be so again.
        limits = f"it may take {_TIMEOUT:.0f} s and write {MAX_TEXT // 2**20} MiB"
        raise Refused(f"{plain(str(path))}: {_PROGRAM}: {error} ({limits})") from None


def _remarks(said: str) -> Iterator[Remark]:
    for line in said.splitlines():
        text = line.strip()
        if not text or _NOISE.search(text):
            continue
        if match := _REMARK.match(text):
            yield Remark(match["path"], int(match["line"]), plain(match["what"]))
        else:
            yield Remark("", 0, plain(text))


def _reason(path: Path, remarks: tuple[Remark, ...]) -> str:
    """The first remark with a line that is no mere warning, else the last words."""
    placed = [remark for remark in remarks if remark.line and not remark.what.startswith("ignoring")]
    if placed:
        return f"{plain(placed[0].path)}:{placed[0].line}: named-compilezone: {placed[0].what}"
    words = remarks[-1].what if remarks else "no reason given"
    return f"{plain(str(path))}: named-compilezone: {words}"
