"""Running other programs that only look: checkers on scratch copies, git reading.

Always an argument list, never a shell; bounded in time; output captured. What changes anything is run by
`reconciler.effects`.
"""

import contextlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from reconciler.errors import Temporary

_CHUNK = 1 << 16
_GRACE = 1.0


class Completed(NamedTuple):
    """How a program ended. Texts are decoded leniently; `stdout_bytes` is exact."""

    code: int
    stdout_bytes: bytes
    stderr: str

    @property
    def stdout(self) -> str:
        """Standard output as text."""
        return self.stdout_bytes.decode("utf-8", "replace")

    @property
    def text(self) -> str:
        """Everything it said, in one stripped text, errors first."""
        return "\n".join(part.strip() for part in (self.stderr, self.stdout) if part.strip())


def run(
    argv: Sequence[str],
    *,
    stdin: bytes = b"",
    timeout: float = 30.0,
    cwd: Path | None = None,
    owner: tuple[int, int] | None = None,
) -> Completed:
    """Run a program to its end, whatever its exit code. owner: user and group that root runs it as, without others.

    Raises Temporary when it is missing, ends by a signal, or does not end within `timeout` seconds (it is killed then).
    """
    user, group = owner or (None, None)
    groups = None if owner is None else ()
    try:
        done = subprocess.run(
            argv,
            input=stdin,
            capture_output=True,
            timeout=timeout,
            cwd=cwd,
            check=False,
            user=user,
            group=group,
            extra_groups=groups,
        )
    except FileNotFoundError:
        raise missing(argv[0]) from None
    except subprocess.TimeoutExpired:
        raise late(argv[0], timeout) from None
    if done.returncode < 0:
        raise killed(argv[0], -done.returncode)
    return Completed(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace"))


def missing(program: str) -> Temporary:
    """The program is not there."""
    return Temporary(f"{program} is not installed, or not in PATH")


def late(program: str, timeout: float) -> Temporary:
    """The program did not end in time."""
    return Temporary(f"{program} did not end within {timeout:.0f} s and was killed")


def killed(program: str, number: int) -> Temporary:
    """The program was ended by a signal."""
    return Temporary(f"{program} was ended by signal {number}")


class Stream:
    """A program that runs on and tells line by line, its errors among them. Used by one thread; end it with `close`.

    Raises Temporary when it cannot be started.
    """

    def __init__(self, argv: Sequence[str]) -> None:
        self._program = argv[0]
        self._rest = b""
        try:
            # Unbuffered: what poll(2) on the descriptor says is then all that there is to read.
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0
            )
        except FileNotFoundError:
            raise missing(self._program) from None
        except OSError as error:
            raise Temporary(f"{self._program} cannot be started: {error.strerror}") from error

    def fileno(self) -> int:
        """The descriptor to wait for with poll(2)."""
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def lines(self) -> list[str]:
        """The lines that were completed since; to be called when there is something to read.

        Raises Temporary when it has ended, or says something endless.
        """
        read = os.read(self.fileno(), _CHUNK)
        *whole, self._rest = (self._rest + read).split(b"\n")
        if not read:
            last = self._rest.decode("utf-8", "replace")
            raise Temporary(f"{self._program} ended{': ' if last else ''}{last[:200]}")
        if len(self._rest) > _CHUNK:
            raise Temporary(f"{self._program} says a line of more than {_CHUNK} bytes")
        return [line.decode("utf-8", "replace") for line in whole]

    def close(self) -> None:
        """End it, in `2 * _GRACE` seconds at most; one that the kernel does not let go is left behind."""
        for end in (self._process.terminate, self._process.kill):
            end()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE)
                break
        assert self._process.stdout is not None
        self._process.stdout.close()
