"""Whether a thread hangs in the kernel: in a disk that does not answer (proc(5), /proc/[pid]/stat, state D)."""

import time
from pathlib import Path

PATIENCE = 5.0
"""Seconds in which each look has to find the thread hanging."""


class Stuck:
    """Looks at one thread of this process. number: as threading.Thread.native_id has it."""

    def __init__(self, number: int | None, *, patience: float = PATIENCE) -> None:
        self._path = Path(f"/proc/self/task/{number}/stat")
        self._patience = patience
        self._since: float | None = None

    def look(self) -> bool:
        """Whether the thread has been found hanging at every look for some time."""
        if not self.hangs:
            self._since = None
            return False
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        return now - self._since >= self._patience

    @property
    def hangs(self) -> bool:
        """Whether it hangs at this moment, which a thread that reads or writes does for instants."""
        try:
            # The name in parentheses may hold anything.
            return self._path.read_text().rpartition(") ")[2].startswith("D")
        except OSError:
            return False
