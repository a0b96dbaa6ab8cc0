"""What no host says: records of dnsmasq, raw lines, names in no zone of ours."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from reconciler.dns import names
from reconciler.importing.draft import Draft, HatchLine
from reconciler.importing.found import INHERIT, Fate, FoundDhcp, FoundRecord
from reconciler.importing.ledger import Ledger
from reconciler.importing.people import People
from reconciler.importing.scene import Scene
from reconciler.importing.views import Seen
from reconciler.state import hatches

_LARGEST_HATCH = hatches.LIMIT - 65536
"""Octets."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """Puts it where it belongs."""

    dhcp: FoundDhcp
    scene: Scene
    seen: Seen
    ledger: Ledger

    def records(self, draft: Draft, found: People) -> None:
        """Records of dnsmasq: aliases of hosts, records in zones of ours, or raw lines."""
        served = {(record.owner, record.rtype) for zone in self.seen.joined for record in zone.records}
        for record in [*found.records, *map(self._completed, self.dhcp.records)]:
            zone = self.scene.zone_of(record.owner)
            host = draft.hosts.get(record.rdata) if record.rtype == "CNAME" else None
            free = (record.owner, record.rtype) not in served and record.owner not in draft.hosts
            if record.rtype == "PTR":
                self._pointer(draft, record)
            elif zone is None or (record.rtype == "CNAME" and self.scene.zone_of(record.rdata) is None):
                name = record.owner if zone is None else record.rdata
                self.ledger.mark(record.path, record.number, Fate.HATCH, f"no zone of the site holds {name}")
            elif host is not None and host.extra and free and record.ttl == INHERIT:
                host.aliases[record.owner] = None
                host.places[record.path, record.number] = None
                self.ledger.note(record.path, record.number, f"an alias of host {host.name}")
            elif (record.owner, record.rtype) in served:
                self.ledger.mark(record.path, record.number, Fate.LEFT, f"named answers for {record.owner}")
            else:
                draft.add(record)
                self.ledger.note(record.path, record.number, f"a record in zones/: {record.owner}")

    def _completed(self, record: FoundRecord) -> FoundRecord:
        """Bare names get the default domain, as clients' resolvers complete them."""
        domain = self.scene.default_domain
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
                self.ledger.note(record.path, record.number, f"`ptr:` of host {person.name}")
                return
        self.ledger.mark(record.path, record.number, Fate.HATCH, "the reverse name of no host of the site")

    def hatch(self, draft: Draft, found: People) -> None:
        """All lines whose fate is a hatch, with the tags that networks have now; and names in no zone of ours."""
        tags = {tag: network.name for network in self.scene.networks.values() for tag in network.tags}
        tags = {tag: name for tag, name in tags.items() if tag not in self.dhcp.interfaces}
        for line in self.ledger.lines:
            if line.text == "no-resolv" and self.dhcp.forwarders:
                self.ledger.mark(line.path, line.number, Fate.TAKEN, "dns.forwarders")
                continue
            raw = self.dhcp.raw.get((line.path, line.number))
            if raw is not None and line.fate is Fate.HATCH and self._asks_bind(raw):
                self.ledger.mark(line.path, line.number, Fate.TAKEN, "dnsmasq asks BIND for BIND's zones by itself")
                continue
            if line.fate is Fate.HATCH and raw is not None:
                text = re.sub(r"\btag:(!?)([^,\s]+)", lambda match: _tag(match, tags), raw)
                draft.hatch.append(HatchLine(text, line.path, line.number))
                if text != raw:
                    self.ledger.mark(line.path, line.number, Fate.HATCH, f"{line.note}; tags are now the networks'")
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
            if not self.dhcp.dns or not texts:
                self.ledger.mark(item.path, item.number, Fate.LEFT, "a name without a domain, in no network")
            elif size > _LARGEST_HATCH:
                why = "too many names that no zone of the site holds; node.yaml can allow `addn-hosts` in a hatch"
                self.ledger.mark(item.path, item.number, Fate.LEFT, why)
            else:
                draft.hatch += [HatchLine(text, item.path, item.number) for text in texts]
                why = "no zone of the site holds the name: `host-record=`"
                self.ledger.mark(item.path, item.number, Fate.HATCH, why)


def _tag(match: re.Match[str], tags: Mapping[str, str]) -> str:
    return f"tag:{match[1]}net-{tags[match[2]]}" if match[2] in tags else match[0]
