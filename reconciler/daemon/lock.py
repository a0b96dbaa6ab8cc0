"""One process at a time makes passes on a node."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from reconciler.errors import ConfigError


@contextlib.contextmanager
def exclusive(control: Path) -> Iterator[None]:
    """Hold the node's lock, a file beside the control socket. Raises ConfigError when another process has it.

    The lock goes with the process, however it ends; the file stays.
    """
    path = control.with_suffix(".lock")
    try:
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(f"cannot open {path}: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigError(
                f"another reconciler is at work on this node (it holds {path}); two would work against each other"
            ) from error
        yield
    finally:
        os.close(descriptor)
