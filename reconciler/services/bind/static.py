"""Zones that take no updates: the file is ours alone."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from reconciler.deployed import DeployedZone
from reconciler.dns.records import Key
from reconciler.dns.zone import Zone
from reconciler.errors import ReconcilerError
from reconciler.services.base import Drift
from reconciler.services.bind import zonefile
from reconciler.services.bind.aside import save_aside
from reconciler.services.bind.changes import ZoneChange
from reconciler.services.bind.context import Context
from reconciler.services.bind.serve import Done, Given, serve


def change(ctx: Context, change: ZoneChange, staged: Path) -> Done:
    """Serve a static zone's staged file. Raises as `serve` does."""
    name = change.name
    path = ctx.path(name)
    content = path.read_bytes() if path.exists() else b""
    base = change.base()
    aside = set_hand_edit_aside(ctx, change, content)
    if change.broken or len(change.kinds) > 1:
        # Left from a time when the zone was dynamic, it would be replayed over the new file at named's next start.
        ctx.effects.unlink(zonefile.journal(path))
    zone = change.want.zone
    previous = base.zone if base else _read(name, path)
    old = previous.rrsets if previous and len(change.was) < 2 else {}
    serve(ctx, Given(zone, change.serial, change.want.serial, old, previous), staged)
    text = zone.text(change.serial).encode()
    deployed = DeployedZone(zone, change.want.dynamic, change.serial, zonefile.digest(text), change.want.leases)
    undo = partial(_undo, ctx, change, deployed, previous) if previous else None
    why = (
        "was edited by hand; the edited file"
        if change.was
        else "held something else, and nothing is on record of what was deployed; the old file"
    )
    drift = (Drift(name, "-", f"{path} {why} is now {aside}", healed=True),)
    return Done(deployed, undo, drift if aside else ())


def _undo(ctx: Context, done: ZoneChange, deployed: DeployedZone, previous: Zone) -> DeployedZone:
    serial = ctx.next_serial(done.want.serial, deployed.serial, ctx.server(done.name).live(done.name).serial)
    back = replace(done, want=replace(done.want, zone=previous, dynamic=False), was=(deployed,), serial=serial)
    staged = ctx.effects.stage(ctx.path(done.name), previous.text(serial).encode(), mode=zonefile.MODE)
    leases = done.was[-1].leases if done.was else frozenset[Key]()
    return replace(change(ctx, back, staged).deployed, leases=leases)


def set_hand_edit_aside(ctx: Context, change: ZoneChange, content: bytes) -> Path | None:
    """Save a static zone's file that somebody edited, before it is overwritten; where it lies then, if it was."""
    known = [*(item.zone for item in change.was), change.want.zone]
    digests = {item.file_digest for item in change.was}
    if not content or zonefile.digest(content) in digests:
        return None
    if any(zonefile.is_zone(content, zone) for zone in known):
        return None
    return save_aside(ctx, ctx.path(change.name), content)


def _read(name: str, path: Path) -> Zone | None:
    try:
        return zonefile.read(name, path).zone
    except ReconcilerError:
        return None
