"""Views of named.conf: what all have alike is written once, what differs in a file of each view."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from reconciler.checks.lookup import enclosing
from reconciler.dns.records import Key, RRset, group
from reconciler.importing.found import FoundDns, FoundView, FoundZone
from reconciler.importing.people import Person


@dataclass(frozen=True, slots=True)
class Seen:
    """Zones by how they are written. shared: what all views of a zone have. own: what one view has otherwise.

    by_view: every version that the state is to serve, as found. documents: `views:` of site.yaml; by_zone: those of
    each zone. inside: the view that has all zones; joined: whole zones as it has them.
    """

    shared: tuple[FoundZone, ...]
    own: tuple[FoundZone, ...]
    by_view: Mapping[tuple[str, str], FoundZone]
    documents: Mapping[str, Any]
    by_zone: Mapping[str, tuple[str, ...]]
    joined: tuple[FoundZone, ...]
    inside: str = ""

    def apart(self, zone: str) -> bool:
        """Whether a zone has a version of its own for each of several views."""
        return len(self.by_zone.get(zone, ())) > 1

    def mark(self, hosts: Mapping[str, Person], zones: frozenset[str]) -> None:
        """Give hosts that are known inside alone their view; what all views have alike stays a record then."""
        if not any(map(self.apart, self.by_zone)):
            return
        alike = {(item.owner, item.rtype, item.rdata) for zone in self.shared for item in zone.records}
        for person in hosts.values():
            home = enclosing(person.name, zones) or ""
            own = [row for row in person.served if row[1] != "PTR"]
            if not self.apart(home) or (own and alike.issuperset(own)):
                continue
            person.view = self.inside
            stay = {row for row in person.served if row in alike and self.apart(enclosing(row[0], zones) or "")}
            person.served = [row for row in person.served if row not in stay]
            for owner, rtype, _ in stay:
                if rtype == "CNAME":
                    person.aliases.pop(owner, None)


def arrange(dns: FoundDns) -> Seen:
    """Take the zones apart."""
    versions: dict[str, dict[str, FoundZone]] = {}
    for zone in dns.zones:
        versions.setdefault(zone.name, {})[zone.view] = zone
    if not dns.views:
        by_view = {(zone.name, zone.view): zone for zone in dns.zones}
        return Seen(dns.zones, (), by_view, {}, {}, dns.zones)
    shared: list[FoundZone] = []
    own: list[FoundZone] = []
    for found in versions.values():
        alike, different = _split(found)
        shared.append(alike)
        own += different
    by_view = {(zone.name, zone.view): zone for zone in dns.zones}
    by_zone = {name: tuple(found) for name, found in versions.items()}
    documents = _documents(dns.views)
    inside = next((name for name, view in documents.items() if "zones" in view), "")
    joined = tuple(versions[zone.name].get(inside, zone) for zone in shared)
    return Seen(tuple(shared), tuple(own), by_view, documents, by_zone, joined, inside)


def _inside(view: FoundView) -> tuple[int, int]:
    """Sorts views with the site's own clients first."""
    return ("any" in view.clients, not view.recursion)


def _split(found: Mapping[str, FoundZone]) -> tuple[FoundZone, list[FoundZone]]:
    """What all versions have alike, and for each view its other RRsets; an RRset of a view replaces the shared one."""
    zones = list(found.values())
    first = zones[0]
    if len(zones) == 1:
        return first, []
    grouped: list[dict[Key, RRset]] = [
        group((item.owner, item.ttl, item.rtype, item.rdata) for item in zone.records) for zone in zones
    ]
    alike = {key for key, rrset in grouped[0].items() if all(other.get(key) == rrset for other in grouped[1:])}
    same_soa = all(zone.soa == first.soa for zone in zones)
    shared = replace(first, view="", records=tuple(item for item in first.records if (item.owner, item.rtype) in alike))
    own = [
        replace(zone, records=tuple(item for item in zone.records if (item.owner, item.rtype) not in alike))
        for zone in zones
    ]
    return shared, [zone for zone in own if zone.records or not same_soa]


def _documents(views: tuple[FoundView, ...]) -> dict[str, Any]:
    """`views:` of site.yaml. The first that is not for everybody has the zones that name no view."""
    whole = next((view.name for view in views if "any" not in view.clients), views[0].name)
    return {
        view.name: {
            "clients": list(view.clients),
            **({"zones": "all"} if view.name == whole else {}),
            "recursion": "yes" if view.recursion else "no",
        }
        for view in views
    }
