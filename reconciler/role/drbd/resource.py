"""What DRBD knows of one resource, in the words of `drbdsetup events2` (drbdsetup(8)), whichever source told it."""

from typing import NamedTuple

PRIMARY = "Primary"
UP_TO_DATE = "UpToDate"
CONNECTED = "Connected"
STANDALONE = "StandAlone"
UNKNOWN = "Unknown"


class Volume(NamedTuple):
    """One volume on this node. disk: "UpToDate", "Diskless", …; quorum: None where DRBD has none (8.4)."""

    number: int
    minor: int
    disk: str
    quorum: bool | None = None


class PeerVolume(NamedTuple):
    """The same volume as seen at a peer. replication: "Off", "Established", "SyncSource", …"""

    number: int
    replication: str
    disk: str


class Connection(NamedTuple):
    """The connection to one peer. state: "Connected", "Connecting", "StandAlone", …; role: that of the peer."""

    name: str
    state: str
    role: str
    volumes: tuple[PeerVolume, ...]


class Resource(NamedTuple):
    """One resource. suspended: "no", or why I/O is suspended; io_failures: None where DRBD does not know it (8.4)."""

    name: str
    role: str
    suspended: str
    io_failures: bool | None
    volumes: tuple[Volume, ...]
    connections: tuple[Connection, ...]
