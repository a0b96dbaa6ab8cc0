"""ddclient.conf, read as ddclient 3.8 to 3.11 read it (its sub `_read_config`).

`key=value` pairs, divided by blanks or commas; what is left over is a list of hosts (with an old form's login and
password), which takes the pairs before it and the global ones: those of lines without a host.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from reconciler.checks.wan import OPTIONS, SECRETS
from reconciler.dns import names
from reconciler.errors import BadName, Refused
from reconciler.importing.found import Fate, FoundPublication, FoundSecret, FoundWan, Line
from reconciler.importing.source import Source, Unreadable, shown

_PAIR = re.compile(
    r"""[\s,]*([a-zA-Z][a-zA-Z0-9_-]*)\s*=\s*("[^"]*"|'[^']*'|(?![a-zA-Z][a-zA-Z0-9_-]*\s*=)(?:\\.|[^\s,\\"'])*)"""
)
"""A value may be empty, and is then no name of the next pair."""
_SECRET_KEYS = SECRETS | {"password"}
_CREDENTIALS = re.compile(r"//[^/\s]*@")
_OF_DAEMON = frozenset(
    """daemon syslog mail mail-failure pid ssl file cache debug verbose quiet foreground exec postscript force retry
    query test geturl proxy fw-ssl-validate web-ssl-validate curl max-warn""".split()  # noqa: SIM905
)
_WAYS = frozenset(
    ["use", "usev4", "usev6"]
    + [f"{way}{version}" for way in ("if", "web", "ip", "cmd", "fw") for version in ("", "v4", "v6")]
    + [f"{way}{version}-skip" for way in ("if", "web", "fw") for version in ("", "v4", "v6")]
)
_PAGES = {
    "ipify-ipv4": "https://api.ipify.org/",
    "nsupdate.info-ipv4": "https://ipv4.nsupdate.info/myip",
    "ipify-ipv6": "https://api6.ipify.org/",
    "nsupdate.info-ipv6": "https://ipv6.nsupdate.info/myip",
}
"""Pages that ddclient has names for and that answer with an address and nothing else."""
_SERVERS = {"namecheap": "dynamicdns.park-your-domain.com"}
"""ddclient's own default of a protocol needs no word, nor leave from node.yaml."""
_WITH_MORE = ("he.net", "ip4only.me")
_DEFAULT_PAGE = {"ipv4": "https://api.ipify.org/", "ipv6": "https://api6.ipify.org/"}


class _Entry(NamedTuple):
    """One logical line: its pairs, and its hosts with what follows them."""

    number: int
    pairs: dict[str, str]
    rest: tuple[str, ...]
    text: str


@dataclass
class _Found:
    watch: dict[tuple[str, str, str], None] = field(default_factory=dict)
    publications: list[FoundPublication] = field(default_factory=list)
    secrets: dict[str, FoundSecret] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)


def read_ddclient(path: str, *, root: Path | None = None) -> FoundWan:
    """What ddclient publishes and how it learns the address. Raises Refused where the file cannot be read."""
    try:
        text = Source(root).text(path)
    except Unreadable as error:
        raise Refused(f"{path}: {error}") from None
    found = _Found()
    common: dict[str, str] = {}
    places: dict[str, int] = {}
    for entry in _entries(text.lines()):
        if not entry.rest and "host" not in entry.pairs:
            common |= entry.pairs
            places |= dict.fromkeys(entry.pairs, entry.number)
            own = entry.pairs.keys() <= _OF_DAEMON - {"ssl"}
            note = "reconciler starts ddclient with settings of its own" if own else "for the hosts below"
            found.lines.append(Line(path, entry.number, entry.text, Fate.TAKEN, note))
            continue
        pairs = {**common, **entry.pairs}
        where = {key: entry.number if key in entry.pairs else places.get(key, entry.number) for key in pairs}
        _account(path, entry, pairs, where, found)
    return FoundWan(tuple(found.watch), tuple(found.publications), tuple(found.secrets.values()), tuple(found.lines))


def _entries(lines: Iterator[tuple[int, str]]) -> Iterator[_Entry]:
    """Logical lines: comments and continuations are dealt with."""
    held, first = "", 0
    for number, line in lines:
        first = first if held else number
        text = held + _without_comment(line)
        if text.endswith("\\"):
            held = text[:-1]
            continue
        held = ""
        if text.strip():
            yield _entry(first, text)
    if held.strip():
        yield _entry(first, held)


def _without_comment(line: str) -> str:
    """`#` begins a comment everywhere but in quotes."""
    quote = ""
    for place, mark in enumerate(line):
        if quote:
            quote = "" if mark == quote else quote
        elif mark in "'\"":
            quote = mark
        elif mark == "#":
            return line[:place].rstrip()
    return line.rstrip()


def _entry(number: int, text: str) -> _Entry:
    pairs: dict[str, str] = {}

    def take(match: re.Match[str]) -> str:
        value = match[2]
        value = value[1:-1] if value[:1] in ("'", '"') else re.sub(r"\\(.)", r"\1", value)
        pairs[match[1].lower()] = value
        return " "

    rest = re.sub(r"\s*,\s*", ",", _PAIR.sub(take, text)).strip(", \t")
    words = tuple(word.strip(",") for word in rest.split())
    told = [f"{key}={_told(key, value)}" for key, value in pairs.items()]
    told += [*words[:2], *("…" for _ in words[2:3])]
    return _Entry(number, pairs, words, shown(" ".join(told)))


def _told(key: str, value: str) -> str:
    """A value as it may be shown: programs are given passwords as arguments, and web pages in their addresses."""
    if key in _SECRET_KEYS or key.startswith("cmd"):
        return "…"
    return _CREDENTIALS.sub("//…@", value)


def _account(path: str, entry: _Entry, pairs: dict[str, str], where: Mapping[str, int], found: _Found) -> None:
    hosts, *old = entry.rest or ("",)
    pairs |= dict(zip(("login", "password"), old, strict=False))
    where = {**dict.fromkeys(pairs, entry.number), **where}
    listed = [host for host in (*hosts.split(","), *pairs.get("host", "").split(",")) if host]
    try:
        made = list(_publications(path, pairs, listed, where, found))
    except BadName as error:
        found.lines.append(Line(path, entry.number, entry.text, Fate.LEFT, str(error)))
        return
    notes = [*_watch(pairs, made, found)]
    for item in made:
        twin = next((other for other in found.publications if _same(other, item)), None)
        if twin is not None and (twin.login, twin.secret) == (item.login, item.secret):
            found.publications.remove(twin)
            merged = tuple(dict.fromkeys((*twin.names, *item.names)))
            found.publications.append(replace(twin, names=merged))
        elif twin is not None:
            note = f"a second account for {item.domain} at {item.protocol}: the state has one"
            found.lines.append(Line(path, entry.number, entry.text, Fate.LEFT, note))
            return
        else:
            found.publications.append(item)
    unknown = sorted(set(pairs) - _OF_DAEMON - _WAYS - _TAKEN - OPTIONS - SECRETS)
    notes += [f"left out: {', '.join(unknown)}"] if unknown else []
    found.lines.append(Line(path, entry.number, entry.text, Fate.TAKEN, "; ".join(notes)))


_TAKEN = frozenset(["protocol", "login", "password", "server", "zone", "ttl", "host"])


def _same(one: FoundPublication, other: FoundPublication) -> bool:
    return (one.domain, one.protocol, one.family) == (other.domain, other.protocol, other.family)


def _publications(
    path: str, pairs: Mapping[str, str], hosts: list[str], where: Mapping[str, int], found: _Found
) -> Iterator[FoundPublication]:
    """One for each domain among the hosts, and for each family. Raises BadName."""
    protocol = pairs.get("protocol", "dyndns2")
    by_domain: dict[str, list[str]] = {}
    for host in hosts:
        domain = names.parse(_domain(protocol, host, pairs))
        by_domain.setdefault(domain, []).append(_relative(protocol, host, domain))
    families = [*(["ipv4"] if pairs.get("usev4", "no") != "no" or "use" in pairs else [])]
    families += ["ipv6"] if pairs.get("usev6", "no") not in ("no", "disabled") else []
    for domain, listed in by_domain.items():
        secrets = {
            key: _secret(key, pairs[key], domain, f"{path}:{where[key]}", found)
            for key in sorted(_SECRET_KEYS & pairs.keys())
            if pairs[key]
        }
        login = pairs.get("login", "")
        for family in families or ["ipv4"]:
            yield FoundPublication(
                protocol,
                domain,
                tuple(dict.fromkeys(listed)),
                family,
                "" if pairs.get("server", "") == _SERVERS.get(protocol) else pairs.get("server", ""),
                "" if protocol in ("namecheap", "nsupdate") else login,
                secrets.get("password", ""),
                pairs.get("zone", ""),
                pairs.get("ttl", ""),
                pairs.get("ssl", "yes").lower() not in ("no", "false", "0", "off"),
                {key: pairs[key] for key in sorted(OPTIONS & pairs.keys())},
                {key: name for key, name in secrets.items() if key != "password"},
            )


def _domain(protocol: str, host: str, pairs: Mapping[str, str]) -> str:
    """Of namecheap the login; else the zone where one is named, else the last two labels of the host."""
    if protocol == "namecheap" and pairs.get("login"):
        return pairs["login"]
    if pairs.get("zone"):
        return pairs["zone"]
    return ".".join(host.rstrip(".").split(".")[-2:])


def _relative(protocol: str, host: str, domain: str) -> str:
    if protocol == "namecheap":
        return host
    return names.relativize(names.parse(host), domain)


def _secret(key: str, value: str, domain: str, where: str, found: _Found) -> str:
    """The name that a secret is kept under."""
    base = f"ddclient-{domain.rstrip('.')}" + ("" if key == "password" else f"-{key}")
    name, count = base[:60], 1
    while name in found.secrets and found.secrets[name].value != value:
        count += 1
        name = f"{base[:58]}-{count}"
    found.secrets.setdefault(name, FoundSecret(name, value, where))
    return name


def _watch(pairs: Mapping[str, str], made: list[FoundPublication], found: _Found) -> Iterator[str]:
    """Ways to learn the address; notes on those that the state cannot say."""
    for key, family in (("use", "ipv4"), ("usev4", "ipv4"), ("usev6", "ipv6")):
        way = pairs.get(key, "no")
        if way in ("no", "disabled") or (key == "use" and pairs.get("usev4", "no") not in ("no", "disabled")):
            continue
        known = _way(way, key.removeprefix("use"), pairs)
        if known is not None:
            found.watch.setdefault((*known, family))
        else:
            yield f"{key}={way} has no form in `wan.watch:`"
    for family in sorted({item.family for item in made}):
        if not any(known == family for _, _, known in found.watch):
            page = _DEFAULT_PAGE[family]
            found.watch.setdefault(("web", page, family))
            yield f"guessed: the {family} address is learnt from {page}"


def _way(way: str, version: str, pairs: Mapping[str, str]) -> tuple[str, str] | None:
    kind = way.removesuffix(version) if version else way
    value = pairs.get(f"{kind}{version}") or pairs.get(kind, "")
    if kind == "if" and value and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,14}", value):
        return "interface", value
    if kind == "web" and not pairs.get(f"web{version}-skip"):
        page = _PAGES.get(value, value)
        named = value in _WITH_MORE or "." not in page
        return None if named else ("web", page if "://" in page else f"https://{page}")
    return None
