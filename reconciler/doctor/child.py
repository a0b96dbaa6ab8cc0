"""A check in a process of its own: bounded in time, and where needed with the rights of the daemon's user.

Where a disk hangs, only the child hangs with it.
"""

import json
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from reconciler.doctor.finding import Finding, Level, broken, chapter, skipped
from reconciler.doctor.node import Account
from reconciler.errors import ReconcilerError, words
from reconciler.manifest import ManifestError

_CHUNK = 1 << 16


def bounded(look: Callable[[], Iterable[Finding]], seconds: float, who: Account | None = None) -> Iterator[Finding]:
    """What `look` finds, as far as it comes to it in time. who: give up root's rights for this user's."""
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if not pid:
        os.close(reader)
        _work(look, writer, who)
    os.close(writer)
    ended, rest = False, b""
    try:
        deadline = time.monotonic() + seconds
        while not ended and (left := deadline - time.monotonic()) > 0:
            if select.select([reader], [], [], left)[0]:
                read = os.read(reader, _CHUNK)
                *lines, rest = (rest + read).split(b"\n")
                yield from map(_finding, lines)
                ended = not read
    finally:
        os.close(reader)
        _end(pid)
    if not ended:
        yield broken(
            f"did not end within {seconds:.0f} s and was stopped; does the disk or a server hang?",
            "dmesg | tail -n 20",
            chapter("The disk does not answer"),
        )


def _end(pid: int) -> None:
    """Kill the child with all that it started; one that the kernel does not let go is left behind."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except OSError:
        # Not yet, or no longer, a group of its own.
        os.kill(pid, signal.SIGKILL)
    descriptor = os.pidfd_open(pid)
    try:
        if select.select([descriptor], [], [], 1.0)[0]:
            os.waitpid(pid, 0)
    finally:
        os.close(descriptor)


def _work(look: Callable[[], Iterable[Finding]], writer: int, who: Account | None) -> None:
    try:
        os.setpgid(0, 0)
        # One that is left behind must not keep a reader of our output waiting.
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(null, descriptor)
        try:
            if who is not None:
                _become(who)
            for finding in look():
                _say(writer, finding)
        except ManifestError:
            _say(writer, skipped("what is deployed cannot be read: see the check `manifest`"))
        except PermissionError as error:
            if os.geteuid() == 0 or who is not None:
                _say(writer, broken(words(error)))
            else:
                _say(writer, skipped(f"{words(error)}: run as root"))
        except (ReconcilerError, OSError) as error:
            _say(writer, broken(words(error) or repr(error)))
        except Exception as error:
            if who is not None and not os.access(os.__file__, os.R_OK):
                _say(writer, _closed(who))
                return
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(last.filename).name}:{last.lineno}"
            _say(writer, broken(f"a mistake in this program, please report it: {error!r} at {where}"))
    finally:
        os._exit(0)


def _closed(who: Account) -> Finding:
    return broken(
        f"user {who.name} cannot read {os.__file__}, so neither daemon nor hooks can run",
        "# install the program where everybody can read it, such as /opt/reconciler",
        chapter("Installing on one node", "README.md"),
    )


def _become(who: Account) -> None:
    if os.geteuid() == 0 and who.uid != 0:
        os.initgroups(who.name, who.gid)
        os.setgid(who.gid)
        os.setuid(who.uid)
        os.environ["HOME"] = "/"
        os.chdir("/")


def _say(writer: int, finding: Finding) -> None:
    data = json.dumps(asdict(finding)).encode() + b"\n"
    while data:
        data = data[os.write(writer, data) :]


def _finding(line: bytes) -> Finding:
    found = json.loads(line)
    return Finding(Level(found["level"]), found["what"], found["remedy"])
