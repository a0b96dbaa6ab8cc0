"""The schema of the state repository: what a user may write in site.yaml and in hosts files.

Field docstrings and descriptions here are the source of `reconciler schema` and of docs/state.md.
Addresses are ipaddress values, names are canonical absolute names, times are seconds.
"""

from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from reconciler.dns.serials import SerialStyle
from reconciler.state.addresses import Address, Address4, Address6, Prefix4, Prefix6
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
)


class Strict(BaseModel):
    """Base of every mapping in the repository: unknown keys are errors, values cannot change later."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class SecretRef(Strict):
    """A value that stands in the node's secrets folder, never in the repository."""

    secret: Identifier
    """Name of the file in the secrets folder of the node."""


class IPv6Mode(StrEnum):
    """How clients of a network get IPv6 addresses (RFC 4861 M and O flags, RFC 8415)."""

    OFF = "off"
    SLAAC = "slaac"
    STATELESS = "stateless"
    STATEFUL = "stateful"


class Node(Strict):
    """One of the servers."""

    address: Address
    """The node's own fixed address."""
    ipv6: Address6 | None = None
    """The node's own fixed IPv6 address, where `address` is IPv4."""
    preferred: Flag = False
    """This node should be primary when both are well."""


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


class Network(Strict):
    """One subnet or VLAN."""

    interface: Interface | None = None
    """Interface that serves it; needed for DHCP and IPv6 modes."""
    vlan: Integer | None = Field(default=None, ge=1, le=4094)
    """802.1Q VLAN id, for documentation and node files."""
    isolated: Flag = False
    """Clients of this network shall not resolve the names of other networks."""
    domain: Domain | None = None
    """Domain of its hosts; the site's domain when left out."""
    ipv4: Prefix4 | None = None
    """Its IPv4 prefix."""
    ipv6: Prefix6 | None = None
    """Its IPv6 prefix."""
    router: Address4 | None = None
    """Default gateway, told to DHCP clients."""
    virtual_ips: Many[Address] = []
    """Addresses that move with the primary role; DNS is answered there."""
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


class Dns(Strict):
    """Which server does what for DNS."""

    clients_ask: Literal["dnsmasq", "bind"] = "dnsmasq"
    """The server that listens where clients ask."""
    authoritative: Literal["none", "bind"] = "none"
    """`bind`: zones are served by BIND (and dnsmasq, if clients ask it, forwards them there)."""
    forwarders: Many[Address] = []
    """Resolvers that dnsmasq asks for everything else; its own defaults (resolv.conf) when left out."""
    serial: SerialStyle = SerialStyle.DATE
    """Serial style of all zones that do not say otherwise."""
    nameservers: Many[Domain] = []
    """Names for the NS records of zones that bring none of their own."""
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


class ZonePolicy(Strict):
    """How one zone is treated."""

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


class Key(Strict):
    """A TSIG key (RFC 8945) that named shall know."""

    algorithm: Literal["hmac-sha256", "hmac-sha384", "hmac-sha512"] = "hmac-sha256"
    """HMAC algorithm."""
    secret: SecretRef
    """Where the base64 secret is kept on the node."""


class WanSource(Strict):
    """One way to learn the public address: exactly one of the keys."""

    interface: Interface | None = None
    """The address of this interface."""
    web: Line | None = None
    """The first address in the answer of this web page."""
    dns: Identifier | None = None
    """What this name resolves to."""
    command: Many[Line] | None = None
    """What this program prints: its path and arguments."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            keys = ", ".join(type(self).model_fields)
            raise Invalid(f"one way to learn an address has {len(given)} keys", f"write exactly one of {keys}")
        return self


class WanPublish(Strict):
    """Where the public address is published by dynamic DNS."""

    protocol: Identifier
    """ddclient's name of the provider's protocol."""
    domain: Domain
    """The domain whose names are updated."""
    names: Many[Line] = ["@"]
    """Names in the domain; `@` is the domain itself."""
    login: Line | None = None
    """User name at the provider."""
    password: SecretRef | None = None
    """Where the password is kept on the node."""


class Wan(Strict):
    """The public address: how it is learnt, where it is published."""

    watch: list[WanSource] = []
    """Ways to learn it, tried in this order."""
    publish: list[WanPublish] = []
    """Where it is published."""


class Drbd(Strict):
    """The replicated disk of a pair."""

    resource: Identifier
    """Name of the DRBD resource."""
    mount: Line
    """Folder where it is mounted on the primary."""
    disks: dict[Identifier, Line] = {}
    """Backing device of each node, by node name."""
    shared_secret: SecretRef | None = None
    """Where the secret for the peers' handshake is kept on the node."""


class Pair(Strict):
    """How the two nodes share the work."""

    manager: Literal["heartbeat", "keepalived", "pacemaker"]
    """Who decides which node is primary."""
    auto_failback: Flag = False
    """The preferred node takes over again as soon as it is back."""
    drbd: Drbd | None = None
    """The replicated disk."""


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
    zones: dict[Domain, ZonePolicy] = {}
    """Treatment of single zones, by zone name."""
    keys: dict[Identifier, Key] = {}
    """TSIG keys of others that may update zones."""
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
    aliases: Many[Line] = []
    """Further names, as CNAME; relative to the host's domain unless they end with a dot."""
    ptr: Line | None = None
    """Name that its addresses point back to, relative to its domain; its own when left out. `no`: none."""
    ttl: Seconds | None = None
    """TTL of its records."""
