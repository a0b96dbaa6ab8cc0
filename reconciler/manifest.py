"""The manifest on disk: what the last apply left, and what an unfinished one was about to leave.

    STATE/manifest.json      commit, zones (serial, kind, digests), files
    STATE/pending.json       zones of applies that have begun, lists by zone; gone when one ended and was recorded
    STATE/zones/             contents of zones, see `reconciler.contents`

Both carry the id of their apply: where it is the same, the apply ended well and only its entry in the audit is missing.

Zone contents are written under a name of their own before the manifest that refers to them, so whatever
instant a crash picks, the manifest that is found is whole.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from reconciler.contents import Content, Contents
from reconciler.deployed import Deployed, DeployedZone, begun
from reconciler.effects import Effects
from reconciler.errors import BadRdata, ReconcilerError

_VERSION = 1
_BAD_ENTRY = "a zone's entry is not as it should be"


class ManifestError(ReconcilerError):
    """The manifest on disk cannot be used."""


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
            )
            self._stamp = stamp
        return self._deployed

    @property
    def last(self) -> Deployed:
        """What `load` gave last; touches no disk."""
        return self._deployed

    def begin(self, pending: Mapping[str, DeployedZone], effects: Effects) -> None:
        """Note durably that an apply begins, and that `pending` is about to be served.

        What was pending before stays so until an apply ends.
        """
        zones = begun(self.load().pending, pending)
        self._apply = secrets.token_hex(8)
        described = {name: [self._describe(item, effects) for item in items] for name, items in zones.items()}
        effects.replace(self._pending, _dump({"apply": self._apply, "zones": described}))

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
        self._deployed = replace(deployed, pending={}, unrecorded=not recorded)
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

    def _pending_zones(self, document: Mapping[str, Any]) -> dict[str, tuple[DeployedZone, ...]]:
        try:
            zones = document.get("zones", {}).items()
            return {name: tuple(self._zone(name, item) for item in items) for name, items in zones}
        except (KeyError, TypeError, AttributeError) as error:
            raise self._damaged(self._pending, _BAD_ENTRY) from error

    def _zone(self, name: str, item: Mapping[str, Any]) -> DeployedZone:
        content = self._content(name, item)
        return DeployedZone(content.zone, item["dynamic"], item["serial"], item["file_digest"], content.leases)

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
        commit, parts = document.get("commit"), [document.get(part, {}) for part in ("files", "zones", "retired")]
        if not isinstance(commit, str | None) or not all(isinstance(part, dict) for part in parts):
            raise self._damaged(path, "not of the form of a manifest")
        if not all(isinstance(serial, int) for serial in document.get("retired", {}).values()):
            raise self._damaged(path, "the serial of a zone from before is no number")
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
        return {"serial": item.serial, "dynamic": item.dynamic, "file_digest": item.file_digest, **content}


def _dump(document: Mapping[str, Any]) -> bytes:
    return json.dumps({"version": _VERSION, **document}, indent=1, sort_keys=True).encode() + b"\n"


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return (status.st_ino, status.st_mtime_ns, status.st_size)
