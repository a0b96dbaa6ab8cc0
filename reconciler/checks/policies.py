"""Checks of `zones:`, `keys:` and `dns:`, and of sections that this release does not act on."""

from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches

from reconciler.checks.report import Origin, Report
from reconciler.dns import names
from reconciler.errors import BadName
from reconciler.site import SiteZone
from reconciler.state.model import State
from reconciler.state.schema import ZonePolicy


def zone_setting(state: State, zone: str, *keys: str | int) -> Origin:
    """Place of a setting under `zones:`, where the zone may be written without last dot or in upper case."""
    places = state.site_locator.places
    for text in (zone[:-1], zone):
        if ("zones", text) in places:
            return state.site_locator.at("zones", text, *keys)
    for path in places:
        if len(path) == 2 and path[0] == "zones" and names.parse(str(path[1])) == zone:
            return state.site_locator.at(*path, *keys)
    return state.site_locator.at("zones")


def check(state: State, zones: Collection[str], report: Report) -> None:
    """Find settings of zones that cannot work, and settings without effect."""
    for zone, policy in state.site.zones.items():
        if zone not in zones:
            close = get_close_matches(zone, sorted(zones), n=1)
            report.error(
                zone_setting(state, zone),
                f"there is no zone {zone}",
                f"perhaps {close[0]} is meant" if close else f"add zones/{names.filename(zone)}.yaml, or remove this",
            )
        _check_dynamic(state, zone, policy, report)
        _check_rules(state, zone, policy, report)
    _check_without_effect(state, report)


def _check_dynamic(state: State, zone: str, policy: ZonePolicy, report: Report) -> None:
    if policy.dynamic and state.site.dns.authoritative != "bind":
        report.error(
            zone_setting(state, zone, "dynamic"),
            f"zone {zone} cannot be dynamic without BIND",
            "set `authoritative: bind` under `dns:`",
        )


def check_static(state: State, zones: Mapping[str, SiteZone], report: Report) -> None:
    """Settings that only a dynamic zone can have; told once it is known which zones are."""
    for zone, policy in state.site.zones.items():
        for key in ("keep", "update"):
            found = [item.dynamic for item in zones.values() if item.zone.name == zone] if getattr(policy, key) else []
            if found and not any(found):
                report.error(
                    zone_setting(state, zone, key),
                    f"`{key}:` has no meaning for zone {zone}, which is static",
                    "set `dynamic: yes`, or remove it",
                )


def _check_rules(state: State, zone: str, policy: ZonePolicy, report: Report) -> None:
    for index, grant in enumerate(policy.update):
        if grant.key not in state.site.keys:
            report.error(
                zone_setting(state, zone, "update", index, "key"),
                f'there is no key "{grant.key}"',
                f"add it under `keys:`, which has {', '.join(state.site.keys) or 'none'}",
            )
    for key in ("keep", "update"):
        for index, rule in enumerate(getattr(policy, key)):
            try:
                inside = names.is_under(names.parse(rule.name, zone), zone)
            except BadName as error:
                report.error(zone_setting(state, zone, key, index, "name"), str(error))
                continue
            if not inside:
                place = zone_setting(state, zone, key, index, "name")
                report.error(place, f"{rule.name} is not in zone {zone}")


def _check_without_effect(state: State, report: Report) -> None:
    site, at = state.site, state.site_locator.at
    for name, network in site.networks.items():
        if network.isolated and site.dns.clients_ask == "bind" and site.dns.authoritative != "bind":
            report.warn(
                at("networks", name, "isolated"),
                f'network "{name}" is isolated from nothing, since no server answers for this site\'s names',
                "set `authoritative: bind` under `dns:`, or remove `isolated:`",
            )


def check_nameservers(state: State, bare: Sequence[str], report: Report) -> None:
    """Zones that BIND serves need name servers (RFC 1035 section 3.3.11); `bare` are those without."""
    if bare and state.site.dns.authoritative == "bind":
        domain = state.site.domain or next(
            (network.domain for network in state.site.networks.values() if network.domain), "example.org."
        )
        report.error(
            state.site_locator.at("dns"),
            f"no name server is known for {', '.join(bare)}",
            f"add `nameservers: [ns1.{domain}]` under `dns:`, with the names of the servers",
        )
    for index, name in enumerate(state.site.dns.nameservers):
        if len(names.labels(name)) < 2:
            report.error(
                state.site_locator.at("dns", "nameservers", index),
                f"name server {name} has no domain",
                "write its full name, such as ns1.example.org",
            )
