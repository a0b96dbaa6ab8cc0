"""Fills the site's zones: records of hosts and files, name servers, delegations, SOA, policy."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from reconciler.build.views import Version, of_views
from reconciler.checks.joined import Named, Record, ZoneRecords
from reconciler.checks.policies import zone_setting
from reconciler.checks.report import Origin, Source
from reconciler.dns import names
from reconciler.dns.records import group
from reconciler.dns.zone import SOA, Zone
from reconciler.errors import BadName
from reconciler.site import SiteZone
from reconciler.state.model import State, ZoneFile
from reconciler.state.schema import ZonePolicy

_OF_PARENT = frozenset({"NS", "DS"})
"""Types at a zone cut that belong to the zone above it (RFC 4035 section 2.4 for DS)."""


def default_ttls(state: State, zones: Sequence[str]) -> dict[str, int]:
    """TTL of each zone's records that do not say otherwise."""
    policies = state.site.zones
    return {
        zone: ttl if (policy := policies.get(zone)) and (ttl := policy.ttl) is not None else state.site.dns.ttl
        for zone in zones
    }


def add_files(files: Sequence[ZoneFile], records: ZoneRecords, ttls: Mapping[str, int]) -> None:
    """Enter the records of zones/ files, each into the closest zone; NS and DS above a cut stay there."""
    for file in files:
        for owner, ttl, rtype, rdata, where in _rows(file):
            zone = records.zone_of(owner) or file.zone
            if zone == owner and rtype in _OF_PARENT:
                zone = file.zone
            records.add(zone, Record(owner, ttls[zone] if ttl is None else ttl, rtype, rdata, where))


def _rows(file: ZoneFile) -> Iterator[tuple[str, int | None, str, str, Origin]]:
    return ((item.owner, item.ttl, item.rtype, item.rdata, item.where) for item in file.records)


def replace_by_files(files: Sequence[ZoneFile], records: ZoneRecords, ttls: Mapping[str, int]) -> None:
    """Enter the records of a view's own files in place of the shared ones of the same name and type.

    A CNAME stands alone (RFC 1034 section 3.6.2), so it takes the place of all that its name has, and any other type
    takes the place of a CNAME.
    """
    own = ZoneRecords(records.zones)
    add_files(files, own, ttls)
    for zone, owners in own.zones.items():
        for owner, found in owners.items():
            types = {record.rtype for record in found}
            kept = (
                []
                if "CNAME" in types
                else [
                    record
                    for record in records.at(zone, owner)
                    if record.rtype not in types and record.rtype != "CNAME"
                ]
            )
            records.zones[zone][owner] = [*kept, *found]


def add_hosts(hosts: Sequence[Named], records: ZoneRecords) -> None:
    """Enter address records and aliases."""
    for item in hosts:
        host, entry = item.host, item.resident.entry
        zone = records.zone_of(host.name)
        if zone is None:
            continue
        for address, keys, _ in item.addresses:
            rtype = "A" if address.version == 4 else "AAAA"
            records.add(zone, Record(host.name, host.ttl, rtype, str(address), Source(entry, keys), True))
        for alias, keys in zip(host.aliases, item.alias_keys, strict=True):
            home = records.zone_of(alias)
            if home is not None:
                records.add(home, Record(alias, host.ttl, "CNAME", host.name, Source(entry, keys), True))


def add_nameservers(
    state: State, records: ZoneRecords, ttls: Mapping[str, int], models: Mapping[str, str]
) -> list[str]:
    """Give zones without NS records those of their policy or of the site; return those that get none.

    models: the domain of a reverse zone's network; what serves that one serves the reverse zone too.
    """
    missing = [zone for zone in records.zones if not records.at(zone, zone, "NS")]
    for zone in missing:
        for name, place in _nameservers(state, zone):
            records.add(zone, Record(zone, ttls[zone], "NS", name, place, True))
    bare = [zone for zone in missing if not records.at(zone, zone, "NS")]
    for zone in bare:
        model = records.zone_of(models[zone]) if zone in models else None
        for record in records.at(model, model, "NS") if model else ():
            records.add(zone, record._replace(owner=zone, ttl=ttls[zone], generated=True))
    return [zone for zone in bare if not records.at(zone, zone, "NS")]


def _nameservers(state: State, zone: str) -> Iterator[tuple[str, Origin]]:
    policy = state.site.zones.get(zone)
    if policy is not None and policy.nameservers:
        for index, name in enumerate(policy.nameservers):
            yield name, zone_setting(state, zone, "nameservers", index)
        return
    for index, name in enumerate(state.site.dns.nameservers):
        yield name, state.site_locator.at("dns", "nameservers", index)


def add_delegations(records: ZoneRecords, children: Collection[str]) -> None:
    """For a zone of ours below another: NS records above the cut, unless written there, and their glue."""
    for child in sorted(children):
        above = records.zone_of(names.parent(child)) if child != "." else None
        if above is None:
            continue
        if not records.at(above, child, "NS"):
            for record in records.at(child, child, "NS"):
                records.add(above, record._replace(generated=True))
        for record in records.at(above, child, "NS"):
            if names.is_under(record.rdata, above):
                _add_glue(above, record.rdata, records)


def _add_glue(above: str, target: str, records: ZoneRecords) -> None:
    home = records.zone_of(target)
    if home is None or records.at(above, target, "A", "AAAA"):
        return
    for record in records.at(home, target, "A", "AAAA"):
        records.add(above, record._replace(generated=True))


def site_zones(
    state: State, records: ZoneRecords, ttls: Mapping[str, int], wanted: Sequence[Version]
) -> dict[str, SiteZone]:
    """The finished zones by id. wanted: versions seen in the same views; an SOA in a view's own file comes first."""
    seen = wanted[0].seen if wanted else frozenset[str]()
    files = sorted(of_views(state.zone_files, seen), key=lambda file: bool(file.view))
    written = {file.zone: file for file in files if file.soa is not None}
    result: dict[str, SiteZone] = {}
    for version in wanted:
        name, owners = version.zone, records.zones[version.zone]
        policy = state.site.zones.get(name) or ZonePolicy()
        rows = (record[:4] for found in owners.values() for record in found)
        file = written.get(name)
        soa = (file and file.soa) or _soa(state, name, records, ttls[name])
        result[version.id] = SiteZone(
            Zone(name, soa, group(rows), version.view),
            bool(policy.dynamic),
            policy.drift,
            tuple(policy.keep),
            tuple(policy.update),
            policy.serial or state.site.dns.serial,
            begins_after=file.serial if file else 0,
        )
    return result


def _soa(state: State, zone: str, records: ZoneRecords, ttl: int) -> SOA:
    """A zone of dnsmasq alone may have no name server; its SOA is never served, so any name will do."""
    servers = [record.rdata for record in records.at(zone, zone, "NS")]
    domain = state.site.domain if zone.endswith(".arpa.") and state.site.domain else zone
    return SOA(
        mname=servers[0] if servers else _below("ns", zone),
        rname=state.site.dns.contact or _below("hostmaster", domain),
        minimum=state.site.dns.negative_ttl,
        ttl=ttl,
    )


def _below(label: str, zone: str) -> str:
    try:
        return names.parse(label, zone)
    except BadName:
        return zone  # The zone's own name leaves no room for a label.
