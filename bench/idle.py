"""What the daemon costs while nothing happens."""

import os
import time
from pathlib import Path

from bench.contenders import Reconciler
from bench.table import show

SECONDS = 60


def measure(folder: Path) -> None:
    """Print CPU and memory of an idle daemon that has served a push."""
    contender = Reconciler(folder / "reconciler", dnsmasq=True)
    try:
        pid = contender.node.pid
        assert pid is not None
        began, before, switches = time.monotonic(), _cpu(pid), _switches(pid)
        time.sleep(SECONDS)
        share = (_cpu(pid) - before) / (time.monotonic() - began)
        woken = (_switches(pid) - switches) / SECONDS
        rows = [
            ["CPU, % of a core", f"{share * 100:.3f}", "0.1"],
            ["RSS, MiB", f"{_rss(pid):.1f}", "80"],
            ["wake-ups a second", f"{woken:.1f}", ""],
        ]
        show(f"idle daemon, {SECONDS} s", ["", "found", "at most"], rows)
    finally:
        contender.stop()


def _cpu(pid: int) -> float:
    """Seconds on a CPU of all threads, in nanoseconds' precision (proc(5), schedstat)."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def _switches(pid: int) -> int:
    found = 0
    for path in Path(f"/proc/{pid}/task").glob("*/status"):
        found += sum(int(line.split()[1]) for line in path.read_text().splitlines() if "ctxt_switches" in line)
    return found


def _rss(pid: int) -> float:
    resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return resident * os.sysconf("SC_PAGE_SIZE") / 2**20
