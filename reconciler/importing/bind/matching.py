"""Address match lists and lists of servers: `acl`, `match-clients`, `allow-transfer`, `also-notify`, `primaries`."""

import re
from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from reconciler.importing.bind.syntax import Statement, plain

_WORDS = frozenset({"any", "none", "localhost", "localnets"})
_SHORT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3}){0,3})(?:/([0-9]{1,2}))?", re.ASCII)
_SERVER_LISTS = ("primaries", "masters", "remote-servers")
MAX_NESTED = 50
"""Lists in lists."""
MAX_ELEMENTS = 10_000
"""Elements of one list with all that it refers to."""


class Match(NamedTuple):
    """Whom a list means. said: addresses, prefixes, `any`, `localhost`, `localnets`, canonical; keys: by name.

    unsaid: elements that no plain list of these can express (negations, what is not known), as text.
    """

    said: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    unsaid: tuple[str, ...] = ()

    @property
    def anyone(self) -> bool:
        """Whether it lets everybody in."""
        return "any" in self.said and not self.unsaid

    @property
    def nobody(self) -> bool:
        """Whether it is `{ none; }` or empty."""
        return not (self.said or self.keys or self.unsaid)


class Lists:
    """The named lists of a configuration; each is resolved once."""

    def __init__(self, statements: Iterable[Statement]) -> None:
        self._acls: dict[str, Statement] = {}
        self._servers: dict[str, Statement] = {}
        self._resolved: dict[str, Match] = {}
        self._resolved_servers: dict[str, Match] = {}
        for statement in statements:
            if statement.name == "acl":
                self._acls[statement.value.lower()] = statement
            elif statement.name in _SERVER_LISTS:
                self._servers[statement.value.lower()] = statement

    def match(self, statement: Statement) -> Match:
        """What the list in a statement's braces means."""
        return self._match(statement.inner, ())

    def servers(self, statement: Statement) -> Match:
        """Servers with their keys, as in `also-notify` and `primaries`; a port or TLS goes into `unsaid`."""
        return self._servers_of(statement, ())

    def _match(self, elements: list[Statement], above: tuple[str, ...]) -> Match:
        said: dict[str, None] = {}
        keys: dict[str, None] = {}
        unsaid: dict[str, None] = {}
        for element in elements:
            if len(said) + len(keys) + len(unsaid) > MAX_ELEMENTS:
                unsaid["and more"] = None
                break
            one = self._element(element, above)
            said.update(dict.fromkeys(one.said))
            keys.update(dict.fromkeys(one.keys))
            unsaid.update(dict.fromkeys(one.unsaid))
            if one.anyone or element.words == ["none"]:
                break  # The first that fits decides: what follows is never looked at.
        return Match(tuple(said), tuple(keys), tuple(unsaid))

    def _element(self, element: Statement, above: tuple[str, ...]) -> Match:
        words = element.words
        if words == ["none"]:
            return Match()
        if not words:
            return self._match(element.inner, above)
        if words[0].lower() == "key" and len(words) == 2:
            return Match(keys=(key_name(words[1]),))
        if len(words) != 1 or element.inner:
            return Match(unsaid=(element.text(),))
        if canonical := address(words[0]):
            return Match((canonical,))
        return self._named(words[0].lower(), above)

    def _named(self, name: str, above: tuple[str, ...]) -> Match:
        if name in self._resolved:
            return self._resolved[name]
        if name not in self._acls or name in above or len(above) >= MAX_NESTED:
            return Match(unsaid=(plain(name),))
        found = self._match(self._acls[name].inner, (*above, name))
        self._resolved[name] = found  # In the middle of a cycle it is not whole, which its `unsaid` tells.
        return found

    def _servers_of(self, statement: Statement, above: tuple[str, ...]) -> Match:
        said: dict[str, None] = {}
        keys: dict[str, None] = {}
        unsaid: dict[str, None] = {}
        if len(statement.words) > (2 if statement.name in _SERVER_LISTS and above else 1):
            unsaid[statement.head()] = None  # A port for all.
        for element in statement.inner:
            first, *rest = element.words or [""]
            options = dict(zip(rest[::2], rest[1::2], strict=False))
            inner = Match((canonical,)) if (canonical := address(first)) else self._named_servers(first.lower(), above)
            said.update(dict.fromkeys(inner.said))
            keys.update(dict.fromkeys(inner.keys))
            unsaid.update(dict.fromkeys(inner.unsaid))
            if "key" in options:
                keys[key_name(options.pop("key"))] = None
            if options:
                unsaid[element.text()] = None
            if len(said) + len(unsaid) > MAX_ELEMENTS:
                unsaid["and more"] = None
                break
        return Match(tuple(said), tuple(keys), tuple(unsaid))

    def _named_servers(self, name: str, above: tuple[str, ...]) -> Match:
        if name in self._resolved_servers:
            return self._resolved_servers[name]
        if name not in self._servers or name in above or len(above) >= MAX_NESTED:
            return Match(unsaid=(plain(name),))
        found = self._servers_of(self._servers[name], (*above, name))
        self._resolved_servers[name] = found
        return found


def key_name(text: str) -> str:
    """The name of a key as it is compared: lower case, without a last dot."""
    return text.lower().removesuffix(".") or "."


def address(text: str) -> str:
    """An address, a prefix or one of the built-in words, canonical; "" for anything else.

    named takes `10/8` and `192.168.1/24`. Bits beyond the length are an error to it, here they are cleared.
    """
    if text.lower() in _WORDS:
        return text.lower()
    try:
        if "/" not in text:
            return str(ip_address(text))
        if short := _SHORT.fullmatch(text):
            octets = short[1].split(".")
            text = ".".join([*octets, *["0"] * (4 - len(octets))]) + f"/{short[2]}"
        network = ip_network(text, strict=False)
        return str(network[0] if network.num_addresses == 1 else network)
    except ValueError:
        return ""
