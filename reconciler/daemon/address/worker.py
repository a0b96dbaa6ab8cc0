"""A thread that does a step, waits until the next one is due or somebody kicks it, and so on."""

import logging
import threading
from collections.abc import Callable

from reconciler.errors import NotPrimary, ReconcilerError, words

log = logging.getLogger(__name__)

_PATIENCE = 5.0
"""Seconds that `stop` waits for a step to end."""

_AGAIN = 5.0
"""Seconds until the next step after one that failed."""


class Worker:
    """Calls `step()`, which returns the seconds until it wants to be called again."""

    def __init__(self, name: str, step: Callable[[], float]) -> None:
        self._step = step
        self._kicked = threading.Event()
        self.stopping = threading.Event()
        self.trouble = ""
        """Why the last step failed, "" if it did not."""
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin. Only once."""
        self._thread.start()

    def stop(self) -> None:
        """End after the step; one that waits for the network is left behind, and its effects are not let through."""
        self.stopping.set()
        self._kicked.set()
        if self._thread.is_alive():
            self._thread.join(_PATIENCE)

    def alive(self) -> bool:
        """Whether it runs."""
        return self._thread.is_alive()

    def kick(self) -> None:
        """Have a step made now. Any thread may."""
        self._kicked.set()

    def _run(self) -> None:
        while not self.stopping.is_set():
            self._kicked.clear()
            wait = self._once()
            if not self.stopping.is_set():
                self._kicked.wait(max(wait, 0.0))

    def _once(self) -> float:
        try:
            wait = self._step()
        except NotPrimary as error:
            self.trouble = str(error)
            return _AGAIN
        except (ReconcilerError, OSError) as error:
            if words(error) != self.trouble:
                self.trouble = words(error)
                log.error("%s: %s", self._thread.name, self.trouble)
            return _AGAIN
        except Exception:
            log.exception("%s met an error of its own", self._thread.name)
            self.trouble = "an error of the daemon's own, see its log"
            return 10 * _AGAIN
        self.trouble = ""
        return wait
