"""A pause: nothing is applied until it ends. It stands on disk, because a restart must not end it."""

import contextlib
from pathlib import Path

from reconciler.effects import Effects


class Pause:
    """By whom, since when and why; "" while there is none."""

    def __init__(self, state: Path, effects: Effects) -> None:
        self.text = ""
        self._path = state / "paused"
        self._effects = effects

    def begin(self, text: str) -> None:
        """Pause from now on, or for another reason."""
        self._effects.replace(self._path, text.encode() + b"\n")
        self.text = text

    def end(self) -> None:
        """Go on."""
        self._effects.unlink(self._path)
        self.text = ""

    def recall(self) -> None:
        """Take over a pause from before a restart."""
        with contextlib.suppress(FileNotFoundError):
            self.text = self._path.read_text(encoding="utf-8", errors="replace").strip()
