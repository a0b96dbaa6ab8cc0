"""Joins desired state into the site. Pure: the same state gives the same site and the same problems."""

from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from reconciler.build import delegated, leased, naming, networks, placing, reverse, secondaries, views, zones
from reconciler.build.delegated import Known
from reconciler.build.naming import Scope
from reconciler.build.views import Version, Views
from reconciler.checks import addresses, policies, records, sizes
from reconciler.checks import names as name_checks
from reconciler.checks import networks as network_checks
from reconciler.checks import pair as pair_checks
from reconciler.checks import reverse as reverse_checks
from reconciler.checks import secondaries as secondary_checks
from reconciler.checks import views as view_checks
from reconciler.checks import wan as wan_checks
from reconciler.checks.joined import Named, Resident, ReverseZones, ZoneRecords
from reconciler.checks.report import Report
from reconciler.site import Site, SiteZone
from reconciler.state.model import State
from reconciler.state.problem import Problem

_NONE: Known = MappingProxyType({})


class Built(NamedTuple):
    """The site, or None where an error stands among the problems; these are sorted by place."""

    site: Site | None
    problems: tuple[Problem, ...]


def build(state: State, known: Known = _NONE, *, valid: bool = False) -> Built:
    """Join networks, hosts and zone files into the site, and check all of it across files.

    known: delegated prefixes, into which the state's subnets fit (see `delegated.choose`). Whether there is an error
    depends on the state alone, but for one case: a known prefix that is a written one as well. valid: that there is
    none is known from a build with other prefixes.
    """
    stand_ins = delegated.stand_ins(state)
    if not stand_ins:
        return _build(state)
    used = {source: known[source] for source in stand_ins if source in known}
    report, built = Report(), Built(None, ())
    if not valid or not used:
        delegated.check(state, report)
        built = _build(delegated.resolve(state, stand_ins))
        if built.site is None or report.failed:
            _tell_stand_ins(state, stand_ins, report)
            return Built(None, tuple(sorted({*built.problems, *report.sorted()})))
    if used:
        built = _build(delegated.resolve(state, {**stand_ins, **used}))
    unknown = {source: stand_in for source, stand_in in stand_ins.items() if source not in used}
    _warn_unknown(state, unknown, report)
    site = built.site and _finished(views.with_views(delegated.strip(built.site, unknown), state), state, used)
    return Built(site, tuple(sorted({*built.problems, *report.sorted()})))


def _tell_stand_ins(state: State, stand_ins: Known, report: Report) -> None:
    for name, item in delegated.delegations(state).items():
        stand_in = stand_ins[item.prefix_from].prefix
        what = f'network "{name}" is checked as if its prefix, which may change, were in {stand_in}'
        report.warn(state.site_locator.at("networks", name, "ipv6"), what, "write suffixes for addresses in it")


def _warn_unknown(state: State, unknown: Known, report: Report) -> None:
    for name, item in delegated.delegations(state).items():
        if item.prefix_from in unknown:
            report.warn(
                state.site_locator.at("networks", name, "ipv6"),
                f'the IPv6 prefix of network "{name}" is not known yet, so nothing is served of it',
                f"it comes when {item.prefix_from} shows one; until then {unknown[item.prefix_from].prefix} stands in",
            )


def _finished(site: Site, state: State, known: Known) -> Site:
    networks = dict(site.networks)
    for name, item in delegated.delegations(state).items():
        virtual = delegated.virtual_suffixes(state.site.networks[name])
        networks[name] = replace(networks[name], delegated=item, virtual=virtual)
    # Reverse zones may have gone with the stand-ins, and catalogs shall not name them.
    site = secondaries.with_catalogs(site)
    return replace(site, networks=networks, prefixes=known, own=secondaries.own_addresses(state))


def _build(state: State) -> Built:
    report = Report()
    network_checks.check(state, report)
    nets = networks.networks(state, report)
    residents = placing.residents(state, nets, report)
    addresses.check(state, residents, report)
    reverse_zones = reverse.reverse_zones(state, tuple(nets.by_name.values()), report)
    reverse_checks.check(state, reverse_zones, report)
    zone_names = _zone_names(state, nets, residents, reverse_zones)
    if not sizes.check(state, zone_names, report):
        return Built(None, report.sorted())
    policies.check(state, zone_names, report)
    secondary_checks.check(state, zone_names, report)
    wan_checks.check(state, report)
    pair_checks.check(state, report)
    scope = Scope(state, nets, zone_names, state.site.zones)
    hosts = naming.named(residents, scope, report)
    view_checks.check(state, zone_names, hosts, report)
    found = _zones(_Parts(state, nets, reverse_zones, zone_names, hosts), report)
    if report.failed:
        return Built(None, report.sorted())
    site = Site(
        state.site.site,
        state.site.dns,
        nets.by_name,
        tuple(item.host for item in hosts),
        found,
        state.site.keys,
        state.bind_hatches,
        state.dnsmasq_hatches,
        tuple(state.site.nodes),
        state.site.wan,
        secondaries=state.site.secondaries,
        own=secondaries.own_addresses(state),
    )
    site = leased.with_lease_zones(views.with_views(site, state), state.site.zones)
    view_checks.check_joined(state, site, views.isolated(state), report)
    site = secondaries.with_secondaries(site, state.site.zones)
    policies.check_static(state, site.zones, report)
    secondary_checks.check_zones(state, site.zones, report)
    return Built(None if report.failed else secondaries.with_catalogs(site), report.sorted())


class _Parts(NamedTuple):
    """What zones are filled from."""

    state: State
    nets: networks.Networks
    reverse_zones: ReverseZones
    names: frozenset[str]
    hosts: list[Named]


def _zones(parts: _Parts, report: Report) -> dict[str, SiteZone]:
    """All versions of all zones; those that are seen in the same views are filled together."""
    together: dict[Views, list[Version]] = {}
    for version in views.versions(parts.state, parts.names):
        together.setdefault(version.seen, []).append(version)
    found: dict[str, SiteZone] = {}
    for seen, wanted in together.items():
        others = (version for other, item in together.items() if other & seen for version in item)
        beside = frozenset(version.zone for version in (*wanted, *others))
        found |= _filled(parts, wanted, beside, report)
    return found


def _filled(parts: _Parts, wanted: list[Version], beside: frozenset[str], report: Report) -> dict[str, SiteZone]:
    """Versions with the same views, with the records that are for these. beside: zones that can be seen with them."""
    state, _, reverse_zones, names, _ = parts
    seen = wanted[0].seen
    hosts = views.visible(parts.hosts, seen)
    files = views.of_views(state.zone_files, seen)
    shared = [file for file in files if not file.view]
    networks_by_name = parts.nets.by_name
    data = ZoneRecords(names)
    ttls = zones.default_ttls(state, sorted(names))
    zones.add_files(shared, data, ttls)
    zones.add_hosts(hosts, data)
    zones.replace_by_files([file for file in files if file.view], data, ttls)
    for zone, record in list(reverse.pointers(hosts, networks_by_name, reverse_zones, data, ttls)):
        data.add(zone, record)
    models = reverse.domains(reverse_zones, tuple(networks_by_name.values()))
    bare = zones.add_nameservers(state, data, ttls, models)
    policies.check_nameservers(state, [zone for zone in bare if zone in {item.zone for item in wanted}], report)
    told = name_checks.check(hosts, shared, report)
    records.check(state, data, hosts, told, report)
    if report.failed:
        return {}
    zones.add_delegations(data, beside)
    reverse.classless_links(reverse_zones, data, ttls, beside)
    return zones.site_zones(state, data, ttls, wanted)


def _zone_names(
    state: State,
    nets: networks.Networks,
    residents: list[Resident],
    reverse_zones: ReverseZones,
) -> frozenset[str]:
    """One zone per network domain, per file and per reverse zone; the site's domain if a host needs it."""
    found = {network.domain for network in nets.by_name.values()}
    found.update(file.zone for file in state.zone_files)
    found.update(reverse_zones.zones)
    if state.site.domain is not None and any(
        resident.home is None and not naming.is_absolute(resident.entry.name) for resident in residents
    ):
        found.add(state.site.domain)
    return frozenset(found)
