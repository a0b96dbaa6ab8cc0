"""`dhcp-host` in all its forms (dnsmasq(8), --dhcp-host; option.c, case 'G')."""

import re
from ipaddress import IPv6Address

from reconciler.importing.dnsmasq import syntax
from reconciler.importing.dnsmasq.hosts import address_of, is_name, mac_of
from reconciler.importing.dnsmasq.syntax import BadLine, Statement
from reconciler.importing.found import Address, FoundReservation

_HARDWARE = re.compile(r"(?:[0-9a-f]{1,2}-)?(?:[0-9a-f]{1,2}|\*)(?::(?:[0-9a-f]{1,2}|\*))+", re.IGNORECASE | re.ASCII)


class _Parts:
    def __init__(self) -> None:
        self.macs: list[str] = []
        self.addresses: list[Address] = []
        self.name = ""
        self.lease: int | None = None
        self.reasons: list[str] = []


def parse(statement: Statement) -> FoundReservation:
    """The reservation of one line. `reason` says what a host of the state cannot say of it. Raises BadLine."""
    parts = _Parts()
    for argument in syntax.split(statement.value):
        if argument:
            _argument(argument, parts)
    if not (parts.macs or parts.name or parts.addresses or parts.reasons):
        raise BadLine("a dhcp-host line with nothing in it")
    if not parts.macs and not parts.reasons:
        parts.reasons.append("a client that is known by its name alone")
    return FoundReservation(
        tuple(dict.fromkeys(parts.macs)),
        parts.name,
        tuple(parts.addresses),
        parts.lease,
        statement.path,
        statement.number,
        ", ".join(dict.fromkeys(parts.reasons)),
    )


def _argument(argument: str, parts: _Parts) -> None:
    text = syntax.plain(argument)
    if ":" in argument:
        _with_colon(text, parts)
    elif (address := address_of(text)) is not None:
        parts.addresses.append(address)
    elif (lease := syntax.lease_time(text)) is not None:
        parts.lease = lease
    elif text == "ignore":
        parts.reasons.append("`ignore`: the client is not served")
    elif is_name(text):
        parts.name = text.lower()
    else:
        raise BadLine(f"{text!r} is neither MAC address, address, lease time nor name")


def _with_colon(text: str, parts: _Parts) -> None:
    if text.lower().startswith("id:"):
        parts.reasons.append("a client identifier")
    elif (tag := syntax.tag_of(text, "set", "net")) is not None:
        parts.reasons.append(f"it sets the tag {tag}")
    elif (tag := syntax.tag_of(text, "tag")) is not None:
        parts.reasons.append(f"it is for clients with the tag {tag} only")
    elif text.startswith("[") and text.endswith("]"):
        address = address_of(text[1:-1])
        if isinstance(address, IPv6Address):
            parts.addresses.append(address)
        elif "/" in text:
            parts.reasons.append("a prefix of addresses")
        else:
            raise BadLine(f"{text!r} is no IPv6 address in brackets")
    elif (mac := mac_of(text)) is not None:
        parts.macs.append(mac)
    elif _HARDWARE.fullmatch(text):
        parts.reasons.append("a MAC address with wildcards" if "*" in text else "hardware other than Ethernet")
    else:
        raise BadLine(f"{text!r} is neither MAC address, client identifier nor tag")
