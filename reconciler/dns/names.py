r"""Domain names as canonical text: lower case, absolute, with trailing dot, escaped as dnspython prints them.

Canonical names of equal meaning are equal strings, so they can be dictionary keys as they are. All functions
but `parse` and `from_filename` take canonical names and do not check them again. Plain names (no escape in
them, which is nearly all) never go through dnspython: it costs twenty times as much.
"""

import re

import dns.exception
import dns.name

from reconciler.errors import BadName

# What stands in a label without an escape: printable ASCII but " ( ) . ; \ @ $
_LABEL = r"[!#%&'*+,/0-9:<=>?A-Z\[\]^_`a-z{|}~-]{1,63}"
_PLAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_SPLIT = re.compile(r"(?:[^.\\]|\\[0-9]{3}|\\.)+")
_ESCAPE = re.compile(r"\\([0-9]{3}|.)")
_SYNTAX = re.compile(r"""(?:[^\\]|\\.)*?([\x00-\x20\x7f"();]|\\[\x00-\x1f\x7f])""", re.DOTALL)
_HOST_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_HOSTNAME = re.compile(rf"(?:(?:\*|gc\._msdcs)\.)?(?:{_HOST_LABEL}\.)+|\*\.|\.")
_SPF_NAME = re.compile(r"(?:.*(?<!\\)\.)?_spf(?:_verify|_rate)?\..*")
_FILENAME_ESCAPE = re.compile(r"%(.{0,2})", re.DOTALL)
_FILENAME_CODES = {"2F": "/", "25": "%"}

MAX_TEXT = 254
"""Longest plain absolute name in characters: one less than on the wire (RFC 1035 section 2.3.4)."""

_LONGEST = 4 * 255
"""Characters of a name whose octets are all written as escapes."""

ROOT_FILENAME = "%2E"
"""Stands for the root zone, whose name without its dot would be no file name."""


def parse(text: str, origin: str = ".") -> str:
    """The canonical form of a name; relative text is completed with `origin` (canonical), "@" is the origin.

    Raises BadName for what RFC 1035 sections 2.3.4 and 5.1 do not allow, and for unescaped blanks.
    """
    if _PLAIN.fullmatch(text):
        name = text.lower()
        if name[-1] != ".":
            name = f"{name}." if origin == "." else f"{name}.{origin}"
        if len(name) <= MAX_TEXT:  # Escapes of the origin make text longer than the wire form, never shorter.
            return name
    return _parse_slowly(text, origin)


def _parse_slowly(text: str, origin: str) -> str:
    if text == "@":
        return origin
    if not text:
        raise BadName('a domain name is empty; write "@" for the zone itself')
    if len(text) > _LONGEST:
        raise BadName(f"{text[:60]!r}… is longer than 255 octets")
    if not text.isascii():
        raise BadName(f"{text!r} has letters outside ASCII; write its xn-- form (IDNA)")
    if _SYNTAX.match(text):
        raise BadName(rf"{text!r} has a blank, quote, bracket or semicolon; if it is meant, write \DDD (decimal)")
    try:
        return dns.name.from_text(text, origin=dns.name.from_text(origin)).to_text().lower()
    except dns.name.EmptyLabel:
        raise BadName(f"{text!r} has an empty label: a dot too many") from None
    except dns.name.LabelTooLong:
        raise BadName(f"{text!r} has a label of more than 63 octets") from None
    except dns.name.NameTooLong:
        raise BadName(f"{text!r} is longer than 255 octets with its origin {origin}") from None
    except dns.name.BadEscape:
        raise BadName(rf"{text!r} has a bad escape; write \. for a dot in a label, \DDD (000-255) else") from None
    except dns.exception.DNSException as error:
        raise BadName(f"{text!r} is not a domain name: {error}") from None


def labels(name: str) -> tuple[str, ...]:
    """The labels from left to right, still escaped; the root has none."""
    if "\\" in name:
        return tuple(_SPLIT.findall(name))
    return tuple(name[:-1].split(".")) if name != "." else ()


def _unescape(label: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1])) if len(match[1]) == 3 else match[1], label)


def sort_key(name: str) -> tuple[str, ...]:
    """Sorts names in canonical order (RFC 4034 section 6.1): labels from the right, as octets."""
    if "\\" in name:
        return tuple(_unescape(label) for label in reversed(labels(name)))
    return tuple(name[:-1].split(".")[::-1]) if name != "." else ()


def is_under(name: str, zone: str) -> bool:
    """Whether the name is the zone's own or below it."""
    if zone in (name, "."):
        return True
    head = name.removesuffix("." + zone)
    if len(head) == len(name):
        return False
    # An odd run of backslashes before it makes the dot part of a label.
    return (len(head) - len(head.rstrip("\\"))) % 2 == 0


def relativize(name: str, zone: str) -> str:
    """The name as it is written inside the zone: "@" for the zone itself; unchanged when not under it."""
    if name == zone:
        return "@"
    if not is_under(name, zone):
        return name
    return name[:-1] if zone == "." else name[: -len(zone) - 1]


def parent(name: str) -> str:
    """The name without its leftmost label; the root is its own parent."""
    if "\\" in name:
        return ".".join((*labels(name)[1:], "")) or "."
    return name.partition(".")[2] or "."


def is_hostname(name: str) -> bool:
    """Whether BIND's check-names lets the name own A and AAAA records (RFC 952, RFC 1123 section 2.1).

    Letters, digits and inner hyphens; the leftmost label may be "*". Like BIND it also takes Active
    Directory's gc._msdcs at the start, and any name with an SPF label (RFC 7208 section 5.7) in it.
    """
    return (_HOSTNAME.fullmatch(name) or _SPF_NAME.fullmatch(name)) is not None


def filename(zone: str) -> str:
    """The file name of a zone, without suffix: the name without trailing dot, "/" and "%" as %2F and %25."""
    if zone == ".":
        return ROOT_FILENAME
    return zone[:-1].replace("%", "%25").replace("/", "%2F")


def from_filename(text: str) -> str:
    """The zone name that a file name stands for; the inverse of `filename`. Raises BadName."""
    if text == ROOT_FILENAME:
        return "."

    def decoded(match: re.Match[str]) -> str:
        code = match[1].upper()
        if code not in _FILENAME_CODES:
            raise BadName(f"{text!r} is not a zone's file name: only / and % are written as %2F and %25")
        return _FILENAME_CODES[code]

    name = _FILENAME_ESCAPE.sub(decoded, text)
    if name == "@":
        raise BadName("'@' is not a zone's file name; write the zone's name")
    return parse(name)
