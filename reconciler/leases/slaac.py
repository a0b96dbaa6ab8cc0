"""Addresses that hosts gave themselves (RFC 4862), as leases of the client that the neighbour table shows behind them.

A client is believed only where its MAC address is known in the network already: by a DHCPv4 lease or by the state. An
address made of that MAC address (EUI-64) is stable. All others count as temporary: from outside nobody can tell a
privacy address (RFC 8981) from a stable opaque one (RFC 7217).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from reconciler.dns.reverse import Address
from reconciler.leases.changes import address_order
from reconciler.leases.clients import PrefixTable
from reconciler.leases.lease import Lease
from reconciler.leases.policy import LeaseNetwork, Statics

GRACE = 600
"""Seconds that an address stays after its entry is gone: entries come and go while their host stays."""

VALID = 172800
"""Seconds that a temporary address stays unconfirmed: TEMP_VALID_LIFETIME (RFC 8981 section 3.8).

The kernel may keep an entry in state STALE for ever, and its host makes a new address each day.
"""

MOST = 16
"""Temporary addresses of one client that are published; it can make as many as it likes."""

_STEP = 3600
"""Seconds; the end of a temporary address moves in steps, so that not each look is a renewal."""


class Seen(NamedTuple):
    """An entry of the neighbour table. confirmed: the kernel has heard of it lately (its state is not STALE)."""

    address: Address
    mac: str
    confirmed: bool


@dataclass(frozen=True, slots=True)
class OwnAddress:
    """An address that its host chose. The lease has no expiry while a stable address is seen.

    present: it was in the table at the last look.
    """

    lease: Lease
    present: bool = False


def interface_identifier(mac: str) -> int:
    """The modified EUI-64 of a canonical MAC address (RFC 4291 appendix A): ff:fe in its middle, one bit inverted."""
    octets = bytes.fromhex(mac.replace(":", ""))
    return int.from_bytes(bytes((octets[0] ^ 0x02, *octets[1:3], 0xFF, 0xFE, *octets[3:])))


def is_eui64(address: Address, mac: str) -> bool:
    """Whether an address is made of this MAC address."""
    return address.version == 6 and int(address) & 0xFFFF_FFFF_FFFF_FFFF == interface_identifier(mac)


def observe(
    seen: Iterable[Seen],
    before: Mapping[Address, OwnAddress],
    networks: Iterable[LeaseNetwork],
    statics: Statics,
    leased: Mapping[Address, Lease],
    now: float,
) -> dict[Address, OwnAddress]:
    """The own addresses after a look at the table. Those whose lease has ended are for the next look only.

    before: what the last look gave. leased: leases in force. now: Unix time in seconds.
    """
    moment = int(now)
    found = {address: _present(entry, before.get(address), moment) for address, entry in _chosen(seen, before).items()}
    for address, own in before.items():
        if address not in found:
            gone = _gone(own, moment)
            if gone.lease.expires is not None and gone.lease.expires > moment:
                found[address] = gone
    table = PrefixTable(networks)
    known = _known({own.lease.mac for own in found.values()}, table, leased)
    kept: dict[Address, OwnAddress] = {}
    count: Counter[tuple[str, str | None]] = Counter()
    # Those that are published already come first, or they would change places with new ones.
    for address in sorted(found, key=lambda item: (item not in before, address_order(found[item].lease))):
        own, network = found[address], table.find(address)
        if network is None or not network.slaac or address in leased or str(address) in statics.addresses:
            continue
        client = network.name, own.lease.mac
        if client not in known and client not in statics.reservations:
            continue
        if own.lease.temporary:
            count[client] += own.lease.expires is None or own.lease.expires > moment
            if not network.temporary or count[client] > MOST:
                continue
        kept[address] = own
    return kept


def _chosen(seen: Iterable[Seen], before: Mapping[Address, OwnAddress]) -> dict[Address, Seen]:
    """One entry an address: that of the host which had it, else of the one whose MAC address it is made of."""

    def rank(entry: Seen) -> tuple[bool, bool, bool, str]:
        had = before.get(entry.address)
        mine = had is not None and had.lease.mac == entry.mac
        return not mine, not is_eui64(entry.address, entry.mac), not entry.confirmed, entry.mac

    chosen: dict[Address, Seen] = {}
    for entry in seen:
        if entry.address.version == 6:
            other = chosen.get(entry.address)
            chosen[entry.address] = entry if other is None else min(entry, other, key=rank)
    return chosen


def _present(entry: Seen, before: OwnAddress | None, moment: int) -> OwnAddress:
    temporary = not is_eui64(entry.address, entry.mac)
    same = before is not None and before.lease.mac == entry.mac
    expires: int | None = None
    if temporary:
        expires = moment // _STEP * _STEP + VALID
        if before is not None and same and before.present and not entry.confirmed:
            expires = before.lease.expires
    lease = Lease(entry.address, entry.mac, None, expires, temporary=temporary)
    # The same object where nothing has changed: whoever compares leases sees that without looking into them.
    return OwnAddress(before.lease if before is not None and before.lease == lease else lease, present=True)


def _gone(own: OwnAddress, moment: int) -> OwnAddress:
    end = moment + GRACE
    expires = end if own.lease.expires is None else min(own.lease.expires, end)
    if expires == own.lease.expires:
        return OwnAddress(own.lease)
    return OwnAddress(Lease(own.lease.address, own.lease.mac, None, expires, temporary=own.lease.temporary))


def _known(wanted: set[str | None], table: PrefixTable, leased: Mapping[Address, Lease]) -> set[tuple[str, str | None]]:
    """(network, MAC) of the DHCPv4 leases of these MAC addresses."""
    known: set[tuple[str, str | None]] = set()
    for lease in leased.values():
        if lease.mac in wanted and lease.address.version == 4:
            network = table.find(lease.address)
            if network is not None:
                known.add((network.name, lease.mac))
    return known
