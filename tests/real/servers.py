"""Waiting for servers: poll with a deadline, never sleep for luck."""

import time
from collections.abc import Callable

from reconciler.demo.ports import free_port

__all__ = ["free_port", "wait_until"]


def wait_until(predicate: Callable[[], object], *, timeout: float = 60.0, what: str = "") -> None:
    """Poll until `predicate` is true; fail the test when it is not within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not predicate():
        assert time.monotonic() < deadline, f"not within {timeout} s: {what or predicate}"
        time.sleep(0.01)
