"""What a check has to say."""

import shlex
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from reconciler.config import DEFAULT_PATH


class Level(StrEnum):
    """How bad it is."""

    WELL = "well"
    SKIPPED = "skipped"
    """Not looked at; the text says why."""
    WARNING = "warning"
    """Works, and will bite one day, or cannot be told from here."""
    BROKEN = "broken"
    """Something that this node is for does not work, or will not at the next start."""


@dataclass(frozen=True, slots=True)
class Finding:
    """what: a sentence. remedy: lines for a shell, what is to be read rather than run as comments; "" for none.

    check: the name of the check, filled in by whoever calls it.
    """

    level: Level
    what: str
    remedy: str = ""
    check: str = ""


def well(what: str) -> Finding:
    """All is as it should be."""
    return Finding(Level.WELL, what)


def skipped(why: str) -> Finding:
    """It was not looked at."""
    return Finding(Level.SKIPPED, why)


def warning(what: str, *remedy: str) -> Finding:
    """A warning with the lines of its remedy."""
    return Finding(Level.WARNING, what, "\n".join(remedy))


def broken(what: str, *remedy: str) -> Finding:
    """Something broken with the lines of its remedy."""
    return Finding(Level.BROKEN, what, "\n".join(remedy))


def quoted(text: object) -> str:
    """For a remedy: one word of a shell, whatever a push, a file or a server put into it."""
    return shlex.quote(str(text))


def command(config: Path, *words: str) -> str:
    """For a remedy: a reconciler command for the node with these settings."""
    options = ["--config", str(config)] if config != DEFAULT_PATH else []
    return shlex.join(["sudo", "reconciler", *words, *options])


def chapter(title: str, document: str = "docs/operations.md") -> str:
    """The line of a remedy that says where to read on."""
    return f'# {document}, "{title}"'
