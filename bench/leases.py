"""From a DHCP server's lease file to named's answer: one lease, 10,000 at once, and one where 100,000 stand."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.answer import Poller
from bench.leasing import TYPES, BareNamed, LeaseNode, Publisher, questions
from bench.table import ms, percentile, show
from reconciler.services.bind.verify import sample

RUNS = 30
BURST = 10_000
BURSTS = 3
STANDING = (10_000, 100_000)
CHANGES = 15

_READ = """\
import gc, sys, time
from pathlib import Path
from reconciler.leases.dnsmasq import Parser
began = time.perf_counter()
parsed = Parser().parse(Path(sys.argv[1]).read_bytes())
print(time.perf_counter() - began)
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


def measure(folder: Path) -> None:
    """Print a table for each of the three."""
    node, bare = LeaseNode(folder / "node"), BareNamed(folder / "bare")
    try:
        _one(node, bare)
        _burst(node, bare)
    finally:
        node.stop()
        bare.stop()
    _standing(folder)


def timed(publisher: Publisher, clients: Sequence[int], types: Sequence[str] = TYPES) -> float:
    """Seconds until a sample of the clients' records, the last among them, is answered rightly."""
    poller = Poller(publisher.port, sample(questions(clients, types)))
    poller.start()
    began = publisher.publish(clients, types)
    seconds = poller.wait() - began
    publisher.settle()
    return seconds


def _one(node: LeaseNode, bare: BareNamed) -> None:
    client = 50
    node.write(range(client))
    node.settle()
    for title, types in (("name to address", ("A",)), ("name to address, address to name", TYPES)):
        times: dict[str, list[float]] = {node.name: [], bare.name: []}
        for number in range(-1, RUNS):
            client += 1
            # Turn about, so that nobody is always first.
            for each in (node, bare) if number % 2 else (bare, node):
                seconds = timed(each, [client], types)
                if number >= 0:
                    times[each.name].append(seconds)
        floor = percentile(times[bare.name], 0.5)
        rows = []
        for name, found in times.items():
            figures = [percentile(found, 0.5), percentile(found, 0.95)]
            rows.append([name, *map(ms, figures), *(f"{figure / floor:.2f}" for figure in figures)])
        head = [f"{title}, {RUNS} runs", "p50 ms", "p95 ms", "p50 / nsupdate's p50", "p95 / nsupdate's p50"]
        show("one lease → right answer from named (aim: p50 2 ×, p95 4 × at most)", head, rows)


def _burst(node: LeaseNode, bare: BareNamed) -> None:
    clients = range(1000, 1000 + BURST)
    node.write(range(50))
    node.settle()
    times: dict[str, list[float]] = {node.name: [], bare.name: []}
    for number in range(BURSTS):
        for each in (node, bare) if number % 2 else (bare, node):
            times[each.name].append(timed(each, clients))
            everything = Poller(each.port, questions(clients))
            everything.start()
            everything.wait()
        node.write(range(50))
        bare.withdraw(clients)
        node.settle()
    floor = percentile(times[bare.name], 0.5)
    rows = []
    for name, found in times.items():
        middle = percentile(found, 0.5)
        rows.append([name, ms(middle), ms(max(found)), f"{middle / floor:.2f}"])
    head = [f"{BURST:,} leases, {2 * BURST:,} records, {BURSTS} runs", "p50 ms", "longest ms", "/ nsupdate"]
    show("all at once → all names answer (each was asked for)", head, rows)


def _standing(folder: Path) -> None:
    nodes: dict[int, LeaseNode] = {}
    times: dict[int, list[float]] = {}
    reading: dict[int, list[float]] = {}
    memory: dict[int, tuple[float, float]] = {}
    try:
        for count in STANDING:
            nodes[count] = LeaseNode(folder / f"node{count}", range(count))
            times[count], reading[count] = [], []
        for number in range(-1, CHANGES):
            for count, node in nodes.items():
                seconds = timed(node, [count + number + 1])
                read, kilobytes = _read_once(node.file)
                if number >= 0:
                    times[count].append(seconds)
                    reading[count].append(read)
                    memory[count] = _peak(node), kilobytes / 1024
    finally:
        for node in nodes.values():
            node.stop()
    rows, figures = [], []
    for count in STANDING:
        both = percentile(times[count], 0.5), percentile(reading[count], 0.5)
        figures.append((*both, *memory[count]))
        rows.append(
            [f"{count:,}", *map(ms, both), f"{both[0] / both[1]:.2f}", *(f"{mib:.1f}" for mib in memory[count])]
        )
    small, large = figures
    grown = [f"× {after / before:.2f}" for before, after in zip(small, large, strict=True)]
    rows.append(["growth", *grown[:2], "", *grown[2:]])
    head = ["leases", "change p50 ms", "reading p50 ms", "change / reading", "daemon's peak MiB", "reading's peak MiB"]
    show(
        f"one lease more among many, {CHANGES} runs, against reading the file once (aim: grows no faster than reading)",
        head,
        rows,
    )


def _read_once(file: Path) -> tuple[float, float]:
    """Seconds that a program of its own takes to read and parse the file, and its peak memory in KiB."""
    done = subprocess.run([sys.executable, "-c", _READ, str(file)], capture_output=True, text=True, check=True)
    seconds, kilobytes = done.stdout.split()
    return float(seconds), float(kilobytes)


def _peak(node: LeaseNode) -> float:
    """The most memory that the daemon ever had, its start with all leases included, in MiB (proc(5), VmHWM)."""
    text = Path(f"/proc/{node.node.pid}/status").read_text()
    return next(float(row.split()[1]) for row in text.splitlines() if row.startswith("VmHWM")) / 1024
