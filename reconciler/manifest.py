"""The manifest on disk: what the last apply left, and what an unfinished one was about to leave.

    STATE/manifest.json      commit, zones (serial, kind, digests), files
    STATE/pending.json       the same for zones of an apply that has begun; gone when it ended and was recorded
    STATE/zones/NAME.DIGEST  content of each zone as applied, one record a line

Both carry the id of their apply: where it is the same, the apply ended well and only its entry in the audit is missing.

Zone contents are written under a name of their own before the manifest that refers to them, so whatever
instant a crash picks, the manifest that is found is whole.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from reconciler.deployed import Deployed, DeployedZone
from reconciler.dns import names, zonetext
from reconciler.dns.records import Key, group
from reconciler.dns.zone import SOA, Zone
from reconciler.effects import Effects
from reconciler.errors import ReconcilerError

_VERSION = 1


class ManifestError(ReconcilerError):
    """The manifest on disk cannot be used."""


class ManifestStore:
    """Reads and writes the manifest; keeps the last one read, and reads again when the file changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stamp: tuple[object, ...] | None = None
        self._deployed = Deployed()
        self._apply = ""
        self._contents: dict[str, Zone] = {}

    def load(self) -> Deployed:
        """What is deployed, or an empty Deployed where nothing was yet. Raises ManifestError."""
        stamp = (_stamp(self._manifest), _stamp(self._pending))
        if stamp != self._stamp:
            manifest, pending = self._read(self._manifest), self._read(self._pending)
            ended = "apply" in pending and pending["apply"] == manifest.get("apply")
            self._deployed = Deployed(
                commit=manifest.get("commit"),
                zones=self._zones(self._manifest, manifest),
                files=manifest.get("files", {}),
                pending={} if ended else self._zones(self._pending, pending),
                unrecorded=ended,
            )
            self._stamp = stamp
        return self._deployed

    @property
    def last(self) -> Deployed:
        """What `load` gave last; touches no disk."""
        return self._deployed

    def begin(self, pending: Mapping[str, DeployedZone], effects: Effects) -> None:
        """Note durably that an apply begins, and that `pending` is about to be served."""
        self._apply = secrets.token_hex(8)
        self._write_contents(pending, effects)
        effects.replace(self._pending, _dump({"apply": self._apply, "zones": _describe(pending)}))

    def save(self, deployed: Deployed, effects: Effects, *, recorded: bool = True, ended: bool = True) -> None:
        """Make `deployed` what the manifest says; an unfinished apply is over by that.

        recorded: False where its entry in the audit is still to be written; `note_recorded` is called after that.
        ended: False where a server may have taken what `begin` noted, so that it stays pending.
        """
        self._write_contents(deployed.zones, effects)
        document = {"commit": deployed.commit, "files": dict(deployed.files), "zones": _describe(deployed.zones)}
        # Under an id of its own, a save that needs no record cannot be taken for one that lacks it.
        apply = secrets.token_hex(8) if recorded else self._apply
        effects.replace(self._manifest, _dump({"apply": apply, **document}))
        if not ended:
            self._stamp = None
            return
        if recorded:
            self.note_recorded(effects)
        self._forget_unused(deployed.zones, effects)
        self._deployed = Deployed(deployed.commit, deployed.zones, deployed.files, unrecorded=not recorded)
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

    def _content_path(self, name: str, digest: str) -> Path:
        return self._folder / "zones" / f"{names.filename(name)}.{digest[:16]}"

    def _zones(self, path: Path, document: Mapping[str, Any]) -> dict[str, DeployedZone]:
        try:
            return {
                name: DeployedZone(
                    zone=self._content(name, item["digest"]),
                    dynamic=item["dynamic"],
                    serial=item["serial"],
                    file_digest=item["file_digest"],
                    leases=frozenset(_key(text) for text in item.get("leases", ())),
                )
                for name, item in document.get("zones", {}).items()
            }
        except (KeyError, TypeError) as error:
            raise self._damaged(path, "a zone's entry is not as it should be") from error

    def _content(self, name: str, digest: str) -> Zone:
        known = self._contents.get(name)
        if known is not None and known.digest == digest:
            return known
        path = self._content_path(name, digest)
        try:
            content = path.read_bytes()
            if hashlib.sha256(content.removesuffix(b"\n")).hexdigest() != digest:
                raise self._damaged(path, "its content is not what was applied")
            zone = _parse(name, content.decode())
        except PermissionError as error:
            raise self._closed(path) from error
        except OSError as error:
            raise self._damaged(path, error.strerror or str(error)) from error
        except ValueError as error:
            raise self._damaged(path, str(error)) from error
        self._contents[name] = zone
        return zone

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
        commit, parts = document.get("commit"), (document.get("files", {}), document.get("zones", {}))
        if not isinstance(commit, str | None) or not all(isinstance(part, dict) for part in parts):
            raise self._damaged(path, "not of the form of a manifest")
        return document

    def _closed(self, path: Path) -> ManifestError:
        return ManifestError(f"cannot read {path}: Permission denied; give {self._folder} back to the daemon's user")

    def _damaged(self, path: Path, reason: str) -> ManifestError:
        return ManifestError(
            f"{path}: {reason}; the record of what is deployed is damaged. Move {self._folder} aside and run "
            "`reconciler apply`: everything is then compared with the servers and applied anew"
        )

    def _write_contents(self, zones: Mapping[str, DeployedZone], effects: Effects) -> None:
        effects.make_folder(self._folder / "zones")
        for name, item in zones.items():
            path = self._content_path(name, item.zone.digest)
            if self._contents.get(name) is not item.zone or not path.exists():
                if not path.exists():
                    effects.replace(path, item.zone.text(0).encode())
                self._contents[name] = item.zone

    def _forget_unused(self, zones: Mapping[str, DeployedZone], effects: Effects) -> None:
        used = {self._content_path(name, item.zone.digest) for name, item in zones.items()}
        for path in (self._folder / "zones").iterdir():
            if path not in used:
                effects.unlink(path)
        self._contents = {name: zone for name, zone in self._contents.items() if name in zones}


def _describe(zones: Mapping[str, DeployedZone]) -> dict[str, Any]:
    return {
        name: {
            "serial": item.serial,
            "dynamic": item.dynamic,
            "digest": item.zone.digest,
            "file_digest": item.file_digest,
            **({"leases": sorted(" ".join(key) for key in item.leases)} if item.leases else {}),
        }
        for name, item in sorted(zones.items())
    }


def _key(text: str) -> Key:
    owner, _, rtype = text.partition(" ")
    return (owner, rtype)


def _dump(document: Mapping[str, Any]) -> bytes:
    return json.dumps({"version": _VERSION, **document}, indent=1, sort_keys=True).encode() + b"\n"


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return (status.st_ino, status.st_mtime_ns, status.st_size)


def _parse(name: str, text: str) -> Zone:
    head, _, rest = text.partition("\n")
    owner, ttl, _, rtype, mname, rname, _, refresh, retry, expire, minimum = head.split()
    if owner != name or rtype != "SOA":
        raise ValueError(f"does not begin with the SOA of {name}")
    soa = SOA(mname, rname, int(refresh), int(retry), int(expire), int(minimum), int(ttl))
    return Zone(name, soa, group(zonetext.parse_full(rest)))
