"""What each directive of dnsmasq.conf says."""

from collections.abc import Callable
from ipaddress import ip_network

from reconciler.dns import names
from reconciler.errors import BadName
from reconciler.importing.dnsmasq import directives, ranges, records, reservations, syntax
from reconciler.importing.dnsmasq.hosts import address_of
from reconciler.importing.dnsmasq.syntax import BadLine, Statement
from reconciler.importing.found import (
    Address,
    Fate,
    FoundName,
    FoundOption,
    FoundRange,
    FoundRecord,
    FoundReservation,
    Line,
    Prefix,
)
from reconciler.importing.source import Source, Unreadable, shown


class Taking:
    """Takes statements one by one and keeps what they say."""

    def __init__(self, source: Source) -> None:
        self._source = source
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

    def take(self, statement: Statement) -> None:
        """Take one in, and tell what becomes of it."""
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


class _Hatch(Exception):
    """A line that goes into the hatch as it is; the text says why."""


def _absolute(text: str) -> str:
    try:
        return names.parse(text) if text else ""
    except BadName:
        return ""
