"""What a user may write of the public address: `wan:` in site.yaml."""

from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, model_validator

from reconciler.state.addresses import Server
from reconciler.state.secret import SecretRef
from reconciler.state.strict import Strict
from reconciler.state.types import (
    Domain,
    Flag,
    Identifier,
    Integer,
    Interface,
    Invalid,
    Line,
    Many,
    Seconds,
    Url,
)


class Family(StrEnum):
    """IPv4 or IPv6."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"

    @property
    def version(self) -> int:
        """4 or 6, as in `ipaddress`."""
        return 4 if self is Family.IPV4 else 6


class DnsQuestion(Strict):
    """A question to DNS servers that answer with the address of whoever asks, straight to them."""

    name: Domain
    """The name to ask for, such as `myip.opendns.com`."""
    type: Literal["A", "AAAA", "TXT"] | None = None
    """The record type; A or AAAA, as the family says, when left out."""
    servers: Many[Server] = Field(min_length=1)
    """The servers, by address, asked in this order until one answers. The host's own resolver is not asked."""


class WanSource(Strict):
    """One way to learn the public address: exactly one of `interface`, `dns`, `web`, `command`."""

    interface: Interface | None = None
    """The public address of this interface; changes are seen at once."""
    dns: DnsQuestion | None = None
    """What DNS servers say of whoever asks."""
    web: Url | None = None
    """The answer of this web page: one address and nothing else."""
    command: Identifier | None = None
    """What a program prints: one that this node's node.yaml has under `commands:` by this name."""
    family: Family = Family.IPV4
    """The family of the address."""

    @property
    def text(self) -> str:
        """The source in a few words."""
        if self.dns is not None:
            return f"dns {self.dns.name}"
        found = {"interface": self.interface, "web": self.web, "command": self.command}
        return next(f"{key} {value}" for key, value in found.items() if value is not None)

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        keys = [name for name in type(self).model_fields if name != "family"]
        given = [name for name in keys if getattr(self, name) is not None]
        if len(given) != 1:
            what = f"one way to learn an address has {len(given)} keys"
            raise Invalid(what, f"write exactly one of {', '.join(keys)}")
        return self


class WanPublish(Strict):
    """Names at a provider of dynamic DNS, kept at the public address by ddclient."""

    protocol: Identifier
    """ddclient's name of the provider's protocol (`ddclient -list-protocols`)."""
    domain: Domain
    """The domain whose names are updated."""
    names: Many[Line] = ["@"]
    """Names in the domain; `@` is the domain itself."""
    family: Family = Family.IPV4
    """Which address is published."""
    server: Line | None = None
    """The provider's server, with a port if need be; ddclient's own default when left out."""
    login: Line | None = None
    """User name at the provider; the domain when left out and the protocol is `namecheap`."""
    password: SecretRef | None = None
    """Where the password is kept on the node; for `nsupdate` the file is the TSIG key."""
    zone: Domain | None = None
    """The zone at the provider, for protocols that ask for it."""
    ttl: Seconds | None = None
    """TTL of the record, for protocols that ask for it."""
    tls: Flag = True
    """`no`: the password goes over the network in the clear, where the protocol leaves a choice."""
    options: dict[Identifier, Line] = {}
    """Further options of the protocol, as in ddclient.conf."""
    secrets: dict[Identifier, SecretRef] = {}
    """Further options whose values are secrets."""
    ids: dict[Line, Line] = {}
    """What the provider calls a name, where that is a number (`sitelutions`, `dslreports1`)."""
    every: Seconds = Field(default=300, ge=30)
    """Nothing is sent more often than this, nor than the provider's protocol allows."""
    confirm: Many[Server] = []
    """Servers to ask what is published; the domain's own name servers when left out."""


class Wan(Strict):
    """The public address: how it is learnt, where it is published."""

    watch: list[WanSource] = []
    """Ways to learn it, asked in this order."""
    agree: Integer = Field(default=1, ge=1, le=9)
    """How many of them have to say the same address; with 1 the first that gives a valid answer is believed."""
    every: Seconds = Field(default=300, ge=1)
    """`dns`, `web` and `command` are asked this often and never more often."""
    settle: Seconds = 10
    """An address has to stand this long before it is published."""
    when_alone: Flag = False
    """Publish also while the other node of a pair is not connected, which may be half of a split brain."""
    publish: list[WanPublish] = []
    """Where it is published."""
