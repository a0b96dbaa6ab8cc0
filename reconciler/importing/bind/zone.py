"""One `zone` statement of type primary: its file as records, its statements as what the state can say."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from reconciler.dns import names
from reconciler.dns.records import Key, RRset
from reconciler.errors import BadName, ReconcilerError, Refused, Temporary
from reconciler.importing.bind import defaults, numbering, transfers, updates
from reconciler.importing.bind.compiled import Compiled, Remark, compiled
from reconciler.importing.bind.matching import Lists
from reconciler.importing.bind.places import Places
from reconciler.importing.bind.signing import without_signing
from reconciler.importing.bind.syntax import Statement, plain
from reconciler.importing.found import Fate, FoundGrant, FoundRecord, FoundZone, Line
from reconciler.services.bind import zonefile
from reconciler.state.bounds import MAX_RECORDS

_OWN = frozenset({"type", "file", "journal", "masterfile-format", "masterfile-style", "class"})
"""Said by the zone's own line."""
_SIGNING = frozenset({"dnssec-policy", "inline-signing", "auto-dnssec", "key-directory", "dnssec-update-mode"})
_SHOWN = 20
"""Remarks on one zone's file that are told."""


@dataclass(frozen=True, slots=True)
class Around:
    """What a zone stands in. view: "" where named has none. outer: statements that it inherits from, nearest first."""

    places: Places
    lists: Lists
    keys: frozenset[str]
    view: str = ""
    outer: tuple[Statement, ...] = ()


class Outcome(NamedTuple):
    """The zone, unless it was left, and what became of its lines."""

    zone: FoundZone | None
    lines: list[Line]


def line(statement: Statement, fate: Fate, note: str, *, text: str = "") -> Line:
    """The line of a statement."""
    return Line(plain(statement.place.path), statement.place.line, text or statement.text(), fate, plain(note))


def zone_name(statement: Statement) -> str:
    """The canonical name. Raises Refused where the state cannot have such a zone."""
    words = statement.words
    if len(words) > 2 and words[2].upper() not in ("IN", "CLASS1"):
        raise Refused(f"class {words[2]} is not served")
    try:
        return names.parse(statement.value)
    except BadName as error:
        raise Refused(str(error)) from None


def read_primary(statement: Statement, around: Around) -> Outcome:
    """Take in a primary zone, with all that its files hold."""
    try:
        name = zone_name(statement)
        path, journal = _files(statement, around)
        found = compiled(name, path, around.places, journal)
        content = zonefile.parse(name, found.text)
        if reason := defaults.reason(name, content.zone.rrsets.values()):
            raise Refused(reason)
        lines, records = _records(statement, found, content.zone.rrsets, name)
    except Temporary:
        raise
    except ReconcilerError as error:
        return Outcome(None, [line(statement, Fate.LEFT, str(error), text=statement.head())])
    settings = _Settings(around, name)
    settings.read(statement)
    zone = FoundZone(
        name,
        around.view,
        content.zone.soa,
        content.serial,
        records,
        str(path),
        settings.dynamic,
        tuple(dict.fromkeys(settings.grants)),
        settings.transfer_to,
        settings.notify,
        str(journal or ""),
        around.places.start,
    )
    kind = "dynamic, " if zone.dynamic else ""
    note = f"zones/, {kind}{len(records)} records, serial {content.serial}{settings.note}"
    return Outcome(zone, [line(statement, Fate.TAKEN, note, text=statement.head()), *settings.lines, *lines])


def _files(statement: Statement, around: Around) -> tuple[Path, Path | None]:
    file, journal = statement.get("file"), statement.get("journal")
    if file is None or not file.value:
        raise Refused("it has no file; only zones in master files are taken")
    found = around.places.find(file.value)
    return found, around.places.find(journal.value) if journal else None


def _records(
    statement: Statement, found: Compiled, rrsets: Mapping[Key, RRset], name: str
) -> tuple[list[Line], tuple[FoundRecord, ...]]:
    kept, signing = without_signing(
        (rrset.owner, rrset.ttl, rrset.rtype, data) for rrset in rrsets.values() for data in rrset.rdatas
    )
    if len(kept) > MAX_RECORDS:
        raise Refused(f"it has {len(kept)} records; a state holds {MAX_RECORDS}")
    path = str(found.sources.main)
    where = numbering.lines_of(found.sources, name)
    nowhere = numbering.Line(path, 0)
    records = tuple(
        FoundRecord(owner, ttl, rtype, data, *where.get((owner, rtype, data), nowhere))
        for owner, ttl, rtype, data in kept
    )
    remarks = [remark for remark in found.remarks if remark.line]
    lines = [_remark(remark) for remark in remarks[:_SHOWN]]
    if len(remarks) > _SHOWN:
        lines.append(Line(path, 0, "", Fate.LEFT, f"named says so of {len(remarks) - _SHOWN} more lines"))
    if signing:
        counts = ", ".join(f"{count} {rtype}" for rtype, count in sorted(signing.items()))
        note = f"{name} is signed; the state holds it unsigned, so take its DS records out of the parent zone first"
        lines.append(Line(path, 0, counts, Fate.LEFT, note))
    return lines, records


def _remark(remark: Remark) -> Line:
    """A line of a master file of which named says something."""
    if remark.what.startswith("ignoring"):
        return Line(remark.path, remark.line, remark.what, Fate.LEFT, "named does not serve it either")
    return Line(remark.path, remark.line, remark.what, Fate.TAKEN, "as named reads it")


class _Settings:
    """The statements of a zone, and those that it inherits."""

    def __init__(self, around: Around, name: str) -> None:
        self.dynamic = False
        self.grants: tuple[FoundGrant, ...] = ()
        self.transfer_to: tuple[str, ...] = ()
        self.notify: tuple[str, ...] = ()
        self.lines: list[Line] = []
        self.note = ""
        self._around = around
        self._name = name

    def read(self, statement: Statement) -> None:
        """Take all of them in."""
        self._update(statement)
        self._transfer(statement)
        self._notify(statement)
        known = (*_OWN, "update-policy", "allow-update", "allow-transfer", "also-notify", "notify")
        for inner in statement.inner:
            if inner.name in known:
                continue
            if inner.name == "allow-query":
                note = transfers.query_note(self._around.lists.match(inner))
                self._add(inner, (note,) if note else (), "as everywhere")
            elif inner.name in _SIGNING:
                self._add(inner, ("zones are held unsigned; take the DS records out of the parent zone first",))
            else:
                self._add(inner, ("the zone's clause is written anew, without it",))
        self.lines.sort(key=lambda one: (one.path != plain(statement.place.path), one.number))

    def _update(self, statement: Statement) -> None:
        around = self._around
        policy, allow = statement.get("update-policy"), self._effective(statement, "allow-update")
        if policy is not None:
            found = updates.update_policy(policy, self._name, around.keys)
            source = policy
        elif allow is not None:
            found = updates.allow_update(allow, around.lists, around.keys)
            source = allow
        else:
            return
        self.dynamic, self.grants = found.dynamic, found.grants
        if self.grants or not found.troubles:
            what = f"update: {len(self.grants)} grants" if self.dynamic else "a static zone"
            self.lines.append(line(source, Fate.TAKEN, what))
        self.lines += [line(rule, Fate.LEFT, note) for rule, note in found.troubles]

    def _transfer(self, statement: Statement) -> None:
        allow = self._effective(statement, "allow-transfer")
        if allow is None:
            self.note = "; everybody could copy it, as it had no allow-transfer"
            return
        found = transfers.transfer_to(allow, self._around.lists.match(allow), self._around.keys)
        self.transfer_to = found.peers
        self._add(allow, found.troubles, "secondaries" if found.peers else "to nobody")

    def _notify(self, statement: Statement) -> None:
        wanted = self._effective(statement, "notify")
        also = self._effective(statement, "also-notify")
        if also is not None and not (wanted and wanted.value.lower() in ("no", "false", "0")):
            found = transfers.notify(also, self._around.lists.servers(also), self._around.keys)
            self.notify = found.peers
            self._add(also, found.troubles, "secondaries")
        if wanted is not None:
            note = transfers.notify_note(wanted)
            self._add(wanted, (note,) if note else (), "only those under secondaries are told")

    def _effective(self, statement: Statement, name: str) -> Statement | None:
        """The zone's own, else its view's, else that of options."""
        found = (outer.get(name) for outer in (statement, *self._around.outer))
        return next((one for one in found if one is not None), None)

    def _add(self, statement: Statement, troubles: tuple[str, ...], taken: str = "") -> None:
        if troubles:
            self.lines.append(line(statement, Fate.LEFT, "; ".join(troubles)))
        elif taken:
            self.lines.append(line(statement, Fate.TAKEN, taken))


def zone_type(statement: Statement) -> str:
    """Its type in lower case; "" where it has none."""
    found = statement.get("type")
    return found.value.lower() if found else ""
