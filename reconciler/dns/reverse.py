"""Reverse trees: the zones that a prefix needs, the addresses that a zone covers, the owners of PTR records.

in-addr.arpa (RFC 1035 section 3.5) is cut at octets, ip6.arpa (RFC 3596 section 2.5) at nibbles. Prefixes
longer than /24 are delegated as RFC 2317 tells: the parent holds a CNAME for each address that leads into a
zone below the /24, whose name the provider chose.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from reconciler.dns import names

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MAX_ZONES = 256
"""A prefix that would need more reverse zones than this is taken for a mistake."""

_V4 = ".in-addr.arpa."
_V6 = ".ip6.arpa."
_OCTET = re.compile(r"25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9]")
_NIBBLE = re.compile(r"[0-9a-f]")
_CLASSLESS = re.compile(r"([0-9]{1,3})([/-])([0-9]{1,3})")
_PRIVATE = tuple(
    IPv4Network(text)
    for text in (
        "10.0.0.0/8",  # RFC 1918
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",  # RFC 6598
        "169.254.0.0/16",  # RFC 3927
        "127.0.0.0/8",  # RFC 1122
    )
)


class ClasslessStyle(StrEnum):
    """How an RFC 2317 zone is called, shown for 203.0.113.192/26."""

    RANGE = "range"
    """192-255.113.0.203.in-addr.arpa."""
    SLASH = "slash"
    """192/26.113.0.203.in-addr.arpa."""
    FIRST = "first"
    """192.113.0.203.in-addr.arpa."""


@dataclass(frozen=True, slots=True)
class ReverseZone:
    """A reverse zone: its canonical name, and the network that it covers.

    `classless`: an RFC 2317 zone below a /24, whose owners are the last octet followed by the zone's name.
    """

    name: str
    network: Network
    classless: bool = False

    def owner(self, address: Address) -> str:
        """The owner of the address's PTR record inside this zone. Raises ValueError if it is not covered."""
        if address not in self.network:
            raise ValueError(f"{address} is not in {self.network}, which {self.name} covers")
        if self.classless:
            return f"{int(address) & 255}.{self.name}"
        return ptr_name(address)


def ptr_name(address: Address) -> str:
    """The name that resolvers ask for its PTR record: 40.1.168.192.in-addr.arpa. for 192.168.1.40."""
    if isinstance(address, IPv4Address):
        first, second, third, fourth = address.packed
        return f"{fourth}.{third}.{second}.{first}{_V4}"
    return ".".join(f"{int(address):032x}"[::-1]) + _V6


def classless_name(network: IPv4Network, style: ClasslessStyle = ClasslessStyle.RANGE) -> str:
    """The name of the RFC 2317 zone of a prefix longer than /24; ValueError for a shorter one."""
    if network.prefixlen <= 24:
        raise ValueError(f"{network} is not longer than /24: it has reverse zones of its own")
    first, last = int(network[0]) & 255, int(network[-1]) & 255
    label = {
        ClasslessStyle.RANGE: f"{first}-{last}",
        ClasslessStyle.SLASH: f"{first}/{network.prefixlen}",
        ClasslessStyle.FIRST: str(first),
    }[style]
    return f"{label}.{_plain_name(network.supernet(new_prefix=24))}"


def _plain_name(network: Network) -> str:
    """The zone of a prefix that ends at an octet (IPv4) or nibble (IPv6)."""
    bits = 8 if network.version == 4 else 4
    skipped = (network.max_prefixlen - network.prefixlen) // bits
    return ".".join(ptr_name(network.network_address).split(".")[skipped:])


def zones_for(network: Network) -> tuple[str, ...]:
    """Names of the reverse zones that a prefix needs, in the order of its addresses.

    A prefix between two octets or nibbles takes several. An IPv4 one longer than /24 takes the whole /24 in
    private space, where nobody could delegate a part; elsewhere `192-255.113.0.203.in-addr.arpa.` (RFC 2317).
    Raises ValueError where more than MAX_ZONES would be needed.
    """
    if isinstance(network, IPv4Network) and network.prefixlen > 24:
        whole = network.supernet(new_prefix=24)
        if any(whole.subnet_of(private) for private in _PRIVATE):
            return (_plain_name(whole),)
        return (classless_name(network),)
    bits = 8 if network.version == 4 else 4
    prefix = max(-(-network.prefixlen // bits) * bits, bits)
    count = 2 ** (prefix - network.prefixlen)
    if count > MAX_ZONES:
        raise ValueError(f"{network} needs {count} reverse zones; name those that are yours with `reverse:`")
    return tuple(_plain_name(part) for part in network.subnets(new_prefix=prefix))


def parse_zone(name: str, hint: Network | None = None) -> ReverseZone | None:
    """The reverse zone that a canonical name stands for, or None if it is none.

    `hint` is the network that the zone is for. An RFC 2317 zone whose name does not tell its addresses
    (`fritz.113.0.203.in-addr.arpa.`; `192.113.0.203.in-addr.arpa.` with the network's first octet) is
    understood only with it; without, the latter is the zone of one address (RFC 1035 section 3.5).
    """
    if name.endswith(_V6):
        return _parse_v6(name)
    if not name.endswith(_V4):
        return None
    labels = names.labels(name.removesuffix(_V4) + ".")
    octets = labels[-3:] if len(labels) == 4 else labels
    if len(labels) > 4 or not all(_OCTET.fullmatch(octet) for octet in octets):
        return None
    if len(labels) == 4:
        return _parse_below_24(name, labels[0], ".".join(reversed(octets)), hint)
    text = ".".join([*reversed(octets), *["0"] * (4 - len(octets))])
    return ReverseZone(name, IPv4Network((text, 8 * len(octets))))


def _parse_v6(name: str) -> ReverseZone | None:
    nibbles = name.removesuffix(_V6).split(".")
    if len(nibbles) > 32 or not all(_NIBBLE.fullmatch(nibble) for nibble in nibbles):
        return None
    number = int("".join(reversed(nibbles)).ljust(32, "0"), 16)
    return ReverseZone(name, IPv6Network((number, 4 * len(nibbles))))


def _parse_below_24(name: str, label: str, prefix: str, hint: Network | None) -> ReverseZone | None:
    whole = IPv4Network(f"{prefix}.0/24")
    if match := _CLASSLESS.fullmatch(label):
        network = _classless_network(whole, int(match[1]), match[2], int(match[3]))
        if network is not None:
            return ReverseZone(name, network, classless=True)
    inside = hint if isinstance(hint, IPv4Network) and hint.subnet_of(whole) else None
    if _OCTET.fullmatch(label):
        address = whole[int(label)]
        if inside and 24 < inside.prefixlen < 32 and inside[0] == address:
            return ReverseZone(name, inside, classless=True)
        return ReverseZone(name, IPv4Network(address))
    return ReverseZone(name, inside, classless=True) if inside else None


def _classless_network(whole: IPv4Network, first: int, mark: str, second: int) -> IPv4Network | None:
    """The network of `first/length` or of `first-last`, where it is the smallest that has both."""
    if mark == "/":
        if not 24 <= second <= 32 or first > 255 or first % 2 ** (32 - second):
            return None
        return IPv4Network((int(whole[0]) + first, second))
    if not first <= second <= 255:
        return None
    length = 32 - (first ^ second).bit_length()
    return IPv4Network((int(whole[0]) + first, length), strict=False)
