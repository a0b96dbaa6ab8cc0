"""What was found in the servers' own files. Values only; names canonical and absolute, addresses ipaddress values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import NamedTuple

from reconciler.dns.zone import SOA
from reconciler.leases.lease import Lease

Address = IPv4Address | IPv6Address
Prefix = IPv4Network | IPv6Network


class Fate(StrEnum):
    """What became of a line."""

    TAKEN = "taken"
    HATCH = "hatch"
    LEFT = "left"


class Line(NamedTuple):
    """One line (or statement, by its first line) of what was read, and what became of it.

    text: the line as a person knows it again, short, secrets left out. note: where it went, or why it was left.
    """

    path: str
    number: int
    text: str
    fate: Fate
    note: str = ""


INHERIT = -1
"""TTL of a record that has none of its own: dnsmasq's have not."""


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """One record; `rdata` is canonical text (reconciler.dns.rdata). path, number: the line that it comes from."""

    owner: str
    ttl: int
    rtype: str
    rdata: str
    path: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class FoundGrant:
    """A rule of an update-policy, as `update:` in the state can say it."""

    key: str
    name: str
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FoundZone:
    """A primary zone in a view ("" where named has none), with all records but the SOA, its journal folded in.

    transfer_to, notify: addresses, and keys by name, that allow-transfer and also-notify give. path: its master file.
    journal: where it is not beside that. directory: where relative $INCLUDE begin.
    """

    name: str
    view: str
    soa: SOA
    serial: int
    records: tuple[FoundRecord, ...]
    path: str
    dynamic: bool = False
    grants: tuple[FoundGrant, ...] = ()
    transfer_to: tuple[str, ...] = ()
    notify: tuple[str, ...] = ()
    journal: str = ""
    directory: str = ""


@dataclass(frozen=True, slots=True)
class FoundView:
    """A view of named.conf. clients: match-clients, as addresses, prefixes, `any`, `localhost`, `localnets`."""

    name: str
    clients: tuple[str, ...]
    recursion: bool = True


class FoundSecret(NamedTuple):
    """Something to be put into the node's secrets folder. name: of the file. where: path:line. Never shown."""

    name: str
    value: str
    where: str = ""

    def __repr__(self) -> str:
        return f"FoundSecret({self.name!r}, hidden)"


@dataclass(frozen=True, slots=True)
class FoundKey:
    """A TSIG key; its secret under the same name among the secrets."""

    name: str
    algorithm: str


@dataclass(frozen=True, slots=True)
class FoundDns:
    """named.conf and the files that it names. hatches: text for bind.d/, by file name."""

    zones: tuple[FoundZone, ...] = ()
    views: tuple[FoundView, ...] = ()
    keys: tuple[FoundKey, ...] = ()
    secrets: tuple[FoundSecret, ...] = ()
    forwarders: tuple[Address, ...] = ()
    hatches: Mapping[str, str] = field(default_factory=dict)
    lines: tuple[Line, ...] = ()
    authoritative: bool = True


@dataclass(frozen=True, slots=True)
class FoundReservation:
    """A `dhcp-host` or ethers line: who gets which address or name.

    name: as written, relative or with a domain. lease: seconds, None where the line has none of its own.
    plain: a host of the state can say all of it; else why not, in `reason`.
    """

    macs: tuple[str, ...] = ()
    name: str = ""
    addresses: tuple[Address, ...] = ()
    lease: int | None = None
    path: str = ""
    number: int = 0
    reason: str = ""

    @property
    def plain(self) -> bool:
        """Whether a host entry can stand for it."""
        return not self.reason


@dataclass(frozen=True, slots=True)
class FoundName:
    """A name with an address from a hosts file or `host-record=`; as written."""

    name: str
    address: Address
    aliases: tuple[str, ...] = ()
    path: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class FoundRange:
    """A `dhcp-range`. tag, interface: what it is for, "" where nothing says.

    prefix: where a netmask or length is written. mode: static, proxy, or IPv6 words such as ra-only, with commas.
    """

    first: Address
    last: Address
    prefix: Prefix | None
    lease: int | None = None
    tag: str = ""
    interface: str = ""
    mode: str = ""
    path: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class FoundOption:
    """A plain `dhcp-option`: its name in dnsmasq (or number), values, and the one tag that it is for ("" for all)."""

    name: str
    values: tuple[str, ...]
    tag: str = ""
    version: int = 4
    path: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class FoundDhcp:
    """dnsmasq.conf with its conf-dir, hosts files, ethers and lease files.

    domains: by prefix, and the plain `domain=` under None. records: what cname=, mx-host=, srv-host=, txt-record=,
    ptr-record= … say. local: domains that `local=` says are ours, with the line. listen: addresses.
    ttl, negative_ttl: local-ttl and neg-ttl. dns: it answers DNS at all (port 0: not). no_router: interfaces where it
    does not announce itself as a router (ra-param with lifetime 0). raw: each line as it could stand in a hatch, by
    path and number. leases: those in the lease files.
    """

    ranges: tuple[FoundRange, ...] = ()
    reservations: tuple[FoundReservation, ...] = ()
    names: tuple[FoundName, ...] = ()
    records: tuple[FoundRecord, ...] = ()
    options: tuple[FoundOption, ...] = ()
    domains: Mapping[Prefix | None, str] = field(default_factory=dict)
    interfaces: tuple[str, ...] = ()
    listen: tuple[Address, ...] = ()
    forwarders: tuple[Address, ...] = ()
    local: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    ttl: int | None = None
    negative_ttl: int | None = None
    dns: bool = True
    no_router: tuple[str, ...] = ()
    raw: Mapping[tuple[str, int], str] = field(default_factory=dict)
    leases: tuple[Lease, ...] = ()
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class FoundPublication:
    """One account of ddclient.conf: fields as `wan.publish` has them; `secret` and `secrets` name secrets."""

    protocol: str
    domain: str
    names: tuple[str, ...]
    family: str = "ipv4"
    server: str = ""
    login: str = ""
    secret: str = ""
    zone: str = ""
    ttl: str = ""
    tls: bool = True
    options: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FoundWan:
    """ddclient.conf. watch: how it learns the address, as (key, value, family) of the state's `watch:`."""

    watch: tuple[tuple[str, str, str], ...] = ()
    publications: tuple[FoundPublication, ...] = ()
    secrets: tuple[FoundSecret, ...] = ()
    lines: tuple[Line, ...] = ()
