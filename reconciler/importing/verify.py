"""Whether the new state serves what was served: zones before and after, both as named-compilezone writes them.

Nothing that read the old files is believed here: the master file, with its journal, and the text that would be deployed
go through the same program, and what it writes is compared. Serials do not count.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from reconciler.dns import names, zonetext
from reconciler.dns.zone import Zone
from reconciler.dns.zonetext import Record
from reconciler.errors import ReconcilerError, Temporary
from reconciler.importing.bind.compiled import compiled
from reconciler.importing.bind.places import Places
from reconciler.importing.bind.signing import without_signing
from reconciler.importing.found import FoundZone

SHOWN = 20
"""Differences of a zone that are told."""


class Verdict(NamedTuple):
    """How a zone of the new state compares to the one found.

    differences: the first ones, `- OWNER TTL IN TYPE DATA` for what is missing now, `+ …` for what is new.
    note: how many there are in all, or why the two could not be compared; "" where nothing has to be said.
    """

    zone: str
    view: str
    equal: bool
    differences: tuple[str, ...] = ()
    note: str = ""


def verify(
    found: Sequence[FoundZone], rendered: Mapping[tuple[str, str], Zone], *, root: Path | None = None
) -> list[Verdict]:
    """Compare each zone found with the one rendered, by (name, view). root: as for `read_named`.

    Raises Temporary where named-compilezone is missing.
    """
    return [_verdict(zone, rendered.get((zone.name, zone.view)), root) for zone in found]


def _verdict(found: FoundZone, rendered: Zone | None, root: Path | None) -> Verdict:
    if rendered is None:
        return Verdict(found.name, found.view, equal=False, note="the new state has no such zone")
    try:
        before, after = _before(found, root), _after(rendered)
        gone = _canonical(before - after)
        come = _canonical(after - before)
    except Temporary:
        raise
    except ReconcilerError as error:
        return Verdict(found.name, found.view, equal=False, note=f"cannot be compared: {error}")
    kept, signing = without_signing(gone)
    marked = [("-", record) for record in set(kept) - set(come)] + [("+", record) for record in set(come) - set(gone)]
    marked.sort(key=lambda one: (names.sort_key(one[1][0]), one[1][2], one[0] == "+", one[1][3]))
    shown = tuple(f"{mark} {owner} {ttl} IN {rtype} {data}" for mark, (owner, ttl, rtype, data) in marked[:SHOWN])
    notes = [f"{len(marked)} differences"] if len(marked) > SHOWN else []
    notes += [f"{signing.total()} records of signing are not compared"] if signing else []
    return Verdict(found.name, found.view, not marked, shown, "; ".join(notes))


def _before(found: FoundZone, root: Path | None) -> set[str]:
    path = Path(found.path)
    places = Places(path, root, found.directory)
    journal = Path(found.journal) if found.journal else None
    return set(_lines(compiled(found.name, path, places, journal).text))


def _after(zone: Zone) -> set[str]:
    with tempfile.TemporaryDirectory(prefix="reconciler-") as folder:
        path = Path(folder) / "rendered.zone"
        path.write_text(zone.text(1), encoding="utf-8")
        return set(_lines(compiled(zone.name, path, Places(path)).text))


def _lines(text: str) -> Iterator[str]:
    """Records without what named-compilezone aligns columns with."""
    for line in text.splitlines():
        yield " ".join(line.split(None, 4))


def _canonical(lines: set[str]) -> list[Record]:
    """Only what differs is read: case of names is no difference (RFC 4343), nor is the serial."""
    records = []
    for owner, ttl, rtype, data in zonetext.parse_full("\n".join(sorted(lines))):
        if rtype == "SOA":
            mname, rname, _serial, times = data.split(" ", 3)
            records.append((owner, ttl, rtype, f"{mname} {rname} SERIAL {times}"))
        else:
            records.append((owner, ttl, rtype, data))
    return records
