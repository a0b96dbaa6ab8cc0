"""The one place through which this program changes anything: files, servers, the repository.

Each effect first reads the role anew and is not carried out on a standby. What only looks (checkers on
scratch files) is in `reconciler.tools`.
"""

import contextlib
import os
import secrets
import socket
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import sh

from reconciler import tools
from reconciler.errors import Alone, NotPrimary, Temporary
from reconciler.role.base import Role, RoleProvider
from reconciler.tools import Completed

_ANY_CODE = tuple(range(256))

_HELPER_PATIENCE = 35.0
"""Seconds; the helper gives systemctl 25 and then the unit's log 5, and its answer tells more than our giving up."""


class Effects:
    """Carries out effects while this node is primary; raises NotPrimary otherwise."""

    def __init__(self, role: RoleProvider, *, helper: Path) -> None:
        self._role = role
        self._helper = helper
        self._outside: list[Any] = []

    def check(self, effect: str) -> None:
        """Read the role; raise NotPrimary, naming `effect`, unless it is primary."""
        report = self._role.read()
        if report.role is not Role.PRIMARY:
            raise NotPrimary(f"not primary, so did not {effect}: {'; '.join(report.reasons)}")

    def check_outside(self, effect: str, *, alone: bool) -> None:
        """Check, for what is seen outside of the pair; raise Alone, naming `effect`, while the peer is not connected.

        This node may then be one half of a split brain. alone: somebody has said that it may act all the same.
        """
        self.check(effect)
        replication = self._role.read().replication
        if replication is not None and not replication.connected and not alone:
            raise Alone(f"the other node is not connected ({replication.text}), so did not {effect}")

    def run_outside(self, argv: Sequence[str], *, alone: bool, timeout: float, cwd: Path) -> Completed:
        """Run a program, as `run` does, that acts outside of the pair; see `check_outside`. `end_outside` ends it."""
        self.check_outside(f"run {Path(argv[0]).name}", alone=alone)
        try:
            return self.run(argv, timeout=timeout, cwd=cwd, started=self._outside.append)
        finally:
            self._outside.clear()

    def end_outside(self) -> None:
        """Kill what `run_outside` runs now. Any thread may."""
        for process in list(self._outside):
            with contextlib.suppress(ProcessLookupError):
                process.kill()

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout: float = 30.0,
        cwd: Path | None = None,
        started: Callable[[Any], None] = lambda process: None,
    ) -> Completed:
        """Run a program that changes something (rndc, git) to its end, whatever its exit code.

        Raises Temporary when it is missing, ends by a signal, or does not end in time (it is killed then). started: is
        given the process, which can be killed.
        """
        self.check(f"run {Path(argv[0]).name}")
        # Files in memory, not pipes: sh then needs no threads that feed and read them, and nothing can block.
        with _memory_file() as given, _memory_file() as out, _memory_file() as errors:
            given.write(stdin)
            given.seek(0)
            code = _run(argv, (given, out, errors), timeout=timeout, cwd=cwd, started=started)
            out.seek(0)
            errors.seek(0)
            return Completed(code, out.read(), errors.read().decode("utf-8", "replace"))

    def replace(self, path: Path, content: bytes, *, mode: int = 0o640, owner: tuple[int, int] | None = None) -> None:
        """Atomically give `path` this content, durably, with `mode` from the start and a fresh mtime."""
        self.check(f"write {path}")
        staged = self.stage(path, content, mode=mode, owner=owner)
        self.swap(staged, path)

    def stage(self, path: Path, content: bytes, *, mode: int = 0o640, owner: tuple[int, int] | None = None) -> Path:
        """Write `content` durably beside `path`, as a dotfile; return its path. Swap or unlink it later.

        owner: user and group that it is given to, for root.
        """
        self.check(f"stage {path}")
        staged = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                if owner is not None:
                    os.fchown(stream.fileno(), *owner)
                os.fchmod(stream.fileno(), mode)
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
        except BaseException:
            with contextlib.suppress(OSError):
                staged.unlink()
            raise
        return staged

    def swap(self, staged: Path, path: Path) -> None:
        """Rename `staged` over `path`, durably; the mtime becomes now, as named compares it."""
        self.check(f"swap {path}")
        os.utime(staged)
        staged.rename(path)
        _sync_folder(path.parent)

    def link(self, path: Path) -> Path | None:
        """Keep the file at `path` under a second name, a dotfile beside it, for `restore` or `unlink` later.

        None when there is no file, or when the kernel forbids it (proc(5), protected_hardlinks: another's file).
        """
        self.check(f"keep {path}")
        kept = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        try:
            kept.hardlink_to(path)
        except (FileNotFoundError, PermissionError):
            return None
        return kept

    def restore(self, kept: Path, path: Path) -> None:
        """Rename a kept file back, durably: the same owner, mode and mtime as it had."""
        self.check(f"restore {path}")
        kept.rename(path)
        _sync_folder(path.parent)

    def move(self, path: Path, target: Path) -> None:
        """Rename a file within its filesystem, durably."""
        self.check(f"move {path}")
        path.rename(target)
        _sync_folder(target.parent)
        _sync_folder(path.parent)

    def own(self, descriptor: int, path: Path, uid: int, gid: int, *, mode: int | None = None) -> None:
        """Give what `descriptor` (opened with O_PATH; `path` is for people) is to this user and group, for root.

        No name is looked up again, so that nothing can be put in its place meanwhile.
        """
        self.check(f"give {path} to its user")
        there = f"/proc/self/fd/{descriptor}"
        os.chown(there, uid, gid)
        if mode is not None:
            Path(there).chmod(mode)

    def unlink(self, path: Path) -> None:
        """Remove `path` durably, if it is there."""
        self.check(f"remove {path}")
        path.unlink(missing_ok=True)
        _sync_folder(path.parent)

    def make_folder(self, path: Path, *, mode: int = 0o750) -> None:
        """Create a folder and its parents, durably, if missing; it gets `mode` whatever the umask is."""
        if not path.is_dir():
            self.check(f"create {path}")
            there = next(parent for parent in path.parents if parent.is_dir())
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(mode)
            for parent in _up_to(path, there):
                _sync_folder(parent)

    def ask_helper(self, verb: str, unit: str, *, timeout: float = _HELPER_PATIENCE) -> None:
        """Have the root helper `restart` or `reload` (SIGHUP) a unit; raise Temporary if it cannot."""
        self.check(f"{verb} {unit}")
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(timeout)
                connection.connect(str(self._helper))
                connection.sendall(f"{verb} {unit}\n".encode())
                connection.shutdown(socket.SHUT_WR)
                answer = b"".join(iter(lambda: connection.recv(4096), b"")).decode(errors="replace").strip()
        except OSError as error:
            raise Temporary(f"cannot {verb} {unit}: helper at {self._helper}: {error}") from error
        if answer != "ok":
            raise Temporary(f"cannot {verb} {unit}: {answer or 'the helper gave no answer'}")


def _run(
    argv: Sequence[str],
    files: tuple[BinaryIO, BinaryIO, BinaryIO],
    *,
    timeout: float,
    cwd: Path | None,
    started: Callable[[Any], None],
) -> int:
    """Run with `files` as standard input, output and error; return the exit code."""
    given, out, errors = files
    try:
        process = sh.Command(argv[0])(
            *argv[1:],
            _in=given,
            _out=out,
            _err=errors,
            _ok_code=_ANY_CODE,
            _cwd=str(cwd) if cwd else None,
            _return_cmd=True,
            _bg=True,
            _bg_exc=False,
        )
    except sh.CommandNotFound:
        raise tools.missing(argv[0]) from None
    started(process)
    timed_out = threading.Event()

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
            raise tools.late(argv[0], timeout) from None
        raise tools.killed(argv[0], -error.exit_code) from None
    finally:
        timer.cancel()
    return int(process.exit_code)


def _memory_file() -> BinaryIO:
    return os.fdopen(os.memfd_create("reconciler"), "w+b", buffering=0)


def _up_to(path: Path, there: Path) -> list[Path]:
    """The folders above `path`, from its own to `there`."""
    parents = list(path.parents)
    return parents[: parents.index(there) + 1]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
