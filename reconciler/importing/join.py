"""Joins what was found into a state: networks, hosts, zones, hatches, settings; and has it checked in memory."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address

from reconciler.dns import names
from reconciler.dns.reverse import parse_zone
from reconciler.importing import joining, people, planning, settings, views
from reconciler.importing.draft import Draft, HatchLine, ZoneDraft
from reconciler.importing.found import (
    INHERIT,
    Address,
    Fate,
    FoundDhcp,
    FoundDns,
    FoundRecord,
    FoundSecret,
    FoundWan,
    FoundZone,
    Line,
)
from reconciler.importing.ledger import Ledger
from reconciler.importing.networks import Planned
from reconciler.importing.people import People
from reconciler.importing.scene import Scene
from reconciler.importing.settle import Settled, settle
from reconciler.state import hatches

JOINED_AT_MOST = 100_000
"""Records of a zone whose hosts are joined; a larger one is written as a plain master file."""

_LARGEST_HATCH = hatches.LIMIT - 65536
"""Octets."""

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
        self.seen = views.arrange(dns, ledger)
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
        self._plain_records(draft, found)
        self._hatch(draft, found)
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

    def _plain_records(self, draft: Draft, found: People) -> None:
        """Records of dnsmasq: aliases of hosts, records in zones of ours, or raw lines."""
        served = {(record.owner, record.rtype) for zone in self.seen.joined for record in zone.records}
        for record in [*found.records, *map(self._completed, self._dhcp.records)]:
            zone = self._scene.zone_of(record.owner)
            host = draft.hosts.get(record.rdata) if record.rtype == "CNAME" else None
            free = (record.owner, record.rtype) not in served and record.owner not in draft.hosts
            if record.rtype == "PTR":
                self._pointer(draft, record)
            elif zone is None or (record.rtype == "CNAME" and self._scene.zone_of(record.rdata) is None):
                name = record.owner if zone is None else record.rdata
                self._ledger.mark(record.path, record.number, Fate.HATCH, f"no zone of the site holds {name}")
            elif host is not None and host.extra and free and record.ttl == INHERIT:
                host.aliases[record.owner] = None
                host.places[record.path, record.number] = None
                self._ledger.note(record.path, record.number, f"an alias of host {host.name}")
            elif (record.owner, record.rtype) in served:
                self._ledger.mark(record.path, record.number, Fate.LEFT, f"named answers for {record.owner}")
            else:
                draft.add(record)
                self._ledger.note(record.path, record.number, f"a record in zones/: {record.owner}")

    def _completed(self, record: FoundRecord) -> FoundRecord:
        """Bare names get the default domain, as clients' resolvers complete them."""
        domain = self._scene.default_domain
        if not domain or record.owner.endswith(".arpa."):
            return record
        owner = names.parse(record.owner[:-1], domain) if record.owner.count(".") == 1 else record.owner
        rdata = record.rdata
        if record.rtype in ("CNAME", "MX", "SRV"):
            rdata = re.sub(r"(^| )([^ .]+)\.$", lambda match: f"{match[1]}{match[2]}.{domain}", rdata)
        return replace(record, owner=owner, rdata=rdata)

    def _pointer(self, draft: Draft, record: FoundRecord) -> None:
        """`ptr-record` for the only address of a host is its `ptr:`."""
        for person in draft.hosts.values():
            if person.extra and [address.reverse_pointer + "." for address in person.addresses] == [record.owner]:
                person.ptr = "" if record.rdata == person.name else record.rdata
                self._ledger.note(record.path, record.number, f"`ptr:` of host {person.name}")
                return
        self._ledger.mark(record.path, record.number, Fate.HATCH, "the reverse name of no host of the site")

    def _hatch(self, draft: Draft, found: People) -> None:
        """All lines whose fate is a hatch, with the tags that networks have now; and names in no zone of ours."""
        tags = {tag: network.name for network in self._networks for tag in network.tags}
        tags = {tag: name for tag, name in tags.items() if tag not in self._dhcp.interfaces}
        for line in self._ledger.lines:
            if line.text == "no-resolv" and self._dhcp.forwarders:
                self._ledger.mark(line.path, line.number, Fate.TAKEN, "dns.forwarders")
                continue
            raw = self._dhcp.raw.get((line.path, line.number))
            if raw is not None and line.fate is Fate.HATCH and self._asks_bind(raw):
                self._ledger.mark(line.path, line.number, Fate.TAKEN, "dnsmasq asks BIND for BIND's zones by itself")
                continue
            if line.fate is Fate.HATCH and raw is not None:
                text = re.sub(r"\btag:(!?)([^,\s]+)", lambda match: _tag(match, tags), raw)
                draft.hatch.append(HatchLine(text, line.path, line.number))
                if text != raw:
                    self._ledger.mark(line.path, line.number, Fate.HATCH, f"{line.note}; tags are now the networks'")
        self._homeless(draft, found)

    def _asks_bind(self, raw: str) -> bool:
        """`server=/ZONE/ADDRESS` for zones that named has here."""
        key, _, value = raw.partition("=")
        domains = [text for text in value.split("/")[1:-1] if text]
        known = {zone.name for zone in self.seen.shared}
        return key.strip() == "server" and bool(domains) and known.issuperset(f"{text.lower()}." for text in domains)

    def _homeless(self, draft: Draft, found: People) -> None:
        """Names in no zone of ours, as `host-record=`; of a block list there are too many."""
        size = sum(len(line.text) + 1 for line in draft.hatch)
        for item in found.homeless:
            owners = [name for name in (item.name, *item.aliases) if "." in name]
            texts = [f"host-record={owner.rstrip('.')},{item.address}" for owner in owners]
            size += sum(len(text) + 1 for text in texts)
            if not self._dhcp.dns or not texts:
                self._ledger.mark(item.path, item.number, Fate.LEFT, "a name without a domain, in no network")
            elif size > _LARGEST_HATCH:
                why = "too many names that no zone of the site holds; node.yaml can allow `addn-hosts` in a hatch"
                self._ledger.mark(item.path, item.number, Fate.LEFT, why)
            else:
                draft.hatch += [HatchLine(text, item.path, item.number) for text in texts]
                why = "no zone of the site holds the name: `host-record=`"
                self._ledger.mark(item.path, item.number, Fate.HATCH, why)

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


def _tag(match: re.Match[str], tags: Mapping[str, str]) -> str:
    return f"tag:{match[1]}net-{tags[match[2]]}" if match[2] in tags else match[0]
