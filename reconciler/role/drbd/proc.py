"""/proc/drbd of DRBD 8 (drbd_proc.c): a read of it costs no process, needs no right, and never waits for the disk."""

import re
from collections.abc import Sequence
from pathlib import Path

from reconciler.errors import Temporary
from reconciler.role.drbd.resource import CONNECTED, PRIMARY, STANDALONE, Connection, PeerVolume, Resource, Volume

PATH = Path("/proc/drbd")
"""DRBD 9 has it too, with the version alone."""

_VERSION = re.compile(r"version: (\d{1,4})\.\d")

# The first flag is `s` while I/O is suspended and `r` while it runs; a later `s` is about the activity log only. The
# protocol's letter is missing without a connection.
_STATE = re.compile(
    r"cs:(?P<cs>\w+) ro:(?P<role>\w+)/(?P<peer_role>\w+) ds:(?P<disk>\w+)/(?P<peer_disk>\w+) +"
    r"(?:[ABC] +)?(?P<io>[rs])[\w-]"
)
_UNCONFIGURED = "cs:Unconfigured"

_WAITING = {"WFConnection": "Connecting", "WFReportParams": CONNECTED}
_APART = {STANDALONE, "Disconnecting", "Unconnected", "Timeout", "BrokenPipe", "NetworkFailure", "ProtocolError"}
_APART |= {"TearDown", *_WAITING}


def not_loaded(path: Path) -> str:
    """What to say where there is no such file."""
    return f"DRBD's module is not loaded ({path} is not there); try `modprobe drbd`"


def version(text: str) -> int:
    """The major version of the loaded DRBD. Raises Temporary."""
    found = _VERSION.match(text)
    if found is None:
        raise Temporary(f"/proc/drbd cannot be understood: it begins with {text[:40]!r}, not with DRBD's version")
    return int(found[1])


def parse(text: str, name: str, minors: Sequence[int]) -> Resource:
    """The resource `name`, whose volumes are these minors. Raises Temporary when it is not up, or told unclearly."""
    states = [_state(text, name, minor) for minor in minors]
    if not states:
        raise Temporary(f"no device of DRBD resource {name} is known")
    # What is the resource's or the connection's own is told with each volume; where they differ, the worse one counts.
    roles = sorted({state["role"] for state in states}, key=lambda role: role == PRIMARY)
    peer_roles = sorted({state["peer_role"] for state in states}, key=lambda role: role != PRIMARY)
    links = [_link(state["cs"]) for state in states]
    connection = Connection(
        "peer",
        min((link for link, _ in links), key=lambda link: link == CONNECTED),
        peer_roles[0],
        tuple(PeerVolume(n, links[n][1], state["peer_disk"]) for n, state in enumerate(states)),
    )
    return Resource(
        name,
        roles[0],
        "yes" if any(state["io"] == "s" for state in states) else "no",
        None,
        tuple(Volume(n, minors[n], state["disk"]) for n, state in enumerate(states)),
        (connection,),
    )


def _state(text: str, name: str, minor: int) -> dict[str, str]:
    lines = [line.strip() for line in text.splitlines()]
    told = [line.partition(":")[2].strip() for line in lines if line.partition(":")[0] == str(minor)]
    if not told or told == [_UNCONFIGURED]:
        raise Temporary(f"DRBD resource {name} is not up: /proc/drbd shows no device {minor}; try `drbdadm up {name}`")
    found = _STATE.match(told[0])
    if found is None or len(told) > 1:
        raise Temporary(f"/proc/drbd cannot be understood: device {minor} is {told[0][:80]!r}")
    return found.groupdict()


def _link(cs: str) -> tuple[str, str]:
    """(state of the connection, of the replication), which are one word here."""
    if cs in _APART:
        return _WAITING.get(cs, cs), "Off"
    return CONNECTED, "Established" if cs == CONNECTED else cs
