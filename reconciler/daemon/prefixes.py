"""Delegated prefixes as a term sees them: watched for as long as the served site asks for any.

What the last apply was built with stands in the manifest, on the disk that all nodes share. So a new primary, and one
whose kernel says nothing for a moment, go on with that.
"""

from collections.abc import Callable, Mapping
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Any

from reconciler.deployed import Deployed
from reconciler.errors import Temporary
from reconciler.site import KnownPrefix, Site

if TYPE_CHECKING:
    from reconciler.watch.prefixes import Delegations


class Prefixes:
    """A Watcher, see daemon/watches.py. All methods but `document` are for the loop's thread."""

    def __init__(self) -> None:
        self.wake: Callable[[], None] = lambda: None
        """Called, from another thread, when another prefix counts."""
        self.known: Mapping[str, KnownPrefix] = {}
        """What counts by this node's own look, by interface."""
        self._settle: dict[str, float] = {}
        self._networks: tuple[tuple[str, str, tuple[IPv6Address, ...]], ...] = ()
        self._virtual: frozenset[int] = frozenset()
        self._watch: Delegations | None = None
        self._failure = ""

    def observed(self) -> Mapping[str, KnownPrefix]:
        """What counts, by interface; nothing of one that this node has not looked at yet."""
        if self._watch is not None:
            self.known = {**self.known, **self._watch.known}
        return self.known

    def want(self, site: Site, deployed: Deployed) -> None:
        """Watch what this site asks for; deployed: what was known before this node looked."""
        settle: dict[str, float] = {}
        networks = []
        for name, network in sorted(site.networks.items()):
            item = network.delegated
            if item is not None:
                settle[item.prefix_from] = max(item.settle, settle.get(item.prefix_from, 0))
                virtual = (address for address in network.settings.virtual_ips if isinstance(address, IPv6Address))
                networks.append((name, item.prefix_from, tuple(virtual)))
        self._networks = tuple(networks)
        suffixes = frozenset[int]().union(*(network.virtual for network in site.networks.values()))
        if settle == self._settle and suffixes == self._virtual:
            return
        known = {**deployed.prefixes, **deployed.trying, **self.observed()}
        self.stop()  # It is started anew by whoever tends the watches.
        self.known = {source: known[source] for source in settle if source in known}
        self._settle, self._virtual = settle, suffixes

    def start(self) -> None:
        """Watch. Raises Temporary when the kernel does not let us."""
        # Only here: it takes 23 MB of memory, and few sites want it.
        from reconciler.watch.prefixes import Delegations  # noqa: PLC0415

        self.stop()
        watch = Delegations(lambda: self.wake(), self._settle, self._virtual, self.known)  # noqa: PLW0108  set later
        try:
            watch.start()
        except Temporary as error:
            self._failure = str(error)
            raise
        self._failure, self._watch = "", watch

    def stop(self) -> None:
        """End; what counts is remembered."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.stop()
            self.known = {**self.known, **watch.known}

    def alive(self) -> bool:
        """Whether nothing is missed."""
        return not self._settle or (self._watch is not None and self._watch.alive())

    def document(self, deployed: Deployed) -> list[dict[str, Any]]:
        """For the status: each interface with what is served of it, and what is wrong. Any thread may ask."""
        return [self._describe(source, deployed) for source in self._settle]

    def _describe(self, source: str, deployed: Deployed) -> dict[str, Any]:
        served = deployed.prefixes.get(source)
        networks = [(name, virtual) for name, each, virtual in self._networks if each == source]
        return {
            "interface": source,
            "prefix": str(served.prefix) if served else None,
            "since": served.since if served else None,
            "networks": [name for name, _ in networks],
            "virtual": [str(address) for _, virtual in networks for address in virtual],
            "problems": list(self._problems(source, served, [item for _, items in networks for item in items])),
        }

    def _problems(self, source: str, served: KnownPrefix | None, virtual: list[IPv6Address]) -> list[str]:
        watch = self._watch
        seen = watch.seen if watch is not None else None
        if watch is None or not watch.alive():
            return [f"{source} is not watched: {self._failure or 'the watch has not begun yet'}"]
        if seen is None or watch.addresses is None:
            return []
        found = []
        shows = seen.get(source)
        if shows is None:
            rest = "the prefix that is served stays" if served else "nothing is served of it"
            found.append(f"{source} shows no global prefix; {rest}")
        elif served is None or shows != served.prefix:
            found.append(f"{source} shows {shows}, which is not served yet")
        found += [
            f"no interface of this node has the virtual address {address}: give it to the pair's manager"
            for address in virtual
            if address not in watch.addresses
        ]
        return found
