"""Reads what one dnsmasq is configured with."""

from collections.abc import Callable, Sequence
from ipaddress import ip_network
from pathlib import Path

from reconciler.dns import names
from reconciler.errors import BadName, Refused
from reconciler.importing.dnsmasq import directives, ranges, records, reservations, syntax
from reconciler.importing.dnsmasq.hosts import Progress, address_of, read_ethers, read_hosts
from reconciler.importing.dnsmasq.includes import Reader, files_at
from reconciler.importing.dnsmasq.syntax import BadLine, Statement
from reconciler.importing.found import (
    Address,
    Fate,
    FoundDhcp,
    FoundName,
    FoundOption,
    FoundRange,
    FoundRecord,
    FoundReservation,
    Line,
    Prefix,
)
from reconciler.importing.source import Source, Unreadable, shown
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


class _Reading:
    def __init__(self, source: Source, progress: Progress) -> None:
        self._source = source
        self._progress = progress
        self._reader = Reader(source)
        self._lines: list[Line] = []
        self._raw: dict[tuple[str, int], str] = {}
        self._ranges: list[FoundRange] = []
        self._reservations: list[FoundReservation] = []
        self._names: list[FoundName] = []
        self._records: list[FoundRecord] = []
        self._options: list[FoundOption] = []
        self._domains: dict[Prefix | None, str] = {}
        self._interfaces: list[str] = []
        self._listen: list[Address] = []
        self._forwarders: list[Address] = []
        self._local: dict[str, tuple[str, int]] = {}
        self._times: dict[str, int] = {}
        self._no_router: list[str] = []
        self._hosts: list[str] = []
        self._seen: dict[str, str] = {}
        self._leases: tuple[Lease, ...] = ()
        self._takers: dict[str, Callable[[Statement], str]] = {
            "dhcp-range": self._range,
            "dhcp-host": self._host,
            "dhcp-option": self._option,
            "domain": self._domain,
            "server": self._server,
            "local": self._server,
            "host-record": self._host_record,
            "interface": self._interface,
            "listen-address": self._listens,
            "ra-param": self._advertisement,
            "local-ttl": self._time,
            "neg-ttl": self._time,
            "addn-hosts": self._hosts_file,
            "hostsdir": self._hosts_file,
            "resolv-file": self._resolv_file,
            **dict.fromkeys(records.DIRECTIVES, self._record),
        }

    def conf(self, path: str) -> None:
        """Read the main file and all that it includes."""
        try:
            for statement in self._reader.statements(path):
                self._statement(statement)
                if len(self._lines) % 100_000 == 0:
                    self._progress(f"{path}: {len(self._lines)} lines")
        except Unreadable as error:
            raise Refused(f"{path}: {error}") from None

    def conf_dir(self, path: str, folder: str) -> None:
        """Read a folder that no file names, with its filters, as `conf-dir=` would."""
        for statement in self._reader.folder(Statement(path, 0, "conf-dir", folder, f"conf-dir={folder}")):
            self._statement(statement)

    def _statement(self, statement: Statement) -> None:
        key = statement.key
        self._raw[statement.path, statement.number] = statement.written
        self._seen[key] = syntax.plain(statement.value)
        try:
            note = self._takers[key](statement) if key in self._takers else directives.OWN.get(key)
            if note is not None:
                self._tell(statement, Fate.TAKEN, note)
                return
            why, fate = directives.reason(key), Fate.LEFT
            if not why:
                why, fate = "the state has no other place for it", Fate.HATCH
        except _Hatch as hatch:
            why, fate = str(hatch), Fate.HATCH
        except BadLine as error:
            why, fate = str(error), Fate.LEFT
        self._tell(statement, fate, why)

    def _tell(self, statement: Statement, fate: Fate, note: str) -> None:
        self._lines.append(Line(statement.path, statement.number, shown(statement.written), fate, note))

    def _range(self, statement: Statement) -> str:
        try:
            self._ranges.append(ranges.parse_range(statement))
        except BadLine as error:
            raise _Hatch(str(error)) if "certain tag" in str(error) else error from None
        return ""

    def _host(self, statement: Statement) -> str:
        found = reservations.parse(statement)
        self._reservations.append(found)
        if not found.plain:
            raise _Hatch(found.reason)
        return ""

    def _option(self, statement: Statement) -> str:
        option = ranges.parse_option(statement)
        if option is None:
            raise _Hatch("an option with conditions or a value that `options:` has no form for")
        self._options.append(option)
        return ""

    def _domain(self, statement: Statement) -> str:
        domain, *rest = map(syntax.plain, syntax.split(statement.value))
        try:
            name = names.parse(domain)
        except BadName as error:
            raise BadLine(str(error)) from None
        if domain == "#":
            raise BadLine("the domain of the machine's resolv.conf; write `domain:`")
        if not rest:
            self._domains[None] = name
        elif rest[0] and "/" in rest[0]:
            try:
                self._domains[ip_network(rest[0], strict=False)] = name
            except ValueError:
                raise BadLine(f"{rest[0]!r} is no prefix") from None
        else:
            raise _Hatch("a domain for a range of addresses or an interface")
        return f"domain {name}" if len(rest) < 2 else f"domain {name}; its `local` follows by itself"

    def _server(self, statement: Statement) -> str:
        """`server=ADDRESS` is a forwarder, `local=/NAME/` says that we answer for a name."""
        value = syntax.plain(statement.value)
        if value.startswith("/"):
            *domains, target = value[1:].split("/")
            if not target:
                place = (statement.path, statement.number)
                self._local |= {name: place for name in map(_absolute, domains) if name}
                return "the site answers for its own zones"
            raise _Hatch(f"names that are asked of {target}")
        address = address_of(value)
        if address is None:
            raise _Hatch("a server with a port, an interface or a source address")
        self._forwarders.append(address)
        return "dns.forwarders"

    def _host_record(self, statement: Statement) -> str:
        self._names += records.host_record(statement)
        return ""

    def _record(self, statement: Statement) -> str:
        try:
            self._records += records.parse(statement)
        except BadLine as error:
            raise _Hatch(str(error)) from None
        return ""

    def _interface(self, statement: Statement) -> str:
        self._interfaces += [word for word in map(syntax.plain, syntax.split(statement.value)) if word]
        return directives.OWN["interface"]

    def _listens(self, statement: Statement) -> str:
        found = [address_of(syntax.plain(word)) for word in syntax.split(statement.value)]
        self._listen += [address for address in found if address is not None and not address.is_loopback]
        return directives.OWN["listen-address"]

    def _time(self, statement: Statement) -> str:
        value = syntax.plain(statement.value)
        if not value.isdecimal() or len(value) > 9:
            raise BadLine(f"{value!r} is no number")
        self._times[statement.key] = int(value)
        return "dns.ttl" if statement.key == "local-ttl" else "dns.negative_ttl"

    def _advertisement(self, statement: Statement) -> str:
        """`ra-param=INTERFACE,[mtu:N,][high,|low,]INTERVAL[,LIFETIME]`: the lifetime alone is of interest."""
        interface, *rest = map(syntax.plain, syntax.split(statement.value))
        numbers = [word for word in rest if word.isdecimal()]
        if len(numbers) < 2 or int(numbers[-1]):
            raise BadLine("of this only `no default router` (lifetime 0) can be said")
        self._no_router.append(interface)
        return "router_advertisement_default: no"

    def _hosts_file(self, statement: Statement) -> str:
        self._hosts.append(syntax.plain(statement.value))
        return "its names were read"

    def _resolv_file(self, statement: Statement) -> str:
        try:
            text = self._source.text(syntax.plain(statement.value))
        except Unreadable as error:
            raise BadLine(str(error)) from None
        words = [line.split() for _, line in text.lines()]
        found = [address_of(word[1]) for word in words if len(word) > 1 and word[0] == "nameserver"]
        self._forwarders += [address for address in found if address is not None]
        return "its name servers are in dns.forwarders"

    def beside(self, hosts: Sequence[str], ethers: str | None, leases: str | None, *, with_defaults: bool) -> None:
        """Read hosts files, ethers and leases; those of dnsmasq's defaults only where they are there."""
        if with_defaults and "no-hosts" not in self._seen and self._source.exists(HOSTS):
            self._hosts.insert(0, HOSTS)
        paths = dict.fromkeys(path for name in (*self._hosts, *hosts) for path in files_at(self._source, name))
        for path in paths:
            self._names += read_hosts(self._source, path, self._lines, self._progress)
        if ethers or ("read-ethers" in self._seen and self._source.exists(ETHERS)):
            self._reservations += read_ethers(self._source, ethers or ETHERS, self._lines)
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


class _Hatch(Exception):
    """A line that goes into the hatch as it is; the text says why."""


def _absolute(text: str) -> str:
    try:
        return names.parse(text) if text else ""
    except BadName:
        return ""
