"""What the formats of node files have in common: a file, its modes, blocks in braces, words that need no quoting."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from reconciler.errors import Refused

MADE_BY = "Written by `reconciler bootstrap` from the state repository."

PUBLIC = 0o644
SECRET = 0o600
PROGRAM = 0o755

_WORD = re.compile(r"[A-Za-z0-9._:/@+\[\]-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class NodeFile:
    """One file of the tree: its text, and the mode that it has from the start."""

    text: str
    mode: int = PUBLIC


def word(value: object) -> str:
    """A value that no format here means anything by: names, numbers, addresses, paths. Raises Refused."""
    text = str(value)
    if not _WORD.fullmatch(text):
        raise Refused(f"{text!r} cannot stand in a configuration file; use letters, digits and . _ : / @ + - only")
    return text


def argument(value: object) -> str:
    """A word that is one argument of a resource script, where `::` divides them. Raises Refused."""
    text = word(value)
    if "::" in text:
        raise Refused(f"{text!r} has `::`, which divides arguments of resource scripts; write another name")
    return text


def block(head: str, *body: str | Iterable[str]) -> list[str]:
    """Lines `head { … }`, the body indented by four blanks; an item of the body is a line or a block."""
    lines = [line for item in body for line in ([item] if isinstance(item, str) else item)]
    return [f"{head} {{", *(f"    {line}" if line else "" for line in lines), "}"]


def commented(lines: Iterable[str], *about: str) -> str:
    """A file's text: who wrote it and what it is, then its lines."""
    head = [f"# {line}".rstrip() for line in (MADE_BY, *about)]
    return "".join(f"{line}\n" for line in (*head, *lines))


def section(name: str, *pairs: tuple[str, Iterable[object]]) -> list[str]:
    """A section of systemd's form (systemd.syntax(7)). A value is words; no word ends a list that other files began."""
    lines = [f"[{name}]"]
    for key, value in pairs:
        lines.append(f"{key}={' '.join(word(each) for each in value)}")
    return lines
