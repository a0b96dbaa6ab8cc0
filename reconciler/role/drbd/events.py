"""What `drbdsetup events2` prints (drbdsetup(8)), of 8.4 and 9: `VERB KIND key:value…`, first all that exists, then
`exists -`, then what changes."""

from typing import NamedTuple

from reconciler.errors import Temporary
from reconciler.role.drbd.resource import Connection, PeerVolume, Resource, Volume

_VERBS = {"exists", "create", "change", "destroy", "rename", "call", "response"}

_STATES = {
    "resource": ("role", "suspended", "force-io-failures"),
    "connection": ("connection", "role"),
    "device": ("minor", "disk", "quorum"),
    "peer-device": ("replication", "peer-disk"),
}
"""What matters, per kind. Keys and kinds beside these are of no concern, nor is it an error that there are more."""

_OF_PEERS = ("connection", "peer-device")
_OF_VOLUMES = ("device", "peer-device")

_LINE = 200


class _Key(NamedTuple):
    kind: str
    peer: str = ""
    volume: int = -1


class StateMap:
    """Follows the lines of one run of events2 for one resource. A new run begins with a new map."""

    def __init__(self, resource: str) -> None:
        self._name = resource
        self._known: dict[_Key, dict[str, str]] = {}
        self._names: dict[str, str] = {}
        self.complete = False
        """Past `exists -`: all that existed has been told."""
        self.strange: str | None = None
        """The last line that is no event: an error message, or one that was cut."""
        self.split_brain = False
        """DRBD called its handler for a split brain that it could not resolve, and has not replicated since."""

    def feed(self, line: str) -> bool:
        """Take in a line; whether anything that matters is different now. Never raises."""
        verb, _, rest = line.strip().partition(" ")
        kind, _, rest = rest.partition(" ")
        if verb == "exists" and kind == "-":
            self.complete = True
            return True
        values = _values(rest)
        if verb not in _VERBS or not kind or "name" not in values:
            self.strange = line.strip()[:_LINE]
            return False
        if verb == "rename":
            return self._rename(values)
        if values["name"] != self._name:
            return False
        if kind == "helper":
            return self._helper(verb, values)
        return kind in _STATES and self._take(verb, kind, values)

    def resource(self) -> Resource | None:
        """What is known; None when there is no such resource, or what is needed was not told."""
        own = self._known.get(_Key("resource"))
        if own is None:
            return None
        try:
            return Resource(
                self._name,
                own["role"],
                own["suspended"],
                None if "force-io-failures" not in own else own["force-io-failures"] != "no",
                tuple(
                    Volume(key.volume, int(values["minor"]), values["disk"], _quorum(values))
                    for key, values in sorted(self._known.items())
                    if key.kind == "device"
                ),
                tuple(self._connection(key.peer) for key in sorted(self._known) if key.kind == "connection"),
            )
        except (KeyError, ValueError):
            return None

    def _connection(self, peer: str) -> Connection:
        values = self._known[_Key("connection", peer)]
        volumes = tuple(
            PeerVolume(key.volume, seen["replication"], seen["peer-disk"])
            for key, seen in sorted(self._known.items())
            if key.kind == "peer-device" and key.peer == peer
        )
        return Connection(self._names.get(peer, "peer"), values["connection"], values["role"], volumes)

    def _take(self, verb: str, kind: str, values: dict[str, str]) -> bool:
        peer = values.get("peer-node-id") or values.get("conn-name") or values.get("peer", "")
        volume = values.get("volume", "-1")
        if not _whole(kind, peer, volume):
            self.strange = f"{verb} {kind} {values}"[:_LINE]
            return False
        key = _Key(kind, peer if kind in _OF_PEERS else "", int(volume) if kind in _OF_VOLUMES else -1)
        if verb == "destroy":
            return self._destroy(key)
        if "conn-name" in values:
            self._names[peer] = values["conn-name"]
        before = self._known.get(key)
        told = {word: values[word] for word in _STATES[kind] if word in values}
        # Replaced, never changed in place: another thread may be reading.
        self._known = {**self._known, key: {**(before or {}), **told}}
        if told.get("replication", "Off") != "Off":
            self.split_brain = False
        return self._known[key] != before

    def _destroy(self, key: _Key) -> bool:
        def gone(other: _Key) -> bool:
            return other == key or key.kind == "resource" or (key.kind == "connection" and other.peer == key.peer)

        left = {other: values for other, values in self._known.items() if not gone(other)}
        changed, self._known = len(left) != len(self._known), left
        return changed

    def _helper(self, verb: str, values: dict[str, str]) -> bool:
        if verb == "call" and values.get("helper") == "split-brain":
            self.split_brain = True
            return True
        return False

    def _rename(self, values: dict[str, str]) -> bool:
        """What was told before of the resource that has this name now was passed by: only a new run can tell."""
        if self._name not in (values["name"], values.get("new_name")):
            return False
        self._known, self.complete = {}, False
        return True


def snapshot(text: str, name: str) -> Resource:
    """The resource `name` out of what `drbdsetup events2 --now` printed.

    Raises Temporary when it is not there, and for whatever is cut or strange: a line too few could hide a Primary peer.
    """
    state = StateMap(name)
    for line in text.splitlines():
        if state.complete:
            break
        state.feed(line)
    if state.strange is not None:
        raise Temporary(f"drbdsetup events2 --now cannot be understood: it says {state.strange!r}")
    if not state.complete:
        raise Temporary("drbdsetup events2 --now did not come to its end (`exists -`)")
    found = state.resource()
    if found is None:
        raise Temporary(
            f"DRBD tells nothing whole of resource {name}: it is not up (try `drbdadm up {name}`), "
            "or node.yaml names a wrong one"
        )
    return found


def _values(text: str) -> dict[str, str]:
    """The values by key; none when a word is no `key:value`."""
    pairs = [word.partition(":") for word in text.split()]
    return {key: value for key, _, value in pairs} if all(key and colon for key, colon, _ in pairs) else {}


def _whole(kind: str, peer: str, volume: str) -> bool:
    """Whether it says which one it is about."""
    number = volume.isascii() and volume.isdecimal() and len(volume) < 6
    return (bool(peer) or kind not in _OF_PEERS) and (number or kind not in _OF_VOLUMES)


def _quorum(values: dict[str, str]) -> bool | None:
    return values["quorum"] == "yes" if "quorum" in values else None
