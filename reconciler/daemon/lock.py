"""One process at a time makes passes on a node, and never while the node's files are prepared for its servers."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from reconciler.errors import ConfigError, Temporary

_PAUSE = 0.02


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


@contextlib.contextmanager
def at_work(control: Path, patience: float) -> Iterator[None]:
    """Be the only one at work on the servers' files: a pass, or `reconciler prepare`.

    Raises Temporary when another process still is after `patience` seconds, ConfigError where there can be no lock.
    """
    descriptor = _open_shared(control.with_suffix(".work"))
    deadline = time.monotonic() + patience
    try:
        while not _taken(descriptor):
            if time.monotonic() > deadline:
                raise Temporary("another reconciler is at work on the servers' files (a pass, or `reconciler prepare`)")
            time.sleep(_PAUSE)
        yield
    finally:
        os.close(descriptor)


def _open_shared(path: Path) -> int:
    """Root and the daemon's user, who owns the folder, open the same file, whoever comes first."""
    try:
        # Not followed, not waited for: the folder is not root's.
        flags = os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(path, flags, 0o644)
    except OSError as error:
        raise ConfigError(f"cannot open {path}: {error.strerror}") from error
    return descriptor


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
