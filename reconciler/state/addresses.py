"""Addresses and networks as types of the state repository; each says why a text is not one."""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, WithJsonSchema

from reconciler.state.text import shown
from reconciler.state.types import Invalid, identifier, single


def _ipv4(value: Any) -> IPv4Address:
    if isinstance(value, IPv4Address):
        return value
    text = single(value)
    try:
        return IPv4Address(text)
    except ValueError as error:
        raise Invalid(f"{shown(text)} is not an IPv4 address{_reason(error)}") from None


def _ipv6(value: Any) -> IPv6Address:
    if isinstance(value, IPv6Address):
        return value
    text = single(value)
    try:
        address = IPv6Address(text)
    except ValueError as error:
        raise Invalid(f"{shown(text)} is not an IPv6 address{_reason(error)}") from None
    if address.scope_id:
        raise Invalid(f"{shown(text)} has a scope (%{address.scope_id})", "leave it out")
    return address


def read_address(value: Any) -> IPv4Address | IPv6Address:
    """Read an address of either family; raises Invalid for a text that is none."""
    if isinstance(value, IPv4Address | IPv6Address):
        return value
    text = single(value)
    if ":" in text:
        return _ipv6(text)
    if re.fullmatch(r"[0-9.]+", text, re.ASCII):
        return _ipv4(text)
    raise Invalid(f"{shown(text)} is not an IP address")


class ServerAddress(NamedTuple):
    """A DNS server: its address and port."""

    address: IPv4Address | IPv6Address
    port: int = 53

    def __str__(self) -> str:
        host = f"[{self.address}]" if self.address.version == 6 and self.port != 53 else str(self.address)
        return host if self.port == 53 else f"{host}:{self.port}"


def server_address(value: Any) -> ServerAddress:
    """Read a server's address; raises Invalid for a text that is none."""
    if isinstance(value, ServerAddress):
        return value
    text = single(value)
    split = re.fullmatch(r"(?:\[([^\]]*)\]|([^:]*)):([0-9]{1,5})", text, re.ASCII)
    if split is None:
        return ServerAddress(read_address(text))
    port = int(split[3])
    if not 0 < port < 65536:
        raise Invalid(f"{shown(text)} has no port from 1 to 65535")
    return ServerAddress(read_address(split[1] or split[2]), port)


def _prefix4(value: Any) -> IPv4Network:
    return value if isinstance(value, IPv4Network) else IPv4Network(_prefix(value, 4))


def _prefix6(value: Any) -> IPv6Network:
    return value if isinstance(value, IPv6Network) else IPv6Network(_prefix(value, 6))


def _prefix(value: Any, version: int) -> str:
    """Text of a prefix that is sure to be one."""
    text = single(value)
    start, _, length = text.partition("/")
    example = "192.168.1.0/24" if version == 4 else "2001:db8::/64"
    if not re.fullmatch(r"[0-9]{1,3}", length, re.ASCII):
        raise Invalid(f"{shown(text)} is not a network", f"write its first address and length, such as {example}")
    address = _ipv4(start) if version == 4 else _ipv6(start)
    if int(length) > address.max_prefixlen:
        raise Invalid(f"{shown(text)} has a length over {address.max_prefixlen}")
    host = int(address) & ((1 << (address.max_prefixlen - int(length))) - 1)
    if host:
        network = f"{type(address)(int(address) - host)}/{int(length)}"
        raise Invalid(f"{shown(text)} is an address inside a network, not the network", f"write {network}")
    return f"{address}/{int(length)}"


def _reason(error: ValueError) -> str:
    text = str(error)
    return f": {text[0].lower()}{text[1:]}" if text else ""


Address4 = Annotated[IPv4Address, BeforeValidator(_ipv4), WithJsonSchema({"type": "string", "format": "ipv4"})]
"""An IPv4 address."""

Address6 = Annotated[IPv6Address, BeforeValidator(_ipv6), WithJsonSchema({"type": "string", "format": "ipv6"})]
"""An IPv6 address without scope."""

Address = Annotated[
    IPv4Address | IPv6Address,
    BeforeValidator(read_address),
    WithJsonSchema({"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}),
]
"""An address of either family."""

Prefix4 = Annotated[IPv4Network, BeforeValidator(_prefix4), WithJsonSchema({"type": "string", "format": "ipv4-prefix"})]
"""An IPv4 network: first address and prefix length."""

Prefix6 = Annotated[IPv6Network, BeforeValidator(_prefix6), WithJsonSchema({"type": "string", "format": "ipv6-prefix"})]
"""An IPv6 network: first address and prefix length."""

Server = Annotated[
    ServerAddress,
    BeforeValidator(server_address),
    WithJsonSchema({"type": "string", "format": "server", "examples": ["208.67.222.222", "[2620:119:35::35]:53"]}),
]
"""A DNS server by its address, with a port unless that is 53: `ADDRESS`, `ADDRESS:PORT`, `[ADDRESS]:PORT`."""


def _client(value: Any) -> IPv4Network | IPv6Network | str:
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    text = single(value)
    if "/" in text:
        return _prefix6(text) if ":" in text else _prefix4(text)
    if ":" in text:
        return IPv6Network(_ipv6(text))
    if re.fullmatch(r"[0-9.]+", text, re.ASCII):
        return IPv4Network(_ipv4(text))
    try:
        return identifier(text)
    except Invalid:
        fix = "write a prefix, an address, a network's name, `localhost`, `localnets` or `any`"
        raise Invalid(f"{shown(text)} is not a kind of client", fix) from None


Client = Annotated[
    IPv4Network | IPv6Network | str,
    BeforeValidator(_client),
    WithJsonSchema({"type": "string", "format": "client", "examples": ["192.168.1.0/24", "localhost", "any"]}),
]
"""Whom a view is for: a prefix (an address is one of full length), the name of a network, or a word of BIND's."""
