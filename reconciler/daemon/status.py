"""The status as one document, made from what is in memory, so that it answers while the loop is at work."""

import time
from datetime import datetime
from typing import Any

from reconciler import __version__
from reconciler.daemon.loop import Loop
from reconciler.daemon.node import Node
from reconciler.daemon.passes import PassReport


def document(node: Node, loop: Loop) -> dict[str, Any]:
    """Everything that `reconciler status` shows. `healthy` is whether the servers serve what the branch says."""
    last = loop.last
    deployed = node.store.last
    drift = loop.passes.drift
    return {
        "version": __version__,
        "node": node.config.node,
        "role": node.role.read().role.value,
        "healthy": bool(last and last.result.good and not drift),
        "busy_since": _time(loop.busy_since),
        "paused": loop.passes.paused,
        "branch": node.config.branch,
        "deployed": deployed.commit,
        "last": _report(last),
        "last_applied": _report(loop.last_applied),
        "retry_in": round(max(loop.retry_at - time.monotonic(), 0.0), 1) if loop.retry_at else None,
        "zones": [
            {
                "name": name,
                "serial": zone.serial,
                "records": sum(len(rrset.rdatas) for rrset in zone.zone.rrsets.values()),
                "kind": "dynamic" if zone.dynamic else "static",
            }
            for name, zone in sorted(deployed.zones.items())
        ],
        "drift": [{"place": item.place, "change": item.change, "text": item.text} for item in drift],
        "warnings": list(last.warnings) if last else [],
    }


def _report(report: PassReport | None) -> dict[str, Any] | None:
    if report is None:
        return None
    return {
        "result": report.result.value,
        "commit": report.commit,
        "finished": _time(report.finished),
        "lines": list(report.lines),
    }


def _time(moment: float | None) -> str | None:
    return datetime.fromtimestamp(moment).astimezone().isoformat(timespec="seconds") if moment else None
