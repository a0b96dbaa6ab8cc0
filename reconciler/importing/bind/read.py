"""named.conf and all that it names, as values: `read_named`."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

from reconciler.errors import Refused
from reconciler.importing.bind import conf, hatch
from reconciler.importing.bind.keys import TakenKey, is_identifier, read_key
from reconciler.importing.bind.matching import Lists, Match, key_name
from reconciler.importing.bind.places import Places
from reconciler.importing.bind.syntax import Statement
from reconciler.importing.bind.zone import Around, line, read_primary, zone_name, zone_type
from reconciler.importing.found import (
    Address,
    Fate,
    FoundDns,
    FoundKey,
    FoundSecret,
    FoundView,
    FoundZone,
    Line,
)

STAYS = "stays in the node's own named.conf"
_FOR_ZONES = frozenset({"allow-update", "allow-transfer", "also-notify", "notify"})
_LISTS = frozenset({"acl", "primaries", "masters", "remote-servers", "parental-agents"})
_PRIMARY = ("primary", "master")
_HATCH = ("forward", "stub", "static-stub")


def read_named(path: Path, *, root: Path | None = None) -> FoundDns:
    """Read named.conf, what it includes, and the zones' master files with their journals. Nothing is written.

    root: a folder that stands for `/`, and where need be for named's `directory`, when the files were copied from
    another machine; nothing outside of it is read then. Relative paths begin in named's `directory`, else in the root,
    else in named.conf's own folder.

    A zone that cannot be taken is told in `lines`. Raises Refused with path, line and column where the whole cannot be
    used, Temporary where named-compilezone is missing.
    """
    places = Places(path, root)
    reading = _Reading(places, conf.load(path, places))
    reading.all()
    return reading.found()


class _Reading:
    def __init__(self, places: Places, statements: list[Statement]) -> None:
        self._statements = statements
        self._places = places
        self._lists = Lists(statements)
        self._options = next((one for one in statements if one.name == "options"), None)
        self._viewed = any(one.name == "view" for one in statements)
        self._lines: dict[Line, None] = {}
        self._keys: dict[str, tuple[FoundKey, FoundSecret]] = {}
        self._zones: dict[tuple[str, str], FoundZone] = {}
        self._views: list[FoundView] = []
        self._forwarders: list[Address] = []
        self._hatches: list[str] = []
        self._key_lines = dict(self._read_keys())

    def found(self) -> FoundDns:
        """All of it."""
        return FoundDns(
            zones=tuple(self._zones.values()),
            views=tuple(self._views),
            keys=tuple(key for key, _ in self._keys.values()),
            secrets=tuple(secret for _, secret in self._keys.values()),
            forwarders=tuple(dict.fromkeys(self._forwarders)),
            hatches={hatch.FILE: "\n".join(self._hatches)} if self._hatches else {},
            lines=tuple(self._lines),
            authoritative=bool(self._zones),
        )

    def all(self) -> None:
        """Go through the statements in their order."""
        for statement in self._statements:
            if statement.name == "options":
                self._of_options(statement)
            elif statement.name == "view":
                self._view(statement)
            else:
                self._common(statement, self._around())

    def _around(self, view: Statement | None = None) -> Around:
        outer = tuple(one for one in (view, self._options) if one is not None)
        return Around(self._places, self._lists, frozenset(self._keys), view.value if view else "", outer)

    def _common(self, statement: Statement, around: Around) -> None:
        """What stands at the top or in a view."""
        if statement.name == "zone":
            self._zone(statement, around)
        elif statement.name == "key":
            self._lines[self._key_lines[id(statement)]] = None
        elif statement.name == "server":
            self._hatch(statement, around)
        elif statement.name in _LISTS:
            self._add(statement, Fate.LEFT, f"{STAYS}; what was taken has its addresses written out")
        else:
            self._add(statement, Fate.LEFT, STAYS, text=statement.head())

    def _add(self, statement: Statement, fate: Fate, note: str, *, text: str = "") -> None:
        self._lines[line(statement, fate, note, text=text)] = None

    def _of_options(self, options: Statement) -> None:
        for statement in options.inner:
            if statement.name == "forwarders":
                self._forward(statement)
            elif statement.name in _FOR_ZONES:
                self._add(statement, Fate.TAKEN, "for zones that say nothing else")
            elif statement.name == "directory":
                self._add(statement, Fate.LEFT, f"{STAYS}; relative paths were read from there")
            else:
                self._add(statement, Fate.LEFT, STAYS)

    def _forward(self, statement: Statement) -> None:
        """Those on port 53, without TLS: the state has no words for others."""
        plain = [inner.words[0] for inner in statement.inner if len(inner.words) == 1 and len(statement.words) == 1]
        for word in plain:
            with suppress(ValueError):
                self._forwarders.append(ip_address(word))
        rest = len(statement.inner) - len(plain)
        what = f"dns: forwarders:, but {rest} with a port or TLS" if rest else "dns: forwarders:"
        self._add(statement, Fate.TAKEN if plain else Fate.LEFT, f"{what}; {STAYS}")

    def _view(self, view: Statement) -> None:
        if len(view.words) > 2 and view.words[2].upper() != "IN":
            self._add(view, Fate.LEFT, f"class {view.words[2]} is not served", text=view.head())
            return
        if not is_identifier(view.value):
            note = "the state cannot name such a view; give it another name in named.conf first"
            self._add(view, Fate.LEFT, note, text=view.head())
            return
        clients = view.get("match-clients")
        match = self._lists.match(clients) if clients else None
        recursion = view.get("recursion") or (self._options.get("recursion") if self._options else None)
        said = match.said if match else ("any",)
        recursive = recursion is None or recursion.value.lower() in ("yes", "true", "1")
        self._views.append(FoundView(view.value, said, recursive))
        self._add(view, Fate.TAKEN, f"view for {', '.join(said[:4]) or 'nobody'}", text=view.head())
        around = self._around(view)
        for statement in view.inner:
            if statement is clients and match is not None:
                self._clients(statement, match)
            elif statement is recursion:
                self._add(statement, Fate.TAKEN, "the view's recursion")
            elif statement.name in _FOR_ZONES:
                self._add(statement, Fate.TAKEN, "for zones of the view that say nothing else")
            else:
                self._common(statement, around)

    def _clients(self, statement: Statement, match: Match) -> None:
        unsaid = [*match.unsaid, *(f"key {key}" for key in match.keys)]
        if unsaid:
            note = f"left out, so check who sees this view: {', '.join(unsaid[:4])}"
            self._add(statement, Fate.LEFT, note)
        else:
            self._add(statement, Fate.TAKEN, "the view's clients")

    def _zone(self, statement: Statement, around: Around) -> None:
        kind = zone_type(statement)
        if (shared := statement.get("in-view")) is not None:
            self._shared(statement, shared, around)
        elif kind in _PRIMARY:
            outcome = read_primary(statement, around)
            self._lines.update(dict.fromkeys(outcome.lines))
            if (zone := outcome.zone) is not None:
                if (zone.name, zone.view) in self._zones:
                    raise Refused(f"{statement.place}: zone {zone.name} stands here twice")
                self._zones[zone.name, zone.view] = zone
        elif kind in _HATCH:
            self._hatch(statement, around)
        elif kind == "hint":
            self._add(statement, Fate.LEFT, "Debian's named.conf.default-zones has it", text=statement.head())
        else:
            what = "a copy of another server's zone" if kind in ("secondary", "slave") else f"of type {kind or 'none'}"
            self._add(statement, Fate.LEFT, f"{what}; {STAYS}", text=statement.head())

    def _shared(self, statement: Statement, shared: Statement, around: Around) -> None:
        """`in-view`: the zone of a view above, in this one too."""
        try:
            zone = self._zones.get((zone_name(statement), shared.value))
        except Refused:
            zone = None
        if zone is None:
            self._add(statement, Fate.LEFT, f"the zone was not taken in view {shared.value}", text=statement.head())
            return
        self._zones[zone.name, around.view] = replace(zone, view=around.view)
        self._add(statement, Fate.TAKEN, f"as in view {shared.value}", text=statement.head())

    def _hatch(self, statement: Statement, around: Around) -> None:
        try:
            if self._viewed:
                raise Refused("text in bind.d/ stands outside of views")
            self._hatches.append(hatch.text(statement, self._lists, around.keys))
            self._add(statement, Fate.HATCH, f"bind.d/{hatch.FILE}", text=statement.head())
        except Refused as error:
            self._add(statement, Fate.LEFT, f"{error}; {STAYS}", text=statement.head())

    def _read_keys(self) -> Iterator[tuple[int, Line]]:
        """Take keys in first: zones may come before them. Yields the line of each by the statement's id."""
        rndc = {key_name(word) for one in self._statements if one.name == "controls" for word in _words(one)}
        used = {
            key_name(word) for one in self._statements if one.name not in ("controls", "key") for word in _words(one)
        }
        views = [one for one in self._statements if one.name == "view"]
        for statement in (inner for group in (self._statements, *(view.inner for view in views)) for inner in group):
            if statement.name != "key":
                continue
            taken: TakenKey | str = read_key(statement)
            name = key_name(statement.value)
            if name in rndc and name not in used:
                taken = f"rndc's key; {STAYS}"
            elif name in self._keys:
                taken = "a key of this name was taken before; give this one another name"
            text = statement.head()
            if isinstance(taken, str):
                yield id(statement), line(statement, Fate.LEFT, taken, text=text)
            else:
                self._keys[name] = taken
                yield (
                    id(statement),
                    line(statement, Fate.TAKEN, "keys:; its secret goes into the secrets folder", text=text),
                )


def _words(statement: Statement) -> Iterator[str]:
    yield from statement.words
    for inner in statement.inner:
        yield from _words(inner)
