"""Checks of records against each other: CNAMEs, targets, glue, owner names, TTLs."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from reconciler.checks.joined import Named, Record, ZoneRecords
from reconciler.checks.report import Report, Source, position
from reconciler.checks.targets import Targets
from reconciler.dns import names
from reconciler.state.model import State
from reconciler.state.problem import Position

_BESIDE_CNAME = frozenset({"CNAME", "RRSIG", "NSEC", "KEY"})
"""RFC 4034 section 3 and RFC 2535 section 2.3.5."""

_HOST_OWNERS = frozenset({"A", "AAAA", "MX"})
"""Types whose owner BIND's check-names wants to be a host name."""


def check(state: State, data: ZoneRecords, hosts: Sequence[Named], told: Collection[str], report: Report) -> None:
    """Find records that cannot stand together or point to nothing. `told`: owners already reported."""
    cnames: dict[str, Record] = {}
    for zone, owners in data.zones.items():
        for owner, records in owners.items():
            if len(records) > 1:
                _check_ttls(owner, records, report)
            found = [record for record in records if record.rtype == "CNAME"]
            if found:
                cnames[owner] = found[0]
                if owner not in told:
                    _check_cname(zone, owner, found, records, report)
    _check_loops(cnames, told, report)
    _check_owners(state, report)
    _check_soas(state, report)
    promised = frozenset(item.host.name for item in hosts if not item.addresses)
    targets = Targets(state, data, promised, report)
    for zone, record in _pointing(data):
        targets.check(zone, record)
    for item in hosts:
        if item.resident.entry.host.ptr is not None and item.host.ptr is not None:
            targets.check_pointer(item.host.ptr, Source(item.resident.entry, ("ptr",)))


def _pointing(data: ZoneRecords) -> Iterator[tuple[str, Record]]:
    """Records whose targets a person wrote: those of hosts point to the host itself."""
    for zone, owners in data.zones.items():
        for records in owners.values():
            for record in records:
                if not (record.generated and isinstance(record.origin, Source)):
                    yield zone, record


def _check_ttls(owner: str, records: list[Record], report: Report) -> None:
    first: dict[str, Record] = {}
    for record in records:
        before = first.setdefault(record.rtype, record)
        if before.ttl != record.ttl:
            place = position(before.origin)
            report.warn(
                record.origin,
                f"{owner} {record.rtype} has TTL {record.ttl} here and {before.ttl} at {place}",
                f"they have to be equal (RFC 2181 5.2); {min(before.ttl, record.ttl)} is used",
            )


def _check_cname(zone: str, owner: str, found: list[Record], records: list[Record], report: Report) -> None:
    first = found[0]
    for record in found[1:]:
        if record.rdata != first.rdata:
            report.error(
                record.origin,
                f"{owner} is a CNAME of {record.rdata} here and of {first.rdata} at {position(first.origin)}",
                "a name can have only one (RFC 2181 10.1)",
            )
    if owner == zone:
        report.error(
            first.origin,
            f"a CNAME cannot stand at {owner}, the name of the zone itself",
            "write the addresses instead (RFC 1034 3.6.2)",
        )
        return
    others = [record for record in records if record.rtype not in _BESIDE_CNAME]
    if others:
        report.error(
            first.origin,
            f"{owner} is a CNAME and has other data too: {others[0].rtype} at {position(others[0].origin)}",
            "remove one of them (RFC 1034 3.6.2)",
        )


def _check_loops(cnames: Mapping[str, Record], told: Collection[str], report: Report) -> None:
    done: set[str] = set()
    for start in cnames:
        path: dict[str, None] = {}
        name = start
        while name in cnames and name not in done and name not in path:
            path[name] = None
            name = cnames[name].rdata
        if name in path and name not in told:
            loop = [*list(path)[list(path).index(name) :], name]
            report.error(cnames[name].origin, f"CNAMEs go round in a loop: {' → '.join(loop)}", "point one to a host")
        done.update(path)


def _check_owners(state: State, report: Report) -> None:
    for file in state.zone_files:
        for record in file.records:
            if record.rtype in _HOST_OWNERS and not names.is_hostname(record.owner):
                report.error(
                    record.where,
                    f"{record.owner} is no host name, so it cannot own {record.rtype} records",
                    "use letters, digits and inner hyphens; named would refuse the zone (RFC 1123 2.1)",
                )


def _check_soas(state: State, report: Report) -> None:
    """What named's check-names wants of an SOA: a host name, and a mailbox below one (RFC 1035 section 8)."""
    fix = "use letters, digits and inner hyphens; named would refuse the zone (RFC 1123 2.1)"
    for file in state.zone_files:
        if file.soa is None:
            continue
        if not names.is_hostname(file.soa.mname):
            report.error(Position(file.path), f"SOA name server {file.soa.mname} is no host name", fix)
        if not names.is_hostname(names.parent(file.soa.rname)):
            report.error(Position(file.path), f"the domain of SOA mailbox {file.soa.rname} is no host name", fix)
    contact = state.site.dns.contact
    if contact is not None and not names.is_hostname(names.parent(contact)):
        place = state.site_locator.at("dns", "contact")
        report.error(place, f"the domain of mailbox {contact} is no host name", fix)
