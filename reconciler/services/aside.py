"""Keeping what is about to be overwritten and was not ours: hand edits, journals that do not fit, records of others."""

import os
import re
import secrets
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from reconciler.effects import Effects

FOLDER = "aside"

KEPT = 20
"""Files kept of each name; somebody who edits by hand again and again must not fill the disk."""

_MARK = r"\.(?:[0-9]{1,10}|[0-9]{8}T[0-9]{6}Z)(?:\.[0-9a-f]{8})?"


def keep(folder: Path, name: str, mark: str, content: bytes, effects: Effects) -> Path:
    """Save `content` as FOLDER/NAME.MARK and return its path; of NAME only the newest KEPT files stay.

    mark: a serial, or a time as 20260102T030405Z. A file of that name with another content stays, and this one gets
    a part of its digest as well.
    """
    target = folder / f"{name}.{mark}"
    if target.exists() and target.read_bytes() != content:
        target = folder / f"{name}.{mark}.{sha256(content).hexdigest()[:8]}"
    effects.make_folder(folder)
    effects.replace(target, content)
    _prune(folder, name, target, effects)
    return target


def move(folder: Path, path: Path, mark: str, effects: Effects) -> Path:
    """The same for a file as it lies there, of whatever kind and size, which is then gone from its place."""
    target = folder / f"{path.name}.{mark}"
    while os.path.lexists(target):
        target = folder / f"{path.name}.{mark}.{secrets.token_hex(4)}"
    effects.make_folder(folder)
    effects.move(path, target)
    _prune(folder, path.name, target, effects)
    return target


def _prune(folder: Path, name: str, newest: Path, effects: Effects) -> None:
    of_name = re.compile(re.escape(name) + _MARK)
    others = [path for path in folder.iterdir() if of_name.fullmatch(path.name) and path != newest]
    others.sort(key=lambda path: (path.lstat().st_mtime_ns, path.name))
    for path in others[: -(KEPT - 1)]:
        effects.unlink(path)


def remove_staged(folder: Path, effects: Effects) -> Iterator[Path]:
    """Remove what was staged in BIND's folder and never swapped in; gives each path."""
    for place in (folder, folder / "zones", folder / FOLDER):
        for path in sorted(place.glob(".*.tmp")):
            effects.unlink(path)
            yield path
