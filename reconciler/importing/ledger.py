"""What became of each line that was read, and what was guessed."""

from collections.abc import Iterable

from reconciler.importing.found import Fate, Line

WHOLE_FILE = "(the file)"
"""Text of a line that is about a file as such."""


class Ledger:
    """Lines in the order in which they were read; the join may still change what became of one."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = list(lines)
        self._places: dict[tuple[str, int], list[int]] = {}
        for index, line in enumerate(self._lines):
            if line.text != WHOLE_FILE:
                self._places.setdefault((line.path, line.number), []).append(index)
        self._guesses: dict[str, None] = {}

    def mark(self, path: str, number: int, fate: Fate, note: str, text: str = "") -> None:
        """Say what became of a line; one that nobody has told of yet is added, with its text."""
        places = self._places.get((path, number))
        if places is None:
            self._places[path, number] = [len(self._lines)]
            self._lines.append(Line(path, number, text, fate, note))
            return
        for index in places:
            self._lines[index] = self._lines[index]._replace(fate=fate, note=note)

    def note(self, path: str, number: int, note: str) -> None:
        """Say where a line went that was taken, unless something is said already."""
        for index in self._places.get((path, number), ()):
            if not self._lines[index].note:
                self._lines[index] = self._lines[index]._replace(note=note)

    def guess(self, text: str) -> None:
        """Tell of something that no file says."""
        self._guesses[text] = None

    @property
    def guesses(self) -> tuple[str, ...]:
        """All that was guessed, once each."""
        return tuple(self._guesses)

    @property
    def lines(self) -> tuple[Line, ...]:
        """All lines as they stand now."""
        return tuple(self._lines)
