"""Checks of what records point to: names inside our zones have to be there, and be of the right sort."""

from collections.abc import Collection, Iterator

from reconciler.checks.joined import Record, ZoneRecords
from reconciler.checks.report import Origin, Report, position
from reconciler.dns import names, rdata
from reconciler.state.model import State

_NEED_ADDRESS = frozenset({"MX", "NS", "SRV"})
"""RFC 2181 section 10.3, RFC 2782: their targets have address records of their own."""


class Targets:
    """Looks up targets in the zones of the site."""

    def __init__(self, state: State, data: ZoneRecords, promised: Collection[str], report: Report) -> None:
        """promised: names that have no records before a DHCP client brings an address."""
        self._data = data
        self._promised = promised
        self._report = report
        self._shared = frozenset(
            zone for zone, policy in state.site.zones.items() if policy.dynamic and (policy.keep or policy.update)
        )
        """Zones where others add names that the state does not know."""
        self._inner: dict[str, frozenset[str]] = {}

    def check(self, zone: str, record: Record) -> None:
        """Check every target of a record that stands in `zone`; of PTR records only those for addresses."""
        for target in rdata.targets(record.rtype, record.rdata):
            if record.rtype == "PTR":
                if names.is_under(zone, "arpa."):
                    self.check_pointer(target, record.origin)
                continue
            self._check(zone, record, target)
            if record.rtype in _NEED_ADDRESS:
                self._check_host_name(record.rtype, target, record.origin)

    def check_pointer(self, target: str, origin: Origin) -> None:
        """A PTR should lead to a name that leads back; mail servers ask for that."""
        self._check_host_name("PTR", target, origin)
        home = self._data.zone_of(target)
        if home is None or self._is_foreign(home, target) or any(self._found(home, target)):
            return
        self._report.warn(
            origin,
            f"PTR target {target} does not exist",
            "add it as a host or alias, so that it leads back to the address",
        )

    def _check_host_name(self, rtype: str, target: str, origin: Origin) -> None:
        if not names.is_hostname(target):
            self._report.error(
                origin,
                f"{rtype} target {target} is no host name",
                "use letters, digits and inner hyphens; named would refuse it (RFC 1123 2.1)",
            )

    def _check(self, zone: str, record: Record, target: str) -> None:
        home = self._data.zone_of(target)
        if home is None or self._is_foreign(home, target, below=record.owner if record.rtype == "NS" else None):
            return
        if record.rtype == "CNAME" and target in self._promised:
            return
        found = list(self._found(home, target))
        what = f"{record.rtype} target {target}"
        if not found:
            missing = f"{what} does not exist in zone {home}"
            self._report.error(record.origin, missing, _advice(target, zone, home))
        elif record.rtype in _NEED_ADDRESS:
            alias = next((item for item in found if item.rtype == "CNAME"), None)
            if alias is not None:
                self._report.error(
                    record.origin,
                    f"{what} is a CNAME ({position(alias.origin)})",
                    f"write {alias.rdata} instead (RFC 2181 10.3)",
                )
            elif not any(item.rtype in ("A", "AAAA") for item in found):
                self._report.error(record.origin, f"{what} has no address", "add an A or AAAA record for it")

    def _is_foreign(self, home: str, target: str, below: str | None = None) -> bool:
        """Whether the target may be known to others only: in a shared zone, or below a delegation.

        below: owner of an NS record; its own glue has to stand in the zone.
        """
        if home in self._shared and not self._data.at(home, target):
            return True
        name = target
        while name != home:
            if name != below and self._data.at(home, name, "NS"):
                return True
            name = names.parent(name)
        return False

    def _found(self, home: str, target: str) -> Iterator[Record]:
        """Records that answer for the target, a wildcard's if it covers it (RFC 4592 section 2.2)."""
        exact = self._data.at(home, target)
        if exact:
            yield from exact
            return
        name = target
        while name != home and name not in self._inner_names(home):
            name = names.parent(name)
            wildcard = self._data.at(home, f"*.{name}")
            if wildcard:
                yield from wildcard
                return
            if self._data.at(home, name):
                return

    def _inner_names(self, home: str) -> frozenset[str]:
        """Names without records that exist because something stands below them, in zones with wildcards."""
        if home not in self._inner:
            owners = self._data.zones[home]
            found: set[str] = set()
            if any(owner.startswith("*.") for owner in owners):
                for owner in owners:
                    name = names.parent(owner)
                    while home not in (name, owner) and name not in found:
                        found.add(name)
                        name = names.parent(name)
            self._inner[home] = frozenset(found)
        return self._inner[home]


def _advice(target: str, zone: str, home: str) -> str:
    written = names.relativize(target, zone) if names.is_under(target, zone) else ""
    if "." in written:
        return f"add it as a host or record; if {written}. is meant, write it with that dot at its end"
    return f"add {names.relativize(target, home)} as a host or record, or correct the name"
