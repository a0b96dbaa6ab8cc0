"""A network of the state, while it is put together."""

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from reconciler.importing.found import Address

DEFAULT_LEASE = 3600
"""dnsmasq's own (dnsmasq(8), --dhcp-range)."""


@dataclass(slots=True)
class Planned:
    """A network of the state, while it is put together. reverse: zones of named.conf, or ["no"]."""

    name: str = ""
    interface: str = ""
    domain: str = ""
    ipv4: IPv4Network | None = None
    ipv6: IPv6Network | None = None
    prefix_from: str = ""
    tags: set[str] = field(default_factory=set)
    dhcp: bool = False
    ranges: list[str] = field(default_factory=list)
    lease: int | None = None
    options: dict[str, list[str]] = field(default_factory=dict)
    router: str = ""
    virtual_ips: list[Address] = field(default_factory=list)
    ipv6_mode: str = ""
    default_router: bool = False
    slaac_names: bool = False
    reverse: list[str] = field(default_factory=list)

    def holds(self, address: Address) -> bool:
        """Whether an address lies in it."""
        prefix = self.ipv4 if address.version == 4 else self.ipv6
        return prefix is not None and address in prefix

    def written(self) -> dict[str, Any]:
        """As site.yaml has it."""
        dhcp: dict[str, Any] = {}
        if self.dhcp:
            dhcp = {"ranges": self.ranges} if self.ranges else {}
            dhcp["lease"] = span(DEFAULT_LEASE if self.lease is None else self.lease)
            if self.options:
                dhcp["options"] = {key: _one_or_many(values) for key, values in self.options.items()}
        found: dict[str, Any] = {
            "interface": self.interface,
            "domain": self.domain.rstrip("."),
            "ipv4": str(self.ipv4) if self.ipv4 else "",
            "ipv6": {"prefix_from": self.prefix_from} if self.prefix_from else str(self.ipv6) if self.ipv6 else "",
            "router": self.router,
            "virtual_ips": [str(address) for address in self.virtual_ips],
            "dhcp": dhcp,
            "ipv6_mode": self.ipv6_mode,
            "router_advertisement_default": "yes" if self.default_router and self.ipv6_mode else "",
            "slaac_names": "yes" if self.slaac_names else "",
            "reverse": _one_or_many([zone if zone == "no" else zone[:-1] for zone in self.reverse]),
        }
        return {key: value for key, value in found.items() if value}


def _one_or_many(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values


def span(seconds: int) -> str:
    """Seconds as a person writes them; what is for ever is the longest that the state takes."""
    seconds = min(seconds, 2**31 - 1)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return str(seconds)
