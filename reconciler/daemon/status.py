"""The status as one document, made from what is in memory, so that it answers while the loop is at work."""

import time
from datetime import datetime
from typing import Any

from reconciler import __version__
from reconciler.audit.lease_tree import time_text
from reconciler.daemon.loop import Loop
from reconciler.daemon.node import Node
from reconciler.daemon.outcome import PassReport


def document(node: Node, loop: Loop) -> dict[str, Any]:
    """Everything that `reconciler status` shows. `healthy` is whether the servers serve what the branch says."""
    last = loop.last
    deployed = node.store.last
    drift, paused, trouble = loop.passes.drift, loop.passes.pause.text, loop.passes.recorder.trouble
    return {
        "version": __version__,
        "node": node.config.node,
        "role": node.role.read().role.value,
        "healthy": bool(last and last.result.good) and not (drift or paused or trouble),
        "busy_since": _time(loop.busy_since),
        "paused": paused,
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
        "trouble": trouble,
        "leases": len(node.leases.observed.leases) if node.leases else None,
        "lease_problems": list(node.leases.problems) if node.leases else [],
        "warnings": list(last.warnings) if last else [],
    }


def leases(node: Node) -> dict[str, Any]:
    """Leases in force, and what could not be read or named."""
    if node.leases is None:
        problem = "node.yaml names no DHCP server: neither dnsmasq with `dhcp: yes` nor `leases:`"
        return {"leases": [], "problems": [problem]}
    observed, networks = node.leases.observed, node.leases.networks
    return {
        "leases": [
            {
                "address": str(address),
                "mac": lease.mac,
                "name": lease.name,
                "published": observed.names.get(address),
                "network": next((name for name, prefixes in networks if any(address in p for p in prefixes)), None),
                "expires": _utc(lease.expires),
                "since": _utc(node.leases.since.get(address)),
            }
            for address, lease in sorted(observed.leases.items(), key=lambda pair: (pair[0].version, int(pair[0])))
        ],
        "problems": list(node.leases.problems),
    }


def _utc(moment: int | None) -> str | None:
    return time_text(moment) if moment is not None else None


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
