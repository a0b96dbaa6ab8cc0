r"""zones/NAME.yaml: records in octoDNS's form, so that files made for it work unchanged.

Owner names relative to the zone lead to a record, or a list of records, with `type`, `ttl` and `value` or
`values`. A value is text in presentation format (RFC 1035 section 5.1) or a mapping with octoDNS's names of its fields.
"""

import contextlib
import re
from collections.abc import Iterator

from reconciler.dns import names, rdata
from reconciler.errors import BadName, BadRdata
from reconciler.state import dots, fields, yaml
from reconciler.state.bounds import Enough, Problems
from reconciler.state.model import Path, StateRecord, ZoneFile
from reconciler.state.problem import Position, Problem, Severity
from reconciler.state.text import shown
from reconciler.state.tree import Blob
from reconciler.state.types import Invalid, seconds
from reconciler.state.validation import found, nearest

_KEYS = ("type", "ttl", "value", "values", "octodns")
_REFUSED_KEYS = {
    "dynamic": "dynamic answers are made by octoDNS's providers, not by a DNS server",
    "geo": "answers by place are made by octoDNS's providers, not by a DNS server",
}
_REFUSED_TYPES = {
    "ALIAS": (
        "ALIAS is resolved by octoDNS's providers, not by a DNS server",
        "write A and AAAA records, or a CNAME below the zone's apex",
    ),
    "URLFWD": ("URLFWD is done by octoDNS's providers, not by a DNS server", "let a web server redirect"),
    "SOA": ("the SOA record is made by the reconciler", "set its values in site.yaml, or use a .zone file"),
}
_SCALARS = frozenset({"TXT", "SPF"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def read(path: str, blob: Blob, zone: str) -> tuple[ZoneFile, list[Problem]]:
    """The records of one file; `zone` is canonical. All that is wrong comes back as problems."""
    document = yaml.read(path, blob)
    return _Reader(document, zone).read(path)


class _Reader:
    def __init__(self, document: yaml.Document, zone: str) -> None:
        self._document = document
        self._zone = zone
        self._problems = Problems(document.problems)

    def read(self, path: str) -> tuple[ZoneFile, list[Problem]]:
        data = self._document.data
        records: list[StateRecord] = []
        if isinstance(data, dict):
            with contextlib.suppress(Enough):
                for name, entry in data.items():
                    records.extend(self._owner(name, entry))
        elif data is not None:
            what = f"expected owner names with their records, found {found(data)}"
            self._problem(self._document.locator.at(), what, "write `www: {type: A, value: 192.0.2.1}`")
        return ZoneFile(self._zone, path, tuple(records)), self._problems

    def _problem(self, where: Position, what: str, fix: str = "") -> None:
        self._problems.add(Problem(where, what, fix))

    def _owner(self, name: str, entry: yaml.Value) -> Iterator[StateRecord]:
        owner = self._owner_name(name)
        entries = entry if isinstance(entry, list) else [entry]
        for index, record in enumerate(entries):
            path: Path = (name, index) if isinstance(entry, list) else (name,)
            if not isinstance(record, dict):
                what = f"expected a record with type and value, found {found(record)}"
                self._problem(self._document.locator.at(*path), what, "write {type: A, value: 192.0.2.1}")
            elif owner is not None:
                yield from self._record(owner, record, path)

    def _owner_name(self, name: str) -> str | None:
        where = self._document.at_key(name)
        try:
            owner = names.parse(name, self._zone) if name else self._zone
        except BadName as error:
            self._problem(where, str(error))
            return None
        if dots.missing(name, self._zone):
            self._problem(where, f"{shown(name)}: {dots.NO_DOT}", dots.advice(name, self._zone))
            return None
        if not names.is_under(owner, self._zone):
            self._problem(where, f"{owner} is not in zone {self._zone}", "move it to its own zone's file")
            return None
        return owner

    def _record(self, owner: str, record: dict[str, yaml.Value], path: Path) -> Iterator[StateRecord]:
        self._check_keys(record, path)
        rtype = self._type(record.get("type"), path)
        ttl = self._ttl(record.get("ttl"), path)
        if rtype is None:
            return
        for value, value_path in self._values(record, path):
            where = self._document.locator.at(*value_path)
            try:
                if isinstance(value, list) or value is None:
                    raise Invalid(f"expected a value, found {found(value)}")
                text = self._text(rtype, value, value_path)
                canonical = rdata.canonical(rtype, text, self._zone)
            except Invalid as error:
                self._problem(self._at_field(error, value_path), error.what, error.fix)
            except BadRdata as error:
                self._problem(where, str(error))
            else:
                yield StateRecord(owner, ttl, rtype, canonical, where)

    def _check_keys(self, record: dict[str, yaml.Value], path: Path) -> None:
        for key in record:
            where = self._document.at_key(*path, key)
            if key in _REFUSED_KEYS:
                self._problem(where, f"{key!r} cannot be used here: {_REFUSED_KEYS[key]}", "remove it")
            elif key == "octodns":
                what = "settings for octoDNS are ignored; the record is served"
                self._problems.add(Problem(where, what, "remove them", Severity.WARNING))
            elif key not in _KEYS:
                self._problem(where, f"unknown key {shown(key)}", nearest(key, _KEYS))

    def _type(self, value: yaml.Value, path: Path) -> str | None:
        if not isinstance(value, str):
            self._problem(self._document.at_key(*path), "the record has no type", "add `type:`")
            return None
        where = self._document.locator.at(*path, "type")
        if value.upper() in _REFUSED_TYPES:
            self._problem(where, *_REFUSED_TYPES[value.upper()])
            return None
        try:
            return rdata.canonical_type(value)
        except BadRdata as error:
            self._problem(where, str(error))
            return None

    def _ttl(self, value: yaml.Value, path: Path) -> int | None:
        if value is None:
            return None
        try:
            return seconds(value)
        except Invalid as error:
            self._problem(self._document.locator.at(*path, "ttl"), error.what, error.fix)
            return None

    def _values(self, record: dict[str, yaml.Value], path: Path) -> Iterator[tuple[yaml.Value, Path]]:
        """The record's values and where they stand; as in octoDNS, `values` goes before `value`."""
        if "value" in record and "values" in record:
            what = "the record has both value and values"
            self._problem(self._document.at_key(*path, "value"), what, "put all into values")
        key = "values" if "values" in record else "value"
        value = record.get(key)
        if key not in record or value is None or value == []:
            self._problem(self._document.at_key(*path), "the record has no value", "add `value:` or `values:`")
        elif isinstance(value, list):
            for index, item in enumerate(value):
                yield item, (*path, key, index)
        else:
            yield value, (*path, key)

    def _text(self, rtype: str, value: str | dict[str, yaml.Value], path: Path) -> str:
        """Presentation text of one value. Raises Invalid."""
        if isinstance(value, dict):
            text, target = fields.presentation(rtype, value)
        elif rtype in _SCALARS:
            return fields.character_strings(value)
        else:
            if _CONTROL.search(value):
                raise Invalid(f"{shown(value)} is not on one line", "write it on one line, without tabs")
            text, target = value, fields.target(rtype, value)
        if target is not None and dots.missing(target, self._zone):
            raise Invalid(f"{shown(target)}: {dots.NO_DOT}", dots.advice(target, self._zone))
        return text

    def _at_field(self, error: Invalid, path: Path) -> Position:
        if isinstance(error, fields.BadField):
            field_path = (*path, error.field)
            if error.unknown:
                return self._document.at_key(*field_path)
            return self._document.locator.at(*field_path)
        return self._document.locator.at(*path)
