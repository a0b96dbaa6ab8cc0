"""Contents of zones on disk, for the manifest.

    STATE/zones/ZONE.DIGEST   the state's records, one a line; behind a mark, those of leases

Leases come and go one by one, in zones that may hold very many. So where only leases differ from what such a file
holds, and not too many of them, no new file is written: the manifest's entry says beside the digest what differs.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from reconciler.deployed import DeployedZone, without
from reconciler.dns import versions, zonetext
from reconciler.dns.diff import differing
from reconciler.dns.records import Key, group
from reconciler.dns.zone import SOA, Zone
from reconciler.effects import Effects

MOST = 1000
"""RRsets in which a zone may differ from its file: more cost more to write each time than a file does now and then."""

_MARK = "\n; leases\n"


class Content(NamedTuple):
    """A zone, and the keys of those RRsets in it that come from leases."""

    zone: Zone
    leases: frozenset[Key]


class Contents:
    """Reads and writes them. Keeps the last file of each zone, and what was described last by it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, tuple[str, Content]] = {}
        self._last: dict[str, tuple[Content, dict[str, Any]]] = {}

    def path(self, name: str, digest: str) -> Path:
        """The file of a zone."""
        return self._folder / f"{versions.filename(name)}.{digest[:16]}"

    def describe(self, item: DeployedZone, effects: Effects) -> dict[str, Any]:
        """What a manifest is to say of a zone's content, whose file is written before, if there is none that serves."""
        name, content = item.zone.id, Content(item.zone, item.leases)
        last, described = self._last.get(name, (None, {}))
        if last is None or last.zone is not content.zone or last.leases != content.leases:
            described = self._by_file(name, content) or {}
        if not described or not self.path(name, described["digest"]).exists():
            described = {"digest": self._write(content, effects)}
        self._last[name] = content, described
        return described

    def read(self, name: str, described: Mapping[str, Any]) -> Content:
        """What `describe` has described. Raises OSError, and ValueError for a file that is damaged."""
        digest = described["digest"]
        known, content = self._files.get(name, ("", None))
        if content is None or known != digest:
            content = _parse(name, self.path(name, digest).read_bytes(), digest)
            self._files[name] = digest, content
        return _changed(content, described["changes"]) if "changes" in described else content

    def forget(self, used: Mapping[str, Mapping[str, Any]], effects: Effects) -> None:
        """Remove the files that these descriptions, by zone, do not need."""
        paths = {self.path(name, described["digest"]) for name, described in used.items()}
        for path in self._folder.iterdir():
            if path not in paths:
                effects.unlink(path)
        for known in (self._files, self._last):
            for name in known.keys() - used.keys():
                del known[name]

    def _by_file(self, name: str, content: Content) -> dict[str, Any] | None:
        """The description by the zone's last file, where it can be."""
        if name not in self._files:
            return None
        digest, file = self._files[name]
        changes = _changes(file, content)
        if changes is None:
            return None
        return {"digest": digest, "changes": changes} if changes else {"digest": digest}

    def _write(self, content: Content, effects: Effects) -> str:
        data = _text(content).encode()
        digest = _digest(data)
        for folder in (self._folder.parent, self._folder):  # An operator may have moved the whole of it aside.
            effects.make_folder(folder)
        path = self.path(content.zone.id, digest)
        if not path.exists():
            effects.replace(path, data)
        self._files[content.zone.id] = digest, content
        return digest


def _changes(file: Content, content: Content) -> dict[str, list[str]] | None:
    """The leases that have gone and come; None where other RRsets differ too, or too many."""
    if file.zone.soa != content.zone.soa:
        return None
    keys = differing(file.zone.rrsets, content.zone.rrsets)
    if len(keys) > MOST or not (file.leases ^ content.leases).issubset(keys):
        return None
    both = (file, content)
    if not all(key in each.leases or key not in each.zone.rrsets for key in keys for each in both):
        return None
    gone = [" ".join(key) for key in keys if key not in content.leases]
    come = [line for key in keys if key in content.leases for line in content.zone.rrsets[key].lines()]
    return {part: lines for part, lines in (("gone", gone), ("come", come)) if lines}


def _changed(file: Content, changes: Mapping[str, Iterable[str]]) -> Content:
    rrsets, leases = dict(file.zone.rrsets), set(file.leases)
    for text in changes.get("gone", ()):
        owner, _, rtype = text.partition(" ")
        del rrsets[owner, rtype]
        leases.remove((owner, rtype))
    come = group(zonetext.parse_full("\n".join(changes.get("come", ()))))
    return Content(replace(file.zone, rrsets={**rrsets, **come}), frozenset({*leases, *come}))


def _text(content: Content) -> str:
    state = without(content.zone, content.leases).text(0)
    if not content.leases:
        return state
    lines = (line for key in sorted(content.leases) for line in content.zone.rrsets[key].lines())
    return state.removesuffix("\n") + _MARK + "\n".join((*lines, ""))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data.removesuffix(b"\n")).hexdigest()


def _parse(key: str, data: bytes, digest: str) -> Content:
    name, view = versions.split(key)
    if _digest(data) != digest:
        raise ValueError("its content is not what was applied")
    state, _, leases = data.decode().partition(_MARK)
    head, _, rest = state.partition("\n")
    owner, ttl, _, rtype, mname, rname, _, refresh, retry, expire, minimum = head.split()
    if owner != name or rtype != "SOA":
        raise ValueError(f"does not begin with the SOA of {name}")
    soa = SOA(mname, rname, int(refresh), int(retry), int(expire), int(minimum), int(ttl))
    own, others = group(zonetext.parse_full(rest)), group(zonetext.parse_full(leases))
    return Content(Zone(name, soa, own | others, view), frozenset(others))
