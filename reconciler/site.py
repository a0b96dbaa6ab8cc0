"""The site: desired state joined into what servers need. Values only; `reconciler.build` makes them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import NamedTuple

from reconciler.dns.records import Key
from reconciler.dns.serials import SerialStyle
from reconciler.dns.zone import Zone
from reconciler.state import schema
from reconciler.state.model import Hatch
from reconciler.state.schema import KeepRule, UpdateGrant
from reconciler.state.wan import Wan


class KnownPrefix(NamedTuple):
    """What an interface shows of the delegated prefix, and since when (Unix time, seconds)."""

    prefix: IPv6Network
    since: int = 0


@dataclass(frozen=True, slots=True)
class SiteHost:
    """A host with its names resolved.

    name: canonical absolute name in its network's domain. ptr: name that its addresses point back to,
    None for no PTR. aliases: absolute names. A host with addresses in several networks yields one each.
    """

    name: str
    network: str | None
    ipv4: tuple[IPv4Address, ...]
    ipv6: tuple[IPv6Address, ...]
    macs: tuple[str, ...]
    aliases: tuple[str, ...]
    ptr: str | None
    ttl: int


@dataclass(frozen=True, slots=True)
class SiteNetwork:
    """A network with its defaults filled in; `domain` is canonical and absolute.

    delegated: where its IPv6 prefix is learnt from. The prefix in `settings` is the one that is known, or none.
    virtual: the last 64 bits of its virtual addresses then, known or not.
    """

    name: str
    domain: str
    settings: schema.Network
    delegated: schema.DelegatedPrefix | None = None
    virtual: frozenset[int] = frozenset()


class OwnAddresses(NamedTuple):
    """The site's own addresses as far as they stay: without those in a prefix that moves."""

    virtual: tuple[IPv4Address | IPv6Address, ...] = ()
    nodes: tuple[IPv4Address | IPv6Address, ...] = ()


_NONE = OwnAddresses()


@dataclass(frozen=True, slots=True)
class SiteZone:
    """A zone and how it is treated.

    leases: keys of those RRsets in it that come from leases, not from the state. secondaries: who copies it. home: the
    view whose zone it is in BIND's configuration ("" without views); further views that answer with it refer to that.
    inside: names of leases may go into it. begins_after: serial that stands in its master file, 0 without one; a zone
    that was never served begins after it.
    """

    zone: Zone
    dynamic: bool
    drift: str
    keep: tuple[KeepRule, ...]
    update: tuple[UpdateGrant, ...]
    serial: SerialStyle
    leases: frozenset[Key] = frozenset()
    secondaries: tuple[schema.Secondary, ...] = ()
    home: str = ""
    inside: bool = True
    begins_after: int = 0


@dataclass(frozen=True, slots=True)
class SiteView:
    """Clients that are answered alike, and with what.

    clients: elements of BIND's address match list. keys: of servers that copy its zones. zones: ids by their names.
    whole: it has all zones that name no view. recursion: None leaves it to named's options. empty: zones whose names do
    not exist for these clients.
    """

    name: str
    clients: tuple[str, ...]
    zones: Mapping[str, str]
    whole: bool = False
    recursion: bool | None = None
    empty: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Site:
    """Everything that servers are to be told. zones: by id, which is the name but for versions of a view."""

    name: str
    dns: schema.Dns
    networks: Mapping[str, SiteNetwork]
    hosts: tuple[SiteHost, ...]
    zones: Mapping[str, SiteZone]
    keys: Mapping[str, schema.Key]
    bind_hatches: tuple[Hatch, ...] = ()
    dnsmasq_hatches: tuple[Hatch, ...] = ()
    nodes: tuple[str, ...] = ()
    """Names of the servers, as written."""
    wan: Wan | None = None
    """The public address: how it is learnt, where it is published."""
    prefixes: Mapping[str, KnownPrefix] = field(default_factory=dict)
    """Delegated prefixes by the interface that shows them, as far as they are known."""
    kept: Mapping[str, int] = field(default_factory=dict)
    """Reverse zones of old prefixes that are still served, and until when (Unix time, seconds)."""
    secondaries: Mapping[str, schema.Secondary] = field(default_factory=dict)
    """Further name servers, by name."""
    own: OwnAddresses = _NONE
    views: tuple[SiteView, ...] = ()
    """The first that a client matches is its view; none: all clients are answered alike."""

    @property
    def outside(self) -> Mapping[str, SiteZone]:
        """By name the zones as the world sees them: those of the view for any client, if there is one."""
        if not self.views:
            return self.zones
        view = next((view for view in self.views if "any" in view.clients), None)
        return {name: self.zones[key] for name, key in view.zones.items() if key in self.zones} if view else {}

    @property
    def inside(self) -> Mapping[str, SiteZone]:
        """By name the zones as clients of the site itself see them: those of the first view with all zones."""
        if not self.views:
            return self.zones
        found: dict[str, SiteZone] = {}
        for view in self.views:
            if view.whole:
                found = {n: self.zones[key] for n, key in view.zones.items() if key in self.zones} | found
        return found
