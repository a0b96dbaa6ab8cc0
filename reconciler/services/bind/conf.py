"""named.conf with all that it includes, as copies that can be checked elsewhere with our part replaced.

The copies keep lines and includes as they are, so that the checker's `file:line` can be told in the originals' terms.
"""

import glob
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

_TOKENS = re.compile(
    r"""(?P<comment>/\*.*?\*/|//[^\n]*|\#[^\n]*)
      | (?P<include>(?<![\w-])include\s*"(?P<path>(?:\\.|[^"\\])*)"\s*;)
      | (?P<string>"(?:\\.|[^"\\])*")""",
    re.DOTALL | re.VERBOSE,
)
_DEPTH = 20


class Copy(NamedTuple):
    """One file: its name in the scratch folder, where it comes from, and its text with includes renamed."""

    name: str
    origin: Path
    text: str


def collect(path: Path, replaced: Mapping[Path, str], scratch: str) -> tuple[Copy, ...]:
    """Copies of `path` (the last one) and of all that it includes, to be written into the folder `scratch`.

    For a path in `replaced` that text is taken. Relative includes stay as they are: they depend on the `directory`
    option, which the checker follows itself. Raises OSError when a file cannot be read.
    """
    copies: list[Copy] = []
    _collect(path, replaced, scratch, copies, 0)
    return tuple(copies)


def _collect(path: Path, replaced: Mapping[Path, str], scratch: str, copies: list[Copy], depth: int) -> str:
    text = replaced.get(path)
    if text is None:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")

    def expand(match: re.Match[str]) -> str:
        if match["include"] is None or not match["path"].startswith("/") or depth >= _DEPTH:
            return match[0]
        inner = [_collect(each, replaced, scratch, copies, depth + 1) for each in _matching(match["path"])]
        return " ".join(f'include "{scratch}/{name}";' for name in inner)

    text = _TOKENS.sub(expand, text)
    name = f"{len(copies)}.conf"
    copies.append(Copy(name, path, text))
    return name


def _matching(pattern: str) -> list[Path]:
    """Files of one include statement, which takes wildcards (glob(7))."""
    if glob.has_magic(pattern) and not Path(pattern).exists():
        return [Path(found) for found in sorted(glob.glob(pattern))]  # noqa: PTH207  the pattern is absolute
    return [Path(pattern)]
