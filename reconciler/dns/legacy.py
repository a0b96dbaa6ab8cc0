"""Old and rare types that BIND loads and dnspython does not read: canonical text by a table of their fields.

It agrees with what named-compilezone writes, so that what named dumps compares equal to what was meant.
"""

from collections.abc import Iterator

import dns.exception
import dns.ipv6
import dns.tokenizer

from reconciler.dns import names
from reconciler.errors import BadName, BadRdata

# n name, i number, w word, s quoted string; the last field may be x hexadecimal or b base64 (with blanks in
# them), W words, M addresses or names.
FIELDS = {
    "MB": "n",
    "MG": "n",
    "MR": "n",
    "MINFO": "nn",
    "NXT": "nW",
    "EID": "x",
    "NIMLOC": "x",
    "ATMA": "w",
    "A6": "iM",
    "SINK": "iiib",
    "RKEY": "iiib",
    "TALINK": "nn",
    "DOA": "iiisb",
    "TA": "iiix",
}
"""Their fields in order, by type (RFC 1035, 2535, 2874; IANA's registry of record types for the rest)."""

MNEMONICS = {31: "EID", 32: "NIMLOC", 34: "ATMA", 40: "SINK", 57: "RKEY", 58: "TALINK", 259: "DOA"}
"""Types in FIELDS by number, where dnspython has no mnemonic."""

GENERIC = {"UID": "TYPE101", "GID": "TYPE102"}
"""Types for which BIND has a mnemonic but no text form of the data."""

_REST = "xbWM"


def canonical(rtype: str, text: str, origin: str) -> str:
    """Canonical text of a type in FIELDS. Raises BadRdata with the reason alone."""
    fields = FIELDS[rtype]
    try:
        tokens = list(_tokens(text))
        fixed = fields.rstrip(_REST)
        rest = fields[len(fixed) :]
        if len(tokens) < len(fields) or (len(tokens) > len(fields) and not rest):
            raise BadRdata(f"{rtype} has {len(fields)} fields, found {len(tokens)}")
        values = [_field(kind, token, origin) for kind, token in zip(fixed, tokens, strict=False)]
        return " ".join((*values, *_remainder(rest, tokens[len(fixed) :], origin)))
    except (BadName, dns.exception.DNSException, ValueError) as error:
        raise BadRdata(str(error)) from None


def _tokens(text: str) -> Iterator[str]:
    tokenizer = dns.tokenizer.Tokenizer(text)
    while not (token := tokenizer.get()).is_eol_or_eof():
        yield token.value


def _field(kind: str, token: str, origin: str) -> str:
    if kind == "n":
        return names.parse(token, origin)
    if kind == "i":
        if not token.isdecimal():
            raise BadRdata(f"{token} is not a number")
        return str(int(token))
    if kind == "s":
        return f'"{token}"'
    return token


def _remainder(kind: str, tokens: list[str], origin: str) -> list[str]:
    if kind == "x":
        return [bytes.fromhex("".join(tokens)).hex()]
    if kind == "b":
        return ["".join(tokens)]
    if kind == "W":
        return [token.upper() for token in tokens]
    return [dns.ipv6.canonicalize(token) if ":" in token else names.parse(token, origin) for token in tokens]
