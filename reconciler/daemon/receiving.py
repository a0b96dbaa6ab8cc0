"""Pushes that are under way, and the end of a term for them: refuse new ones, let running ones end or end them.

git moves the ref itself after pre-receive has said yes, and not through this program's gate. What stands in its way
then is the `reference-transaction` hook, which asks for the closed file right before refs move. All here works on
files in /run and on processes, never on the repository, so that it does not hang with the disk; and it is no effect,
for it is needed most when the role is gone.
"""

import contextlib
import logging
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import words
from reconciler.git.receive import Update

log = logging.getLogger(__name__)

_CLOSED = "pushes-closed"
"""Beside the control socket; hooks/reference-transaction knows the name too."""

_POLL = 0.02
_GRACE = 2.0
"""Seconds between SIGTERM, on which git removes its locks, and SIGKILL."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """A `git receive-pack` at work. refs, pushed_by: "" and () where its push was not accepted here (yet)."""

    pid: int
    refs: tuple[str, ...] = ()
    pushed_by: str = ""


class Receiving:
    """The pushes of one repository. control: the daemon's socket. For use by several threads."""

    def __init__(self, repo: Path, control: Path) -> None:
        self._repo = repo
        self._places = {repo}
        self._closed = control.with_name(_CLOSED)
        self._accepted: dict[int, Receiver] = {}

    @property
    def closed(self) -> str:
        """Why pushes are refused; "" while they are taken."""
        try:
            return self._closed.read_text(errors="replace").partition("\n")[0] or "pushes are closed"
        except OSError:
            return ""

    def refuse_new(self, reason: str) -> None:
        """From now on no push is accepted, and no ref moves. reason: a clause, as in `refused: REASON`."""
        line = " ".join(reason.split()).encode()
        staged = self._closed.with_name(f".{_CLOSED}.tmp")
        try:
            # Whole from the start: the hook may look at any time.
            staged.write_bytes(line + b"\n")
            staged.rename(self._closed)
        except OSError as error:
            # The rest of the way out must not fail for that; pushes ask for the role too.
            log.error("pushes cannot be closed: %s", words(error))

    def allow(self) -> None:
        """Take pushes again: a term has begun, so that the repository is here."""
        self._places = {self._repo, self._repo.resolve()}
        self._closed.unlink(missing_ok=True)

    def accept(self, pid: int | None, updates: Sequence[Update], pushed_by: str) -> None:
        """pre-receive said yes to the push of this receive-pack."""
        if pid is not None:
            self._accepted = {each: who for each, who in self._accepted.items() if self._inside(each)}
            self._accepted[pid] = Receiver(pid, tuple(update.ref for update in updates), pushed_by)

    def running(self) -> list[Receiver]:
        """Every receive-pack at work in the repository, also those that asked no daemon."""
        accepted = self._accepted
        return [accepted.get(pid, Receiver(pid)) for pid in self._processes() if _receives(pid)]

    def busy(self) -> bool:
        """Whether a process of ours is at work inside the repository, or names it: receive-pack, a hook, a gc."""
        named = [os.fsencode(place) for place in self._places]
        return bool(self._processes()) or any(
            place in _arguments(pid) for pid in _own() if _is_git(pid) for place in named
        )

    def wait(self, seconds: float) -> None:
        """Wait, no longer than that, until no process of ours has its working folder in the repository."""
        deadline = time.monotonic() + seconds
        while self._processes() and time.monotonic() < deadline:
            time.sleep(_POLL)

    def wait_or_end(self, seconds: float) -> list[Receiver]:
        """Wait as `wait` does, then end those that are left, fetches too; takes a few seconds more at most.

        Returns the pushes that were ended.
        """
        self.wait(seconds)
        ended = self.running()
        # receive-pack first and for certain: without a hook that it waits for it would go on, and say that all is well.
        self._end([each.pid for each in ended])
        self._end(list(self._processes()))
        return ended

    def _end(self, pids: Sequence[int]) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in pids:
                self._signal(pid, number)
            deadline = time.monotonic() + _GRACE
            while any(self._inside(pid) for pid in pids):
                if time.monotonic() > deadline:
                    break
                time.sleep(_POLL)

    def _signal(self, pid: int, number: int) -> None:
        with contextlib.suppress(OSError):
            # The number stands for the same process while this is open, so that nobody else's is hit.
            handle = os.pidfd_open(pid)
            try:
                if self._inside(pid):
                    signal.pidfd_send_signal(handle, number)
            finally:
                os.close(handle)

    def _processes(self) -> dict[int, None]:
        return dict.fromkeys(pid for pid in _own() if self._inside(pid))

    def _inside(self, pid: int) -> bool:
        try:
            folder = Path(f"/proc/{pid}/cwd").readlink()
        except OSError:
            return False
        return any(folder.is_relative_to(place) for place in self._places)


def _own() -> list[int]:
    """Processes of the user that runs this, without this one."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if entry.stat().st_uid == os.geteuid():
                    found.append(int(entry.name))
    return found


def _arguments(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _is_git(pid: int) -> bool:
    return _arguments(pid).partition(b"\0")[0].rpartition(b"/")[2].startswith(b"git")


def _receives(pid: int) -> bool:
    words = _arguments(pid).split(b"\0")
    return _is_git(pid) and (words[0].endswith(b"receive-pack") or b"receive-pack" in words[1:3])
