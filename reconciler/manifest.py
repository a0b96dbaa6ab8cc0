"""The manifest on disk: what the last apply left, and what an unfinished one was about to leave.

    STATE/manifest.json      commit, zones (serial, kind, digests), files, delegated prefixes
    STATE/pending.json       zones of applies that have begun, lists by zone, and delegated prefixes of the last one;
                             gone when one ended and was recorded
    STATE/zones/             contents of zones, see `reconciler.contents`

Both carry the id of their apply: where it is the same, the apply ended well and only its entry in the audit is missing.

Zone contents are written under a name of their own before the manifest that refers to them, so whatever
instant a crash picks, the manifest that is found is whole.
"""

import json
import secrets
import stat
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from ipaddress import IPv6Network
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from reconciler.contents import Content, Contents
from reconciler.deployed import Deployed, DeployedZone, begun
from reconciler.dns.zone import Zone
from reconciler.effects import Effects
from reconciler.errors import BadRdata, ReconcilerError
from reconciler.site import KnownPrefix

_VERSION = 1
_PARTS = ("files", "zones", "retired", "prefixes", "kept")
_NO_PREFIXES: Mapping[str, KnownPrefix] = MappingProxyType({})
_BAD_ENTRY = "a zone's entry is not as it should be"


class ManifestError(ReconcilerError):
    """The manifest on disk cannot be used."""


class Entry(NamedTuple):
    """A zone as the manifest knows it, see DeployedZone.

    pending: it was about to be served. content: reads the zone; raises ManifestError.
    """

    pending: bool
    dynamic: bool
    serial: int
    file_digest: str
    content: Callable[[], Zone]
    home: str = ""


class ManifestStore:
    """Reads and writes the manifest; keeps the last one read, and reads again when the file changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stamp: tuple[object, ...] | None = None
        self._deployed = Deployed()
        self._apply = ""
        self._contents = Contents(folder / "zones")

    def load(self) -> Deployed:
        """What is deployed, or an empty Deployed where nothing was yet. Raises ManifestError."""
        stamp = (_stamp(self._manifest), _stamp(self._pending))
        if stamp != self._stamp:
            manifest, pending = self._read(self._manifest), self._read(self._pending)
            ended = "apply" in pending and pending["apply"] == manifest.get("apply")
            self._deployed = Deployed(
                commit=manifest.get("commit"),
                zones=self._zones(manifest),
                files=manifest.get("files", {}),
                pending={} if ended else self._pending_zones(pending),
                unrecorded=ended,
                retired=manifest.get("retired", {}),
                prefixes=self._prefixes(self._manifest, manifest),
                kept=manifest.get("kept", {}),
                trying={} if ended else self._prefixes(self._pending, pending),
            )
            self._stamp = stamp
        return self._deployed

    @property
    def last(self) -> Deployed:
        """What `load` gave last; touches no disk."""
        return self._deployed

    def commit(self) -> str | None:
        """The commit that is deployed, read anew; None where nothing was yet. Raises ManifestError."""
        commit: str | None = self._read(self._manifest).get("commit")
        return commit

    def outline(self) -> dict[str, tuple[Entry, ...]]:
        """What is known of each zone, without reading contents: as it is deployed, then as applies were to leave it.

        Empty where nothing was deployed yet. Raises ManifestError.
        """
        manifest, pending = self._read(self._manifest), self._read(self._pending)
        found = {name: [self._entry(name, item, pending=False)] for name, item in manifest.get("zones", {}).items()}
        if "apply" not in pending or pending["apply"] != manifest.get("apply"):
            for name, items in pending.get("zones", {}).items():
                found.setdefault(name, []).extend(self._entry(name, item, pending=True) for item in _list(items))
        return {name: tuple(entries) for name, entries in found.items()}

    def _entry(self, name: str, item: Mapping[str, Any], *, pending: bool) -> Entry:
        try:
            serial, dynamic, digest = int(item["serial"]), bool(item["dynamic"]), str(item["file_digest"])
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise self._damaged(self._manifest, _BAD_ENTRY) from error
        return Entry(pending, dynamic, serial, digest, partial(self._zone_of, name, item), str(item.get("home", "")))

    def _zone_of(self, name: str, item: Mapping[str, Any]) -> Zone:
        try:
            return self._content(name, item).zone
        except (KeyError, TypeError, AttributeError) as error:
            raise self._damaged(self._manifest, _BAD_ENTRY) from error

    def begin(
        self, pending: Mapping[str, DeployedZone], effects: Effects, prefixes: Mapping[str, KnownPrefix] = _NO_PREFIXES
    ) -> None:
        """Note durably that an apply begins, and that `pending` is about to be served, with these delegated prefixes.

        What was pending before stays so until an apply ends.
        """
        zones = begun(self.load().pending, pending)
        self._apply = secrets.token_hex(8)
        described = {name: [self._describe(item, effects) for item in items] for name, items in zones.items()}
        effects.replace(self._pending, _dump({"apply": self._apply, "prefixes": _texts(prefixes), "zones": described}))

    def save(self, deployed: Deployed, effects: Effects, *, recorded: bool = True, ended: bool = True) -> None:
        """Make `deployed` what the manifest says; an unfinished apply is over by that.

        recorded: False where its entry in the audit is still to be written; `note_recorded` is called after that.
        ended: False where a server may have taken what `begin` noted, so that it stays pending.
        """
        zones = {name: self._describe(item, effects) for name, item in deployed.zones.items()}
        document = {
            "commit": deployed.commit,
            "files": dict(deployed.files),
            "retired": dict(deployed.retired),
            "prefixes": _texts(deployed.prefixes),
            "kept": dict(deployed.kept),
            "zones": zones,
        }
        # Under an id of its own, a save that needs no record, or is no end, cannot be taken for one that lacks it.
        apply = secrets.token_hex(8) if recorded or not ended else self._apply
        effects.replace(self._manifest, _dump({"apply": apply, **document}))
        if not ended:
            self._stamp = None
            return
        if recorded:
            self.note_recorded(effects)
        self._contents.forget(zones, effects)
        self._deployed = replace(deployed, pending={}, unrecorded=not recorded, trying={})
        self._stamp = (_stamp(self._manifest), _stamp(self._pending))

    def note_recorded(self, effects: Effects) -> None:
        """The audit has the apply that `save` was called for."""
        if self._pending.exists():
            effects.unlink(self._pending)
        self._deployed = replace(self._deployed, unrecorded=False)
        self._stamp = (_stamp(self._manifest), None)

    def recover(self, effects: Effects) -> None:
        """Remove files that a crash left half written."""
        for path in self._folder.glob(".*.tmp"):
            effects.unlink(path)

    @property
    def _manifest(self) -> Path:
        return self._folder / "manifest.json"

    @property
    def _pending(self) -> Path:
        return self._folder / "pending.json"

    def _zones(self, document: Mapping[str, Any]) -> dict[str, DeployedZone]:
        try:
            return {name: self._zone(name, item) for name, item in document.get("zones", {}).items()}
        except (KeyError, TypeError, AttributeError) as error:
            raise self._damaged(self._manifest, _BAD_ENTRY) from error

    def _prefixes(self, path: Path, document: Mapping[str, Any]) -> dict[str, KnownPrefix]:
        try:
            items = document.get("prefixes", {}).items()
            return {source: KnownPrefix(IPv6Network(prefix), int(since)) for source, (prefix, since) in items}
        except (ValueError, TypeError) as error:
            raise self._damaged(path, "a delegated prefix is not as it should be") from error

    def _pending_zones(self, document: Mapping[str, Any]) -> dict[str, tuple[DeployedZone, ...]]:
        try:
            zones = document.get("zones", {}).items()
            return {name: tuple(self._zone(name, item) for item in items) for name, items in zones}
        except (KeyError, TypeError, AttributeError) as error:
            raise self._damaged(self._pending, _BAD_ENTRY) from error

    def _zone(self, name: str, item: Mapping[str, Any]) -> DeployedZone:
        content = self._content(name, item)
        values = (item["dynamic"], item["serial"], item["file_digest"])
        return DeployedZone(content.zone, *values, content.leases, item.get("home", ""))

    def _content(self, name: str, item: Mapping[str, Any]) -> Content:
        path = self._contents.path(name, item["digest"])
        try:
            return self._contents.read(name, item)
        except PermissionError as error:
            raise self._closed(path) from error
        except OSError as error:
            raise self._damaged(path, error.strerror or str(error)) from error
        except (ValueError, BadRdata) as error:
            raise self._damaged(path, str(error)) from error

    def _read(self, path: Path) -> dict[str, Any]:
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                raise self._damaged(path, "no regular file")
            document = json.loads(path.read_bytes())
        except FileNotFoundError:
            return {}
        except PermissionError as error:
            raise self._closed(path) from error
        except OSError as error:
            raise self._damaged(path, error.strerror or str(error)) from error
        except (ValueError, RecursionError):
            raise self._damaged(path, "not JSON") from None
        if not isinstance(document, dict) or document.get("version") != _VERSION:
            raise self._damaged(path, f"not a manifest of version {_VERSION}; written by another release?")
        commit, parts = document.get("commit"), [document.get(part, {}) for part in _PARTS]
        if not isinstance(commit, str | None) or not all(isinstance(part, dict) for part in parts):
            raise self._damaged(path, "not of the form of a manifest")
        if not all(
            isinstance(number, int) for part in ("retired", "kept") for number in document.get(part, {}).values()
        ):
            raise self._damaged(path, "what it says of a zone from before is no number")
        return document

    def _closed(self, path: Path) -> ManifestError:
        return ManifestError(f"cannot read {path}: Permission denied; give {self._folder} back to the daemon's user")

    def _damaged(self, path: Path, reason: str) -> ManifestError:
        return ManifestError(
            f"{path}: {reason}; the record of what is deployed is damaged. Move {self._folder} aside and run "
            "`reconciler apply`: everything is then compared with the servers and applied anew"
        )

    def _describe(self, item: DeployedZone, effects: Effects) -> dict[str, Any]:
        content = self._contents.describe(item, effects)
        entry = {"serial": item.serial, "dynamic": item.dynamic, "file_digest": item.file_digest, **content}
        return {**entry, "home": item.home} if item.home else entry


def _list(items: object) -> list[Any]:
    return items if isinstance(items, list) else [items]


def _dump(document: Mapping[str, Any]) -> bytes:
    return json.dumps({"version": _VERSION, **document}, indent=1, sort_keys=True).encode() + b"\n"


def _texts(prefixes: Mapping[str, KnownPrefix]) -> dict[str, tuple[str, int]]:
    return {source: (str(item.prefix), item.since) for source, item in prefixes.items()}


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return (status.st_ino, status.st_mtime_ns, status.st_size)
