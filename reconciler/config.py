"""The node's own settings: /etc/reconciler/node.yaml, written by `reconciler init`, owned by root.

They say where things are on this machine. What is to be served stands in the state repository, never here.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from reconciler.errors import ConfigError
from reconciler.state import yaml
from reconciler.state.addresses import Address, read_address
from reconciler.state.strict import Strict
from reconciler.state.tree import Blob
from reconciler.state.types import Flag, Identifier, Integer, Line, Seconds, single
from reconciler.state.validation import validate

DEFAULT_PATH = Path("/etc/reconciler/node.yaml")


def _absolute(value: object) -> Path:
    text = str(value) if isinstance(value, Path) else single(value)
    path = Path(text)
    if not path.is_absolute() or ".." in path.parts or not text.isprintable():
        raise ValueError(f"{text!r} is not an absolute path")
    return path


AbsolutePath = Annotated[Path, BeforeValidator(_absolute)]
AddressText = Annotated[str, BeforeValidator(lambda value: str(read_address(value)))]
"""An IP address of either family, as text: what programs' arguments are made of."""
Port = Annotated[Integer, Field(ge=1, le=65535)]


class BindSettings(Strict):
    """Where BIND is on this node."""

    directory: AbsolutePath
    """Folder for what we write: `named.conf.reconciler`, `keys.conf`, `zones/`. named needs to write in `zones/`."""
    named_conf: AbsolutePath = Path("/etc/bind/named.conf")
    """The main configuration; it includes DIRECTORY/named.conf.reconciler."""
    address: AddressText = "127.0.0.1"
    """Address where named answers."""
    port: Port = 53
    """Port where named answers."""
    rndc_address: AddressText = "127.0.0.1"
    """Address of named's control channel."""
    rndc_port: Port = 953
    """Port of named's control channel."""
    rndc_key: AbsolutePath = Path("/etc/bind/rndc.key")
    """Key file for rndc."""
    allow: tuple[str, ...] = ()
    """Statements that bind.d/*.conf may use beyond the built-in list."""


class IsolatedSettings(Strict):
    """The dnsmasq of an isolated network."""

    address: Address
    """Address where it is asked for verification: one of loopback that nobody else has, such as 127.0.1.3."""
    port: Port = 53
    """Port where it answers clients."""
    directory: AbsolutePath | None = None
    """Folder for what we write; `isolated/NETWORK` in the main one's when left out."""
    unit: Identifier | None = None
    """Name under which the restart helper knows it; `dnsmasq@NETWORK` when left out."""
    lease_file: AbsolutePath | None = None
    """Its lease file; `dnsmasq-NETWORK.leases` beside the main one's when left out."""


class DnsmasqSettings(Strict):
    """Where dnsmasq is on this node."""

    directory: AbsolutePath
    """Folder for what we write: `dnsmasq.conf`, `hosts.d/`, `reservations.d/`."""
    address: AddressText = "127.0.0.1"
    """Address where dnsmasq answers clients, for verification."""
    port: Port = 53
    """Port where dnsmasq answers clients."""
    unit: Identifier = "dnsmasq"
    """Name under which the restart helper knows it."""
    lease_file: AbsolutePath = Path("/var/lib/misc/dnsmasq.leases")
    """Its lease file."""
    listen: tuple[Address, ...] = ()
    """Addresses to bind to; all addresses of the networks' interfaces when left out."""
    dhcp: Flag = True
    """`no`: answer DNS only, leave DHCP and router advertisements out (dnsmasq without CAP_NET_ADMIN)."""
    dhcp_script: AbsolutePath | None = None
    """Program that dnsmasq runs for each lease, as root: reconciler-dhcp-script, which tells DHCPv6 clients' MACs."""
    allow: tuple[str, ...] = ()
    """Directives that dnsmasq.d/*.conf may use beyond the built-in list."""
    isolated: Mapping[Identifier, IsolatedSettings] = Field(default={})
    """For each network with `isolated: yes` a dnsmasq of its own, `{guest: {address: 127.0.1.3}}` (docs/state.md)."""

    @model_validator(mode="after")
    def _apart(self) -> Self:
        taken: dict[object, str] = {}
        for name in (None, *self.isolated):
            item = self if name is None else self.instance(name)
            for what in (f"{item.address}#{item.port}", item.directory, item.unit, item.lease_file):
                if what in taken:
                    raise ValueError(f"isolated: {name}: {what} is {taken[what]} already; give another")
                taken[what] = "the main dnsmasq's" if name is None else f"{name}'s"
        return self

    def instance(self, network: str) -> "DnsmasqSettings":
        """The settings of an isolated network's dnsmasq, with everything that it shares with the main one."""
        own, leases = self.isolated[network], self.lease_file
        return self.model_copy(
            update={
                "isolated": {},
                "address": str(own.address),
                "port": own.port,
                "listen": (own.address,),
                "directory": own.directory or self.directory / "isolated" / network,
                "unit": own.unit or f"dnsmasq@{network}",
                "lease_file": own.lease_file or leases.with_name(f"{leases.stem}-{network}{leases.suffix}"),
            }
        )


class LeaseSettings(Strict):
    """Where a DHCP server keeps its leases."""

    format: Literal["dnsmasq", "isc", "kea"] = "dnsmasq"
    """Form of the files: dnsmasq's, ISC dhcpd's (dhcpd.leases, dhcpd6.leases), or Kea's memfile CSV."""
    files: tuple[AbsolutePath, ...]
    """The lease files; of Kea those of its lease file cleanup too."""


class DrbdSettings(Strict):
    """The replicated disk of a pair."""

    resource: Identifier
    """Name of the DRBD resource."""


class UpstreamSettings(Strict):
    """A forge that holds the state repository; each node fetches from it, the primary pushes history back."""

    url: Line
    """Where git fetches from: ssh, https or a path."""
    poll: Seconds = 60
    """Fetch at least this often; `reconciler fetch` does so at once."""
    push_back: Flag = True
    """The primary pushes audit, notes and lease history there."""


class NodeConfig(Strict):
    """node.yaml."""

    node: Identifier
    """This node's name, as in site.yaml."""
    repo: AbsolutePath
    """The bare state repository."""
    branch: Identifier = "main"
    """The branch that is deployed."""
    state: AbsolutePath
    """Folder for the manifest: what is deployed. On a pair it lies on the replicated disk."""
    secrets: AbsolutePath = Path("/etc/reconciler/secrets")
    """Folder of files that `secret: NAME` refers to."""
    role: Literal["always", "drbd", "heartbeat", "keepalived", "pacemaker", "file"] = "always"
    """Who says whether this node is primary. `always`: there is no second node."""
    role_file: AbsolutePath = Path("/run/reconciler/role")
    """What heartbeat's, Pacemaker's and keepalived's scripts write: `primary`, or anything else for standby."""
    mount: AbsolutePath | None = None
    """Where the shared disk of a pair is mounted on the primary; repository, state and servers' files lie on it."""
    drbd: DrbdSettings | None = None
    """The DRBD resource under `mount`; its own word is then asked too, whoever manages the pair."""
    unreplicated: Literal["refuse", "warn"] = "refuse"
    """A push while the peer is not connected and up to date: refused unless `-o accept-unreplicated`, or taken."""
    own: AbsolutePath = Path("/var/lib/reconciler")
    """Folder on this node's own disk: pushes that the peer did not have, and when roles changed."""
    upstream: UpstreamSettings | None = None
    """The repository is fetched from elsewhere; pushes go there, not here. `repo` then lies on this node's own disk."""
    control: AbsolutePath = Path("/run/reconciler/control.sock")
    """Socket for hooks and commands."""
    helper: AbsolutePath = Path("/run/reconciler-helper.sock")
    """Socket of the root helper that restarts and signals units."""
    resync: Seconds = 300
    """A full pass at least this often, whatever events came."""
    log: Literal["plain", "json"] = "plain"
    """Form of the log on standard error."""
    commands: Mapping[Identifier, tuple[Line, ...]] = Field(default={})
    """Programs, each with its arguments, that the state may name as ways to learn the public address."""
    providers: tuple[Line, ...] = ()
    """Servers, HOST or HOST:PORT, that the state may name as a provider's: passwords are sent there."""
    bind: BindSettings | None = None
    """BIND on this node; leave out where there is none."""
    dnsmasq: DnsmasqSettings | None = None
    """dnsmasq on this node; leave out where there is none."""
    leases: LeaseSettings | None = None
    """Leases of a DHCP server that is not ours; those of our dnsmasq are known without this."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.role == "drbd" and (self.drbd is None or self.mount is None):
            raise ValueError("role: drbd needs `drbd:` with the resource and `mount:` with where it is mounted")
        if self.drbd is not None and self.mount is None:
            raise ValueError("drbd: needs `mount:`, where it is mounted")
        if self.upstream and self.mount and self.repo.is_relative_to(self.mount):
            raise ValueError("upstream: each node then has a `repo:` of its own, which must not lie on `mount:`")
        return self

    @field_validator("commands")
    @classmethod
    def _programs(cls, commands: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
        for name, argv in commands.items():
            if not argv or not argv[0].startswith("/"):
                raise ValueError(f"{name}: write [/path/of/program, argument, …]")
        return commands

    @property
    def lease_source(self) -> LeaseSettings | None:
        """Where leases are read; None where no DHCP server is known."""
        if self.leases is not None:
            return self.leases
        if self.dnsmasq is not None and self.dnsmasq.dhcp:
            files = (self.dnsmasq.lease_file, *self.further_lease_files)
            return LeaseSettings.model_construct(format="dnsmasq", files=files)
        return None

    @property
    def further_lease_files(self) -> dict[Path, str]:
        """Those of isolated networks' own dnsmasqs, with the network."""
        if self.leases is not None or self.dnsmasq is None or not self.dnsmasq.dhcp:
            return {}
        return {self.dnsmasq.instance(name).lease_file: name for name in self.dnsmasq.isolated}


def load(path: Path) -> NodeConfig:
    """Read node.yaml. Raises ConfigError with every mistake found."""
    try:
        # A FIFO would be waited for.
        if path.exists() and not path.is_file():
            raise ConfigError(f"{path} is not a file")
        return parse(path.read_bytes(), path)
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror}; `reconciler init` writes one, `--config` names another"
        ) from error


def parse(text: bytes, path: Path) -> NodeConfig:
    """Settings from a node.yaml's content; `path` is for people.

    Raises ConfigError with every mistake found, each on a line: `path:line:column: what; what to do`.
    """
    document = yaml.read(str(path), Blob("", text))
    problems = list(document.problems)
    settings = None
    if document.data is not None or not problems:
        settings, further = validate(NodeConfig, document.data, document)
        problems += further
    if settings is None or problems:
        raise ConfigError("\n".join(map(str, sorted(problems))))
    return settings
