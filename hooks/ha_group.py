"""What reconciler-keepalived moves: a group of resource scripts, started in order and stopped in reverse.

/etc/reconciler/ha.conf says in heartbeat's words what is in it, GROUP="SCRIPT::ARG::ARG SCRIPT", called as
`SCRIPT ARG ARG start`; and whose word is followed, FOLLOW=NAME of keepalived's sync group or instance.
"""

import contextlib
import fcntl
import os
import shlex
import signal
import subprocess
import sys
import syslog
import time
from enum import Enum
from pathlib import Path
from typing import Protocol

CONF = Path(os.environ.get("RECONCILER_HA_CONF", "/etc/reconciler/ha.conf"))
HOOKS = Path(os.environ.get("RECONCILER_HOOKS", "/usr/lib/reconciler"))
FOLDERS = (HOOKS, Path("/etc/ha.d/resource.d"))
PAUSE = 1.0
"""Seconds between tries to take the disk, which the other node may still be letting go of."""
DEFAULTS = {
    "RUN": "/run/reconciler-ha",
    "FOLLOW": "RECONCILER",
    "GROUP": "",
    "TAKEOVER_SECONDS": "60",
    "STEP_SECONDS": "200",
    "FAULT_SECONDS": "60",
}


def say(text: str, level: int = syslog.LOG_INFO) -> None:
    """To standard error, and to the system's log where that is not its journal (systemd.exec(5), JOURNAL_STREAM)."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"reconciler-keepalived: {text}\n")
        found = os.fstat(2)
        if os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}":
            return
    syslog.syslog(level, text)


def read_conf(text: str) -> dict[str, str]:
    """Lines NAME=VALUE, quoted as in sh; nothing is expanded. Raises ValueError on a quote that is not closed."""
    found = dict(DEFAULTS)
    for line in text.splitlines():
        for word in shlex.split(line, comments=True):
            name, equals, value = word.partition("=")
            if equals:
                found[name] = value
    return found


def resource(word: str) -> list[str]:
    """The command of one resource, without its verb. Raises ValueError where there is no such script."""
    name, *arguments = word.split("::")
    paths = [Path(name)] if name.startswith("/") else [folder / name for folder in FOLDERS]
    for path in paths:
        if os.access(path, os.X_OK) and path.is_file():
            return [str(path), *arguments]
    raise ValueError(f"{CONF}: GROUP: no script {name} in {' or '.join(str(path.parent) for path in paths)}")


class Way(Enum):
    """Where to move the group."""

    UP = "up"
    DOWN = "down"
    HOLD = "hold"
    """On as before: more is about to be said."""


class Source(Protocol):
    """Whose word is followed."""

    def way(self) -> Way:
        """Where to, now."""
        ...

    def listen(self, seconds: float) -> None:
        """Wait, and take in what is said meanwhile."""
        ...


class Mover:
    """Starts and stops the group. `up` is None where it is unknown or half."""

    def __init__(self, conf: dict[str, str]) -> None:
        self.group = [resource(word) for word in conf["GROUP"].split()]
        if not self.group:
            raise ValueError(f"{CONF}: GROUP is empty: name the resources to move")
        self.run = Path(conf["RUN"])
        self.takeover, self.step, self.rest = (
            float(conf[name]) for name in ("TAKEOVER_SECONDS", "STEP_SECONDS", "FAULT_SECONDS")
        )
        self.up: bool | None = None
        self._fault_until: float | None = None
        self.run.mkdir(mode=0o755, parents=True, exist_ok=True)

    def lock(self) -> None:
        """Wait until no other of these programs acts; until this one ends."""
        descriptor = os.open(self.run / "keepalived.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)

    def set_fault(self, value: int) -> None:
        """What keepalived's track_file reads."""
        descriptor = os.open(self.run / "fault", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(f"{value}\n")

    @property
    def faulty(self) -> bool:
        """Whether this node rests after a failure."""
        return self._fault_until is not None

    def forgive(self) -> None:
        """After its rest keepalived may choose this node again."""
        if self._fault_until is not None and time.monotonic() > self._fault_until:
            self._fault_until = None
            self.set_fault(0)

    def climb(self, source: Source) -> None:
        """Start everything, in order; given up on the way when keepalived changes its mind."""
        self.up = None
        until = time.monotonic() + self.takeover
        for number, command in enumerate(self.group):
            while not self._call(command, "start"):
                # The first takes the disk, which the other node may still be about to let go of.
                if number or time.monotonic() > until:
                    self._fail(" ".join(command))
                    return
                source.listen(PAUSE)
                if source.way() is not Way.UP:
                    return
            source.listen(0)
            if source.way() is Way.DOWN:
                return
        self.up = True
        say("everything is started")

    def descend(self) -> bool:
        """Stop everything, in reverse, whatever fails of it; whether all of it is stopped."""
        self.up = None
        failed = [command for command in reversed(self.group) if not self._call(command, "stop")]
        if failed:
            say(f"{' '.join(failed[0])} could not be stopped; it is tried again", syslog.LOG_CRIT)
            return False
        self.up = False
        say("everything is stopped")
        return True

    def _call(self, command: list[str], verb: str) -> bool:
        """Run one script; whether it did as asked within its time."""
        began = time.monotonic()
        try:
            process = subprocess.Popen([*command, verb], stdin=subprocess.DEVNULL, start_new_session=True)
        except OSError as error:
            say(f"{' '.join(command)} {verb}: {error}", syslog.LOG_ERR)
            return False
        ended = "did not end in time"
        with contextlib.suppress(subprocess.TimeoutExpired):
            ended = f"ended with {process.wait(self.step)}"
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        good = process.returncode == 0
        took = f"({time.monotonic() - began:.1f} s)"
        say(f"{' '.join(command)} {verb} {ended} {took}", syslog.LOG_INFO if good else syslog.LOG_ERR)
        return good

    def _fail(self, what: str) -> None:
        """Let the other node try before anything else: stopping takes time."""
        self.set_fault(1)
        self._fault_until = time.monotonic() + self.rest
        text = f"{what} could not be started on this node; the other one gets the address"
        say(text, syslog.LOG_CRIT)
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run([HOOKS / "reconciler-alarm", text], stdin=subprocess.DEVNULL, timeout=10, check=False)
