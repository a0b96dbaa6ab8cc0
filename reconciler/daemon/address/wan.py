"""The public address on this node while it is primary: follows `wan:` of the site that is served."""

import contextlib
from collections import deque
from collections.abc import Callable
from typing import Any

from reconciler.config import NodeConfig
from reconciler.daemon.address.publisher import Publisher
from reconciler.daemon.address.store import Store
from reconciler.daemon.address.watch import AddressWatch
from reconciler.effects import Effects
from reconciler.errors import Temporary
from reconciler.services.ddclient.secrets import complaints
from reconciler.site import Site
from reconciler.state.wan import Wan
from reconciler.wan.news import News
from reconciler.wan.public import Address

_Following = tuple[Wan | None, frozenset[Address]]


class WanTerm:
    """Threads for one term. Methods are for the loop's thread, unless they say otherwise. A Watcher."""

    def __init__(self, config: NodeConfig, effects: Effects) -> None:
        self.nudge: Callable[[], None] = lambda: None
        """Called, from another thread, when there are news."""
        self.paused: Callable[[], str] = lambda: ""
        """Why nothing is to be applied, "" for no reason; called from another thread."""
        self._config = config
        self._effects = effects
        self._store = Store(config.state / "ddclient", effects)
        self._news: deque[News] = deque()
        self._following: _Following = (None, frozenset())
        self._watch: AddressWatch | None = None
        self._publisher: Publisher | None = None
        self._on = False

    def complaints(self, site: Site) -> list[str]:
        """What of this site this node cannot do, for a push."""
        if site.wan is None:
            return []
        missing = [
            f"site.yaml: wan: watch: this node's node.yaml has no {source.command} under `commands:`"
            for source in site.wan.watch
            if source.command is not None and source.command not in self._config.commands
        ]
        return [*missing, *complaints(site.wan, self._config.secrets, self._config.providers)]

    def follow(self, site: Site) -> None:
        """This site is served: watch and publish as it says."""
        virtual = (address for network in site.networks.values() for address in network.settings.virtual_ips)
        following = (site.wan, frozenset(virtual))
        if following != self._following:
            self._end()
            self._following = following
            if self._on:
                # What could not be started is started again by whoever keeps the watchers.
                with contextlib.suppress(Temporary):
                    self._begin()

    def start(self) -> None:
        """The term is on. Raises Temporary when the kernel does not let us listen."""
        self._end()
        self._on = True
        self._begin()

    def stop(self) -> None:
        """The term is over."""
        self._on = False
        self._end()

    def alive(self) -> bool:
        """Whether nothing is missed."""
        parts = (self._watch, self._publisher)
        return self._on and (self._following[0] is None or all(part is not None and part.alive() for part in parts))

    def news(self) -> list[News]:
        """What happened since this was called last."""
        found = []
        while self._news:
            found.append(self._news.popleft())
        return found

    def publish(self, by: str, *, alone: bool) -> None:
        """An operator wants the address published. Any thread may call. Raises Temporary where there is nothing."""
        publisher, wan = self._publisher, self._following[0]
        if not self._on:
            raise Temporary("nothing is published from here: this node is standby; ask the primary")
        if wan is None or not wan.publish:
            raise Temporary("there is nothing to publish: site.yaml has no `publish:` below `wan:`")
        if publisher is None:
            raise Temporary("nothing is published at the moment: the way to look for addresses could not be started")
        publisher.ask(by, alone=alone)

    def document(self) -> dict[str, Any] | None:
        """For the status; None where the site has no `wan:`. Any thread may call."""
        watch, publisher = self._watch, self._publisher
        if watch is None or publisher is None:
            return None
        addresses, publications = watch.document(), publisher.document()
        lost = [item for item in addresses if item["address"] is None and item["problem"]]
        stuck = [item for item in publications if item["stuck"]]
        return {"healthy": not lost and not stuck, "addresses": addresses, "publications": publications}

    def _begin(self) -> None:
        wan, ours = self._following
        if wan is None:
            return
        store, config = self._store, self._config
        watch = AddressWatch(wan, ours, config.commands, store, self._changed, self._tell)
        publisher = Publisher(wan, store, self._effects, config, watch.found, self._why_not, self._tell)
        self._watch, self._publisher = watch, publisher
        watch.start()
        publisher.start()

    def _end(self) -> None:
        for part in (self._watch, self._publisher):
            if part is not None:
                part.stop()
        self._watch = self._publisher = None

    def _why_not(self) -> str:
        return self.paused()

    def _changed(self) -> None:
        if self._publisher is not None:
            self._publisher.kick()

    def _tell(self, news: News) -> None:
        self._news.append(news)
        self.nudge()
