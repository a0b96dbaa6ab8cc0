"""The schema of the state repository: what a user may write in site.yaml and in hosts files.

Field docstrings and descriptions here are the source of `reconciler schema` and of docs/state.md.
Addresses are ipaddress values, names are canonical absolute names, times are seconds.
"""

from enum import StrEnum
from ipaddress import IPv6Network
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema

from reconciler.dns.serials import SerialStyle
from reconciler.state.addresses import Address, Address4, Address6, Client, Prefix4, Prefix6, Server
from reconciler.state.pair import Node, Pair
from reconciler.state.secret import SecretRef
from reconciler.state.strict import Strict
from reconciler.state.text import shown
from reconciler.state.types import (
    Domain,
    Flag,
    Identifier,
    Integer,
    Interface,
    Invalid,
    Line,
    Mac,
    Many,
    Owner,
    RecordType,
    Seconds,
    ViewName,
)
from reconciler.state.wan import Wan


class IPv6Mode(StrEnum):
    """How clients of a network get IPv6 addresses (RFC 4861 M and O flags, RFC 8415)."""

    OFF = "off"
    SLAAC = "slaac"
    STATELESS = "stateless"
    STATEFUL = "stateful"


class AddressRange(Strict):
    """First and last address that DHCP hands out; written `first-last`."""

    first: Address
    """First address."""
    last: Address
    """Last address."""


def _parse_range(value: Any) -> Any:
    if not isinstance(value, str):
        raise Invalid("expected a range", "write FIRST-LAST such as 192.168.1.100-192.168.1.199")
    first, dash, last = value.partition("-")
    if not dash:
        raise Invalid(f"{shown(value)} is not a range", "write FIRST-LAST such as 192.168.1.100-192.168.1.199")
    return {"first": first.strip(), "last": last.strip()}


Range = Annotated[
    AddressRange,
    BeforeValidator(_parse_range, json_schema_input_type=str),
]
"""`FIRST-LAST`; IPv6 ends may be suffixes such as `::1000-::1fff`."""


class Dhcp(Strict):
    """DHCP service of a network; without it no addresses are handed out there."""

    ranges: Many[Range] = []
    """Ranges `FIRST-LAST`; IPv6 ones may be suffixes (`::1000-::1fff`). Reservations need no range."""
    lease: Seconds = 43200
    """How long a lease lasts."""
    options: dict[Identifier, Many[Line]] = {}
    """DHCP options by name (`router`, `dns-server`, `ntp-server` …) or number, each a value or a list."""


class DelegatedPrefix(Strict):
    """The network's IPv6 prefix is a /64 of what the provider has delegated, and moves with that."""

    prefix_from: Interface
    """Interface that shows it: by its addresses, or (where it has the default route, or is `lo`) by the unreachable \
routes that DHCPv6 clients make for what was delegated to them (RFC 8415)."""
    subnet: Integer = Field(default=0, ge=0, le=2**48 - 1)
    """Which of the /64 in the delegated prefix, counted from 0."""
    length: Integer | None = Field(default=None, ge=16, le=64)
    """Length of the delegated prefix, where the interface shows no more than a /64 of it."""
    keep_old: Seconds = 172800
    """How long the reverse zone of an old prefix goes on answering."""
    settle: Seconds = 10
    """How long a new prefix must stand before it counts."""


def _form(value: Any) -> str:
    return "ipv6[from]" if isinstance(value, dict | DelegatedPrefix) else "ipv6[prefix]"


# The brackets say that a tag is no key of the user's (see state/validation.py).
Ipv6 = Annotated[
    Annotated[Prefix6, Tag("ipv6[prefix]")] | Annotated[DelegatedPrefix, Tag("ipv6[from]")], Discriminator(_form)
]
"""A prefix, or where it is learnt from."""


class Network(Strict):
    """One subnet or VLAN."""

    interface: Interface | None = None
    """Interface that serves it; needed for DHCP and IPv6 modes."""
    vlan: Integer | None = Field(default=None, ge=1, le=4094)
    """802.1Q VLAN id, for documentation and node files."""
    isolated: Flag = False
    """Clients of this network shall not resolve the names of other networks: neither what is in their \
domains nor what is in their reverse zones. With `clients_ask: bind` they get a view of their own, before all others."""
    domain: Domain | None = None
    """Domain of its hosts; the site's domain when left out."""
    ipv4: Prefix4 | None = None
    """Its IPv4 prefix."""
    ipv6: Ipv6 | None = None
    """Its IPv6 prefix, or `{prefix_from: INTERFACE}` for one that the provider may change."""
    router: Address4 | None = None
    """Default gateway, told to DHCP clients."""
    virtual_ips: Many[Address] = []
    """Addresses that move with the primary role; DNS is answered there. IPv6 ones may be suffixes (`::53`)."""
    dhcp: Dhcp | None = None
    """DHCP settings."""
    ipv6_mode: IPv6Mode = IPv6Mode.OFF
    """off, slaac, stateless or stateful."""
    router_advertisement_default: Flag = False
    """Advertise this server as a default router in IPv6 router advertisements."""
    lease_names: Flag = True
    """Names of DHCP clients become DNS names."""
    generate_names: Flag = False
    """Clients without a name get one from their address: `dhcp-192-168-3-57`."""
    name_conflicts: Literal["drop", "number"] = "drop"
    """A second client with a name that is held: no name, or a numbered one (`phone-2`)."""
    slaac_names: Flag = False
    """Addresses in `ipv6` that known clients gave themselves (SLAAC) get the client's name too, if made of its MAC."""
    privacy_addresses: Flag = False
    """Publish temporary IPv6 addresses too; with `slaac_names` all those that are not made of the client's MAC."""
    reverse: Literal["no"] | Many[Domain] | None = Field(default=None, union_mode="left_to_right")
    """Reverse zones as delegated (RFC 2317 names, say), or `no`; derived from the prefixes when left out."""

    @property
    def prefix6(self) -> IPv6Network | None:
        """The IPv6 prefix, as far as it is known."""
        return self.ipv6 if isinstance(self.ipv6, IPv6Network) else None

    @property
    def delegated(self) -> DelegatedPrefix | None:
        """Where the IPv6 prefix is learnt from, while it is not known."""
        return self.ipv6 if isinstance(self.ipv6, DelegatedPrefix) else None


class Dns(Strict):
    """Which server does what for DNS."""

    clients_ask: Literal["dnsmasq", "bind"] = "dnsmasq"
    """The server that listens where clients ask."""
    authoritative: Literal["none", "bind"] = "none"
    """`bind`: zones are served by BIND (and dnsmasq, if clients ask it, forwards them there)."""
    forwarders: Many[Address] = []
    """Resolvers that dnsmasq asks for everything else (its own defaults, resolv.conf, when left out), and the nodes \
themselves (`reconciler bootstrap`)."""
    serial: SerialStyle = SerialStyle.DATE
    """Serial style of all zones that do not say otherwise."""
    nameservers: Many[Domain] = []
    """Names for the NS records of zones that bring none of their own."""
    secondaries: Many[Identifier] = []
    """Servers from `secondaries:` that copy each zone that does not say otherwise."""
    contact: Domain | None = None
    """Mailbox for SOA records, with a dot for the @; hostmaster.DOMAIN when left out."""
    ttl: Seconds = 3600
    """TTL of records that do not say otherwise."""
    reserved_names: Many[Identifier] = []
    """Labels that no DHCP client can take, beside static names and well-known ones such as `wpad`."""
    negative_ttl: Seconds = 300
    """How long others may remember that a name does not exist (RFC 2308)."""


class KeepRule(Strict):
    """Records in a dynamic zone that belong to others and stay."""

    name: Owner
    """Owner, relative to the zone (`@` for the apex) or absolute. A `*` label matches one or more labels."""
    types: Many[RecordType] = ["*"]
    """Record types, or `*`."""


class UpdateGrant(Strict):
    """Who else may change a dynamic zone, and what (BIND's update-policy)."""

    key: Identifier
    """A key from `keys:`."""
    name: Owner
    """Owner as in `keep`, relative to the zone."""
    types: Many[RecordType] = ["ANY"]
    """Record types that the key may change."""


class View(Strict):
    """Clients that are answered alike, and with what (a view of BIND). Of several that fit, the first counts."""

    clients: Many[Client] = Field(min_length=1)
    """Who they are: prefixes, addresses, names of networks, `localhost` (this server), `localnets` (networks of its \
interfaces), or `any`. Where no view names `localhost`, this server is in the first with `zones: all`."""
    zones: Literal["all", "listed"] = "listed"
    """`all`: also the zones that name no view, and names of DHCP leases. `listed`: only zones that name this view."""
    recursion: Flag | None = None
    """Whether names of others are looked up for them; what named's own options say when left out."""


class ZonePolicy(Strict):
    """How one zone is treated."""

    views: Many[ViewName] = []
    """Views that answer with this zone. One: it is there alone. Several: each has a version of its own, with records, \
serial and updates of its own. Left out: one version for all views with `zones: all`. What differs stands in \
`zones/VIEW/NAME.yaml` (or `.zone`): an RRset there replaces the shared one of that name and type; a CNAME replaces \
all that its name has, and is replaced by whatever else stands there. Hosts can be marked with `view:`."""

    dynamic: Flag | None = None
    """The zone takes dynamic updates (RFC 2136). Left out: yes where names of DHCP leases go into it, else no."""
    drift: Literal["report", "heal"] = "report"
    """What to do with changes made behind the repository's back: tell, or undo. `report` never deletes."""
    keep: list[KeepRule] = []
    """Records of others in a dynamic zone that are no drift."""
    update: list[UpdateGrant] = []
    """Further keys that may update the zone."""
    serial: SerialStyle | None = None
    """Serial style; the site's when left out."""
    ttl: Seconds | None = None
    """TTL of generated records; the site's when left out."""
    nameservers: Many[Domain] = []
    """NS names of this zone; the site's when left out."""
    secondaries: Many[Identifier] | None = None
    """Servers from `secondaries:` that copy this zone, `[]` for none; the site's when left out."""


class Key(Strict):
    """A TSIG key (RFC 8945) that named shall know."""

    algorithm: Literal["hmac-sha256", "hmac-sha384", "hmac-sha512"] = "hmac-sha256"
    """HMAC algorithm."""
    secret: SecretRef
    """Where the base64 secret is kept on the node."""


class Secondary(Strict):
    """A further name server that copies zones from here (RFC 5936) and is told of each change (NOTIFY, RFC 1996)."""

    address: Many[Server] = Field(min_length=1)
    """Its addresses, each with a port unless that is 53."""
    key: Identifier | None = None
    """A key from `keys:`; it signs transfers and notices. Left out: who has one of the addresses may copy the zones."""
    catalog: Domain | None = None
    """A name for the catalog zone (RFC 9432) that tells the server which zones it has. Servers with equal zones may \
share one."""
    primary: Many[Server] = []
    """Where the server reaches BIND here. Left out: the virtual IPs, or the nodes' addresses where there are none."""


class Site(Strict):
    """site.yaml."""

    version: Annotated[Literal["1"], WithJsonSchema({"enum": [1, "1"]})]
    """Version of this format."""
    site: Identifier
    """Name of the site."""
    domain: Domain | None = None
    """Domain of hosts in networks that have none of their own."""
    nodes: dict[Identifier, Node] = {}
    """The servers, by host name."""
    networks: dict[Identifier, Network] = {}
    """Networks by name."""
    dns: Dns = Dns()
    """Who serves DNS."""
    views: dict[ViewName, View] = {}
    """Who sees which version of which zones, with BIND; all clients see the same when left out."""
    zones: dict[Domain, ZonePolicy] = {}
    """Treatment of single zones, by zone name."""
    keys: dict[Identifier, Key] = {}
    """TSIG keys of others, who may update zones or copy them."""
    secondaries: dict[Identifier, Secondary] = {}
    """Further name servers that can copy zones; `dns:` and `zones:` say which zones."""
    wan: Wan | None = None
    """The public address."""
    pair: Pair | None = None
    """Two nodes with a replicated disk."""


class Host(Strict):
    """One host: everything that is known of it, once."""

    mac: Many[Mac] = []
    """MAC addresses; with an address in a network with DHCP this is a reservation."""
    ipv4: Many[Address4] = []
    """IPv4 addresses."""
    ipv6: Many[Address6] = []
    """IPv6 addresses; one whose first 64 bits are zero (`::41`) is a suffix to its network's prefix."""
    network: Identifier | None = None
    """Its network, where addresses do not tell."""
    view: Many[ViewName] = []
    """Views in which its names and PTR records stand; all views of its zone when left out."""
    aliases: Many[Line] = []
    """Further names, as CNAME; relative to the host's domain unless they end with a dot."""
    ptr: Line | None = None
    """Name that its addresses point back to, relative to its domain; its own when left out. `no`: none."""
    ttl: Seconds | None = None
    """TTL of its records."""
