"""`dhcp-range` and `dhcp-option` (dnsmasq(8); option.c, cases 'F' and 'O')."""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from reconciler.importing.dnsmasq import syntax
from reconciler.importing.dnsmasq.hosts import address_of
from reconciler.importing.dnsmasq.syntax import BadLine, Statement
from reconciler.importing.found import FoundOption, FoundRange, Prefix

_V6_WORDS = frozenset(
    ["static", "slaac", "ra-only", "ra-names", "ra-stateless", "ra-advrouter", "off-link", "deprecated"]
)

# dnsmasq --help dhcp (2.90)
_NAMES = {
    4: {
        2: "time-offset", 3: "router", 6: "dns-server", 7: "log-server", 9: "lpr-server", 13: "boot-file-size",
        15: "domain-name", 16: "swap-server", 17: "root-path", 19: "ip-forward-enable", 23: "default-ttl", 26: "mtu",
        40: "nis-domain", 41: "nis-server", 42: "ntp-server", 44: "netbios-ns", 45: "netbios-dd",
        46: "netbios-nodetype", 47: "netbios-scope", 66: "tftp-server", 67: "bootfile-name", 69: "smtp-server",
        70: "pop3-server", 100: "posix-timezone", 101: "tzdb-timezone", 108: "ipv6-only", 119: "domain-search",
        120: "sip-server", 121: "classless-static-route", 150: "tftp-server-address",
    },
    6: {23: "dns-server", 24: "domain-search", 56: "ntp-server"},
}  # fmt: skip
_STATE_V6 = frozenset(_NAMES[6].values())
"""Options of DHCPv6 that the state's `options:` can say."""
_VALUE = re.compile(r"[A-Za-z0-9_.:/@+=?&%!*~()\[\]{}^ -]{1,200}", re.ASCII)


def parse_range(statement: Statement) -> FoundRange:
    """The range of one line. Raises BadLine; also for tags that it is limited to, which nothing here can say."""
    tag, arguments = "", syntax.split(statement.value)
    while arguments and (found := syntax.tag_of(arguments[0], "set", "net", "interface")) is not None:
        tag = found
        arguments.pop(0)
    if arguments and syntax.tag_of(arguments[0], "tag") is not None:
        raise BadLine("it is for clients with a certain tag only")
    words = [syntax.plain(word) for word in arguments]
    if words and address_of(words[0]) is None and len(words) > 1 and ":" not in words[0]:
        tag = words.pop(0)  # The old form without `set:`.
    first = address_of(words[0]) if words else None
    if first is None or len(words) < 2:
        raise BadLine("not FIRST,LAST or FIRST,MODE")
    if isinstance(first, IPv4Address):
        return _v4(first, words[1:], tag, statement)
    return _v6(first, words[1:], tag, statement)


def _v4(first: IPv4Address, words: list[str], tag: str, statement: Statement) -> FoundRange:
    mode, last, prefix = "", address_of(words[0]), None
    if words[0] in ("static", "proxy"):
        mode, last = words[0], first
    if not isinstance(last, IPv4Address):
        raise BadLine(f"{words[0]!r} is no IPv4 address")
    rest = words[1:]
    if rest and "." in rest[0]:
        try:
            prefix = IPv4Network(f"{first}/{rest[0]}", strict=False)
        except ValueError:
            raise BadLine(f"{rest[0]!r} is no netmask") from None
        rest = rest[2:] if len(rest) > 1 and "." in rest[1] else rest[1:]
    low, high = min(first, last), max(first, last)
    return FoundRange(low, high, prefix, _lease(rest), tag, "", mode, statement.path, statement.number)


def _v6(first: IPv6Address, words: list[str], tag: str, statement: Statement) -> FoundRange:
    last: IPv6Address = first
    modes: list[str] = []
    interface = ""
    ending = address_of(words[0])
    rest = list(words)
    if isinstance(ending, IPv6Address):
        last, rest = ending, rest[1:]
    while rest and (rest[0] in _V6_WORDS or rest[0].startswith("constructor:")):
        word = rest.pop(0)
        if word.startswith("constructor:"):
            interface = word.partition(":")[2]
        else:
            modes.append(word)
    length = 64
    if rest and rest[0].isdecimal() and int(rest[0]) <= 128:
        length = int(rest.pop(0))
    prefix: Prefix | None = None if interface else IPv6Network((int(first), length), strict=False)
    mode = ",".join(modes)
    return FoundRange(first, last, prefix, _lease(rest), tag, interface, mode, statement.path, statement.number)


def _lease(rest: list[str]) -> int | None:
    if not rest or rest == ["deprecated"]:
        return None
    lease = syntax.lease_time(rest[0])
    if lease is None or len(rest) > 1:
        raise BadLine(f"{','.join(rest)!r} is no lease time")
    return lease


def parse_option(statement: Statement) -> FoundOption | None:
    """The option of one line, where the state can say it; None where it cannot. Raises BadLine."""
    tags: list[str] = []
    arguments = syntax.split(statement.value)
    while arguments and (tag := syntax.tag_of(arguments[0], "tag", "net")) is not None:
        tags.append(tag)
        arguments.pop(0)
    if not arguments or not arguments[0]:
        raise BadLine("no option is named")
    kind, colon, word = syntax.plain(arguments[0]).partition(":")
    if not colon:
        kind, word = "option", kind
    if kind not in ("option", "option6") or len(tags) > 1 or any(tag.startswith("!") for tag in tags):
        return None
    version = 6 if kind == "option6" else 4
    name = _NAMES[version].get(int(word), word) if word.isdecimal() and len(word) < 6 else word
    values = tuple(syntax.plain(argument) for argument in arguments[1:])
    if version == 6:
        values = tuple(value[1:-1] if value.startswith("[") else value for value in values)
    if not _sayable(name, values, version) or any('"' in item for item in (statement.written,)):
        return None
    return FoundOption(name, values, tags[0] if tags else "", version, statement.path, statement.number)


def _sayable(name: str, values: tuple[str, ...], version: int) -> bool:
    if not all(_VALUE.fullmatch(value) and value == value.strip() for value in values):
        return False
    if not values and name != "router":
        return False
    if version == 6:
        addresses = all(isinstance(address_of(value), IPv6Address) for value in values)
        return name in _STATE_V6 and (addresses or name == "domain-search")
    return not any(isinstance(address_of(value), IPv6Address) for value in values)
