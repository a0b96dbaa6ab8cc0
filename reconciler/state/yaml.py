"""YAML files with positions, where every scalar is text.

Built on libyaml's events, not on nodes: they show anchors and tags, know where each thing stands, and are
read one at a time, so that what is too deep is never built. What YAML offers to surprise people (anchors,
aliases, merge keys, tags, several documents, duplicate keys) is refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from reconciler.state import yamlsyntax
from reconciler.state.bounds import MAX_VALUES, Enough, Problems
from reconciler.state.model import Locator, Path
from reconciler.state.problem import Position, Problem
from reconciler.state.text import MEBIBYTE, UNWANTED, decode, shown
from reconciler.state.tree import Blob

Value = str | list[Any] | dict[str, Any] | None
"""Text, a list or mapping of values, or None where nothing or a plain `null` or `~` stands."""

LIMIT = 4 * MEBIBYTE
MAX_DEPTH = 20

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_CUT_ADDRESS = re.compile(r"[0-9A-Fa-f:.]*:")


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file as read; `data` is None when it is empty or cannot be read at all.

    keys: where the keys of mappings stand, as `locator` says where values do.
    """

    data: Value
    locator: Locator
    keys: Mapping[Path, tuple[int, int]]
    problems: tuple[Problem, ...]

    def at_key(self, *keys: str | int) -> Position:
        """Position of the last key itself, or of its value where it is a list's item."""
        place = self.keys.get(keys)
        return Position(self.locator.path, *place) if place else self.locator.at(*keys)


def read(path: str, blob: Blob, *, limit: int = LIMIT) -> Document:
    """Read one file; never raises for what stands in it."""
    text, problems = decode(path, blob.data, limit)
    if problems:
        return Document(None, Locator(path, {}), {}, tuple(problems))
    return _Composer(path, text).compose()


class _Frame:
    """A list or mapping that is being filled."""

    __slots__ = ("data", "key", "path", "skip")

    def __init__(self, data: list[Any] | dict[str, Any], path: Path) -> None:
        self.data = data
        self.path = path
        self.key: str | None = None
        self.skip = False  # The next value belongs to a key that was refused.


class _Stop(Exception):
    """The document cannot be read any further."""


class _Composer:
    def __init__(self, path: str, text: str) -> None:
        self._path = path
        self._text = text
        self._places: dict[Path, tuple[int, int]] = {}
        self._keys: dict[Path, tuple[int, int]] = {}
        self._problems = Problems()
        self._stack: list[_Frame] = []
        self._root: Value = None

    def compose(self) -> Document:
        loader = yaml.CSafeLoader(self._text)
        try:
            self._documents(loader)
        except yaml.MarkedYAMLError as error:
            self._root = None
            self._problems.append(yamlsyntax.explained(self._path, self._text, error))
        except yaml.YAMLError as error:  # Only for text that `decode` should have refused.
            self._root = None
            self._problems.append(Problem(Position(self._path), f"not valid YAML: {error}"))
        except (_Stop, Enough):
            self._root = None
        finally:
            loader.dispose()
        return Document(self._root, Locator(self._path, self._places), self._keys, tuple(self._problems))

    def _documents(self, loader: Any) -> None:
        documents = 0
        while (event := loader.get_event()) is not None:
            kind = type(event)
            if kind is yaml.ScalarEvent:
                self._scalar(event)
            elif kind is yaml.MappingStartEvent:
                self._open(event, {})
            elif kind is yaml.SequenceStartEvent:
                self._open(event, [])
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                self._close()
            elif kind is yaml.AliasEvent:
                self._alias(event)
            elif kind is yaml.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    self._problem(event, "a second document begins", "keep one document in a file, remove `---`")
                    return
            elif kind is yaml.StreamEndEvent:
                return

    def _problem(self, event: Any, what: str, fix: str) -> None:
        mark = event.start_mark
        self._problems.add(Problem(Position(self._path, mark.line + 1, mark.column + 1), what, fix))

    def _decorated(self, event: Any) -> None:
        if event.anchor is not None:
            self._problem(event, f"anchor &{event.anchor} is not allowed", "write the value where it is needed")
        if event.tag is not None:
            self._problem(event, f"tag {shown(event.tag)} is not allowed", "remove it: types come from the schema")

    def _scalar(self, event: Any) -> None:
        if event.anchor is not None or event.tag is not None:
            self._decorated(event)
        if event.style == '"' and (unwanted := UNWANTED.search(event.value)):
            self._problem(event, f"character U+{ord(unwanted[0]):04X} is not allowed", "remove its escape")
        frame = self._stack[-1] if self._stack else None
        if frame is not None and type(frame.data) is dict and frame.key is None and not frame.skip:
            self._key(frame, event)
            return
        value = None if event.implicit[0] and event.value in _NULLS else event.value
        self._add(event, value)

    def _key(self, frame: _Frame, event: Any) -> None:
        key = event.value
        place = (event.start_mark.line + 1, event.start_mark.column + 1)
        if key == "<<" and event.implicit[0]:
            self._problem(event, "merge key << is not allowed", "write the values where they are needed")
            frame.skip = True
        elif key in frame.data:
            first = self._keys[(*frame.path, key)]
            self._problem(event, f"key {shown(key)} stands twice", f"it stands first in line {first[0]}; keep one")
            frame.skip = True
        else:
            frame.key = key
            self._keys[(*frame.path, key)] = place

    def _alias(self, event: Any) -> None:
        self._problem(event, f"alias *{event.anchor} is not allowed", 'write the value itself; quote a "*"')
        frame = self._stack[-1] if self._stack else None
        if frame is not None and type(frame.data) is dict and frame.key is None and not frame.skip:
            frame.skip = True
        else:
            self._add(event, None)

    def _add(self, event: Any, value: Value) -> Path | None:
        """Put a value where it belongs; return its path, None if its key was refused."""
        mark = event.start_mark
        place = (mark.line + 1, mark.column + 1)
        if not self._stack:
            self._root = value
            self._places[()] = place
            return ()
        if len(self._places) >= MAX_VALUES:
            self._problem(event, f"the file has more than {MAX_VALUES} values", "split it")
            raise _Stop
        frame = self._stack[-1]
        data = frame.data
        if type(data) is list:
            path: Path = (*frame.path, len(data))
            data.append(value)
        elif frame.skip:
            frame.skip = False
            return None
        else:
            assert type(data) is dict and frame.key is not None
            path = (*frame.path, frame.key)
            data[frame.key] = value
            frame.key = None
            absent = value is None and type(event) is yaml.ScalarEvent and not event.value
            if absent or type(value) in (list, dict):
                place = self._keys[path]  # The mark of what is absent may be lines below.
        self._places[path] = place
        return path

    def _open(self, event: Any, data: list[Any] | dict[str, Any]) -> None:
        if event.anchor is not None or event.tag is not None:
            self._decorated(event)
        if len(self._stack) >= MAX_DEPTH:
            self._problem(event, f"nested deeper than {MAX_DEPTH} levels", "nothing here needs that; flatten it")
            raise _Stop
        frame = self._stack[-1] if self._stack else None
        if frame is not None and type(frame.data) is dict and frame.key is None and not frame.skip:
            self._problem(event, "a list or mapping stands as a key", "use plain text as the key")
            raise _Stop
        path = self._add(event, data)
        # What hangs below a refused key is read into a container that nobody sees.
        self._stack.append(_Frame(data, path if path is not None else ("", -1, len(self._keys))))

    def _close(self) -> None:
        frame = self._stack.pop()
        data = frame.data
        if type(data) is not dict or len(data) != 1 or not self._stack or type(self._stack[-1].data) is not list:
            return
        ((key, value),) = data.items()
        if value is None and _CUT_ADDRESS.fullmatch(key):
            place = self._keys[(*frame.path, key)]
            what = f"{key}: ends with a colon, so YAML reads it as a key"
            self._problems.add(Problem(Position(self._path, *place), what, f'quote it: "{key}:"'))
            self._stack[-1].data[-1] = f"{key}:"
