"""What a user may write of the servers: `nodes:` and `pair:` in site.yaml."""

from typing import Literal

from pydantic import Field

from reconciler.state.addresses import Address, Address6
from reconciler.state.secret import SecretRef
from reconciler.state.strict import Strict
from reconciler.state.types import (
    AbsolutePath,
    Flag,
    Identifier,
    Integer,
    Many,
)


class Node(Strict):
    """One of the servers."""

    address: Many[Address] = Field(min_length=1)
    """The node's own fixed addresses, in one network or more; the other node of a pair speaks to the first."""
    ipv6: Address6 | None = None
    """The node's own fixed IPv6 address in the network of its first `address`; may be a suffix (`::6`)."""
    preferred: Flag = False
    """This node should be primary when both are well."""


class Drbd(Strict):
    """The replicated disk of a pair."""

    resource: Identifier
    """Name of the DRBD resource."""
    mount: AbsolutePath
    """Folder where it is mounted on the primary."""
    device: AbsolutePath = "/dev/drbd0"
    """The replicated device, `/dev/drbd` and a number."""
    port: Integer = Field(default=7788, ge=1, le=65535)
    """TCP port where the nodes' DRBD speak to each other."""
    filesystem: Literal["ext4", "xfs"] = "ext4"
    """The filesystem on it."""
    disks: dict[Identifier, AbsolutePath] = {}
    """Backing device of each node, by node name."""
    shared_secret: SecretRef | None = None
    """Where the secret for the peers' handshake is kept on the node; no handshake when left out."""


class Uids(Strict):
    """Numbers of the accounts that own what lies on the shared disk: the same on both nodes."""

    bind: Integer = Field(default=851, ge=100, le=999)
    """User and group `bind`, of named."""
    dnsmasq: Integer = Field(default=852, ge=100, le=999)
    """User `dnsmasq`."""
    reconciler: Integer = Field(default=853, ge=100, le=999)
    """User and group `reconciler`."""


class Pair(Strict):
    """How the two nodes share the work."""

    manager: Literal["heartbeat", "keepalived", "pacemaker"]
    """Who decides which node is primary."""
    auto_failback: Flag = False
    """The preferred node takes over again as soon as it is back."""
    auth: SecretRef | None = None
    """Where the word is kept by which the managers on both nodes know each other: heartbeat's key (the secret \
`heartbeat` when left out), keepalived's password for VRRP over IPv4 (at most 8 characters; none when left out)."""
    virtual_router_id: Integer = Field(default=53, ge=1, le=255)
    """keepalived's virtual router id, one that no other VRRP router on the same wire has."""
    uids: Uids = Uids()
    """Numbers of the accounts on both nodes."""
    drbd: Drbd | None = None
    """The replicated disk."""
