"""What one apply works with."""

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from reconciler.config import BindSettings
from reconciler.dns import serials
from reconciler.dns.versions import name_of
from reconciler.effects import Effects
from reconciler.services.bind.check import Checker
from reconciler.services.bind.query import Live, Presence, Server
from reconciler.services.bind.render import TsigKey, zone_path
from reconciler.services.bind.rndc import Rndc
from reconciler.services.bind.servers import Servers

_FIRST_PAUSE = 0.002
_LONGEST_PAUSE = 0.1
_RECORDS_PER_SECOND = 100_000


@dataclass(frozen=True)
class Context:
    """Settings and servers. Zones are named by their ids.

    patience: seconds that named has to load a small zone. homes: the view that named has each zone in now; Rndc looks
    there too. names: of all zones by view, and under "" of all together.
    """

    settings: BindSettings
    effects: Effects
    servers: Servers
    rndc: Rndc
    checker: Checker
    patience: float
    homes: dict[str, str] = field(default_factory=dict)
    names: dict[str, set[str]] = field(default_factory=dict)

    def path(self, zone: str) -> Path:
        """The file of a zone."""
        return zone_path(self.settings.directory, zone)

    def server(self, zone: str) -> Server:
        """named, asked in the zone's view."""
        return self.servers.at(self.homes.get(zone, ""))

    def key(self, zone: str) -> TsigKey:
        """What signs updates and transfers of a zone."""
        return self.servers.key(self.homes.get(zone, ""))

    def served(self, zone: str) -> Collection[str]:
        """Names of all zones that named answers beside this one."""
        return self.names.get(self.homes.get(zone, ""), self.names.get("", ()))

    def also(self, gone: Iterable[str]) -> None:
        """Zones that are to go: they answer until the configuration is taken over, which comes last."""
        for key in gone:
            for view in ("", self.homes.get(key, "")):
                if view in self.names:
                    self.names[view].add(name_of(key))

    def next_serial(self, style: serials.SerialStyle, *known: int) -> int:
        """A serial after all that are known."""
        return serials.next_serial(style, known, datetime.now(UTC))

    def wait(self, done: Callable[[], bool], *, records: int = 0) -> bool:
        """Look again and again until `done`, or for as long as `records` records may take; whether it came true."""
        deadline = time.monotonic() + self.patience + records / _RECORDS_PER_SECOND
        pause = _FIRST_PAUSE
        while not done():
            if time.monotonic() > deadline:
                return False
            time.sleep(pause)
            pause = min(pause * 1.3, _LONGEST_PAUSE)
        return True

    def wait_for_serial(self, zone: str, serial: int, *, later: bool = False, records: int = 0) -> Live:
        """Wait until `zone` is served with `serial` (`later`: or a newer one, by updates); what it is served with."""
        live = Live(Presence.DOWN, 0, "")

        def reached() -> bool:
            nonlocal live
            live = self.server(zone).live(zone)
            if live.presence is Presence.DOWN:
                return True
            newer = later and live.presence is Presence.SERVED and serials.newer(live.serial, serial)
            return live.serial == serial or newer

        self.wait(reached, records=records)
        return live
