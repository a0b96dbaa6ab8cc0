"""The DHCP servers' lease files: read when they have changed, and joined."""

from collections.abc import Mapping
from pathlib import Path

from reconciler.config import LeaseSettings
from reconciler.dns.reverse import Address
from reconciler.leases import changes, dnsmasq, isc, kea
from reconciler.leases.lease import Lease, Parsed
from reconciler.services.dnsmasq.isolate import isolated
from reconciler.services.dnsmasq.sight import has
from reconciler.site import Site, SiteNetwork
from reconciler.watch.read_stable import Reading, Unreadable, read_stable

_PROBLEMS_SHOWN = 5
_KEPT = "the leases known before stay in force"


class LeaseFiles:
    """All lease files of this node. further: those of isolated networks' own dnsmasqs, with the network.

    What one file does not say ends no lease that stands in another. A further file is not there before its server runs.
    """

    def __init__(self, settings: LeaseSettings, further: Mapping[Path, str]) -> None:
        self.trouble: tuple[str, ...] = ()
        """What was wrong with them when they were last read."""
        self.duids: dict[str, str | None] = {}
        """The server's DUID by file, of each file that was ever read."""
        self._settings = settings
        self._further = further
        self._apart: Mapping[Path, SiteNetwork] = {}
        """Of the further files those whose networks are isolated now."""
        self._parsers: dict[Path, dnsmasq.Parser] = {}
        self._stamps: dict[Path, tuple[int, int, int]] = {}
        self._readings: dict[Path, bytes] = {}

    def forget(self) -> None:
        """Read all files the next time."""
        self._stamps.clear()

    def read(self, known: Mapping[Address, Lease], site: Site) -> dict[Address, Lease] | None:
        """The leases after a look at the files; None where nothing has changed since the last one, nor is wrong."""
        apart = {path: site.networks[name] for path, name in self._further.items() if name in isolated(site)}
        changed = bool(self._readings) and apart.keys() != self._apart.keys()
        self._apart = apart
        trouble: list[str] = []
        for path in self._settings.files:
            changed = self._look(path, trouble) or changed
        if not (changed or trouble):
            return None
        found = self._joined(known, trouble) if changed else dict(known)
        self.trouble = tuple(trouble)
        return found

    def _look(self, path: Path, trouble: list[str]) -> bool:
        """Read a file if it has changed; whether it has."""
        stamp = _stamp(path)
        if stamp is not None and self._stamps.get(path) == stamp:
            return False
        try:
            reading = read_stable(path, before=len(self._readings.get(path, b"")))
        except Unreadable as error:
            trouble.append(f"{error}; {_KEPT}")
            return False
        if reading is None:
            if self._is_expected(path):
                trouble.append(f"{path} is not there; {_KEPT}")
            return False
        self._take(path, stamp, reading, trouble)
        return True

    def _take(self, path: Path, stamp: tuple[int, int, int] | None, reading: Reading, trouble: list[str]) -> None:
        self._readings[path] = reading.data
        if reading.flaw is None and stamp is not None:
            self._stamps[path] = stamp
        else:
            self._stamps.pop(path, None)
            trouble.append(f"{reading.flaw}; {_KEPT}")

    def _is_expected(self, path: Path) -> bool:
        return path not in self._further or str(path) in self.duids

    def _joined(self, known: Mapping[Address, Lease], trouble: list[str]) -> dict[Address, Lease]:
        parsed, whole = self._parse(trouble)
        found = changes.settled(known, parsed)
        if not self._further or parsed.complete:
            return found
        shown = {lease.address for lease in parsed.leases}
        return {each: lease for each, lease in found.items() if each in shown or self._file_of(each) not in whole}

    def _file_of(self, address: Address) -> Path:
        """Where the lease of this address would stand."""
        found = (path for path, network in self._apart.items() if has(network, address))
        return next(found, self._settings.files[0])

    def _rank(self, path: Path) -> int:
        """Of an address in two files that counts whose server hands it out now; another may have done so before."""
        return 2 if path in self._apart else 0 if path in self._further else 1

    def _parse(self, trouble: list[str]) -> tuple[Parsed, set[Path]]:
        """What all files hold, and those of them that are whole."""
        if self._settings.format == "kea":
            merged = kea.merge({path.name: data for path, data in self._readings.items()})
            parts, expected = {self._settings.files[0]: merged}, set[Path]()
        else:
            ordered = sorted(self._readings, key=self._rank)
            parts = {path: self._parse_one(path, self._readings[path]) for path in ordered}
            expected = {path for path in self._settings.files if self._is_expected(path)}
        for path, part in parts.items():
            self.duids[str(path)] = part.server_duid or self.duids.get(str(path))
            trouble += [f"{path.name}:{item.line}: {item.what}" for item in part.problems[:_PROBLEMS_SHOWN]]
        whole = {path for path, part in parts.items() if part.complete}
        leases = tuple(lease for part in parts.values() for lease in part.leases)
        return Parsed(leases, complete=whole == parts.keys() and self._readings.keys() >= expected), whole

    def _parse_one(self, path: Path, data: bytes) -> Parsed:
        if self._settings.format == "isc":
            return isc.parse(data)
        return self._parsers.setdefault(path, dnsmasq.Parser()).parse(data)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns, found.st_size)
