"""Pushes, new DHCP clients and questions from the client machine, running while something happens to the nodes."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vm import site
from vm.machine import Machine
from vm.waiting import until

PROGRAMS = Path(__file__).parent / "client"
AT = "/root/load"
PYTHON = "/opt/reconciler/bin/python"
REPLICATED = ""
UNREPLICATED = "-o accept-unreplicated"
"""Options of a push."""


@dataclass(frozen=True)
class Push:
    """One that git acknowledged; `at` in seconds of the clock."""

    number: int
    commit: str
    at: float


@dataclass(frozen=True)
class Lease:
    """One that the DHCP server acknowledged."""

    name: str
    mac: str
    address: str
    at: float


class Load:
    """What the client machine does; programs are put there once."""

    def __init__(self, client: Machine):
        self.client = client
        for file in PROGRAMS.iterdir():
            client.put(f"{AT}/{file.name}", file.read_bytes())

    def start_pushes(self, options: str = REPLICATED) -> None:
        self._start("pushes", f"env PUSH_OPTIONS='{options}' {PYTHON} {AT}/pushes.py {AT}/pushes.json {AT}/pushes.stop")

    def start_leases(self, first: int = 0) -> None:
        self._start("leases", f"{PYTHON} {AT}/leases.py {AT}/leases.json {AT}/leases.stop {first}")

    def start_questions(self, expected: dict[str, str]) -> None:
        names = " ".join(f"{name}={address}" for name, address in expected.items())
        self._start("probe", f"{PYTHON} {AT}/probe.py {site.VIRTUAL} {AT}/probe.json {AT}/probe.stop {names}")

    def _start(self, name: str, command: str) -> None:
        self.client.run(
            f'rm -f {AT}/{name}.stop; setsid sh -c "exec {command} 2>>{AT}/{name}.log" </dev/null >/dev/null 2>&1 &'
            f" echo $! > {AT}/{name}.pid"
        )

    def stop(self, name: str) -> None:
        """Let it end after what it is at, and wait for that."""
        self.client.run(f"touch {AT}/{name}.stop")
        until(lambda: self.client.ask(f"kill -0 $(cat {AT}/{name}.pid)").code, f"{name} ends")

    def _lines(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.client.ask(f"cat {AT}/{name}.json").out.splitlines()]

    def pushes(self) -> list[Push]:
        return [Push(**line) for line in self._lines("pushes")]

    def leases(self) -> list[Lease]:
        return [Lease(**line) for line in self._lines("leases")]

    def questions(self) -> list[dict[str, Any]]:
        """Each change of what came: `began` (asked), `at` (answered), `right`, `answers`."""
        return self._lines("probe")

    def wait(self, pushes: int = 0, leases: int = 0) -> None:
        """Until so many more than now were acknowledged."""
        wanted_pushes, wanted_leases = len(self.pushes()) + pushes, len(self.leases()) + leases

        def there() -> bool:
            return len(self.pushes()) >= wanted_pushes and len(self.leases()) >= wanted_leases

        until(there, f"{pushes} more pushes and {leases} more leases are acknowledged", 600, 1)

    def wait_right(self, since: float) -> float:
        """When the questions were first answered right, of those asked after `since`; seconds of the clock."""

        def found() -> float | None:
            lines = self.questions()
            if not lines or not lines[-1]["right"] or lines[-1]["began"] < since:
                return None
            return float(lines[-1]["at"])

        return until(found, "questions are answered right again", 600, 1) or 0.0

    def outage(self, since: float) -> float:
        """Seconds, after `since`, from the first question that was not answered right to the next that was."""
        began = None
        for line in self.questions():
            # One that was on its way at that moment was asked before it.
            if line["at"] < since:
                continue
            if line["right"] and began is not None:
                return float(line["at"] - began)
            if not line["right"] and began is None:
                began = max(line["began"], since)
        return 0.0

    def one_push(self, options: str = REPLICATED) -> Push:
        """Push once, and be back as soon as git has acknowledged it."""
        had = len(self.pushes())
        self.start_pushes(options)
        until(lambda: len(self.pushes()) > had, "a push is acknowledged", 600, 0.05)
        made = self.pushes()[-1]
        self.client.run(f"touch {AT}/pushes.stop")
        return made


def now() -> float:
    """The clock that the machines were set to."""
    return time.time()
