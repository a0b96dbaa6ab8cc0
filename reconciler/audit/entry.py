"""One entry of the audit and its commit message. Pure.

Texts come from outside (push options, servers' complaints, names of people): nothing in them may look like a
trailer, end the message or steer a terminal.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.git.fastimport import Files

SUBJECT_LENGTH = 200
VALUE_LENGTH = 4000
BODY_LENGTH = 65_536

_SPECIAL = ("---", "#")
"""At the start of a line these end the message, or are a comment, for git-interpret-trailers."""
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9-]*")


@dataclass(frozen=True, slots=True)
class Entry:
    """What is recorded about one apply.

    trailers: (key, value) in order, a key may come again (`Zone`). body: free text between them and the
    subject. files: what changed in the deployed content. notes: text by the id of the state commit that it is
    about.
    """

    subject: str
    trailers: Sequence[tuple[str, str]] = ()
    body: str = ""
    files: Files = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)


def message(entry: Entry) -> str:
    """The commit message, with trailers as git-interpret-trailers(1) reads them.

    Raises ValueError for a key that is not letters, digits and hyphens.
    """
    body = "\n".join(_body_line(line) for line in _clean(entry.body).split("\n")).strip("\n")
    paragraphs = [
        _subject(entry.subject),
        body[:BODY_LENGTH].rstrip(),
        "\n".join(_trailer(key, value) for key, value in entry.trailers),
    ]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph) + "\n"


def note(text: str) -> str:
    """A note's text as it is stored."""
    return _clean(text).strip("\n")[:BODY_LENGTH] + "\n"


def identity(node: str) -> str:
    """Author and committer of audit commits of a node."""
    host = re.sub(r"[^A-Za-z0-9._-]", "", node) or "unknown"
    return f"reconciler <reconciler@{host}>"


def _subject(text: str) -> str:
    line = " ".join(_clean(text).split())[:SUBJECT_LENGTH]
    return f"apply: {line}" if line.startswith(_SPECIAL) else line or "apply"


def _trailer(key: str, value: str) -> str:
    if not _KEY.fullmatch(key):
        raise ValueError(f"{key!r} is not a trailer's key")
    lines = [line.strip() for line in _clean(value)[:VALUE_LENGTH].split("\n")]
    # A line that starts with a space continues the value before it.
    return f"{key}: " + ("\n  ".join(line for line in lines if line) or "-")


def _body_line(line: str) -> str:
    return f" {line}" if line.startswith(_SPECIAL) else line.rstrip()


def _clean(text: str) -> str:
    """Line ends become newlines; control, format (text direction) and surrogate characters become U+FFFD."""
    lines = ("".join(map(_shown, line)) for line in text.expandtabs(4).splitlines())
    return "\n".join(lines)


def _shown(character: str) -> str:
    return "\ufffd" if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn"} else character
