"""Writers for dnsmasq's three file formats. What a format cannot carry is refused here, nowhere else.

Every line of rendered files is made by one of these functions from typed values, so no text from the state
repository can bring a newline, a comma, a quote or a comment sign of its own. Sources: dnsmasq(8) and the
parser `read_file` in its option.c: a line holds at most 1024 bytes, `"` starts quoting with backslash
escapes, `#` after a blank starts a comment, `,` and `/` divide arguments.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address

from reconciler.errors import Refused

Address = IPv4Address | IPv6Address

_NAME = re.compile(r"(?:[a-z0-9_-]{1,63}\.)+", re.ASCII)
_SLASHED = re.compile(r"(?:[a-z0-9_/-]{1,63}\.)+", re.ASCII)
_TAKEABLE = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9._:@+-]+", re.ASCII)
_VALUE = re.compile(r"[A-Za-z0-9_.:/@+=?&%!*~()\[\]{}^ -]+", re.ASCII)
_QUOTABLE = re.compile(r"[ !#-\[\]-~]+", re.ASCII)
_PATH = re.compile(r"/[A-Za-z0-9._/+@=-]*", re.ASCII)
_MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}", re.ASCII)
_KEYWORD = re.compile(r"[a-z0-9-]+", re.ASCII)
_LONGEST = 1000


class Unservable(Refused):
    """dnsmasq's configuration cannot express something; the text says what, and what to do."""


def host_line(address: Address, owners: Iterable[str]) -> str:
    """One line of a hosts file (hosts(5)); reverse queries get the first of the canonical names."""
    return " ".join((str(address), *(name(owner) for owner in owners)))


def name(owner: str) -> str:
    """A canonical absolute name as dnsmasq writes it, without the final dot. Raises Unservable."""
    if not _NAME.fullmatch(owner):
        raise Unservable(f"dnsmasq cannot serve the name {owner}; use BIND, or letters, digits, '-' and '_' only")
    return owner[:-1]


def is_takeable(label: str) -> bool:
    """Whether dnsmasq lets a client have this label, in lower case (util.c, legal_hostname)."""
    return _TAKEABLE.fullmatch(label) is not None


def reverse_name(owner: str) -> str:
    """Like `name`, but `/` may stand in it (RFC 2317); for arguments that are divided by commas only."""
    if not _SLASHED.fullmatch(owner):
        return name(owner)
    return owner[:-1]


def setting(keyword: str, *arguments: str) -> str:
    """`keyword` or `keyword=a,b`; arguments come from the functions of this module. Raises Unservable."""
    if not _KEYWORD.fullmatch(keyword) or any("\n" in text or "," in text for text in arguments):
        raise Unservable(f"cannot write {keyword!r} with {arguments!r} into dnsmasq's configuration")
    return _bounded(keyword + ("=" + ",".join(arguments) if arguments else ""))


def domain_setting(keyword: str, domain: str, argument: str = "") -> str:
    """`keyword=/domain/argument`; `*.domain` stands for the names below it, not for itself."""
    bare = f"*.{name(domain[2:])}" if domain.startswith("*.") else name(domain)
    return _bounded(f"{keyword}=/{bare}/{argument}")


def word(text: str) -> str:
    """A plain word: an interface, a tag, an option's name."""
    if not _WORD.fullmatch(text):
        raise Unservable(f"dnsmasq's configuration cannot carry {text!r}")
    return text


def value(text: str) -> str:
    """The value of a DHCP option."""
    if not _VALUE.fullmatch(text) or text != text.strip():
        raise Unservable(
            f"a DHCP option cannot have the value {text!r}: "
            "use letters, digits and . : / @ + = - _ only, several values as a list"
        )
    return text


def path(text: str) -> str:
    """An absolute path."""
    if not _PATH.fullmatch(text):
        raise Unservable(f"dnsmasq's configuration cannot carry the path {text!r}; use a plainer one")
    return text


def quoted(data: bytes) -> str | None:
    """A character string in quotes; None where only hexadecimal can carry it."""
    text = data.decode("latin-1")
    return f'"{text}"' if _QUOTABLE.fullmatch(text) else None


def raw_record(owner: str, rtype: int, wire: bytes) -> str:
    """Any record as `dns-rr=` with its data in wire format, in hexadecimal."""
    return _bounded(f"dns-rr={reverse_name(owner)},{rtype},{wire.hex()}")


def reservation(macs: Iterable[str], addresses: Iterable[Address], owner: str | None, tag: str | None = None) -> str:
    """One line of a dhcp-hostsdir file. The name is written in full: alone, `7d` would be a lease time."""
    hardware = list(macs)
    if not all(_MAC.fullmatch(mac) for mac in hardware):
        raise Unservable(f"cannot reserve an address for {hardware}: not MAC addresses")
    places = [str(item) if item.version == 4 else f"[{item}]" for item in addresses]
    tags = [f"set:{word(tag)}"] if tag else []
    return _bounded(",".join((*hardware, *tags, *places, *([name(owner)] if owner else []))))


def _bounded(line: str) -> str:
    if len(line) > _LONGEST:
        raise Unservable(f"dnsmasq reads lines of at most 1024 bytes; too long: {line[:60]}…; use BIND")
    return line
