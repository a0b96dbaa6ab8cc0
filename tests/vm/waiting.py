"""Waiting for what a machine comes to; the bounds are for failure only."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Failed(AssertionError):
    """A machine did not do what a test needs of it."""


def until(look: Callable[[], T], what: str, timeout: float = 300, pause: float = 0.2) -> T:
    """The first true value of `look`. Raises Failed with `what` after `timeout` seconds."""
    end = time.monotonic() + timeout
    while True:
        if value := look():
            return value
        if time.monotonic() > end:
            raise Failed(f"waited {timeout:.0f} s in vain: {what}")
        time.sleep(pause)
