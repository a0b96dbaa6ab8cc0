"""The site that a draft makes against the zones that were found: what differs, and which host makes it differ."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.dns.records import Key, RRset, group
from reconciler.dns.reverse import ptr_name
from reconciler.importing.draft import Draft
from reconciler.importing.found import INHERIT, FoundZone
from reconciler.importing.people import Person
from reconciler.site import Site, SiteZone


@dataclass(slots=True)
class Comparison:
    """zones: as found, by name and view. gone: (view, owner, type, data) of records that could not be taken."""

    draft: Draft
    zones: Mapping[tuple[str, str], FoundZone]
    gone: set[tuple[str, str, str, str]]

    def additions(self, site: Site) -> dict[str, frozenset[Key]]:
        """Keys of what hosts and plain names of dnsmasq add to zones that named serves."""
        keys: set[Key] = set()
        for person in self.draft.hosts.values():
            served = {(owner, rtype) for owner, rtype, _ in person.served}
            mine: set[Key] = {(alias, "CNAME") for alias in person.aliases}
            if person.extra:
                mine |= {(person.name, "A"), (person.name, "AAAA")}
                mine |= {(owner, "PTR") for address in person.addresses for owner in self._pointers(address)}
            keys |= mine - served
        for draft in self.draft.zones:
            keys |= {(item.owner, item.rtype) for item in draft.records if item.ttl == INHERIT}
        found: dict[str, frozenset[Key]] = {}
        for item in site.zones.values():  # A zone can have several versions.
            name = item.zone.name
            found[name] = found.get(name, frozenset()) | (keys & item.zone.rrsets.keys())
        return {name: items for name, items in found.items() if items}

    def _pointers(self, address: Any) -> tuple[str, ...]:
        place = self.draft.scene.pointer(address)
        return (ptr_name(address), place[1]) if place else (ptr_name(address),)

    def compare(self, site: Site, additions: Mapping[str, frozenset[Key]]) -> tuple[list[Person], list[str]]:
        """Hosts that make a zone differ, and differences that are nobody's."""
        owners: dict[str, Person] = {}
        for person in self.draft.hosts.values():
            owners |= dict.fromkeys((person.name, *person.aliases), person)
            for address in person.addresses:
                owners |= dict.fromkeys(self._pointers(address), person)
        blamed: dict[int, Person] = {}
        differences: list[str] = []
        built = {(item.zone.name, item.zone.view): item for item in site.zones.values()}
        for (name, view), zone in self.zones.items():
            item = built.get((name, view)) or built.get((name, ""))
            for key, text in self._differing(zone, item, additions.get(name, frozenset())):
                who = owners.get(key[0])
                if who is not None:
                    blamed[id(who)] = who
                else:
                    differences.append(f"zone {name}{f' in view {view}' if view else ''}: {text}")
        return list(blamed.values()), differences

    def _differing(self, zone: FoundZone, item: SiteZone | None, added: frozenset[Key]) -> list[tuple[Key, str]]:
        found = group(
            (record.owner, record.ttl, record.rtype, record.rdata)
            for record in zone.records
            if not {
                (zone.view, record.owner, record.rtype, record.rdata),
                ("", record.owner, record.rtype, record.rdata),
            }
            & self.gone
        )
        built: Mapping[Key, RRset] = item.zone.rrsets if item is not None else {}
        wrong: list[tuple[Key, str]] = []
        for key, rrset in found.items():
            now = built.get(key)
            whole = now is not None and key in added and set(rrset.rdatas) <= set(now.rdatas)
            if now != rrset and not whole:
                wrong.append((key, f"{key[0]} {key[1]} was {_short(rrset)}, is {_short(now)}"))
        wrong += [
            (key, f"{key[0]} {key[1]} is new: {_short(rrset)}")
            for key, rrset in built.items()
            if key not in found and key not in added
        ]
        return wrong


def _short(rrset: RRset | None) -> str:
    if rrset is None:
        return "not there"
    text = f"{rrset.ttl} {', '.join(rrset.rdatas[:3])}"
    return f"{text} …" if len(rrset.rdatas) > 3 else text
