"""Which leases belong to one client.

A client is a key: `mac:…` where the MAC address is known, else `duid:…`, `id:…` (DHCPv4 client identifier) or `ip:…`.
A DHCPv6 lease finds its MAC address, in this order, in the lease file itself, in what dnsmasq told its
`dhcp-script`, in a DHCPv4 lease of the network whose client identifier holds the same DUID (RFC 4361), in the DUID
if a client of the network has that MAC: a DUID is often made from another interface than the one in use. One that
finds none may still be tied by its name, see `tied_by_name`.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence, Set
from typing import NamedTuple

from reconciler.dns.reverse import Address, Network
from reconciler.leases.lease import Lease, duid_of_client_id, mac_of_duid
from reconciler.leases.policy import LeaseNetwork


class Placed(NamedTuple):
    """A lease in its network."""

    lease: Lease
    network: LeaseNetwork


class PrefixTable:
    """Finds the network of an address: the longest prefix that holds it, of equal ones the first by name."""

    def __init__(self, networks: Iterable[LeaseNetwork]) -> None:
        self._tables: dict[int, dict[int, dict[int, LeaseNetwork]]] = {4: {}, 6: {}}
        for network in sorted(networks, key=lambda item: item.name):
            for prefix in network.prefixes:
                self._add(prefix, network)
        self._tables = {version: dict(sorted(tables.items())) for version, tables in self._tables.items()}

    def _add(self, prefix: Network, network: LeaseNetwork) -> None:
        shift = prefix.max_prefixlen - prefix.prefixlen
        table = self._tables[prefix.version].setdefault(shift, {})
        table.setdefault(int(prefix.network_address) >> shift, network)

    def find(self, address: Address) -> LeaseNetwork | None:
        """The network, or None."""
        number = int(address)
        for shift, table in self._tables[address.version].items():
            found = table.get(number >> shift)
            if found is not None:
                return found
        return None


def clients(placed: Sequence[Placed], told: Mapping[str, str], reserved: Container[tuple[str, str]]) -> list[str]:
    """The client of each lease.

    told: MAC address by DUID, as dnsmasq told its dhcp-script. reserved: (network, MAC) that the state knows.
    """
    shared = _shared_duids(placed)
    present = {(network.name, lease.mac) for lease, network in placed if lease.address.version == 4}
    found = []
    for lease, network in placed:
        mac = lease.mac
        if mac is None and lease.duid is not None:
            mac = told.get(lease.duid) or shared.get((network.name, lease.duid))
            if mac is None and (inside := mac_of_duid(lease.duid)) is not None:
                key = network.name, inside
                mac = inside if key in present or key in reserved else None
        if mac is not None:
            found.append(f"mac:{mac}")
        elif lease.duid is not None:
            found.append(f"duid:{lease.duid}")
        elif lease.client_id is not None:
            found.append(f"id:{lease.client_id}")
        else:
            found.append(f"ip:{lease.address}")
    return found


def _shared_duids(placed: Iterable[Placed]) -> dict[tuple[str, str], str]:
    """MAC by (network, DUID) from DHCPv4 leases; a DUID that several MACs claim tells nothing."""
    seen: dict[tuple[str, str], str] = {}
    doubtful = set()
    for lease, network in placed:
        if lease.mac is None or lease.client_id is None:
            continue
        duid = duid_of_client_id(lease.client_id)
        if duid is not None and seen.setdefault((network.name, duid), lease.mac) != lease.mac:
            doubtful.add((network.name, duid))
    return {key: mac for key, mac in seen.items() if key not in doubtful}


class Claim(NamedTuple):
    """A client in a network says that it is called this (absolute name); `version` of the address that says so."""

    network: str
    owner: str
    client: str
    version: int


def tied_by_name(
    claims: Iterable[Claim], with_ipv6: Set[tuple[str, str]], holders: Mapping[str, str]
) -> dict[tuple[str, str], str]:
    """MAC clients by (network, DUID client): IPv6 clients without a MAC that say a DHCPv4 client's name.

    Only where one DHCPv4 client of the network says the name and has no IPv6 lease of its own (`with_ipv6`: (network,
    client)), and one DUID does; of several that one which held the name before (`holders`, as in contest). This
    believes the DUID: a client that says another's name before that one has asked for IPv6 gets an AAAA record of it.
    """
    by_mac: dict[tuple[str, str], set[str]] = defaultdict(set)
    by_duid: dict[tuple[str, str], set[str]] = defaultdict(set)
    for claim in claims:
        if claim.version == 4 and claim.client.startswith("mac:"):
            by_mac[claim.network, claim.owner].add(claim.client)
        elif claim.version == 6 and claim.client.startswith("duid:"):
            by_duid[claim.network, claim.owner].add(claim.client)
    tied: dict[tuple[str, str], str] = {}
    for (network, owner), duids in sorted(by_duid.items()):
        macs = by_mac.get((network, owner), set())
        before = sorted(duids.intersection(holders.get(owner, "").split()))
        candidates = before if before else sorted(duids)
        if len(macs) == len(candidates) == 1 and (network, min(macs)) not in with_ipv6:
            tied.setdefault((network, candidates[0]), min(macs))
    return tied
