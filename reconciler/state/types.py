"""Scalar types of the state repository: each reads text and means what it looks like.

The YAML loader hands every scalar over as text, so `no`, `010`, `1.10`, a MAC or an IPv6 address
never turn into something else on the way. Each type here turns such text into a value or says why not.
"""

import re
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from reconciler.dns import names, rdata
from reconciler.errors import BadName, BadRdata
from reconciler.state.text import shown

_TRUE = frozenset({"yes", "true", "on"})
_FALSE = frozenset({"no", "false", "off"})
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
# A unit ends each number but the last: read in one way only, so that no text makes the match try them all.
_DURATION = re.compile(r"[0-9]{1,10}(?:[smhdw][0-9]{1,10})*[smhdw]?", re.ASCII)
_DURATION_PART = re.compile(r"([0-9]+)([smhdw]?)", re.ASCII)
_MAC = re.compile(r"[0-9a-f]{2}([:-]?)(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}", re.ASCII)
IDENTIFIER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62})", re.ASCII)
_VIEW = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?", re.ASCII)
_INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,14}", re.ASCII)
_URL = re.compile(r"[!-~]{1,512}", re.ASCII)
# What no shell, no configuration file and no other path means anything by.
_PATH = re.compile(r"(?:/[A-Za-z0-9._@+:-]+)+", re.ASCII)
_OWNER = re.compile(r"@|[A-Za-z0-9*_./-]+", re.ASCII)

ISOLATED = "isolated-"
"""How the names of views begin that are made for isolated networks."""

MAX_TTL = 2**31 - 1
"""RFC 2181 section 8."""


class Invalid(ValueError):
    """A text is not of its type: what was found, and what to write instead."""

    def __init__(self, what: str, fix: str = "") -> None:
        super().__init__(f"{what}; {fix}" if fix else what)
        self.what = what
        self.fix = fix


def single(value: Any) -> str:
    """The value, which has to be text. Raises Invalid."""
    if not isinstance(value, str):
        raise Invalid(f"expected a single value, found {_kind(value)}")
    return value


def _kind(value: Any) -> str:
    return {dict: "a mapping", list: "a list", type(None): "nothing"}.get(type(value), type(value).__name__)


def _boolean(value: Any) -> bool:
    text = single(value).lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise Invalid(f"{shown(value)} is neither yes nor no")


def _integer(value: Any) -> int:
    text = single(value)
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise Invalid(f"{shown(value)} is not a whole number")
    return int(text)


def seconds(value: Any) -> int:
    """A time span in seconds from text such as 3600, 90s, 1d12h. Raises Invalid."""
    text = single(value).strip().lower()
    if not _DURATION.fullmatch(text):
        raise Invalid(f"{shown(value)} is not a time", "write seconds, or 90s, 15m, 12h, 7d, 1w")
    total = sum(int(count) * _UNITS[unit] for count, unit in _DURATION_PART.findall(text))
    if total > MAX_TTL:
        raise Invalid(f"{shown(value)} is longer than {MAX_TTL} seconds")
    return total


def _mac(value: Any) -> str:
    text = single(value).strip().lower()
    if not _MAC.fullmatch(text):
        raise Invalid(f"{shown(value)} is not a MAC address", "write 52:54:00:12:34:56")
    digits = re.sub(r"[:-]", "", text)
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))


def _domain(value: Any) -> str:
    text = single(value)
    try:
        return names.parse(text, origin=".")
    except BadName as error:
        raise Invalid(str(error)) from None


def identifier(value: Any) -> str:
    """A plain name. Raises Invalid."""
    text = single(value)
    if not IDENTIFIER.fullmatch(text):
        raise Invalid(f"{shown(value)} is not a plain name", "use letters, digits, dots, hyphens, underscores")
    return text


def _view(value: Any) -> str:
    text = single(value)
    if not _VIEW.fullmatch(text):
        raise Invalid(f"{shown(text)} is not a view's name", "use at most 32 lower-case letters, digits, inner hyphens")
    if text.startswith(ISOLATED):
        raise Invalid(f"names that begin with {ISOLATED} are kept for the views of isolated networks", "choose another")
    return text


def _interface(value: Any) -> str:
    text = single(value)
    if not _INTERFACE.fullmatch(text):
        raise Invalid(f"{shown(value)} is not a network interface's name (at most 15 characters)")
    return text


def _line(value: Any) -> str:
    text = single(value)
    if not text.isprintable() or not 0 < len(text) <= 512:
        raise Invalid(f"{shown(text)} is empty, longer than 512 characters, or not one line of plain text")
    return text


def _path(value: Any) -> str:
    text = single(value)
    if not _PATH.fullmatch(text) or len(text) > 255 or {".", ".."} & set(text.split("/")):
        raise Invalid(
            f"{shown(text)} is not the path of a file", "write /FOLDER/FILE, of letters, digits and . _ @ + : - only"
        )
    return text


def _url(value: Any) -> str:
    text = single(value)
    url = text if "://" in text else f"https://{text}"
    try:
        parts = urlsplit(url)
        whole = parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        whole = False
    if not whole or parts.scheme not in ("http", "https") or not _URL.fullmatch(url):
        raise Invalid(f"{shown(text)} is not the address of a web page", "write https://HOST/PATH")
    if parts.username is not None or parts.fragment:
        raise Invalid(f"{shown(text)} has a user name or a `#`", "leave it out")
    return url


def _owner(value: Any) -> str:
    text = single(value)
    try:
        names.parse(text)
    except BadName as error:
        raise Invalid(str(error)) from None
    if not _OWNER.fullmatch(text):
        raise Invalid(f"{shown(text)} has more than letters, digits and . * _ - / @")
    return text


def _record_type(value: Any) -> str:
    text = single(value).upper()
    if text in ("*", "ANY"):
        return text
    try:
        return rdata.canonical_type(text)
    except BadRdata as error:
        raise Invalid(str(error)) from None


def _many(value: Any) -> Any:
    if value is None:
        return []
    return value if isinstance(value, list | tuple) else [value]


class _OneOrMany:
    """Lets a single value stand for a list of one, and nothing for an empty list."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_many, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        listed = handler(schema)
        return {"anyOf": [listed.get("items", {}), listed]}


T = TypeVar("T")
Many = Annotated[list[T], _OneOrMany()]
"""A list, or a single value."""

Flag = Annotated[
    bool, BeforeValidator(_boolean), WithJsonSchema({"type": ["boolean", "string"], "format": "yes-or-no"})
]
"""yes or no."""

Integer = Annotated[int, BeforeValidator(_integer), WithJsonSchema({"type": ["integer", "string"], "format": "number"})]
"""A whole number, decimal, not negative."""

Seconds = Annotated[
    int,
    BeforeValidator(seconds),
    WithJsonSchema({"type": ["integer", "string"], "format": "time-span", "examples": ["12h"]}),
]
"""A time span: seconds, or with units as in 1d12h."""

Mac = Annotated[
    str,
    BeforeValidator(_mac),
    WithJsonSchema({"type": "string", "format": "mac", "examples": ["52:54:00:12:34:56"]}),
]
"""An EUI-48 address, canonical: lower case, with colons."""

Domain = Annotated[
    str,
    BeforeValidator(_domain),
    WithJsonSchema({"type": "string", "format": "domain", "examples": ["internal.example.org"]}),
]
"""A domain name, canonical: lower case, absolute, with trailing dot (the user may leave the dot out)."""

Identifier = Annotated[str, BeforeValidator(identifier), WithJsonSchema({"type": "string", "format": "name"})]
"""A name of a thing in the repository (network, node, key, secret)."""

ViewName = Annotated[str, BeforeValidator(_view), WithJsonSchema({"type": "string", "format": "view"})]
"""A view's name: it becomes a part of file names."""

Interface = Annotated[
    str,
    BeforeValidator(_interface),
    WithJsonSchema({"type": "string", "format": "interface", "examples": ["enp2s1.3"]}),
]
"""A Linux network interface's name."""

Line = Annotated[str, BeforeValidator(_line), WithJsonSchema({"type": "string", "format": "text"})]
"""Plain text on one line, so that it cannot carry a line of its own into a server's file."""

AbsolutePath = Annotated[
    str,
    BeforeValidator(_path),
    WithJsonSchema({"type": "string", "format": "path", "examples": ["/srv/drbd0"]}),
]
"""The absolute path of a file, folder or device, of plain characters."""

Url = Annotated[
    str,
    BeforeValidator(_url),
    WithJsonSchema({"type": "string", "format": "url", "examples": ["https://example.org/ip"]}),
]
"""The address of a web page, `https://` unless it says `http://`."""

Owner = Annotated[str, BeforeValidator(_owner), WithJsonSchema({"type": "string", "format": "owner"})]
"""An owner name or pattern as written: `@`, relative or absolute, with `*` labels."""

RecordType = Annotated[str, BeforeValidator(_record_type), WithJsonSchema({"type": "string", "format": "record-type"})]
"""A record type's mnemonic, canonical; or `*`, `ANY`."""
