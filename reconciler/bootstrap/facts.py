"""The state as one node sees it: its links, its peer, what moves between them, which servers it has. Pure values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import NamedTuple

from reconciler.state.pair import Drbd, Pair
from reconciler.state.schema import IPv6Mode, Network, Site

Address = IPv4Address | IPv6Address
Interface = IPv4Interface | IPv6Interface
Prefix = IPv4Network | IPv6Network

FORWARDED_PORT = 5353
"""Port of named on loopback where dnsmasq has port 53 (README.md, Installing on one node)."""


@dataclass(frozen=True, slots=True)
class Link:
    """A network as this node is in it.

    raw: the interface that carries its VLAN. own, virtual: this node's own addresses in it, and those that move.
    """

    name: str
    network: Network
    raw: str | None
    own: tuple[Interface, ...]
    virtual: tuple[Interface, ...]

    @property
    def interface(self) -> str | None:
        """The network interface, where the state names it."""
        return self.network.interface

    @property
    def hands_out(self) -> bool:
        """Whether dnsmasq gives addresses or router advertisements there."""
        return self.network.dhcp is not None or self.network.ipv6_mode is not IPv6Mode.OFF

    @property
    def with_dhcp6(self) -> bool:
        """Whether clients ask for addresses or options over DHCPv6."""
        return self.network.ipv6_mode in (IPv6Mode.STATELESS, IPv6Mode.STATEFUL)

    @property
    def finds_address(self) -> bool:
        """Whether the node gives itself an IPv6 address there (SLAAC), having no fixed one."""
        return self.network.ipv6 is not None and all(own.version == 4 for own in self.own)

    @property
    def prefixes(self) -> tuple[Prefix, ...]:
        """Its prefixes, as far as they are known."""
        return tuple(prefix for prefix in (self.network.ipv4, self.network.prefix6) if prefix is not None)


class Peer(NamedTuple):
    """The other node: its name and its own addresses, the first being the one to speak to."""

    name: str
    addresses: tuple[Address, ...]


class Shared(NamedTuple):
    """A pair and its disk. first: the node that is to be primary at the begin; main: the link between the nodes."""

    pair: Pair
    drbd: Drbd
    peer: Peer
    first: str
    main: Link


@dataclass(frozen=True, slots=True)
class Facts:
    """All that renderers ask for.

    resolvers: whom this node itself asks. views: whether BIND answers clients differently. secrets: contents by name,
    as far as they could be read. notes: what a person has to know beside the files, as sentences.
    """

    site: Site
    node: str
    addresses: tuple[Address, ...]
    links: tuple[Link, ...]
    shared: Shared | None
    resolvers: tuple[Address, ...]
    views: bool = False
    secrets: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def has_bind(self) -> bool:
        """Whether BIND serves something here."""
        return "bind" in (self.site.dns.clients_ask, self.site.dns.authoritative)

    @property
    def has_dnsmasq(self) -> bool:
        """Whether dnsmasq serves something here: DNS, DHCP or router advertisements."""
        return self.site.dns.clients_ask == "dnsmasq" or any(link.hands_out for link in self.links)

    @property
    def bind_is_behind(self) -> bool:
        """Whether dnsmasq answers clients and asks BIND on loopback."""
        return self.has_bind and self.site.dns.clients_ask == "dnsmasq"

    @property
    def answers_at(self) -> tuple[Address, ...]:
        """Addresses that this node has, those that move among them."""
        return (*self.addresses, *(virtual.ip for link in self.links for virtual in link.virtual))

    @property
    def others(self) -> tuple[Address, ...]:
        """The other node's own addresses."""
        return self.shared.peer.addresses if self.shared else ()

    @property
    def isolated(self) -> tuple[str, ...]:
        """Networks with a dnsmasq of their own."""
        asked = self.site.dns.clients_ask == "dnsmasq"
        return tuple(sorted(link.name for link in self.links if asked and link.network.isolated))

    @property
    def servers(self) -> tuple[str, ...]:
        """Units of the servers, in the order in which they start: dnsmasq may forward to BIND."""
        found = {"named": self.has_bind, "dnsmasq": self.has_dnsmasq}
        instances = (f"dnsmasq@{name}" for name in self.isolated)
        return (*(unit for unit, here in found.items() if here), *instances)

    @property
    def root(self) -> str:
        """Folder for repository, manifest and dnsmasq's files; as `reconciler init` has it."""
        return f"{self.shared.drbd.mount}/reconciler" if self.shared else "/srv/reconciler"

    @property
    def bind_directory(self) -> str:
        """Folder for what named reads and writes; as `reconciler init` has it."""
        return f"{self.shared.drbd.mount}/bind" if self.shared else "/var/lib/bind/reconciler"

    def between(self, version: int) -> tuple[Address, Address] | None:
        """This node's address and the other's, of one family, at which the two speak to each other."""
        if self.shared is None:
            return None
        theirs = self.shared.peer.addresses
        if self.addresses[0].version == version:
            return self.addresses[0], theirs[0]
        for prefix in self.shared.main.prefixes:
            own, other = ([each for each in found if each in prefix] for found in (self.addresses, theirs))
            if own and other and prefix.version == version:
                return own[0], other[0]
        return None
