"""Zones that take dynamic updates: named writes the file too, and others have records in it.

The order of steps is what keeps a crash at any instant harmless:

1. freeze. rndc returns before named has dumped the zone to its file: the dump goes on in the background, and would
   overwrite a file written too early. It is over when the file has the serial that is served.
2. Read the dump, merge.
3. Remove the journal. From now until the swap the dump is all there is, and it is complete. The other way round
   (swap, reload, then remove) there is an instant with a new file beside an old journal: after a crash in it named
   refuses the zone at its start ("journal out of sync with zone", SERVFAIL), or replays the journal over the new file.
4. Swap, reload while still frozen, wait for the serial, ask for the changed RRsets.
5. Remove the journal if one has come back (named may compact it after a dump), then thaw, and see that it did.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial

from reconciler.deployed import DeployedZone
from reconciler.dns import serials
from reconciler.dns.merge import Keep, Merged, keep_matcher, merge3
from reconciler.dns.versions import shown
from reconciler.dns.zone import Zone
from reconciler.errors import ApplyFailed, ReconcilerError, Refused, Temporary
from reconciler.services.base import Drift
from reconciler.services.bind import zonefile
from reconciler.services.bind.aside import save_aside
from reconciler.services.bind.changes import ZoneChange
from reconciler.services.bind.context import Context
from reconciler.services.bind.query import Presence
from reconciler.services.bind.render import TsigKey
from reconciler.services.bind.serve import Done, Given, serve
from reconciler.services.bind.transfer import transfer
from reconciler.services.bind.zonefile import Content
from reconciler.site import SiteZone

_DUMP_RECORDS = 6_000_000
"""The dump may take as long as this many records take to load: a minute."""


def change(ctx: Context, change: ZoneChange, key: TsigKey, *, thaw: bool = True) -> Done:
    """Serve a dynamic zone anew, with the records of others that are in it by now.

    Raises ApplyFailed after putting back what was there, Temporary when named is gone. Without `thaw` the zone is
    left frozen after success, because it is about to become static.
    """
    with frozen(ctx, change.name, keep=not thaw) as before:
        done = _merge_and_serve(ctx, change, key, already_frozen=before)
    if thaw:
        live = ctx.wait_for_serial(change.name, done.deployed.serial, later=True)
        if live.presence is not Presence.SERVED:
            raise ApplyFailed(f"zone {shown(change.name)}: after `rndc thaw` named says {live.words}")
    return done


@contextmanager
def frozen(ctx: Context, name: str, *, keep: bool = False) -> Iterator[bool]:
    """Freeze a zone; thaw it at the end, whatever happens (`keep`: only on failure). Gives whether it was already."""
    already = freeze(ctx, name)
    try:
        yield already
    except BaseException:
        with suppress(ReconcilerError):
            ctx.rndc.thaw(name)
        raise
    if not keep:
        thaw(ctx, name)


def freeze(ctx: Context, name: str) -> bool:
    """Freeze a zone; whether it was frozen already. Raises ApplyFailed."""
    answer = ctx.rndc.freeze(name)
    if not answer.ok and not answer.already_frozen:
        raise ApplyFailed(f"zone {shown(name)}: `rndc freeze` said {answer.words!r}")
    return answer.already_frozen


def wait_for_dump(ctx: Context, name: str, serial: int) -> None:
    """Wait until the dump that a freeze began has reached the file: it has the serial that is served."""
    path = ctx.path(name)
    if not ctx.wait(lambda: zonefile.serial_in(path) == serial, records=_DUMP_RECORDS):
        raise ApplyFailed(
            f"zone {shown(name)}: named did not write {path} within a minute of `rndc freeze`; see its log"
        )


def thaw(ctx: Context, name: str) -> None:
    """Thaw a zone and see that it is: rndc says 0 also when the zone stays frozen. Raises ApplyFailed."""
    answer = ctx.rndc.thaw(name)
    if not ctx.wait(lambda: not ctx.rndc.status(name).frozen):
        raise ApplyFailed(f"zone {shown(name)} stays frozen: `rndc thaw` said {answer.words!r}; look at named's log")


def _merge_and_serve(ctx: Context, change: ZoneChange, key: TsigKey, *, already_frozen: bool) -> Done:
    name, want, path = change.name, change.want, ctx.path(change.name)
    theirs = _theirs(ctx, change, key, already_frozen=already_frozen)
    base = change.base(theirs.zone.rrsets, theirs.serial)
    merged = merge(want, base, theirs)
    zone = replace(want.zone, rrsets=merged.rrsets)
    if zone.digest != want.zone.digest and (complaints := ctx.checker.zone(zone)):
        raise ApplyFailed(f"zone {shown(name)} with the records of others in it: {'; '.join(complaints)}")
    if not want.dynamic and theirs.zone.rrsets != zone.rrsets:
        save_aside(ctx, path, path.read_bytes())
    serial = change.serial
    if not serials.newer(serial, theirs.serial):
        serial = ctx.next_serial(want.serial, serial, theirs.serial)
    text = zone.text(serial).encode()
    staged = ctx.effects.stage(path, text, mode=zonefile.MODE)
    try:
        ctx.effects.unlink(zonefile.journal(path))
        serve(ctx, Given(zone, serial, want.serial, theirs.zone.rrsets, theirs.zone), staged)
    finally:
        if staged.exists():
            ctx.effects.unlink(staged)
    if zonefile.journal(path).exists():
        ctx.effects.unlink(zonefile.journal(path))
    deployed = DeployedZone(want.zone, want.dynamic, serial, zonefile.digest(text), want.leases)
    before = base or DeployedZone(theirs.zone, True, theirs.serial)
    undo = partial(_undo, ctx, change, key, given=zone, serial=serial, theirs=theirs.zone, before=before)
    return Done(deployed, undo, drift_of(want, merged))


def _undo(
    ctx: Context, done: ZoneChange, key: TsigKey, *, given: Zone, serial: int, theirs: Zone, before: DeployedZone
) -> DeployedZone:
    """Take our change out again; what others changed since stays."""
    want = replace(done.want, zone=theirs, drift="report", dynamic=True)
    was = (DeployedZone(given, True, serial),)
    back = replace(
        done,
        want=want,
        was=was,
        serial=ctx.next_serial(want.serial, serial, ctx.server(done.name).live(done.name).serial),
    )
    result = change(ctx, back, key)
    return replace(result.deployed, zone=before.zone, leases=before.leases)


def merge(want: SiteZone, base: DeployedZone | None, theirs: Content) -> Merged:
    """What a zone is to hold. In one that becomes static nobody else can have records."""
    before = base.zone.rrsets if base else {}
    if not want.dynamic:
        keep = keep_matcher(want.zone.name, ())
        return merge3(before, want.zone.rrsets, theirs.zone.rrsets, keep, heal=True)
    return merge3(before, want.zone.rrsets, theirs.zone.rrsets, keep_of(want), heal=want.drift == "heal")


def keep_of(want: SiteZone) -> Keep:
    """The test for records of others that a zone keeps. Raises BadName for a pattern that is no name."""
    return keep_matcher(want.zone.name, [(rule.name, rule.types) for rule in want.keep])


def drift_of(want: SiteZone, merged: Merged) -> tuple[Drift, ...]:
    """What a merge found, as drift of the zone."""
    healed = want.drift == "heal" or not want.dynamic
    return tuple(Drift(want.zone.id, sign, text, healed) for sign, text in merged.drift)


def _theirs(ctx: Context, change: ZoneChange, key: TsigKey, *, already_frozen: bool) -> Content:
    """What named has in the zone, read while it is frozen."""
    name, path = change.name, ctx.path(change.name)
    live = ctx.server(name).live(name)
    if live.presence is Presence.DOWN:
        raise Temporary(f"named went away while zone {shown(name)} was frozen: {live.words}")
    if live.presence is not Presence.SERVED:
        return unserved(ctx, change)
    if already_frozen and zonefile.serial_in(path) != live.serial:
        # Nothing is dumped then, and somebody may have been editing the file; what is served is what counts.
        save_aside(ctx, path, path.read_bytes())
        return transfer(ctx.server(name), name, key)
    wait_for_dump(ctx, name, live.serial)
    return zonefile.read(name, path)


def unserved(ctx: Context, change: ZoneChange) -> Content:
    """What the file and the journal of a zone hold that named does not serve, or cannot.

    A journal that does not fit the file is set aside; so is a file that cannot be loaded.
    """
    name, path = change.name, ctx.path(change.name)
    jnl = zonefile.journal(path)
    with suppress(Refused):
        return zonefile.read(name, path, with_journal=jnl.exists())
    if jnl.exists():
        save_aside(ctx, jnl, jnl.read_bytes())
        with suppress(Refused):
            return zonefile.read(name, path)
    if path.exists():
        save_aside(ctx, path, path.read_bytes())
    base = change.base()
    return Content(base.zone if base else change.want.zone, base.serial if base else 0)
