"""Record data as canonical text: what dnspython prints, with absolute names in lower case.

Names inside record data compare without regard to case (RFC 4343), so they are lower-cased; everything
else (TXT, CAA, URI …) keeps its case. Data that means the same is the same text, whoever wrote it: a person,
named or named-compilezone. The types that make up nearly every zone do not go through dnspython.
"""

import re
from functools import lru_cache

import dns.exception
import dns.ipv6
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from reconciler.dns import legacy, names
from reconciler.errors import BadName, BadRdata

NAME_TYPES = frozenset({"CNAME", "DNAME", "NS", "PTR"})
"""Types whose data is one name."""

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
_PLAIN_STRING = re.compile(r'"[ !#-\[\]-~]{0,255}"')
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\\.', re.DOTALL)
_UNQUOTED_TROUBLE = re.compile(r"[;\r\n]|[^\x00-\x7f]")
_GENERIC = re.compile(r"\s*\\#\s")
_LOCATORS = frozenset({"NID", "L64"})
_TARGET_FIELD = {"CNAME": 0, "DNAME": 0, "NS": 0, "PTR": 0, "MX": 1, "SRV": 3}


@lru_cache(maxsize=512)
def canonical_type(text: str) -> str:
    """The mnemonic of a record type in upper case; TYPEnnn where it has none (RFC 3597). Raises BadRdata."""
    upper = text.upper()
    upper = legacy.GENERIC.get(upper, upper)
    if upper in legacy.FIELDS:
        return upper
    try:
        number = dns.rdatatype.from_text(upper)
    except (dns.exception.DNSException, ValueError):
        raise BadRdata(f"{text!r} is not a record type; unknown ones are written as TYPE and a number") from None
    if number == 0 or dns.rdatatype.is_metatype(number):
        raise BadRdata(f"{text!r} is a type for queries only; it cannot stand in a zone")
    return legacy.MNEMONICS.get(number) or dns.rdatatype.to_text(number)


def known(rtype: str) -> bool:
    """Whether data of this type can be written as text; for all others only as RFC 3597's generic form."""
    try:
        mnemonic = canonical_type(rtype)
    except BadRdata:
        return False
    return mnemonic in legacy.FIELDS or _has_text(mnemonic)


def _has_text(rtype: str) -> bool:
    implementation = dns.rdata.get_rdata_class(dns.rdataclass.IN, dns.rdatatype.from_text(rtype))  # type: ignore[no-untyped-call]
    return implementation is not dns.rdata.GenericRdata


def canonical(rtype: str, text: str, origin: str) -> str:
    """Canonical presentation text of record data, on one line; relative names get `origin` (canonical).

    `rtype` is canonical (see canonical_type), the text is what stands in a master file (RFC 1035 section 5.1)
    or RFC 3597's generic form. Raises BadRdata with the data and the reason.
    """
    if rtype == "A":
        if _IPV4.fullmatch(text):
            return text
    elif rtype in NAME_TYPES:
        try:
            return names.parse(text, origin)
        except BadName:
            return _cached(rtype, text, origin)  # It may have blanks, parentheses, or the generic form.
    elif rtype == "TXT" and _PLAIN_STRING.fullmatch(text):
        return text
    return _cached(rtype, text, origin)


@lru_cache(maxsize=65536)
def _cached(rtype: str, text: str, origin: str) -> str:
    try:
        if rtype == "AAAA" and not _GENERIC.match(text):
            return dns.ipv6.canonicalize(text.strip())
        _refuse_trouble(text)
        if rtype in NAME_TYPES and not _GENERIC.match(text) and "(" not in text:
            return names.parse(text.strip(), origin)
        if rtype in legacy.FIELDS:
            return _legacy(rtype, text, origin)
        return _through_dnspython(rtype, text, origin)
    except (BadRdata, BadName) as error:
        raise BadRdata(f"{rtype} {_shortened(text)}: {error}") from None
    except (dns.exception.DNSException, ValueError) as error:
        reason = _reason(rtype, error)
        raise BadRdata(f"{rtype} {_shortened(text)}: {reason}") from None


def _refuse_trouble(text: str) -> None:
    """A comment or a second line would be dropped in silence, a letter outside ASCII be changed."""
    trouble = _UNQUOTED_TROUBLE.search(_QUOTED.sub("", text))
    if trouble:
        what = {";": "a semicolon", "\n": "a line break", "\r": "a line break"}.get(trouble[0], repr(trouble[0]))
        raise BadRdata(f"{what} stands outside of quotes")


def _legacy(rtype: str, text: str, origin: str) -> str:
    if _GENERIC.match(text):
        raise BadRdata("write the data of this type in its own form, not in the generic one")
    return legacy.canonical(rtype, text, origin)


def _through_dnspython(rtype: str, text: str, origin: str) -> str:
    if rtype in _LOCATORS and not _GENERIC.match(text):
        text = _padded_locator(text)
    rdata = dns.rdata.from_text(
        dns.rdataclass.IN,
        dns.rdatatype.from_text(rtype),
        text,
        origin=dns.name.from_text(origin),
        relativize=False,
    )
    lowered = _lower_names(rdata).to_text()
    return lowered.lower() if rtype in _LOCATORS else lowered


def _padded_locator(text: str) -> str:
    """BIND writes the groups of RFC 6742 without leading zeros, dnspython wants all four digits."""
    preference, _, locator = text.strip().partition(" ")
    return f"{preference} {':'.join(group.rjust(4, '0') for group in locator.strip().split(':'))}"


def _lower_names(rdata: dns.rdata.Rdata) -> dns.rdata.Rdata:
    changes: dict[str, object] = {}
    for cls in type(rdata).__mro__:
        for slot in getattr(cls, "__slots__", ()):
            value = getattr(rdata, slot, None)
            if isinstance(value, dns.name.Name):
                changes[slot] = value.canonicalize()
            elif isinstance(value, tuple) and value and isinstance(value[0], dns.name.Name):
                changes[slot] = tuple(name.canonicalize() for name in value)
    return rdata.replace(**changes) if changes else rdata


def _reason(rtype: str, error: Exception) -> str:
    if rtype == "A":
        return "not an IPv4 address"
    if rtype == "AAAA":
        return "not an IPv6 address"
    return str(error).rstrip(".") or "not valid for this type"


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")


def targets(rtype: str, rdata: str) -> tuple[str, ...]:
    """The names that canonical data points to, for CNAME, DNAME, NS, PTR, MX and SRV; else none.

    A null MX (RFC 7505) or a service that is not offered (RFC 2782) points to none.
    """
    field = _TARGET_FIELD.get(rtype)
    if field is None:
        return ()
    target = rdata.split(" ")[field]
    return () if target == "." and rtype in ("MX", "SRV") else (target,)
