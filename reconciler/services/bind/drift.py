"""Noticing what others changed on the server or in our files; cheap when nobody did.

A zone whose serial is the one that we deployed was not changed, unless our updates went over changes of others. Of
any other the whole content is read and compared, once for each serial.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from reconciler.deployed import DeployedZone
from reconciler.dns.merge import keep_matcher, merge3
from reconciler.services.base import Drift, Outcome
from reconciler.services.bind import zonefile
from reconciler.services.bind.context import Context
from reconciler.services.bind.dynamic import keep_of
from reconciler.services.bind.query import Presence
from reconciler.services.bind.transfer import transfer
from reconciler.site import SiteZone

Stamp = tuple[int, int, int]


class _Seen(NamedTuple):
    """What was found at a serial of the server, while `deployed` was the one in the manifest."""

    live: int
    deployed: int
    items: tuple[Drift, ...]


class _SeenFile(NamedTuple):
    """What was found of a file that has not been touched since."""

    stamp: Stamp
    digest: str
    items: tuple[Drift, ...]


class Watch:
    """Remembers what was seen. again: zones that the next apply shall serve anew: to be healed, or not served."""

    def __init__(self) -> None:
        self.again: set[str] = set()
        self._seen: dict[str, _Seen] = {}
        self._files: dict[str, _SeenFile] = {}
        self._doubtful: set[str] = set()

    def applied(self, outcome: Outcome, doubtful: Collection[str]) -> None:
        """An apply went well: what it reported as not healed is still there. doubtful: see `doubt`."""
        self.again.clear()
        for name, zone in outcome.zones.items():
            stands = tuple(item for item in outcome.drift if item.place == name and not item.healed)
            known = self._seen.get(name)
            if stands or known is None or known.deployed != zone.serial:
                self._seen[name] = _Seen(zone.serial, zone.serial, stands)
                self._doubtful.discard(name)
        self.doubt(doubtful)

    def doubt(self, names: Collection[str]) -> None:
        """Zones that have to be looked at whatever their serial: it is ours, but changes of others may lie below."""
        self._doubtful.update(names)

    def standing(self, name: str) -> tuple[Drift, ...]:
        """What was found in a zone when it was last looked at."""
        known = self._seen.get(name)
        return known.items if known else ()

    def clean(self, was: Sequence[DeployedZone], over: Sequence[int]) -> bool:
        """Whether nothing of others lies below these serials, as far as it does not belong to them."""
        if len(was) != 1 or len(over) != 1 or was[0].zone.id in self._doubtful:
            return False
        known = self._seen.get(was[0].zone.id)
        if known is not None and (known.live, known.deployed) == (over[0], was[0].serial):
            return not known.items
        return over[0] == was[0].serial

    def look(
        self,
        ctx: Context,
        zones: Mapping[str, tuple[DeployedZone, SiteZone]],
    ) -> tuple[Drift, ...]:
        """Drift of these zones. A server that is down is told as drift of `bind`, once."""
        found: list[Drift] = []
        for name, (was, site) in sorted(zones.items()):
            live = ctx.server(name).live(name)
            if live.presence is Presence.DOWN:
                return (*found, Drift("bind", "-", f"named does not answer: {live.words}"))
            items = () if was.dynamic else self._file(ctx.path(name), was)
            if live.presence is not Presence.SERVED:
                self.again.add(name)
                text, lost = f"the zone is not served: named says {live.words}", live.presence is Presence.BROKEN
                items = (*items, Drift(name, "-", text, lost=lost))
            else:
                items = (*items, *self._content(ctx, was, site, live.serial))
            if items and site.drift == "heal":
                self.again.add(name)
            found += items
        return tuple(found)

    def _content(self, ctx: Context, was: DeployedZone, site: SiteZone, live: int) -> tuple[Drift, ...]:
        name = was.zone.id
        if name not in self._doubtful:
            known = self._seen.get(name)
            if known is not None and (known.live, known.deployed) == (live, was.serial):
                return known.items
            if live == was.serial:
                return ()
        theirs = transfer(ctx.server(name), name, ctx.key(name))
        keep = keep_of(site) if was.dynamic else keep_matcher(was.zone.name, ())
        merged = merge3(was.zone.rrsets, was.zone.rrsets, theirs.zone.rrsets, keep, heal=False)
        items = tuple(Drift(name, sign, text) for sign, text in merged.drift)
        if theirs.zone.soa != was.zone.soa:
            items += (
                Drift(name, "-", was.zone.soa.line(was.zone.name, was.serial)),
                Drift(name, "+", theirs.zone.soa.line(was.zone.name, theirs.serial)),
            )
        self._seen[name] = _Seen(theirs.serial, was.serial, items)
        self._doubtful.discard(name)
        return items

    def _file(self, path: Path, was: DeployedZone) -> tuple[Drift, ...]:
        name = was.zone.id
        try:
            status = path.stat()
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
            known = self._files.get(name)
            if known is not None and (known.stamp, known.digest) == (stamp, was.file_digest):
                return known.items
            content = path.read_bytes()
        except FileNotFoundError:
            return (Drift(name, "-", f"{path} is gone"),)
        except OSError as error:
            return (Drift(name, "-", f"{path}: {error.strerror}"),)
        items: tuple[Drift, ...] = ()
        if zonefile.digest(content) != was.file_digest and not zonefile.is_zone(content, was.zone):
            items = (Drift(name, "+", f"{path} was edited by hand; put the change into the repository"),)
        self._files[name] = _SeenFile(stamp, was.file_digest, items)
        return items
