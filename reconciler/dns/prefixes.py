"""Prefixes that a provider delegates (RFC 8415, RFC 6177): what is delegated, and its /64 networks."""

from ipaddress import IPv6Address, IPv6Network

SUBNET = 64
"""Length of every network's prefix (RFC 4291 section 2.5.4)."""

_PUBLIC = IPv6Network("2000::/3")


def is_public(address: IPv6Address) -> bool:
    """Whether it is global unicast (RFC 4291 section 2.4); unique local and link-local addresses are not."""
    return address in _PUBLIC


def delegated(seen: IPv6Network, length: int | None) -> IPv6Network:
    """What is delegated, where `seen` of it is shown. length: how long that is, for a longer prefix that is shown."""
    return seen if length is None or seen.prefixlen <= length else seen.supernet(new_prefix=length)


def subnet(prefix: IPv6Network, number: int) -> IPv6Network:
    """The /64 with this number, from 0. Raises ValueError, which says how many there are."""
    count = 2 ** max(SUBNET - prefix.prefixlen, 0)
    if prefix.prefixlen > SUBNET or not 0 <= number < count:
        fits = "no /64" if prefix.prefixlen > SUBNET else "one /64, number 0" if count == 1 else f"0 to {count - 1}"
        raise ValueError(f"there is no subnet {number} in a /{prefix.prefixlen}, which has {fits}")
    return IPv6Network((int(prefix.network_address) + (number << (128 - SUBNET)), SUBNET))
