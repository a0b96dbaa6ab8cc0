"""From what DRBD knows of a resource to whether this node is primary by it, and how the copies stand."""

from collections.abc import Iterable

from reconciler.role.base import Condition, Replication
from reconciler.role.drbd.resource import (
    CONNECTED,
    PRIMARY,
    STANDALONE,
    UNKNOWN,
    UP_TO_DATE,
    Connection,
    Resource,
    Volume,
)

_REPLICATING = {"Established", "VerifyS", "VerifyT"}
"""States in which every write goes to the peer too, and none is left to send. Verifying goes on beside."""

_HARMLESS = {"Secondary", UNKNOWN}


def decide(resource: Resource) -> tuple[Condition, ...]:
    """All that has to hold on DRBD's side for this node to act, met or not.

    StandAlone is told and does not count: after a split brain each side goes on answering, and only what leaves the
    node waits for a peer.
    """
    found = [
        Condition(resource.role == PRIMARY, f"DRBD resource {resource.name} is {resource.role} here"),
        *(_peer(connection) for connection in resource.connections),
    ]
    if all(connection.state == STANDALONE for connection in resource.connections):
        found.append(
            Condition(
                True,
                f"DRBD resource {resource.name} is StandAlone: after a split brain, or by hand, it no longer connects "
                "to a peer, and what changes here stays here until that is resolved",
            )
        )
    running = resource.suspended == "no"
    found.append(Condition(running, "its I/O is not suspended" if running else _suspended(resource)))
    if resource.io_failures is not None:
        failing = f"DRBD lets all I/O of {resource.name} fail (force-io-failures) until it is made Secondary"
        found.append(Condition(not resource.io_failures, failing if resource.io_failures else "its I/O is not failed"))
    if not resource.volumes:
        found.append(Condition(False, f"DRBD resource {resource.name} has no volume"))
    for volume in resource.volumes:
        found.append(_disk(volume, resource))
        if volume.quorum is not None:
            text = "has quorum" if volume.quorum else "has lost quorum: too few peers are connected"
            found.append(Condition(volume.quorum, f"DRBD device {volume.minor} {text}"))
    return tuple(found)


def replication(resource: Resource) -> Replication:
    """How this copy and a peer's stand: the first peer's that is in sync, or else the first peer's."""
    nobody = Connection("peer", STANDALONE, UNKNOWN, ())
    insync = [connection for connection in resource.connections if _in_sync(connection, resource)]
    peer = [*insync, *resource.connections, nobody][0]
    passing = [volume.replication for volume in peer.volumes if volume.replication not in ("Off", "Established")]
    connected = peer.state == CONNECTED
    return Replication(
        in_sync=bool(insync),
        connection=passing[0] if connected and passing else peer.state,
        role=resource.role,
        peer_role=peer.role,
        disk=_worst(volume.disk for volume in resource.volumes),
        peer_disk=_worst(volume.disk for volume in peer.volumes),
    )


def _peer(connection: Connection) -> Condition:
    who = f"its peer {connection.name}" if connection.name != "peer" else "its peer"
    if connection.role == PRIMARY:
        return Condition(False, f"{who} is Primary")
    return Condition(connection.role in _HARMLESS, f"{who} is {connection.role}, the connection {connection.state}")


def _suspended(resource: Resource) -> str:
    why = "" if resource.suspended == "yes" else f" ({resource.suspended})"
    return f"I/O of DRBD resource {resource.name} is suspended{why}: what writes to it hangs"


def _disk(volume: Volume, resource: Resource) -> Condition:
    if volume.disk == "Diskless" and any(
        connection.state == CONNECTED and (peer.number, peer.disk) == (volume.number, UP_TO_DATE)
        for connection in resource.connections
        for peer in connection.volumes
    ):
        return Condition(
            True, f"DRBD device {volume.minor} has lost its disk here; a connected peer's UpToDate one serves"
        )
    met = volume.disk == UP_TO_DATE
    return Condition(met, f"the disk of DRBD device {volume.minor} is {volume.disk}{'' if met else ', not UpToDate'}")


def _in_sync(connection: Connection, resource: Resource) -> bool:
    there = {
        peer.number
        for peer in connection.volumes
        if (peer.replication in _REPLICATING, peer.disk) == (True, UP_TO_DATE)
    }
    own = {volume.number for volume in resource.volumes}
    return connection.state == CONNECTED and bool(own) and own <= there


def _worst(disks: Iterable[str]) -> str:
    """The first that is not up to date, or else that."""
    return min(disks, key=lambda disk: disk == UP_TO_DATE, default="DUnknown")
