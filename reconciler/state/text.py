"""From a file's bytes to text that parsers and terminals can be trusted with, or to positioned problems."""

import re
from bisect import bisect_right

from reconciler.state.problem import Position, Problem

MEBIBYTE = 1024 * 1024

# C0 and C1 controls but tab, newline and return; line separators of Unicode (editors count lines without
# them, YAML with them); marks that reorder what a reviewer sees; surrogates and noncharacters.
UNWANTED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)
"""Characters that no file of the repository may hold."""


def decode(path: str, data: bytes, limit: int) -> tuple[str, list[Problem]]:
    """The file's text without byte order mark; with problems, it must not be read further.

    limit: largest size in bytes.
    """
    if len(data) > limit:
        what = f"the file has {len(data) / MEBIBYTE:.1f} MiB; the limit is {limit // MEBIBYTE} MiB"
        return "", [Problem(Position(path), what, "split it")]
    try:
        text = data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8").removeprefix("\ufeff")
        what = f"byte 0x{data[error.start]:02x} is not UTF-8"
        return "", [Problem(position(path, before, len(before)), what, "save the file as UTF-8")]
    unwanted = UNWANTED.search(text)
    if unwanted:
        what = f"character U+{ord(unwanted[0]):04X} is not allowed"
        fix = "remove it: it does not show, or changes how the text is shown"
        return "", [Problem(position(path, text, unwanted.start()), what, fix)]
    return text, []


class Lines:
    """Finds many positions in one text: its lines are counted once."""

    def __init__(self, path: str, text: str) -> None:
        self._path = path
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def at(self, index: int) -> Position:
        """As `position`."""
        line = bisect_right(self._starts, index)
        return Position(self._path, line, index - self._starts[line - 1] + 1)


def position(path: str, text: str, index: int) -> Position:
    """Line and column of the character at `index`; lines end with a newline."""
    start = text.rfind("\n", 0, index) + 1
    return Position(path, text.count("\n", 0, index) + 1, index - start + 1)


def shown(value: str) -> str:
    """A value from the repository, quoted and short enough for a message."""
    return repr(value if len(value) <= 60 else value[:57] + "...")
