"""Texts for a person: what a check, a plan and an apply say. Pure; the same lines go to a push and to a terminal.

Lines are `word` padded to ten columns and then the text, so that output reads as a table without being one.
"""

from collections.abc import Iterable, Mapping

from reconciler.dns import versions
from reconciler.evaluate import Evaluation
from reconciler.plan import Plan, ZonePlan, span
from reconciler.state.problem import Severity

_RECORDS_SHOWN = 20
"""Record lines shown for one zone in a push; the audit has all of them."""

_PROBLEMS_SHOWN = 200
"""Problems shown of one check; a file of another kind can have as many as lines."""

ALLOW = "allow-mass-change"
"""The push option that lets a guarded change through."""


def line(word: str, text: str) -> str:
    """One line: a word and what it says."""
    return f"{word:<9} {text}"


def check(evaluation: Evaluation) -> list[str]:
    """The outcome of the check: every problem, or the size of what was checked."""
    problems = sorted(evaluation.problems, key=lambda problem: (-problem.severity, problem.where))
    lines = [str(problem) for problem in problems if problem.severity is Severity.ERROR]
    lines += [str(problem) for problem in problems if problem.severity is Severity.WARNING]
    if len(lines) > _PROBLEMS_SHOWN:
        lines[_PROBLEMS_SHOWN:] = [f"… and {len(lines) - _PROBLEMS_SHOWN} more"]
    lines += [part for complaint in evaluation.complaints for part in complaint.splitlines()]
    found = len(evaluation.errors) + len(evaluation.complaints)
    if evaluation.site is None or found:
        lines.append(line("check", f"{found} {'mistake' if found == 1 else 'mistakes'} found"))
    else:
        size = (
            f"{plural(evaluation.files_read, 'file')}, {plural(len(evaluation.site.hosts), 'host')}, "
            f"{plural(len(evaluation.site.zones), 'zone')}"
        )
        lines.append(line("check", f"{size}: ok"))
    return lines


def plan(change: Plan, serials: Mapping[str, int], *, records_shown: int = _RECORDS_SHOWN) -> list[str]:
    """The plan, zone by zone. serials: the serial each zone is expected to get, where one is kept."""
    if change.empty:
        return [line("plan", "no change to what is served")]
    width = max((len(versions.shown(zone.name)) for zone in change.zones), default=0)
    rows = [row for zone in change.zones for row in _zone(zone, serials.get(zone.name, 0), records_shown, width)]
    rows += [f"{sign} {path}" for sign, path in change.files]
    rows += [f"note: {note}" for note in change.notes]
    return [line("plan" if index == 0 else "", row) for index, row in enumerate(rows)]


def _zone(zone: ZonePlan, serial: int, records_shown: int, width: int) -> Iterable[str]:
    counts = f"+{zone.state_diff.plus} ~{zone.state_diff.tilde} -{zone.state_diff.minus}"
    kind = {"new": "new zone", "removed": "zone removed", "changed": ""}[zone.kind]
    tail = str(serial) if serial and zone.kind != "removed" else ""
    yield "  ".join(
        part for part in (f"{versions.shown(zone.name):<{width}}", f"{counts:<10}", kind, tail) if part
    ).rstrip()
    if zone.was:
        yield f"  takes the place of {versions.shown(zone.was)}"
    if zone.kind_change:
        yield f"  becomes {zone.kind_change}"
    if zone.soa:
        yield f"  ~ {zone.soa[1].line(versions.name_of(zone.name), serial)}"
    changes = zone.state_diff.changes
    for change in changes[:records_shown]:
        yield f"  {change.sign} {change.line}"
    if len(changes) > records_shown:
        yield f"  … and {len(changes) - records_shown} more"
    by_leases = len(zone.diff.changes) - len(changes)
    if by_leases:
        yield f"  and {plural(by_leases, 'record')} of leases"


def guarded(reasons: Iterable[str], *, how: str) -> list[str]:
    """Why the guard holds a change back, and how to let it through."""
    return [*(line("guard", reason) for reason in reasons), line("", f"if this is meant: {how}")]


def plural(count: int, noun: str) -> str:
    """`1 host`, `3 hosts`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def seconds(value: float) -> str:
    """A duration as measured: `0.21 s`, `3 min 20 s`."""
    return f"{value:.2f} s" if value < 60 else span(round(value))
