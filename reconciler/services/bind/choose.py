"""Choosing how a zone is to change: whether named has it already, and a serial that nobody can have seen."""

from collections.abc import Mapping, Sequence

from reconciler.deployed import Deployed
from reconciler.errors import Temporary
from reconciler.services.bind import changes, zonefile
from reconciler.services.bind.changes import ZoneChange
from reconciler.services.bind.context import Context
from reconciler.services.bind.query import Presence
from reconciler.site import SiteZone


def choose(ctx: Context, want: SiteZone, deployed: Deployed, versions: Mapping[str, Sequence[str]]) -> ZoneChange:
    """The change of one zone. versions: ids of all that was ever served, by name.

    Raises Temporary where named does not answer.
    """
    name = want.zone.id
    here = name in ctx.homes
    if not here:
        ctx.homes[name] = want.home
    live = ctx.server(name).live(name)
    if live.presence is Presence.DOWN:
        raise Temporary(f"named does not answer: {live.words}")
    known = [live.serial, zonefile.serial_in(ctx.path(name)) or 0]
    for key in versions.get(want.zone.name, ()):
        known += (deployed.retired.get(key, 0), *(zone.serial for zone in changes.was(key, deployed)))
        if key != name and key in ctx.homes:
            # Who has this version now may come to see the new one.
            known.append(ctx.server(key).live(key).serial)
    if not any(known):
        # It was served from elsewhere until now, and who copied it there knows that serial.
        known.append(want.begins_after)
    return ZoneChange(
        want=want,
        was=changes.was(name, deployed),
        serial=ctx.next_serial(want.serial, *known),
        serving=here and live.presence in (Presence.SERVED, Presence.BROKEN),
        broken=here and live.presence is Presence.BROKEN,
    )
