"""Joins what was found into a state: networks, hosts, zones, hatches, settings; and has it checked in memory."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address

from reconciler.dns import names
from reconciler.dns.reverse import parse_zone
from reconciler.importing import joining, people, planning, settings, views
from reconciler.importing.draft import Draft, ZoneDraft
from reconciler.importing.found import (
    Address,
    Fate,
    FoundDhcp,
    FoundDns,
    FoundSecret,
    FoundWan,
    FoundZone,
    Line,
)
from reconciler.importing.ledger import Ledger
from reconciler.importing.leftover import Leftover
from reconciler.importing.networks import Planned
from reconciler.importing.scene import Scene
from reconciler.importing.settle import Settled, settle

JOINED_AT_MOST = 100_000
"""Records of a zone whose hosts are joined; a larger one is written as a plain master file."""

_NOTHING_KNOWN = "home.arpa."
"""For homes that have no domain (RFC 8375)."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Joined:
    """A state ready to be written, and all that is to be told. names: what dnsmasq answered, for comparing."""

    settled: Settled
    zones: tuple[FoundZone, ...]
    secrets: tuple[FoundSecret, ...]
    names: frozenset[tuple[str, Address]]
    lines: tuple[Line, ...]
    guesses: tuple[str, ...]
    counts: Mapping[str, int]


def join(dns: FoundDns, dhcp: FoundDhcp, wan: FoundWan, *, site: str, progress: Progress) -> Joined:
    """The state. Raises Refused where none can be made; nothing is written here."""
    ledger = Ledger((*dns.lines, *dhcp.lines, *wan.lines))
    work = _Work(dns, dhcp, wan, ledger)
    progress("joining networks and hosts")
    draft = work.draft(site)
    settled = settle(draft, work.seen.by_view, dhcp, ledger, progress)
    counts = {
        "hosts": len(draft.hosts),
        "joined": sum(bool(person.macs) for person in draft.hosts.values()),
        "networks": len(draft.site.get("networks", {})),
        "zones": len(settled.site.zones),
        "records": sum(len(zone.records) for zone in draft.zones) - len(people.served(draft.hosts)),
        "raw": len(draft.hatch),
    }
    return Joined(
        settled,
        tuple(work.seen.by_view.values()),
        (*dns.secrets, *wan.secrets),
        work.old_names(),
        ledger.lines,
        ledger.guesses,
        counts,
    )


class _Work:
    def __init__(self, dns: FoundDns, dhcp: FoundDhcp, wan: FoundWan, ledger: Ledger) -> None:
        self._dns, self._dhcp, self._wan, self._ledger = dns, dhcp, wan, ledger
        self.seen = views.arrange(dns)
        self._networks: list[Planned] = []
        self._scene = Scene((), (), (), "")

    def draft(self, site: str) -> Draft:
        """Everything in its place, unchecked."""
        self._networks = planning.plan(replace(self._dns, zones=self.seen.joined), self._dhcp, self._ledger)
        default = self._default_domain()
        self._domains(default)
        self._no_reverse()
        self._scene = Scene(self._joinable(), self._networks, self._ours(default), default)
        found = joining.join(self._scene, self._dhcp, self._ledger)
        if any("." not in item.name for item in self._dhcp.names):
            self._ledger.guess("bare names of hosts files are answered with their domain only; clients complete them")
        self.seen.mark(found.hosts, self._scene.ours)
        written = settings.Site(self._dns, self._dhcp, self._wan, self._scene, self.seen, self._ledger)
        draft = Draft(
            self._scene,
            written.document(site),
            found.hosts,
            self._zones(),
            [],
            dict(self._dns.hatches),
            self.seen.inside,
        )
        rest = Leftover(self._dhcp, self._scene, self.seen, self._ledger)
        rest.records(draft, found)
        rest.hatch(draft, found)
        return draft

    def _default_domain(self) -> str:
        """The domain of bare names."""
        forward = [zone.name for zone in self.seen.shared if not zone.name.endswith(".arpa.")]
        choices = [self._dhcp.domains.get(None, ""), *self._dhcp.local, *self._dhcp.domains.values(), *forward]
        found = next((name for name in choices if name and name != "." and not name.endswith(".arpa.")), "")
        bare = [item for item in self._dhcp.names if "." not in item.name]
        if not found and (bare or self._dhcp.ranges or self._dhcp.reservations):
            self._ledger.guess("the domain home.arpa (RFC 8375), as no file names one")
            return _NOTHING_KNOWN
        return found

    def _domains(self, default: str) -> None:
        """Networks whose hosts are nearly all in one zone have its name as domain."""
        zones = {zone.name for zone in self.seen.shared}
        counts: dict[str, Counter[str]] = {}
        by_prefix = Scene((), self._networks, (), "")
        for zone in self.seen.joined:
            for record in zone.records if len(zone.records) <= JOINED_AT_MOST else ():
                if record.rtype in ("A", "AAAA") and record.owner != zone.name and names.parent(record.owner) in zones:
                    home = by_prefix.home(ip_address(record.rdata))
                    if home:
                        counts.setdefault(home, Counter())[zone.name] += 1
        for network in self._networks:
            if not network.domain and network.name in counts:
                network.domain = counts[network.name].most_common(1)[0][0]
            if not network.domain and not default:
                network.domain = _NOTHING_KNOWN
                self._ledger.guess(f"the domain home.arpa (RFC 8375) for network {network.name}")

    def _no_reverse(self) -> None:
        """Where named serves and has no reverse zone of a network, none is made."""
        if not self._dns.zones:
            return
        found = [parsed.network for zone in self.seen.shared if (parsed := parse_zone(zone.name)) is not None]
        for network in self._networks:
            own = [prefix for prefix in (network.ipv4, network.ipv6) if prefix is not None]
            if not network.reverse and not any(zone.overlaps(prefix) for zone in found for prefix in own):
                network.reverse = ["no"]
                what = f"network {network.name} gets no reverse zone, as named.conf has none"
                self._ledger.guess(f"{what}; remove `reverse: no` to have one made")

    def _joinable(self) -> list[FoundZone]:
        found = []
        for zone in self.seen.joined:
            if len(zone.records) <= JOINED_AT_MOST:
                found.append(zone)
            else:
                what = f"zone {zone.name} has {len(zone.records)} records, so it is a plain master file"
                self._ledger.guess(f"{what}: hosts of more than {JOINED_AT_MOST} are not joined")
        return found

    def _ours(self, default: str) -> set[str]:
        ours = {zone.name for zone in self.seen.shared} | {network.domain for network in self._networks} - {""}
        needs_default = any(not network.domain for network in self._networks) or None in self._dhcp.domains
        if default and (needs_default or any("." not in item.name for item in self._dhcp.names)):
            ours.add(default)
        for name, (path, number) in self._dhcp.local.items():
            if not any(names.is_under(name, zone) for zone in ours):
                self._ledger.mark(path, number, Fate.HATCH, "a domain that no network has")
        return ours

    def _zones(self) -> list[ZoneDraft]:
        """Master files of named's zones; what differs by view in files of its own."""
        return [
            *(ZoneDraft(zone.name, list(zone.records), zone.soa, zone.serial) for zone in self.seen.shared),
            *(ZoneDraft(zone.name, list(zone.records), zone.soa, zone.serial, zone.view) for zone in self.seen.own),
        ]

    def old_names(self) -> frozenset[tuple[str, Address]]:
        """(absolute name, address) for every name of hosts files and `host-record=`."""
        if not self._dhcp.dns:
            return frozenset()
        return frozenset(
            (self._scene.completed(text, self._scene.home(item.address)), item.address)
            for item in self._dhcp.names
            for text in (item.name, *item.aliases)
            if "." in text or self._scene.domain(self._scene.home(item.address))
        )
