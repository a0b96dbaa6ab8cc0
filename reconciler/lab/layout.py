"""Where everything of the lab lies, what its machines are called, which addresses they have. Pure.

Both nodes see the same paths, as two machines would: each has `node/` (its own disk) and `disk/` (the shared one)
mounted in a mount namespace of its own.
"""

import hashlib
import shlex
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path
from typing import NamedTuple

DEFAULT_FOLDER = Path("/run/reconciler-lab")


class Network(NamedTuple):
    """A network of the site. Its name is also the nodes' interface there; `v4`, `v6` are the virtual addresses."""

    name: str
    v4: IPv4Interface
    v6: IPv6Interface


NETWORKS = (
    Network("internal", IPv4Interface("192.168.10.4/24"), IPv6Interface("2001:db8:0:a::4/64")),
    Network("guest", IPv4Interface("192.168.30.4/24"), IPv6Interface("2001:db8:0:1e::4/64")),
)
NODES = {"ns1": 2, "ns2": 3}
"""The nodes, with the host part of their own addresses."""

ADMIN = 9
"""Host part of the addresses of the machine that people push from."""

CLIENTS = {"laptop": ("internal", "52:54:00:12:34:59"), "tablet": ("guest", "52:54:00:12:34:70")}
"""DHCP clients: their network and MAC address. Each has a fixed IPv6 address too, see `client_v6`."""


def address(network: Network, host: int) -> tuple[str, str]:
    """That host's addresses in a network, with prefix lengths."""
    v4, v6 = network.v4.network, network.v6.network
    return f"{v4[host]}/{v4.prefixlen}", f"{v6[host]}/{v6.prefixlen}"


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths below the lab's folder, and names of namespaces. Several labs do not meet."""

    folder: Path

    def told(self, words: str) -> str:
        """A command for this lab, for a message."""
        folder = "" if self.folder == DEFAULT_FOLDER else f"--folder {shlex.quote(str(self.folder))} "
        return f"`reconciler lab {folder}{words}`"

    @property
    def mark(self) -> Path:
        """Says that the folder is a lab's, and may be removed with all that is in it."""
        return self.folder / "this-is-a-reconciler-lab"

    @property
    def image(self) -> Path:
        """The shared disk's content, an ext4 filesystem."""
        return self.folder / "disk.img"

    @property
    def disk(self) -> Path:
        """Where the primary mounts the shared disk."""
        return self.folder / "disk"

    @property
    def node(self) -> Path:
        """What each node sees as its own disk: etc, run, log, own."""
        return self.folder / "node"

    @property
    def config(self) -> Path:
        """node.yaml, as a node sees it."""
        return self.node / "etc/node.yaml"

    @property
    def programs(self) -> Path:
        """Scripts, and copies of the servers: AppArmor's profiles go by path and forbid the folder to the originals."""
        return self.folder / "bin"

    @property
    def clone(self) -> Path:
        """The working copy of the state that pushes come from."""
        return self.folder / "network"

    def outside(self, node: str) -> Path:
        """A node's own disk as seen from outside of it."""
        return self.folder / "nodes" / node

    def namespace(self, machine: str) -> str:
        """Name of a machine's network namespace; `switch` has the bridges."""
        return f"rlab{hashlib.sha256(str(self.folder).encode()).hexdigest()[:6]}-{machine}"
