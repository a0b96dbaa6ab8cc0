"""Directives that are DNS records: cname, host-record, mx-host, srv-host, txt-record, ptr-record, dns-rr …"""

import re
from collections.abc import Callable, Iterator

from reconciler.dns import names, rdata
from reconciler.errors import BadName, BadRdata
from reconciler.importing.dnsmasq import syntax
from reconciler.importing.dnsmasq.hosts import address_of, is_name
from reconciler.importing.dnsmasq.syntax import BadLine, Statement
from reconciler.importing.found import INHERIT, FoundName, FoundRecord

Complete = Callable[[str], str]
"""The absolute name of one as written."""

_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)


def _number(text: str, default: int | None = None) -> int:
    if not text and default is not None:
        return default
    if not _NUMBER.fullmatch(text):
        raise BadLine(f"{text!r} is no number")
    return int(text)


def _quoted(text: str) -> str:
    made = "".join(f"\\{mark}" if mark in '"\\' else mark for mark in text)
    return '"' + "".join(mark if " " <= mark <= "~" else f"\\{ord(mark) & 255:03d}" for mark in made) + '"'


def parse(statement: Statement) -> list[FoundRecord]:
    """The records of one directive. Raises BadLine for what dnsmasq or DNS would not take."""
    words = [syntax.plain(word) for word in syntax.split(statement.value)]
    try:
        return [
            FoundRecord(
                names.parse(owner),
                ttl,
                rtype,
                rdata.canonical(rtype, text, "."),
                statement.path,
                statement.number,
            )
            for owner, ttl, rtype, text in _KINDS[statement.key](words)
        ]
    except (BadName, BadRdata) as error:
        raise BadLine(str(error)) from None
    except (IndexError, ValueError):
        raise BadLine("it lacks an argument") from None


_Row = tuple[str, int, str, str]


def _cname(words: list[str]) -> Iterator[_Row]:
    ttl = INHERIT
    if len(words) > 2 and words[-1].isdecimal():
        ttl = _number(words.pop())
    if len(words) < 2:
        raise BadLine("it lacks a target")
    for owner in words[:-1]:
        yield owner, ttl, "CNAME", names.parse(words[-1])


def _mx(words: list[str]) -> Iterator[_Row]:
    if len(words) < 2 or not words[1]:
        raise BadLine("without a target it means the host that mx-target names")
    yield words[0], INHERIT, "MX", f"{_number(words[2] if len(words) > 2 else '', 1)} {names.parse(words[1])}"


def _srv(words: list[str]) -> Iterator[_Row]:
    owner, target, port, priority, weight = (*words, "", "", "", "")[:5]
    if not target:
        yield owner, INHERIT, "SRV", "0 0 0 ."
        return
    if not owner.count(".") > 1:
        raise BadLine("its name takes the domain of the machine that dnsmasq runs on")
    numbers = f"{_number(priority, 0)} {_number(weight, 0)} {_number(port, 1)}"
    yield owner, INHERIT, "SRV", f"{numbers} {names.parse(target)}"


def _txt(words: list[str]) -> Iterator[_Row]:
    yield words[0], INHERIT, "TXT", " ".join(map(_quoted, words[1:] or [""]))


def _ptr(words: list[str]) -> Iterator[_Row]:
    yield words[0], INHERIT, "PTR", names.parse(words[1])


def _naptr(words: list[str]) -> Iterator[_Row]:
    owner, order, preference, flags, service, regexp, replacement = (*words, "")[:7]
    text = f"{_number(order)} {_number(preference)} {_quoted(flags)} {_quoted(service)} {_quoted(regexp)}"
    yield owner, INHERIT, "NAPTR", f"{text} {names.parse(replacement) if replacement else '.'}"


def _caa(words: list[str]) -> Iterator[_Row]:
    owner, flags, tag, value = words
    yield owner, INHERIT, "CAA", f"{_number(flags)} {tag} {_quoted(value)}"


def _raw(words: list[str]) -> Iterator[_Row]:
    rtype = rdata.canonical_type(f"TYPE{_number(words[1])}")
    digits = re.sub(r"[^0-9A-Fa-f]", "", "".join(words[2:]))
    yield words[0], INHERIT, rtype, f"\\# {len(digits) // 2} {digits}"


_KINDS: dict[str, Callable[[list[str]], Iterator[_Row]]] = {
    "cname": _cname,
    "mx-host": _mx,
    "srv-host": _srv,
    "txt-record": _txt,
    "ptr-record": _ptr,
    "naptr-record": _naptr,
    "caa-record": _caa,
    "dns-rr": _raw,
}
DIRECTIVES = frozenset(_KINDS)


def host_record(statement: Statement) -> list[FoundName]:
    """`host-record=NAME[,NAME…],[ADDRESS],[ADDRESS][,TTL]`. Raises BadLine."""
    words = [syntax.plain(word).strip() for word in syntax.split(statement.value)]
    owners, addresses = [], []
    for place, word in enumerate(words):
        address = address_of(word)
        if address is not None:
            addresses.append(address)
        elif word.isdecimal() and place == len(words) - 1:
            continue
        elif is_name(word):
            owners.append(word.lower())
        elif word:
            raise BadLine(f"{word!r} is neither name nor address")
    if not owners or not addresses:
        raise BadLine("it lacks a name or an address")
    path, number = statement.path, statement.number
    return [FoundName(owners[0], address, tuple(owners[1:]), path, number) for address in addresses]
