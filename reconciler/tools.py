"""Running other programs that only look: checkers on scratch copies, git reading.

Always an argument list, never a shell; bounded in time; output captured. What changes anything is run by
`reconciler.effects`.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from reconciler.errors import Temporary


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
) -> Completed:
    """Run a program to its end, whatever its exit code.

    Raises Temporary when it is missing, ends by a signal, or does not end within `timeout` seconds (it is killed then).
    """
    try:
        done = subprocess.run(argv, input=stdin, capture_output=True, timeout=timeout, cwd=cwd, check=False)
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
