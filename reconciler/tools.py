"""Running other programs: always an argument list, never a shell; bounded in time; output captured."""

import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import sh

from reconciler.errors import Temporary

_ANY_CODE = tuple(range(256))


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
    env: Mapping[str, str] | None = None,
) -> Completed:
    """Run a program to its end, whatever its exit code.

    Raises Temporary when it is missing or does not end within `timeout` seconds (it is killed then).
    """
    # Files in memory, not pipes: sh then needs no threads that feed and read them, and nothing can block.
    with _memory_file() as given, _memory_file() as out, _memory_file() as errors:
        given.write(stdin)
        given.seek(0)
        code = _run_with(argv, given, out, errors, timeout=timeout, cwd=cwd, env=env)
        out.seek(0)
        errors.seek(0)
        return Completed(code, out.read(), errors.read().decode("utf-8", "replace"))


def _run_with(
    argv: Sequence[str],
    given: BinaryIO,
    out: BinaryIO,
    errors: BinaryIO,
    *,
    timeout: float,
    cwd: Path | None,
    env: Mapping[str, str] | None,
) -> int:
    timed_out = threading.Event()
    try:
        process = sh.Command(argv[0])(
            *argv[1:],
            _in=given,
            _out=out,
            _err=errors,
            _ok_code=_ANY_CODE,
            _cwd=str(cwd) if cwd else None,
            _env=dict(env) if env is not None else None,
            _return_cmd=True,
            _bg=True,
            _bg_exc=False,
        )
    except sh.CommandNotFound:
        raise Temporary(f"{argv[0]} is not installed, or not in PATH") from None

    # Not `_timeout`: sh then looks for the end only every 100 ms.
    def expire() -> None:
        timed_out.set()
        process.kill()

    timer = threading.Timer(timeout, expire)
    timer.daemon = True
    timer.start()
    try:
        process.wait()
    except sh.ErrorReturnCode as error:
        if timed_out.is_set():
            raise Temporary(f"{argv[0]} did not end within {timeout:.0f} s and was killed") from None
        raise Temporary(f"{argv[0]} was ended by a signal: exit code {error.exit_code}") from None
    finally:
        timer.cancel()
    return int(process.exit_code)


def _memory_file() -> BinaryIO:
    return os.fdopen(os.memfd_create("reconciler"), "w+b", buffering=0)
