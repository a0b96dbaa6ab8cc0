r"""Versions of a zone: where views exist, one name can have several, each with records, serial and file of its own.

A version's id is the name of its zone where there is but one, else NAME@VIEW, such as `example.org.@external`. No
canonical name has an `@` without a backslash before it, so an id can be taken apart again.
"""

import re

from reconciler.dns import names
from reconciler.errors import BadName

_MARK = ".@"
_IN_FILENAME = re.compile(r"(?P<zone>.+)@(?P<view>[a-z0-9_-]+)", re.DOTALL)


def zone_id(name: str, view: str) -> str:
    """The id of a zone's version for a view; `view` is "" where there is one version for all."""
    return f"{name}@{view}" if view else name


def split(key: str) -> tuple[str, str]:
    """(name, view) of an id."""
    head, mark, view = key.partition(_MARK)
    return (f"{head}.", view) if mark else (key, "")


def name_of(key: str) -> str:
    """The zone's name in an id."""
    return split(key)[0]


def shown(key: str) -> str:
    """An id for a person: `example.org. (external)`. What is no id stays as it is."""
    name, view = split(key)
    return f"{name} ({view})" if view else name


def filename(key: str) -> str:
    """The file name of a version, without suffix; see `names.filename`."""
    name, view = split(key)
    return zone_id(names.filename(name), view)


def from_filename(text: str) -> str:
    """The id that a file name stands for; the inverse of `filename`. Raises BadName."""
    found = _IN_FILENAME.fullmatch(text)
    if found is None or found["zone"].endswith("\\"):
        return names.from_filename(text)
    if found["zone"] == "@":
        raise BadName(f"{text!r} is not a zone's file name")
    return zone_id(names.from_filename(found["zone"]), found["view"])
