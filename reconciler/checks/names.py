"""Checks of hosts' names: each belongs to one host, and fits what zones/ files say of it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from reconciler.checks.joined import Named
from reconciler.checks.report import Report, Source, position
from reconciler.dns import names
from reconciler.state.model import ZoneFile


class _Claim(NamedTuple):
    source: Source
    alias: bool

    def __str__(self) -> str:
        kind = "an alias of" if self.alias else "the name of"
        return f'{kind} host "{self.source.entry.name}" ({position(self.source)})'


def check(hosts: Sequence[Named], files: Sequence[ZoneFile], report: Report) -> frozenset[str]:
    """Find names used twice and names that BIND would refuse; return those that need no further word."""
    claims: dict[str, _Claim] = {}
    told: set[str] = set()
    for item in hosts:
        entry = item.resident.entry
        _claim(item.host.name, _Claim(Source(entry), alias=False), claims, told, report)
        for alias, keys in zip(item.host.aliases, item.alias_keys, strict=True):
            _claim(alias, _Claim(Source(entry, keys), alias=True), claims, told, report)
        if not names.is_hostname(item.host.name):
            report.error(
                entry.at(),
                f"{item.host.name} is no host name",
                "use letters, digits and inner hyphens; named would refuse the zone (RFC 1123 2.1)",
            )
    _check_files(hosts, files, claims, told, report)
    return frozenset(told)


def _claim(name: str, claim: _Claim, claims: dict[str, _Claim], told: set[str], report: Report) -> None:
    first = claims.setdefault(name, claim)
    same_entry = first.source.entry is claim.source.entry
    if first is claim or (same_entry and first.alias == claim.alias):
        return
    told.add(name)
    if same_entry:
        report.error(claim.source, f"alias {name} is the host's own name", "remove it")
    else:
        report.error(claim.source, f"the name {name} is already {first}", "give one of them another name")


def _check_files(
    hosts: Sequence[Named],
    files: Sequence[ZoneFile],
    claims: Mapping[str, _Claim],
    told: set[str],
    report: Report,
) -> None:
    """A zone file may add to a host what the host does not say, and repeat what it does."""
    records = [record for file in files for record in file.records if record.rtype in ("A", "AAAA")]
    wanted = {record.owner for record in records}
    addresses: dict[tuple[str, str], set[str]] = {}
    for item in hosts:
        if item.host.name in wanted:
            for address, _, _ in item.addresses:
                rtype = "A" if address.version == 4 else "AAAA"
                addresses.setdefault((item.host.name, rtype), set()).add(str(address))
    for record in records:
        own = addresses.get((record.owner, record.rtype))
        if own is not None and record.rdata not in own:
            told.add(record.owner)
            report.error(
                record.where,
                f"{record.owner} {record.rtype} {record.rdata} contradicts {claims[record.owner]}",
                "write the address there, or remove this record",
            )
