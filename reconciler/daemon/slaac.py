"""Hosts' own IPv6 addresses, looked up in the kernel's neighbour table for the networks of the served site that ask."""

from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv6Network
from typing import TYPE_CHECKING

from reconciler.dns.reverse import Address
from reconciler.errors import Temporary
from reconciler.leases.lease import Lease
from reconciler.leases.policy import LeaseNetwork, Statics
from reconciler.leases.slaac import OwnAddress, Seen, observe

if TYPE_CHECKING:
    from reconciler.watch.neighbours import Neighbours

_QUIET, _LATEST = 0.05, 1.0
"""Seconds, as in watch/thread.py. Anybody on the link can make entries without end; each wake is a pass."""


class OwnAddresses:
    """Watches the table while a network asks for it, and remembers what was seen.

    `alive` is true while no network asks: there is nothing to watch then. All methods are for the loop's thread.
    """

    def __init__(self) -> None:
        self.wake: Callable[[], None] = lambda: None
        """Called, from another thread, when the table may tell something new."""
        self._table: Neighbours | None = None
        self._prefixes: tuple[IPv6Network, ...] = ()
        self._kept: Mapping[Address, OwnAddress] = {}
        self._candidates: Mapping[Address, OwnAddress] = {}
        """What was found for the site that was looked at last; it is kept once that is served."""
        self._failure = ""

    def start(self) -> None:
        """Watch the table. Raises Temporary when the kernel does not let us."""
        # Only here: it takes 23 MB of memory, and few sites want it.
        from reconciler.watch.neighbours import Neighbours  # noqa: PLC0415

        self.stop()
        table = Neighbours(self.wake, self._prefixes, quiet=_QUIET, latest=_LATEST)
        try:
            table.start()
        except Temporary as error:
            self._failure = str(error)
            raise
        self._failure = ""
        self._table = table

    def stop(self) -> None:
        """End; what was seen is remembered."""
        table, self._table = self._table, None
        if table is not None:
            table.stop()

    def alive(self) -> bool:
        """Whether nothing is missed."""
        return not self._prefixes or (self._table is not None and self._table.alive())

    @property
    def problem(self) -> str | None:
        """Why new addresses would not be noticed at present, as a sentence; None when all is well. Any thread may."""
        return None if self.alive() else self._failure or "the neighbour table is not watched yet"

    @property
    def kept(self) -> Mapping[Address, OwnAddress]:
        """What was found when the last pass went well."""
        return self._kept

    def recall(self, leases: Iterable[Lease]) -> None:
        """Take over from before a restart; they have their grace until the table is read."""
        self._kept = {lease.address: OwnAddress(lease) for lease in leases}

    def look(
        self, networks: Iterable[LeaseNetwork], statics: Statics, leased: Mapping[Address, Lease], now: float
    ) -> list[Lease]:
        """Leases of the addresses in force, for a site with these networks that is perhaps not served yet."""
        networks = tuple(networks)
        self._candidates = {}
        if any(network.slaac for network in networks):
            entries = self._table.snapshot() if self._table is not None else ()
            seen = [Seen(entry.address, entry.mac, entry.state != "stale") for entry in entries]
            self._candidates = observe(seen, self._kept, networks, statics, leased, now)
        leases = (own.lease for own in self._candidates.values())
        return [lease for lease in leases if lease.expires is None or lease.expires > now]

    def settle(self, networks: Iterable[LeaseNetwork]) -> None:
        """The site that was looked at last, with these networks, is served: watch for it."""
        self._kept = self._candidates
        asking = (network for network in networks if network.slaac)
        prefixes = tuple(item for network in asking for item in network.prefixes if isinstance(item, IPv6Network))
        if prefixes == self._prefixes:
            return
        self._prefixes = prefixes
        if not prefixes:
            self.stop()
        elif self._table is not None:
            self._table.prefixes = prefixes
            self.wake()
