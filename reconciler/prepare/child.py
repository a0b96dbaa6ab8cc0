"""Work in processes of its own: bounded in time, or with the rights of another user."""

import json
import os
import pwd
import select
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any

from reconciler import node_setup
from reconciler.errors import ConfigError, Temporary, words
from reconciler.node_setup import Owner


def bounded(work: Callable[[], None], seconds: float) -> None:
    """Do `work` in a child, and kill it with all that it started if it takes too long. Raises Temporary then.

    Where the disk hangs, only the child hangs with it. It has the caller's locks, until it ends.
    """
    pid = _fork(work, group=True)
    descriptor = os.pidfd_open(pid)
    try:
        ready, _, _ = select.select([descriptor], [], [], seconds)
    finally:
        os.close(descriptor)
    if not ready:
        os.killpg(pid, signal.SIGKILL)
        raise Temporary(f"did not end within {seconds:.0f} s and was stopped; does the disk hang?")
    _, status = os.waitpid(pid, 0)
    if status:
        raise Temporary(f"was ended by {_how(status)}")


def as_user(who: Owner | None, work: Callable[[], Any]) -> Any:
    """What `work` returns (a value that JSON can carry), done with the rights of `who`; None: with ours.

    Raises Temporary where it did not come to its end.
    """
    if who is None or who.uid == os.geteuid():
        return work()
    reader, writer = os.pipe()
    answer: dict[str, Any] = {}

    def run() -> None:
        os.close(reader)
        try:
            node_setup.drop_rights(who)
            answer["value"] = work()
        except Exception as error:
            answer["error"] = words(error) or repr(error)
        with os.fdopen(writer, "w") as stream:
            json.dump(answer, stream)

    pid = _fork(run)
    os.close(writer)
    with os.fdopen(reader) as stream:
        text = stream.read()
    _, status = os.waitpid(pid, 0)
    if status or not text:
        raise Temporary(f"the part that runs as {who.name} was ended by {_how(status)}")
    answer = json.loads(text)
    if "error" in answer:
        raise Temporary(answer["error"])
    return answer["value"]


def user_of(uid: int, gid: int) -> Owner:
    """The account with this number. Raises ConfigError."""
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise ConfigError(f"no user has the number {uid}") from None
    return Owner(entry.pw_name, uid, gid)


def _fork(work: Callable[[], None], *, group: bool = False) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        if group:
            os.setpgid(0, 0)
        work()
        code = 0
    except BaseException as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        sys.stderr.write(f"reconciler: a mistake in this program, please report it: {error!r} at {last.name}\n")
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)


def _how(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"signal {-code}" if code < 0 else f"exit code {code}"
