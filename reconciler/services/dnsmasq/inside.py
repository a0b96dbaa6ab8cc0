"""Runs inside a scratch network namespace, as a program of its own: `python -I inside.py`, a plan on
standard input.

It makes the interfaces that the plan names, starts dnsmasq there, waits until that has started or ended,
stops it, and prints {"started": bool, "log": [lines]} as JSON. It imports nothing of this package. Plan,
JSON: {"argv": [...], "ip": path of ip(8), "interfaces": {name: [address/length]}, "seconds": number}.
"""

import json
import subprocess
import sys
import threading
from typing import Any

_STARTED = ": started, version "


def main() -> None:
    """Read the plan, carry it out, print the result."""
    plan = json.load(sys.stdin)
    for number, (name, addresses) in enumerate(sorted(plan["interfaces"].items())):
        _make_interface(plan["ip"], name, number, addresses)
    json.dump(_start(plan), sys.stdout)


def _make_interface(program: str, name: str, number: int, addresses: list[str]) -> None:
    def ip(*arguments: str) -> bool:
        argv = [program, *arguments]
        return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0

    # Some kernels come without the dummy driver; one end of a veth pair does as well.
    if name != "lo" and not ip("link", "add", name, "type", "dummy"):
        peer = f"peer{number}"
        ip("link", "add", name, "type", "veth", "peer", "name", peer)
        ip("link", "set", peer, "up")
    ip("link", "set", name, "up")
    for address in addresses:
        extra = ["nodad"] if ":" in address else []
        ip("address", "add", address, "dev", name, *extra)


def _start(plan: dict[str, Any]) -> dict[str, Any]:
    process = subprocess.Popen(
        plan["argv"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    timer = threading.Timer(plan["seconds"], process.kill)
    timer.start()
    log: list[str] = []
    started = False
    for line in process.stdout or ():
        log.append(line.rstrip("\n"))
        if _STARTED in line:
            started = True
            # It reads its hosts and reservations before it looks at signals, so they are in the log too.
            process.terminate()
    process.wait()
    timer.cancel()
    return {"started": started, "log": log}


if __name__ == "__main__":
    main()
