"""Reads what one dnsmasq is configured with."""

from collections.abc import Sequence
from pathlib import Path

from reconciler.errors import Refused
from reconciler.importing.dnsmasq.hosts import Progress, read_ethers, read_hosts
from reconciler.importing.dnsmasq.includes import Reader, files_at
from reconciler.importing.dnsmasq.syntax import Statement
from reconciler.importing.dnsmasq.taking import Taking
from reconciler.importing.found import Fate, FoundDhcp, Line
from reconciler.importing.source import Source, Unreadable
from reconciler.leases import dnsmasq as lease_file
from reconciler.leases.lease import Lease

HOSTS, ETHERS, LEASES = "/etc/hosts", "/etc/ethers", "/var/lib/misc/dnsmasq.leases"


def _silent(text: str) -> None:
    """No word."""


def read_dnsmasq(
    conf: str | None,
    *,
    hosts: Sequence[str] = (),
    ethers: str | None = None,
    leases: str | None = None,
    folder: str = "",
    root: Path | None = None,
    progress: Progress = _silent,
) -> FoundDhcp:
    """What dnsmasq.conf and the files beside it say. Raises Refused where a named file cannot be read at all.

    folder: a conf-dir beside it, as the init script's CONFIG_DIR has it. hosts: further hosts files. ethers, leases: in
    place of those that dnsmasq.conf leads to. root: a folder with a copy of the machine's disk, where all paths are.
    """
    source = Source(root)
    reading = _Reading(source, progress)
    for path in (*([conf] if conf else ()), *hosts, *([ethers] if ethers else ()), *([leases] if leases else ())):
        try:
            if not source.is_folder(path):
                source.data(path)
        except Unreadable as error:
            raise Refused(f"{path}: {error}") from None
    if conf:
        reading.conf(conf)
        if folder:
            reading.conf_dir(conf, folder)
    reading.beside(hosts, ethers, leases, with_defaults=conf is not None)
    return reading.found()


class _Reading(Taking):
    def __init__(self, source: Source, progress: Progress) -> None:
        super().__init__(source)
        self._progress = progress
        self._reader = Reader(source)
        self._leases: tuple[Lease, ...] = ()

    def conf(self, path: str) -> None:
        """Read the main file and all that it includes."""
        try:
            for statement in self._reader.statements(path):
                self.take(statement)
                if len(self._lines) % 100_000 == 0:
                    self._progress(f"{path}: {len(self._lines)} lines")
        except Unreadable as error:
            raise Refused(f"{path}: {error}") from None

    def conf_dir(self, path: str, folder: str) -> None:
        """Read a folder that no file names, with its filters, as `conf-dir=` would."""
        for statement in self._reader.folder(Statement(path, 0, "conf-dir", folder, f"conf-dir={folder}")):
            self.take(statement)

    def beside(self, hosts: Sequence[str], ethers: str | None, leases: str | None, *, with_defaults: bool) -> None:
        """Read hosts files, ethers and leases; those of dnsmasq's defaults only where they are there."""
        if with_defaults and "no-hosts" not in self._seen and self._source.exists(HOSTS):
            self._hosts.insert(0, HOSTS)
        paths = dict.fromkeys(path for name in (*self._hosts, *hosts) for path in files_at(self._source, name))
        for path in paths:
            self._names += read_hosts(self._source, path, self._lines, self._progress)
        if ethers or ("read-ethers" in self._seen and self._source.exists(ETHERS)):
            for item in read_ethers(self._source, ethers or ETHERS, self._lines):
                parts = (*item.macs, *map(str, item.addresses), item.name)
                self._raw[item.path, item.number] = f"dhcp-host={','.join(part for part in parts if part)}"
                self._reservations.append(item)
        default = self._seen.get("dhcp-leasefile") or LEASES
        if leases or (with_defaults and self._source.exists(default)):
            self._read_leases(leases or default)

    def _read_leases(self, path: str) -> None:
        try:
            parsed = lease_file.parse(self._source.data(path))
        except Unreadable as error:
            self._lines.append(Line(path, 1, "(the file)", Fate.LEFT, str(error)))
            return
        self._leases = parsed.leases
        count = len(parsed.leases)
        note = (
            f"{count} leases: not written into the state; reconciler reads the same file on (node.yaml, `lease_file:`)"
        )
        self._lines.append(Line(path, 1, "(the file)", Fate.TAKEN, note))
        for problem in parsed.problems:
            self._lines.append(Line(path, problem.line, "(a lease)", Fate.LEFT, problem.what))

    def found(self) -> FoundDhcp:
        """All of it."""
        return FoundDhcp(
            tuple(self._ranges),
            tuple(self._reservations),
            tuple(self._names),
            tuple(self._records),
            tuple(self._options),
            self._domains,
            tuple(dict.fromkeys(self._interfaces)),
            tuple(dict.fromkeys(self._listen)),
            tuple(dict.fromkeys(self._forwarders)),
            self._local,
            self._times.get("local-ttl"),
            self._times.get("neg-ttl"),
            self._seen.get("port") != "0",
            tuple(self._no_router),
            self._raw,
            self._leases,
            (*self._lines, *self._reader.lines),
        )
