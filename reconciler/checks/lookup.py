"""Lookups by address and by name that cost the same however large the site is."""

from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Generic, TypeVar

from reconciler.dns import names

Address = IPv4Address | IPv6Address
Prefix = IPv4Network | IPv6Network
T = TypeVar("T")


class PrefixMap(Generic[T]):
    """Values by prefix; an address finds those of the longest prefix that holds it."""

    def __init__(self) -> None:
        self._tables: dict[tuple[int, int], dict[int, list[T]]] = {}
        self._shifts: dict[int, list[int]] = {4: [], 6: []}

    def add(self, prefix: Prefix, value: T) -> None:
        """Enter a value; a prefix can hold several."""
        shift = prefix.max_prefixlen - prefix.prefixlen
        if (prefix.version, shift) not in self._tables:
            self._tables[prefix.version, shift] = {}
            self._shifts[prefix.version] = sorted((*self._shifts[prefix.version], shift))
        table = self._tables[prefix.version, shift]
        table.setdefault(int(prefix.network_address) >> shift, []).append(value)

    def find(self, address: Address) -> list[T]:
        """Values of the longest matching prefix, in the order they were added; empty when none matches."""
        number = int(address)
        for shift in self._shifts[address.version]:
            found = self._tables[address.version, shift].get(number >> shift)
            if found is not None:
                return found
        return []


def enclosing(name: str, zones: Collection[str]) -> str | None:
    """The closest zone that holds the name (RFC 1034 section 4.3.2), or None. `zones` is a set or mapping."""
    while name not in zones:
        if name == ".":
            return None
        name = names.parent(name)
    return name
