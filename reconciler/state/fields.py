r"""Values of records with octoDNS's field names, turned into presentation text (RFC 1035 section 5.1).

The names, defaults and rules of quoting are those of octoDNS 1.x (its modules octodns.record.*).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.state.text import shown
from reconciler.state.types import Invalid
from reconciler.state.validation import found, nearest
from reconciler.state.yaml import Value


class BadField(Invalid):
    """One field of a structured value is wrong; `unknown` when its key should not be there at all."""

    def __init__(self, field: str, what: str, fix: str = "", *, unknown: bool = False) -> None:
        super().__init__(what, fix)
        self.field = field
        self.unknown = unknown


@dataclass(frozen=True, slots=True)
class _Field:
    """One field: its key, other keys that octoDNS takes for it, and what stands where it is left out."""

    key: str
    other: str = ""
    default: str | None = None
    quoted: bool = False
    suffix: str = ""
    upper: bool = False


_SERVICE = (_Field("svcpriority"), _Field("targetname"), _Field("svcparams", default=""))
_FIELDS: dict[str, tuple[_Field, ...]] = {
    "CAA": (_Field("flags", default="0"), _Field("tag"), _Field("value", quoted=True)),
    "DS": (_Field("key_tag"), _Field("algorithm"), _Field("digest_type"), _Field("digest")),
    "HTTPS": _SERVICE,
    "LOC": (
        _Field("lat_degrees"),
        _Field("lat_minutes"),
        _Field("lat_seconds"),
        _Field("lat_direction"),
        _Field("long_degrees"),
        _Field("long_minutes"),
        _Field("long_seconds"),
        _Field("long_direction"),
        _Field("altitude", suffix="m"),
        _Field("size", suffix="m"),
        _Field("precision_horz", suffix="m"),
        _Field("precision_vert", suffix="m"),
    ),
    "MX": (_Field("preference", "priority"), _Field("exchange", "value")),
    "NAPTR": (
        _Field("order"),
        _Field("preference"),
        _Field("flags", quoted=True, upper=True),
        _Field("service", quoted=True),
        _Field("regexp", quoted=True),
        _Field("replacement"),
    ),
    "SRV": (_Field("priority"), _Field("weight"), _Field("port"), _Field("target")),
    "SSHFP": (_Field("algorithm"), _Field("fingerprint_type"), _Field("fingerprint")),
    "SVCB": _SERVICE,
    "TLSA": (
        _Field("certificate_usage", default="0"),
        _Field("selector", default="0"),
        _Field("matching_type", default="0"),
        _Field("certificate_association_data"),
    ),
    "URI": (_Field("priority"), _Field("weight"), _Field("target", quoted=True)),
}
_OLD_DS = {"flags": "key_tag", "protocol": "algorithm", "algorithm": "digest_type", "public_key": "digest"}
_TARGET_AT = {"CNAME": 0, "DNAME": 0, "NS": 0, "PTR": 0, "MX": 1, "SRV": 3}
_NOT_ONE_WORD = re.compile(r'[\s"();]')
_ESCAPE_OR_QUOTE = re.compile(r'\\.|\\|"')


def presentation(rtype: str, value: Mapping[str, Value]) -> tuple[str, str | None]:
    """Presentation text of a structured value, and the name it points to as written. Raises Invalid."""
    layout = _FIELDS.get(rtype)
    if layout is None:
        raise Invalid(f"{rtype} has no structured form here", "write the value as text, as in a zone file")
    if rtype == "DS" and "public_key" in value:
        value = {_OLD_DS.get(key, key): item for key, item in value.items()}
    known = [name for field in layout for name in (field.key, field.other) if name]
    for key in value:
        if key not in known:
            raise BadField(
                key, f"unknown key {shown(key)} in a value of type {rtype}", nearest(key, known), unknown=True
            )
    words = [_word(rtype, field, value) for field in layout]
    place = _TARGET_AT.get(rtype)
    return " ".join(word for word in words if word), None if place is None else words[place]


def target(rtype: str, text: str) -> str | None:
    """The name that a value in presentation text points to, as written."""
    place = _TARGET_AT.get(rtype)
    words = text.split()
    return words[place] if place is not None and place < len(words) else None


def _word(rtype: str, field: _Field, value: Mapping[str, Value]) -> str:
    key = field.key if field.key in value or field.other not in value else field.other
    item = value.get(key)
    if field.key == "svcparams":
        return _parameters(key, item)
    if item is None:
        if field.default is None:
            raise BadField(key, f"the value has no {key!r}", f"add `{key}:`, as {rtype} needs it")
        return field.default
    if not isinstance(item, str):
        raise BadField(key, f"{key} is {found(item)}", "write a single value")
    if field.upper:
        item = item.upper()
    if field.quoted:
        return _in_quotes(item)
    if not item or _NOT_ONE_WORD.search(item):
        raise BadField(key, f"{shown(item)} is not one word", "remove blanks, quotes, brackets and semicolons")
    return item.removesuffix(field.suffix) + field.suffix


def _parameters(key: str, item: Value) -> str:
    """SvcParams (RFC 9460 section 2.1): each a key alone, or with a value or list of values."""
    if item is None:
        return ""
    if not isinstance(item, dict):
        raise BadField(key, f"expected a mapping of parameters, found {found(item)}", "write {alpn: [h2]}")
    words = []
    for name, value in item.items():
        if value is None:
            words.append(name)
            continue
        parts = [part for part in (value if isinstance(value, list) else [value]) if isinstance(part, str)]
        if not parts or (isinstance(value, list) and len(parts) < len(value)) or _NOT_ONE_WORD.search(name):
            raise BadField(key, f"parameter {shown(name)} is not a value or list of values")
        words.append(f"{name}={_in_quotes(','.join(parts))}")
    return " ".join(words)


def _in_quotes(text: str) -> str:
    r"""As octoDNS does: what stands there is taken as presentation text already, `\` escapes included."""
    if "\n" in text or "\r" in text:
        raise Invalid(f"{shown(text)} is not on one line")
    inner = _ESCAPE_OR_QUOTE.sub(lambda match: match[0] if len(match[0]) == 2 else f"\\{match[0]}", text)
    return f'"{inner}"'


def character_strings(text: str) -> str:
    r"""Presentation text of a TXT or SPF value, in chunks of at most 255 octets (RFC 1035 section 3.3.14).

    As in octoDNS: `\;` is a semicolon, any other backslash itself; text that is already in quotes loses them.
    """
    if text.startswith('"'):
        text = text[1:].removesuffix('"').replace('" "', "")
    octets = text.replace("\\;", ";").encode()
    chunks = [octets[start : start + 255] for start in range(0, len(octets), 255)] or [b""]
    return " ".join(f'"{"".join(map(_escaped, chunk))}"' for chunk in chunks)


def _escaped(octet: int) -> str:
    if octet in b'"\\':
        return f"\\{octet:c}"
    return chr(octet) if 0x20 <= octet < 0x7F else f"\\{octet:03d}"
