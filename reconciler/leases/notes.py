"""What leases do to a change of the state, as sentences for the plan. Pure.

Only DHCPv4 reservations are told of: what dnsmasq does with a client that holds another lease is known (rfc2131.c).
"""

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from reconciler.dns.reverse import Address
from reconciler.leases.contest import Holders
from reconciler.leases.labels import sanitise
from reconciler.leases.lease import Lease
from reconciler.leases.policy import DEFAULT_LEASE, Statics
from reconciler.site import Site, SiteHost

MOST = 10


@dataclass(frozen=True, slots=True)
class Standing:
    """The leases in force and who holds which name by them; now: Unix time; text: a Unix time for a person."""

    leases: Mapping[Address, Lease]
    holders: Holders
    now: float
    text: Callable[[int], str]


def notes(
    old: Site | None, new: Site, networks: Container[str], statics: Statics, standing: Standing
) -> tuple[str, ...]:
    """At most MOST sentences, and how many more there would be.

    old: the site that is served, None where nothing is known of it: then all of `new` counts as changed. networks:
    those whose reservations the change touches. statics: of `new`.
    """
    found = _names(statics, standing)
    if networks:
        found += _reservations(old, new, networks, standing)
    more = len(found) - MOST
    return (*islice(found, MOST), *((f"leases have a say in {more} more changes",) if more > 0 else ()))


def _names(statics: Statics, standing: Standing) -> list[str]:
    """Names that leases hold and the state takes."""
    taken = sorted(owner for owner in standing.holders if owner in statics.names)
    if not taken:
        return []
    addresses: dict[str, Address] = {}
    for address, lease in sorted(standing.leases.items(), key=lambda item: (item[0].version, int(item[0]))):
        for key in (f"mac:{lease.mac}", f"duid:{lease.duid}", f"id:{lease.client_id}", f"ip:{address}"):
            addresses.setdefault(key, address)
    # The client that the state names so keeps its name.
    own = {(host.name, f"mac:{mac}") for (_, mac), host in statics.reservations.items()}
    found = []
    for owner in taken:
        keys = standing.holders[owner].split()
        if not any((owner, key) in own for key in keys):
            where = next((f" ({addresses[key]})" for key in keys if key in addresses), "")
            found.append(f"{owner} is held by a lease{where}: the static name takes it at once")
    return found


def _reservations(old: Site | None, new: Site, networks: Container[str], standing: Standing) -> list[str]:
    """Reservations that the change brings, whose address or client has a lease that does not fit."""
    unchanged = {_essence(host) for host in old.hosts if host.network in networks} if old else set()
    hosts = [host for host in new.hosts if host.network in networks and host.macs and host.ipv4]
    hosts = [host for host in hosts if _essence(host) not in unchanged]
    wanted = {mac for host in hosts for mac in host.macs}
    by_mac: dict[str, list[Lease]] = {}
    for lease in standing.leases.values():
        if lease.mac in wanted and lease.mac is not None and lease.address.version == 4:
            by_mac.setdefault(lease.mac, []).append(lease)
    return [text for host in hosts for text in _reservation(host, old or new, new, by_mac, standing)]


def _essence(host: SiteHost) -> tuple[object, ...]:
    return host.name, host.network, host.macs, host.ipv4[:1]


def _reservation(
    host: SiteHost, old: Site, new: Site, by_mac: Mapping[str, list[Lease]], standing: Standing
) -> Iterator[str]:
    network = new.networks[host.network or ""]
    name, address = host.name.removesuffix(f".{network.domain}"), host.ipv4[0]
    span = _lease_time(old if host.network in old.networks else new, network.name)
    there = standing.leases.get(address)
    if there is not None and there.mac not in host.macs:
        held = f"{address} is leased to {_who(there)} {_until(there, standing)}"
        yield f"{held}; {name} gets it {_when(there, span, standing)}"
        return
    prefix = network.settings.ipv4
    for lease in (lease for mac in host.macs for lease in by_mac.get(mac, ())):
        if lease.address == address or prefix is None or lease.address not in prefix:
            continue
        renewal = _renewal(lease, span, standing)
        held = f"{name} holds {lease.address} {_until(lease, standing)}"
        if renewal is not None:
            yield f"{held} and renews by {standing.text(renewal)} (half time): it moves to {address} then"
        else:
            yield f"{held}: it moves to {address} when it renews"


def _who(lease: Lease) -> str:
    """The client; its own name only as far as it could stand in DNS."""
    name = sanitise(lease.name) if lease.name else None
    identity = lease.mac or lease.client_id or "an unknown client"
    return f"{identity} ({name})" if name else identity


def _until(lease: Lease, standing: Standing) -> str:
    return "without end" if lease.expires is None else f"until {standing.text(lease.expires)}"


def _when(lease: Lease, span: int, standing: Standing) -> str:
    """dnsmasq refuses to renew a lease of an address that is reserved for another by now."""
    renewal = _renewal(lease, span, standing)
    due = f", due by {standing.text(renewal)}," if renewal is not None else ""
    return f"when that lease ends or is released, or its renewal{due} is refused"


def _renewal(lease: Lease, span: int, standing: Standing) -> int | None:
    """When the client is to renew: at half of the lease time (T1, RFC 2131 section 4.4.5); None: no moment to tell."""
    moment = lease.expires - span // 2 if lease.expires is not None else None
    return moment if moment is not None and moment > standing.now else None


def _lease_time(site: Site, network: str) -> int:
    dhcp = site.networks[network].settings.dhcp
    return dhcp.lease if dhcp else DEFAULT_LEASE
