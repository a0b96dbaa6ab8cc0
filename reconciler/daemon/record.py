"""What a pass leaves on record: entries for the audit, and lines for a person. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from reconciler import report
from reconciler.apply import Applied
from reconciler.audit.entry import Entry
from reconciler.audit.tree import file_changes, zone_changes
from reconciler.daemon.pushes import Push
from reconciler.deployed import Deployed, DeployedZone
from reconciler.dns.versions import shown
from reconciler.evaluate import Evaluation
from reconciler.git.fastimport import Files
from reconciler.plan import Plan
from reconciler.services.base import Drift, File
from reconciler.wan.news import News

_DRIFT_SHOWN = 20

_USUAL = ("rndc ", "reload ", "update ")
"""What every apply does; not worth a line."""


def applied_lines(node: str, servers: Sequence[str], applied: Applied, duration: float) -> list[str]:
    """`applied on lsvm2 in 0.21 s, verified against …`, then serials, what was done to servers, drift."""
    verified = f", verified against {' and '.join(servers)}" if servers else ""
    lines = [report.line("applied", f"on {node} in {report.seconds(duration)}{verified}")]
    serials = _serials(applied.changed)
    if serials:
        lines.append(report.line("serials", serials))
    unusual = (action for action in applied.actions if not action.startswith(_USUAL))
    lines += [report.line("did", action) for action in unusual]
    return lines + drift_lines(applied.drift)


def lease_lines(plan: Plan, applied: Applied, duration: float) -> list[str]:
    """`leases +2 ~0 -1 records in 0.02 s`, and serials."""
    diffs = [zone.diff for zone in plan.zones]
    counts = f"+{sum(d.plus for d in diffs)} ~{sum(d.tilde for d in diffs)} -{sum(d.minus for d in diffs)}"
    lines = [report.line("leases", f"{counts} records in {report.seconds(duration)}")]
    serials = _serials(applied.changed)
    return [*lines, report.line("serials", serials)] if serials else lines


def drift_lines(found: Sequence[Drift]) -> list[str]:
    """What others changed, one record a line."""
    lines = []
    for drift in found[:_DRIFT_SHOWN]:
        word = "healed" if drift.healed else "drift"
        lines.append(report.line(word, f"{shown(drift.place)} {drift.change} {drift.text}"))
    if len(found) > _DRIFT_SHOWN:
        lines.append(report.line("", f"… and {len(found) - _DRIFT_SHOWN} more"))
    return lines


def failed_lines(text: str) -> list[str]:
    """An apply that failed: the server's words, and what is served now."""
    # Servers' words, cause and remedy are clauses of one sentence; a line each reads better.
    first, *rest = text.replace("; ", ";\n").splitlines() or [text]
    return [report.line("failed", first), *(report.line("", line) for line in rest)]


def applied_entry(
    *,
    trigger: str,
    node: str,
    evaluation: Evaluation,
    recorded: Deployed | None,
    applied: Applied,
    pushed_by: str,
    duration: float,
    superseded: Iterable[str],
    unreplicated: bool = False,
) -> Entry:
    """The audit's entry of an apply that went well.

    recorded: what was deployed before, None when the audit's files are not those: all are written anew.
    """
    added, changed, deleted = evaluation.plan.counts if evaluation.plan else (0, 0, 0)
    note = f"applied on {node}: {_serials(applied.changed) or 'no serial changed'}"
    return Entry(
        subject=f"Apply {evaluation.commit[:12]}: +{added} ~{changed} -{deleted} records",
        trailers=_trailers(
            trigger,
            evaluation.commit,
            node,
            pushed_by,
            result="applied",
            zones=_serials(applied.changed),
            duration=report.seconds(duration),
            drift=applied.drift,
            unreplicated=unreplicated,
            moved=evaluation.moves,
        ),
        files=_files(recorded, applied.deployed, evaluation.files),
        notes={
            evaluation.commit: note,
            **dict.fromkeys(superseded, f"superseded by {evaluation.commit[:12]}, {note}"),
        },
    )


def missed_entry(
    *, node: str, deployed: Deployed, files: Mapping[str, File], pushed_by: str, unreplicated: bool = False
) -> Entry:
    """The audit's entry of an apply after which the program ended before it had recorded it."""
    commit = deployed.commit or ""
    serials = ", ".join(f"{shown(name)} {zone.serial}" for name, zone in deployed.zones.items() if zone.serial)
    return Entry(
        subject=f"Apply {commit[:12]}: recorded late",
        body="The reconciler ended, or could not write here, before it had recorded this apply.",
        trailers=_trailers(
            "recovery", commit, node, pushed_by, result="applied", zones=serials, unreplicated=unreplicated
        ),
        files=_files(None, deployed, files),
        notes={commit: f"applied on {node}: {serials or 'no serial changed'}"},
    )


def _files(before: Deployed | None, after: Deployed, rendered: Mapping[str, File]) -> Files:
    """Leases have a history of their own, which is not kept for ever: they hold personal data."""
    old = before or Deployed()
    zones = zone_changes(_state_only(old.zones), _state_only(after.zones))
    changes = {**zones, **file_changes(old.files, rendered)}
    return changes if before else {"zones": None, "services": None, **changes}


def _state_only(zones: Mapping[str, DeployedZone]) -> dict[str, DeployedZone]:
    return {name: replace(zone, zone=zone.state) if zone.leases else zone for name, zone in zones.items()}


def failure_entry(
    *, trigger: str, node: str, commit: str, pushed_by: str, result: str, text: str, unreplicated: bool = False
) -> Entry:
    """The audit's entry of an apply that did not happen or did not hold."""
    return Entry(
        subject=f"Not applied {commit[:12]}: {text.splitlines()[0] if text else result}",
        body=text,
        trailers=_trailers(trigger, commit, node, pushed_by, result=result, unreplicated=unreplicated),
        files={},
        notes={commit: f"{result} on {node}: {text}"},
    )


def drift_entry(*, trigger: str, node: str, commit: str, found: Sequence[Drift]) -> Entry:
    """The audit's entry of changes that somebody made behind the repository's back."""
    return Entry(
        subject=f"Drift: {report.plural(len(found), 'difference')} on {node}",
        body="\n".join(drift_lines(found)),
        trailers=_trailers(trigger, commit, node, "", result="drift", drift=found),
        files={},
        notes={},
    )


def lost_entry(*, node: str, lines: Sequence[str], count: int) -> Entry:
    """The audit's entry of pushes that this node had kept aside, and that are not in the repository any more."""
    return Entry(
        subject=f"Lost: {count} {'push' if count == 1 else 'pushes'} of {node} offered as lost/{node}/…",
        body="\n".join(
            [
                f"{node} took these while its peer was away, and its data was discarded for the peer's afterwards.",
                *lines,
            ]
        ),
        trailers=_trailers("failover", "", node, "", result="offered"),
        files={},
        notes={},
    )


def unreplicated(push: Push | None) -> bool:
    """Whether it came by a push that the peer could not have."""
    return push is not None and push.unreplicated


def address_entry(*, node: str, news: News) -> Entry:
    """The audit's entry of what happened to the public address. It changes nothing of what is deployed."""
    trailers = [("Trigger", "address"), ("Node", node), ("Pushed-by", news.asked_by), ("Result", news.result)]
    trailers += [("Address", news.address), ("Said-by", ", ".join(news.said_by)), ("Names", ", ".join(news.names))]
    return Entry(subject=news.text, trailers=tuple((key, value) for key, value in trailers if value))


def pushed_by(push: Push | None, by: str) -> str:
    """Who stands behind an apply."""
    return push.pushed_by if push and push.pushed_by else by


def fetched(entry: Entry, committer: str, problem: str) -> Entry:
    """The entry of a node that follows an upstream, which does not tell who pushed.

    committer: of the commit that it is about. problem: why upstream's history could not be looked at before.
    """
    more = (("Committed-by", committer), ("Upstream", problem and f"history not looked at: {problem}"))
    return replace(entry, trailers=(*entry.trailers, *((key, value) for key, value in more if value)))


def _trailers(
    trigger: str,
    commit: str,
    node: str,
    who: str,
    *,
    result: str,
    zones: str = "",
    duration: str = "",
    drift: Sequence[Drift] = (),
    unreplicated: bool = False,
    moved: Sequence[str] = (),
) -> tuple[tuple[str, str], ...]:
    trailers = [("Trigger", trigger), ("State", commit), ("Node", node), ("Pushed-by", who), ("Result", result)]
    trailers += [
        ("Moved", "; ".join(moved)),
        ("Zones", zones),
        ("Duration", duration),
        ("Drift", str(len(drift)) if drift else ""),
        ("Unreplicated", "yes" if unreplicated else ""),
    ]
    return tuple((key, value) for key, value in trailers if value)


def _serials(changed: Mapping[str, tuple[int, int]]) -> str:
    """`example.org. 2026112003, …`; nothing where no server keeps serials."""
    return ", ".join(f"{shown(zone)} {serial}" for zone, (_, serial) in changed.items() if serial)
