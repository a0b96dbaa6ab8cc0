"""The manifest on disk: what the last apply left, and what an unfinished one was about to leave.

    STATE/manifest.json      commit, zones (serial, kind, digests), files
    STATE/pending.json       the same for zones of an apply that has begun; gone when it ended
    STATE/zones/NAME.DIGEST  content of each zone as applied, one record a line

Zone contents are written under a name of their own before the manifest that refers to them, so whatever
instant a crash picks, the manifest that is found is whole.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reconciler.deployed import Deployed, DeployedZone
from reconciler.dns import names, zonetext
from reconciler.dns.records import group
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
        self._contents: dict[str, Zone] = {}

    def load(self) -> Deployed:
        """What is deployed, or an empty Deployed where nothing was yet. Raises ManifestError."""
        stamp = (_stamp(self._manifest), _stamp(self._pending))
        if stamp != self._stamp:
            manifest, pending = _read(self._manifest), _read(self._pending)
            self._deployed = Deployed(
                commit=manifest.get("commit"),
                zones=self._zones(manifest),
                files=manifest.get("files", {}),
                pending=self._zones(pending),
            )
            self._stamp = stamp
        return self._deployed

    @property
    def last(self) -> Deployed:
        """What `load` gave last; touches no disk."""
        return self._deployed

    def begin(self, pending: Mapping[str, DeployedZone], effects: Effects) -> None:
        """Note durably that `pending` is about to be applied."""
        if pending:
            self._write_contents(pending, effects)
            effects.replace(self._pending, _dump({"zones": _describe(pending)}))

    def save(self, deployed: Deployed, effects: Effects) -> None:
        """Make `deployed` what the manifest says; an unfinished apply is over by that."""
        self._write_contents(deployed.zones, effects)
        document = {"commit": deployed.commit, "files": dict(deployed.files), "zones": _describe(deployed.zones)}
        effects.replace(self._manifest, _dump(document))
        if self._pending.exists():
            effects.unlink(self._pending)
        self._forget_unused(deployed.zones, effects)
        self._deployed = Deployed(deployed.commit, deployed.zones, deployed.files)
        self._stamp = (_stamp(self._manifest), None)

    @property
    def _manifest(self) -> Path:
        return self._folder / "manifest.json"

    @property
    def _pending(self) -> Path:
        return self._folder / "pending.json"

    def _content_path(self, name: str, digest: str) -> Path:
        return self._folder / "zones" / f"{names.filename(name)}.{digest[:16]}"

    def _zones(self, document: Mapping[str, Any]) -> dict[str, DeployedZone]:
        return {
            name: DeployedZone(
                zone=self._content(name, item["digest"]),
                dynamic=item["dynamic"],
                serial=item["serial"],
                file_digest=item["file_digest"],
            )
            for name, item in document.get("zones", {}).items()
        }

    def _content(self, name: str, digest: str) -> Zone:
        known = self._contents.get(name)
        if known is not None and known.digest == digest:
            return known
        path = self._content_path(name, digest)
        try:
            zone = _parse(name, path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ManifestError(
                f"{path}: {error}; the record of what is deployed is damaged. Move {self._folder} aside and run "
                "`reconciler apply`: everything is then compared with the servers and applied anew"
            ) from error
        self._contents[name] = zone
        return zone

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
        }
        for name, item in sorted(zones.items())
    }


def _dump(document: Mapping[str, Any]) -> bytes:
    return json.dumps({"version": _VERSION, **document}, indent=1, sort_keys=True).encode() + b"\n"


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ManifestError(f"cannot read {path}: {error}") from error
    if not isinstance(document, dict) or document.get("version") != _VERSION:
        raise ManifestError(f"{path} is not a manifest of version {_VERSION}; written by another release?")
    return document


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
