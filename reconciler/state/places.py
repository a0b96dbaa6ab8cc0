"""Where files of a state repository lie: which folders there are, and what is wrong with a file's place."""

import difflib

from reconciler.dns import names
from reconciler.errors import BadName
from reconciler.state.problem import Position, Problem
from reconciler.state.text import shown
from reconciler.state.tree import Blob

FOLDERS = {
    "hosts": (".yaml",),
    "zones": (".yaml", ".zone"),
    "dnsmasq.d": (".conf",),
    "bind.d": (".conf",),
}
_BY_VIEW = ("zones", "bind.d")
"""Folders with a folder for each view."""

_FILES = ("site.yaml", "hosts.yaml")
_SUFFIXES = (".yaml", ".yml", ".zone", ".conf")


def misplaced(path: str, blob: Blob) -> Problem | None:
    """A file that should not be where it is, or not at all."""
    where = Position(path)
    if blob.symlink:
        return Problem(where, "a symbolic link is not allowed", "put the file itself here")
    folder, slash, rest = path.partition("/")
    if not slash:
        if path.startswith(".") or path in _FILES or not path.endswith(_SUFFIXES):
            return None
        return Problem(where, "this file means nothing here", _suggestion(path, _FILES))
    suffixes = FOLDERS.get(folder)
    if suffixes is None:
        close = difflib.get_close_matches(folder, FOLDERS, n=1, cutoff=0.7)
        if close and path.endswith(_SUFFIXES):
            return Problem(where, f"folder {shown(folder)} means nothing here", f"did you mean {close[0]}/?")
        return None
    if rest.startswith(".git"):
        return None
    view, file = by_view(folder, rest)
    if "/" in file or rest.startswith(".") or not file.endswith(suffixes) or file.startswith("."):
        known = " or ".join(f"{folder}/NAME{suffix}" for suffix in suffixes)
        return Problem(where, "this file means nothing here", f"known are {known}")
    return _zone_name_problem(path, file, view) if folder == "zones" else None


def by_view(folder: str, rest: str) -> tuple[str, str]:
    """(view, file name) of a path below a folder; the view is "" where the file is for all."""
    view, slash, file = rest.partition("/")
    return (view, file) if slash and folder in _BY_VIEW else ("", rest)


def _suggestion(path: str, known: tuple[str, ...]) -> str:
    stem, _, suffix = path.rpartition(".")
    close = difflib.get_close_matches(stem, [name.partition(".")[0] for name in known], n=1)
    if close and suffix in ("yaml", "yml"):
        return f"did you mean {close[0]}.yaml?"
    if suffix == "zone" or "." in stem:
        return f"did you mean zones/{path}?"
    return f"known are {', '.join(known)} and the folders {', '.join(f'{name}/' for name in FOLDERS)}"


def _zone_name_problem(path: str, file: str, view: str) -> Problem | None:
    try:
        names.from_filename(file.rsplit(".", 1)[0])
    except BadName as error:
        example = f"zones/{view}/example.org.zone" if view else "zones/example.org.zone"
        return Problem(Position(path), f"the file's name is not a zone's: {error}", f"write {example}")
    return None
