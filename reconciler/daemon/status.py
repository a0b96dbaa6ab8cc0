"""The status as one document, made from what is in memory, so that it answers while the loop is at work."""

import time
from dataclasses import asdict
from datetime import datetime
from typing import Any

from reconciler import __version__
from reconciler.audit.lease_tree import time_text
from reconciler.daemon import unreplicated
from reconciler.daemon.loop import Loop
from reconciler.daemon.node import Node
from reconciler.daemon.outcome import PassReport, Result
from reconciler.daemon.term import Terms
from reconciler.dns.versions import shown
from reconciler.role.base import Role, RoleReport


def document(terms: Terms, loop: Loop) -> dict[str, Any]:
    """Everything that `reconciler status` shows. `healthy` is whether no person is needed."""
    node, passes = terms.passes.node, terms.passes
    last, report = loop.last, terms.duty.read()
    deployed = node.store.last
    upstream = terms.upstream.document() if terms.upstream else None
    followed = upstream is None or upstream["healthy"]
    drift, paused, trouble = passes.drift, passes.pause.text, _trouble(terms)
    standing = [*terms.alarms.standing]
    replication = report.replication
    wan = node.wan.document() if terms.begun else None
    published = wan is None or wan["healthy"]
    good = last is not None and (last.result.good or last.result is Result.STANDBY)
    whole = replication is None or (replication.in_sync and replication.disk == "UpToDate")
    return {
        "version": __version__,
        "node": node.config.node,
        "role": report.role.value,
        "healthy": good and whole and followed and published and not (drift or paused or trouble or standing),
        "upstream": upstream,
        "pair": _pair(terms, report) if node.config.role != "always" else None,
        "alarms": [{"text": alarm.text, "at": _time(alarm.at)} for alarm in standing],
        "busy_since": _time(loop.busy_since),
        "paused": paused,
        "branch": node.config.branch,
        "deployed": deployed.commit,
        "last": _report(last),
        "last_applied": _report(loop.last_applied),
        "retry_in": round(max(loop.retry_at - time.monotonic(), 0.0), 1) if loop.retry_at else None,
        "zones": [
            {
                "name": shown(name),
                "serial": zone.serial,
                "records": sum(len(rrset.rdatas) for rrset in zone.zone.rrsets.values()),
                "kind": "dynamic" if zone.dynamic else "static",
            }
            for name, zone in sorted(deployed.zones.items())
        ],
        "drift": [{"place": shown(item.place), "change": item.change, "text": item.text} for item in drift],
        "trouble": trouble,
        "kept_aside": [
            {"file": str(kept.path), "pushed_by": kept.pushed_by, "at": _time(kept.when)}
            for kept in unreplicated.waiting(node.config.own)
        ],
        "leases": len(node.leases.observed.leases) if node.leases and terms.begun else None,
        "lease_problems": list(node.leases.problems) if node.leases and terms.begun else [],
        "wan": wan,
        "prefixes": _prefixes(node) if terms.begun else [],
        "kept": [{"zone": name, "until": _time(end)} for name, end in sorted(deployed.kept.items())],
        "warnings": list(last.warnings) if last else [],
    }


def _prefixes(node: Node) -> list[dict[str, Any]]:
    found = node.prefixes.document(node.store.last)
    return [{**item, "since": _time(item["since"])} for item in found]


def _trouble(terms: Terms) -> str:
    """What is wrong beside what the last pass said. Only a primary's servers are asked."""
    silent = [service.unreached() for service in terms.passes.node.services] if terms.begun else []
    return "; ".join(text for text in (terms.passes.recorder.trouble, terms.trouble, terms.resigned, *silent) if text)


def role(terms: Terms) -> dict[str, Any]:
    """What `reconciler role` shows: the role and each condition of it."""
    report = terms.duty.read()
    return {"node": terms.passes.node.config.node, "provider": terms.duty.name, **role_report(report)}


def role_report(report: RoleReport) -> dict[str, Any]:
    """A role with its conditions and the replication, as a document."""
    return {
        "role": report.role.value,
        "conditions": [{"met": condition.met, "text": condition.text} for condition in report.conditions],
        "replication": asdict(report.replication) if report.replication else None,
    }


def _pair(terms: Terms, report: RoleReport) -> dict[str, Any]:
    changes = terms.history.changes
    failovers = [change["since"] for change in changes if change["role"] == Role.PRIMARY.value]
    replication = report.replication
    return {
        "provider": terms.duty.name,
        "reasons": list(report.reasons),
        "since": _time(changes[-1]["since"]) if changes else None,
        "became_primary": _time(failovers[-1]) if failovers else None,
        "peer_role": replication.peer_role.lower() if replication else None,
        "replication": {**asdict(replication), "text": replication.text} if replication else None,
        "promoted": promoted(report, terms.passes.node.config.branch),
    }


def promoted(report: RoleReport, branch: str) -> str | None:
    """What a standby would do if it became primary now; None for a primary."""
    if report.role is Role.PRIMARY:
        return None
    disk = report.replication.disk if report.replication else None
    if disk == "UpToDate":
        return f"its disk is up to date: as primary it would serve what the pair serves, then the head of {branch}"
    if disk is not None:
        return f"it cannot become primary: its disk is {disk}"
    return f"as primary it would take over what is on the shared disk, then apply the head of {branch}"


def leases(node: Node) -> dict[str, Any]:
    """Leases in force, and what could not be read or named."""
    if node.leases is None:
        problem = "node.yaml names no DHCP server: neither dnsmasq with `dhcp: yes` nor `leases:`"
        return {"leases": [], "networks": [], "problems": [problem]}
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
        "networks": sorted(name for name, _ in networks),
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
