"""How long the pair's services are away when the role moves, and whose share that is. For root: it makes a lab."""

import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from bench.table import show
from reconciler.lab.files import NAMED_PORT
from reconciler.lab.lab import Lab
from reconciler.lab.layout import CLIENTS, NETWORKS
from reconciler.lab.machine import Machine, until
from reconciler.lab.timeline import ANSWERED, MOVED, Timeline, answers, takeover

ROUNDS = 5
LARGE = 100_000
RATE = 500
SECONDS = 10

_LOST = re.compile(r"Queries (sent|lost):\s+(\d+)")
_NAME = "printer.internal.example.net."
_BIG = "big.example.net."


def measure(folder: Path) -> None:
    """Print the takeovers' times, as medians, and what dnsperf counted in an orderly one."""
    if os.geteuid() != 0:
        print("\nfailover: left out, it makes namespaces and mounts, for which it needs root")
        return
    folder.chmod(0o755)
    for title, records in (("small site", 0), (f"and a zone of {LARGE:,} records".replace(",", " "), LARGE)):
        lab = Lab(folder / f"lab{records}")
        try:
            _set_up(lab, records)
            _takeovers(lab, title, _BIG if records else _NAME)
            if not records:
                _queries(lab, folder)
        finally:
            lab.down()


def _set_up(lab: Lab, records: int) -> None:
    lab.up()
    lab.clone()
    if records:
        lines = "".join(f"h{n} A 10.{n >> 16}.{n >> 8 & 255}.{n & 255}\n" for n in range(records))
        server = "dns.internal.example.net."
        head = f"$TTL 3600\n@ SOA {server} hostmaster 1 3600 900 604800 300\n@ NS {server}\n"
        (lab.layout.clone / "zones/big.example.net.zone").write_text(head + lines)
        lab.run(*lab.git("add", "--all"))
        lab.run(*lab.git("commit", "--quiet", "--message", "A large zone"))
    lab.run(*lab.git("push", "-u", "origin", "main"), timeout=300)
    for client in CLIENTS:
        lab.start_client(client)


def _takeovers(lab: Lab, title: str, name: str) -> None:
    cold = median(_cold_start(lab, name) for _ in range(ROUNDS))
    cut, orderly = [], []
    for _ in range(ROUNDS):
        giving = lab.await_primary()
        cut.append(takeover(lab, _other(lab, giving), giving.fail, also=_asks(name)))
        giving.start()
        _ready(lab, giving)
        giving = lab.await_primary()
        orderly.append(takeover(lab, _other(lab, giving), lambda: _move(lab), also=_asks(name)))
        _ready(lab, giving)
    rows = [
        [what, *(f"{_median(timelines, what):.2f}" for timelines in (cut, orderly))]
        for what in sorted(cut[0].seconds, key=lambda what: _median(cut, what))
    ]
    rows.append(["without an answer", *(f"{median(line.silent for line in lines):.2f}" for lines in (cut, orderly))])
    served = [_median(lines, ANSWERED) - _median(lines, MOVED) for lines in (cut, orderly)]
    rows.append(["promotion to right answers", *(f"{seconds:.2f}" for seconds in served)])
    rows.append([f"  in named's own cold starts ({cold:.2f} s)", *(f"{seconds / cold:.1f}" for seconds in served)])
    show(f"role moved, {title}: seconds, medians of {ROUNDS}", ["", "power cut", "in order"], rows)


def _asks(name: str) -> "Callable[[Lab, Machine], bool]":
    """The zone that is measured has to be served too."""
    if name == _NAME:
        return lambda lab, node: True
    return lambda lab, node: answers(lab, node.name, "127.0.0.1", f"h1.{name}", NAMED_PORT) == ["10.0.0.1"]


def _median(timelines: list[Timeline], what: str) -> float:
    return median(timeline.seconds[what] for timeline in timelines)


def _cold_start(lab: Lab, name: str) -> float:
    """Seconds from starting named on the primary's zones to its right answer."""
    node = lab.await_primary()
    server = str(lab.layout.programs / "server")
    lab.run(*node.command(server, "named", "stop"))
    began = time.monotonic()
    lab.run(*node.command(server, "named", "start"))
    asked = name if name == _NAME else f"h1.{name}"
    until(lambda: bool(answers(lab, node.name, "127.0.0.1", asked, NAMED_PORT)), "named does not answer")
    return time.monotonic() - began


def _queries(lab: Lab, folder: Path) -> None:
    questions = folder / "questions"
    questions.write_text(f"{_NAME} A\ndns.internal.example.net. AAAA\n40.10.168.192.in-addr.arpa. PTR\n")
    # As many may be unanswered at a time as are asked in all: it must not wait for the server.
    load = ["-Q", str(RATE), "-l", str(SECONDS), "-t", "1", "-q", str(RATE * SECONDS)]
    argv = ["dnsperf", "-s", str(NETWORKS[0].v4.ip), "-d", str(questions), *load]
    asking = subprocess.Popen(lab.on("admin", *argv), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    time.sleep(SECONDS / 3)
    _move(lab)
    counted = dict(_LOST.findall(asking.communicate(timeout=60)[0]))
    rows = [["one role change in order", counted.get("sent", "?"), counted.get("lost", "?")]]
    show(f"queries at the virtual address, {RATE}/s for {SECONDS} s", ["", "sent", "lost"], rows)


def _move(lab: Lab) -> None:
    lab.switch()


def _ready(lab: Lab, node: Machine) -> None:
    """The node is back as standby, and the primary has ended what it does first, which a demotion would wait for."""
    until(lambda: (node.status() or {}).get("role") == "standby", f"{node.name} is not back")
    primary = lab.await_primary()
    until(lambda: _is_idle(primary), f"{primary.name} does not come to rest", patience=300)


def _is_idle(node: Machine) -> bool:
    status = node.status() or {}
    return status.get("last") is not None and status.get("busy_since") is None


def _other(lab: Lab, node: Machine) -> Machine:
    return next(each for each in lab.nodes.values() if each is not node)
