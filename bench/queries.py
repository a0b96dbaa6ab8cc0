"""Answers lost or broken while hosts are changed by pushes."""

import re
import signal
import subprocess
from pathlib import Path

from bench.contenders import Reconciler
from bench.site import FORWARD, REVERSE
from bench.table import show
from reconciler.errors import ReconcilerError

PUSHES = 200
RATE = 1000

_LOST = re.compile(r"Queries (sent|lost):\s+(\d+)")
_CODES = re.compile(r"([A-Z]+) (\d+) \(")


def measure(folder: Path) -> None:
    """Print what dnsperf counted at named and at dnsmasq during the pushes."""
    contender = Reconciler(folder / "reconciler", dnsmasq=True)
    try:
        assert contender.node.dnsmasq
        questions = folder / "questions"
        questions.write_text("".join(_questions()))
        ports = {"named": contender.port, "dnsmasq": contender.node.dnsmasq.port}
        running = {name: _dnsperf(port, questions) for name, port in ports.items()}
        try:
            for number in range(PUSHES):
                contender.inventory.move_host(number)
                contender.prepare()
                contender.deploy()
        finally:
            for process in running.values():
                process.send_signal(signal.SIGINT)
        rows = [[name, *_counts(process.communicate()[0])] for name, process in running.items()]
    finally:
        contender.stop()
    head = ["", "sent", "lost", "SERVFAIL", "answers"]
    show(f"queries during {PUSHES} pushes that change a host, {RATE}/s each (aim: lost 0, SERVFAIL 0)", head, rows)


def _questions() -> list[str]:
    """Names that every push leaves alone, and those that it moves."""
    lines = [f"host{n}.{FORWARD} A\n{10 + n}.{REVERSE} PTR\n" for n in range(99)]
    return [*lines, f"alias.{FORWARD} A\n", f"{FORWARD} SOA\n"]


def _dnsperf(port: int, questions: Path) -> "subprocess.Popen[str]":
    server = ("-s", "127.0.0.1", "-p", str(port))
    argv = ["dnsperf", *server, "-d", str(questions), "-Q", str(RATE), "-c", "4", "-l", "3600"]
    try:
        return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except FileNotFoundError:
        raise ReconcilerError("dnsperf is not installed; on Debian and Ubuntu: apt-get install dnsperf") from None


def _counts(text: str) -> list[str]:
    counted = dict(_LOST.findall(text))
    line = next((line for line in text.splitlines() if "Response codes" in line), "")
    codes = dict(_CODES.findall(line))
    shown = ", ".join(f"{code} {count}" for code, count in codes.items())
    return [counted["sent"], counted["lost"], codes.get("SERVFAIL", "0"), shown]
