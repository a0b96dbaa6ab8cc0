"""Names that no DHCP client may take, and how dnsmasq is told so.

What stands in hosts.d dnsmasq refuses by itself ("not giving name … to the DHCP lease"), at once and also for a lease
that has the name already, but only for addresses of the same family: a name with an A record alone could still get a
client's AAAA. Everything else gets a line `set:reserved,NAME` in reservations.d: a reservation by name, which matches a
client that calls itself so. `dhcp-name-match` would not do: it compares the whole of what the client says, so that
`wpad.internal.example.org` or `wpad.x` goes past it, and is cut to `wpad` afterwards (dnsmasq 2.90, rfc2131.c).

Of several reservations with one name dnsmasq takes the line it read last, and one with a MAC address hides the others
from all other clients. So a file with reservations says at its end which of its names are reserved.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace

from reconciler.deployed import without
from reconciler.dns.names import parent
from reconciler.leases import labels, policy
from reconciler.services.dnsmasq.syntax import is_takeable, name, setting
from reconciler.site import Site, SiteNetwork
from reconciler.state.schema import IPv6Mode

FILE = "names"
TAG = "reserved"
Covered = Set[tuple[str, int]]
"""(owner, IP version) that hosts.d has addresses for."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """Labels that no client can take in any network: dnsmasq compares no more than the label."""

    names: Mapping[str, str]
    """By label the whole name to write. In full: alone, `7d` or `ignore` would be no name there."""

    def lines(self) -> list[str]:
        """Lines of a file in reservations.d."""
        return [_line(self.names[label]) for label in sorted(self.names)]

    def after(self, owners: Iterable[str]) -> list[str]:
        """Lines for the end of a file with reservations for these names (absolute)."""
        labels_of = {owner.partition(".")[0] for owner in owners}
        return [_line(self.names[label]) for label in sorted(labels_of & self.names.keys())]


def settings() -> list[str]:
    """Lines of dnsmasq.conf, the same for every site.

    A name server's number cannot be written otherwise than as a prefix, so `ns1-a` is no name for a client either.
    """
    return [
        *(setting("dhcp-name-match", f"set:{TAG}", f"ns{digit}*") for digit in range(10)),
        setting("dhcp-ignore-names", f"tag:{TAG}"),
    ]


def state_of(site: Site) -> Site:
    """The site without what comes from leases."""
    if not any(item.leases for item in site.zones.values()):
        return site
    zones = {name: replace(item, zone=without(item.zone, item.leases)) for name, item in site.zones.items()}
    return replace(site, zones=zones)


def families(networks: Iterable[SiteNetwork]) -> dict[str, frozenset[int]]:
    """IP versions of leases that can bring a name into a domain, by domain."""
    found: dict[str, frozenset[int]] = {}
    for network in networks:
        given = {
            *({4} if network.settings.dhcp and network.settings.ipv4 else ()),
            *({6} if network.settings.prefix6 and network.settings.ipv6_mode is IPv6Mode.STATEFUL else ()),
        }
        if given and network.settings.lease_names:
            found[network.domain] = found.get(network.domain, frozenset()) | given
    return found


def reserved(state: Site, given: Mapping[str, frozenset[int]], covered: Covered) -> Reserved | None:
    """What `covered` leaves to be reserved, for a site without leases; None where clients get no names.

    given: see `families`.
    """
    if not given:
        return None
    statics = policy.statics(state, state.nodes)
    anywhere = {*labels.SERVICES, *statics.labels, *map(str.lower, state.dns.reserved_names)}
    found = {label: f"{label}.{min(given)}" for label in anywhere}
    for owner in sorted(statics.names):
        versions = given.get(parent(owner), ())
        if any((owner, version) not in covered for version in versions):
            found[owner.partition(".")[0]] = owner
    return Reserved({label: owner for label, owner in found.items() if is_takeable(label)})


def _line(owner: str) -> str:
    return f"set:{TAG},{name(owner)}"
