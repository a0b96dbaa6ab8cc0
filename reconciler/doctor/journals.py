"""Journals that lie beside zone files: those that nobody needs, and those that named will stumble over."""

import time
from collections.abc import Iterator
from pathlib import Path

from reconciler.dns import serials, versions
from reconciler.doctor.finding import Finding, broken, chapter, quoted, warning, well
from reconciler.doctor.node import Node
from reconciler.doctor.zones import deployed
from reconciler.errors import BadName
from reconciler.manifest import Entry
from reconciler.services.bind import journal, zonefile

_AGAIN = 0.7
"""Seconds until a second look: named may be writing."""
_CHAPTER = chapter("A zone gives SERVFAIL after a crash of named")


def journals(node: Node) -> Iterator[Finding]:
    """Each journal: has it a zone, is the zone dynamic, does it fit the zone's file."""
    assert node.settings.bind is not None
    directory = node.settings.bind.directory
    wrong = list(_look(directory / "zones", node))
    if wrong:
        time.sleep(_AGAIN)
        wrong = list(_look(directory / "zones", node))
    yield from wrong
    if not wrong:
        count = sum(1 for _ in (directory / "zones").glob("*.jnl"))
        yield well(f"{count} journal{'' if count == 1 else 's'}, each of a dynamic zone and fit for its file")


def _look(folder: Path, node: Node) -> Iterator[Finding]:
    known = deployed(node)
    for path in sorted(folder.glob("*.jnl")):
        # What inline signing keeps beside a zone is named's own.
        if path.stem.endswith(".signed"):
            continue
        try:
            finding = _judge(path, known.get(versions.from_filename(path.stem)), node)
        except BadName:
            finding = _stale(path, "of no zone", node)
        except FileNotFoundError:
            continue
        if finding is not None:
            yield finding


def _judge(path: Path, zone: Entry | None, node: Node) -> Finding | None:
    if zone is None:
        return _stale(path, "of a zone that is not deployed", node)
    if not zone.dynamic:
        return _stale(path, "of a static zone: named replays it over the zone's file at its next start", node)
    span = journal.span_of(path)
    if span is None:
        return _unfit(path, "is no journal that named could read", node)
    serial = zonefile.serial_in(path.with_suffix(""))
    if serial is None or _within(serial, span):
        return None
    return _unfit(
        path, f"leads from serial {span.first} to {span.last}, and the zone's file has {serial}: out of sync", node
    )


def _within(serial: int, span: journal.Span) -> bool:
    return not serials.newer(span.first, serial) and not serials.newer(serial, span.last)


def _stale(path: Path, why: str, node: Node) -> Finding:
    return warning(
        f"{path} is a journal {why}",
        f"sudo -u {node.who} mkdir -p {quoted(_aside(path))}",
        f"sudo mv {quoted(path)} {quoted(_aside(path))}/",
        _CHAPTER,
    )


def _unfit(path: Path, why: str, node: Node) -> Finding:
    return broken(
        f"{path} {why}; after its next start named would answer SERVFAIL for the zone",
        "# on a pair `reconciler prepare` puts this right before named starts; now, by hand:",
        "sudo systemctl stop named",
        f"sudo mv {quoted(path)} {quoted(_aside(path))}/",
        "sudo systemctl start named",
        node.command("apply"),
        _CHAPTER,
    )


def _aside(path: Path) -> Path:
    return path.parent.parent / "aside"
