"""Reading the servers' own files: bounded, whatever their bytes are, and never outside of the root that was named."""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from reconciler.errors import ReconcilerError, words

LIMIT = 256 * 1024 * 1024
"""Largest file that is read, in bytes."""

_UNSHOWN = re.compile(r"[^\x20-\x7e\xa0-\u200a\u2010-\u2027\u2030-\ud7ff]")
_LONGEST = 160


class Unreadable(ReconcilerError):
    """A file cannot be read; the text is the reason alone."""


class Text(NamedTuple):
    """A file's text. latin1: it is not UTF-8, so each byte was taken as a character of ISO 8859-1."""

    text: str
    latin1: bool = False

    def lines(self) -> Iterator[tuple[int, str]]:
        """Numbered lines from 1, without line ends, CRLF or not."""
        for number, line in enumerate(self.text.split("\n"), 1):
            yield number, line.removesuffix("\r")


class Source:
    """Files of a machine; with `root` those of a copy of its disk in that folder."""

    def __init__(self, root: Path | None = None) -> None:
        self._root = root.resolve() if root is not None else None

    def place(self, path: str) -> Path:
        """Where a path of the machine is. Raises Unreadable for what lies outside of the root."""
        if self._root is None:
            return Path(path)
        found = Path(os.path.realpath(self._root / path.lstrip("/")))
        if not found.is_relative_to(self._root):
            raise Unreadable(f"a link leads out of {self._root}")
        return found

    def exists(self, path: str) -> bool:
        """Whether a file or folder is there."""
        try:
            return self.place(path).exists()
        except (Unreadable, OSError):
            return False

    def is_folder(self, path: str) -> bool:
        """Whether it is a folder."""
        return self.place(path).is_dir()

    def names(self, folder: str) -> list[str]:
        """Names in a folder, in order. Raises Unreadable."""
        try:
            return sorted(entry.name for entry in self.place(folder).iterdir())
        except OSError as error:
            raise Unreadable(words(OSError(error.errno, error.strerror))) from None

    def data(self, path: str) -> bytes:
        """A file's bytes. Raises Unreadable."""
        return read(self.place(path), LIMIT)

    def text(self, path: str) -> Text:
        """A file's text. Raises Unreadable."""
        data = self.data(path)
        if b"\0" in data:
            raise Unreadable("it has NUL bytes, so it is no text")
        try:
            return Text(data.decode("utf-8").removeprefix("\ufeff"))
        except UnicodeDecodeError:
            return Text(data.decode("latin-1"), latin1=True)


def read(place: Path, limit: int) -> bytes:
    """A regular file of at most `limit` bytes, and no more of it than its size says. Raises Unreadable.

    What the kernel makes up has the size 0, and a read of it may wait for ever (/proc/kmsg, trace_pipe).
    """
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        with os.fdopen(descriptor, "rb") as stream:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise Unreadable("not a regular file")
            if status.st_size > limit:
                raise Unreadable(f"it has more than {limit} bytes")
            return stream.read(status.st_size)
    except OSError as error:
        raise Unreadable(error.strerror or str(error)) from None
    except ValueError as error:
        raise Unreadable(str(error)) from None


def shown(line: str) -> str:
    """A line fit for a report: printable and short."""
    text = _UNSHOWN.sub("?", line.strip().replace("\t", " "))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
