"""What is kept of the public address on the shared disk, so that it follows the primary role.

STATE/ddclient/wan.json                 the address that was found, and one record for each publication
STATE/ddclient/NAME.DIGEST.conf         ddclient's configuration; the folder and all in it is closed to others
STATE/ddclient/NAME.DIGEST.cache        ddclient's cache, by configuration: another provider has another one
"""

import contextlib
import json
import threading
from collections.abc import Iterable
from dataclasses import asdict
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from reconciler.effects import Effects
from reconciler.state.wan import Family
from reconciler.wan.found import Found
from reconciler.wan.publication import Outcome, Record

_DIGEST = 12


class Store:
    """Reads at first use, writes what changes. Any thread may use it."""

    def __init__(self, folder: Path, effects: Effects) -> None:
        self.folder = folder
        self._effects = effects
        self._lock = threading.Lock()
        self._document: dict[str, Any] | None = None

    def found(self, family: Family) -> Found | None:
        """The address that was kept last."""
        with self._lock:
            item = self._read()["found"].get(family.value)
        try:
            return (
                Found(ip_address(item["address"]), float(item["since"]), tuple(map(str, item["by"]))) if item else None
            )
        except (KeyError, TypeError, ValueError):
            return None

    def keep_found(self, family: Family, found: Found) -> None:
        """Keep an address."""
        with self._lock:
            document = self._read()
            document["found"][family.value] = {"address": str(found.address), "since": found.since, "by": found.by}
            self._write(document)

    def record(self, name: str) -> Record:
        """The record of a publication; an empty one where there is none that can be read."""
        with self._lock:
            item = self._read()["records"].get(name, {})
        try:
            return Record(**{**item, "outcome": Outcome(item.get("outcome", ""))})
        except (TypeError, ValueError):
            return Record()

    def keep_record(self, name: str, record: Record) -> None:
        """Keep a record, durably."""
        with self._lock:
            document = self._read()
            document["records"][name] = asdict(record)
            self._write(document)

    def paths(self, name: str, digest: str) -> tuple[Path, Path]:
        """Configuration and cache of a publication with these settings."""
        stem = f"{name}.{digest[:_DIGEST]}"
        return self.folder / f"{stem}.conf", self.folder / f"{stem}.cache"

    def cache(self, name: str, digest: str) -> bytes:
        """ddclient's cache; nothing where there is none."""
        try:
            return self.paths(name, digest)[1].read_bytes()
        except FileNotFoundError:
            return b""

    def write_configuration(self, name: str, digest: str, content: bytes) -> None:
        """Write ddclient's configuration, closed to others from the start, and remove those of other settings."""
        path, cache = self.paths(name, digest)
        self._make_folder()
        for other in self.folder.glob(f"{name}.*"):
            if other not in (path, cache):
                self._effects.unlink(other)
        if not path.is_file() or path.read_bytes() != content:
            self._effects.replace(path, content, mode=0o600)

    def forget_cache(self, name: str, digest: str) -> None:
        """Have ddclient send though it believes that it has sent."""
        path = self.paths(name, digest)[1]
        if path.exists():
            self._effects.unlink(path)

    def clear(self, names: Iterable[str]) -> None:
        """Remove configurations, which hold secrets, of publications that are no more; these are the others."""
        kept = set(names)
        for path in self.folder.glob("*.conf"):
            if path.name.rsplit(".", 2)[0] not in kept:
                self._effects.unlink(path)

    def _read(self) -> dict[str, Any]:
        if self._document is None:
            found: Any = {}
            with contextlib.suppress(FileNotFoundError, ValueError):
                found = json.loads((self.folder / "wan.json").read_bytes())
            parts = found if isinstance(found, dict) else {}
            self._document = {key: _mapping(parts.get(key)) for key in ("found", "records")}
        return self._document

    def _write(self, document: dict[str, Any]) -> None:
        self._make_folder()
        content = json.dumps({"version": 1, **document}, indent=1, sort_keys=True).encode() + b"\n"
        self._effects.replace(self.folder / "wan.json", content, mode=0o600)

    def _make_folder(self) -> None:
        self._effects.make_folder(self.folder, mode=0o700)


def _mapping(value: Any) -> dict[str, Any]:
    return {key: item for key, item in value.items() if isinstance(item, dict)} if isinstance(value, dict) else {}
