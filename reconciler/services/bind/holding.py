"""What others have in zones that are about to change their place, to go, or to come back."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from reconciler.deployed import DeployedZone
from reconciler.dns.versions import name_of
from reconciler.dns.zone import Zone
from reconciler.errors import Refused
from reconciler.services.bind import zonefile
from reconciler.services.bind.changes import ZoneChange
from reconciler.services.bind.context import Context
from reconciler.services.bind.dynamic import freeze, unserved, wait_for_dump
from reconciler.services.bind.query import Presence
from reconciler.services.bind.zonefile import Content


def hold(ctx: Context, name: str) -> bool:
    """Freeze a zone that takes updates, so that all of it is in its file; False where named has none to freeze."""
    status = ctx.rndc.status(name) if name in ctx.homes else None
    if status is None or not status.dynamic or status.file != str(ctx.path(name)):
        return False
    live = ctx.server(name).live(name)
    if live.presence is not Presence.SERVED:
        return False
    if not freeze(ctx, name):
        wait_for_dump(ctx, name, live.serial)
    return True


def theirs_in(
    ctx: Context, change: ZoneChange, gone: Mapping[str, DeployedZone]
) -> Iterator[tuple[DeployedZone | None, Content]]:
    """What others may have put into a new zone, each with what we had there: in a file that lies in its place, and in
    versions of it that go now (they are held).

    Names from inside stay inside: a version for others takes over nothing.
    """
    if not change.want.dynamic:
        return
    if ctx.path(change.name).exists():
        theirs = unserved(ctx, change)
        yield change.base(theirs.zone.rrsets, theirs.serial), theirs
    for name, was in gone.items():
        if name_of(name) == change.want.zone.name and was.dynamic and change.want.inside:
            with suppress(Refused):
                yield was, zonefile.read(name, ctx.path(name))


def holds_only(name: str, path: Path, zone: Zone) -> bool:
    """Whether a zone's file has these records and no others."""
    with suppress(Refused):
        return zonefile.read(name, path).zone.rrsets == zone.rrsets
    return False
