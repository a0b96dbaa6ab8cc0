"""In which view named has each zone now.

The manifest tells, but for applies whose end is not on record: then named may have the views from before or after, and
is asked. That it has some zone of the name in a view proves nothing where versions come and go, its file does.
"""

from collections import Counter
from collections.abc import Mapping

from reconciler.deployed import Deployed, DeployedZone
from reconciler.dns.versions import name_of
from reconciler.services.bind import changes
from reconciler.services.bind.context import Context
from reconciler.site import SiteZone


def now(ctx: Context, zones: Mapping[str, SiteZone], deployed: Deployed) -> dict[str, str]:
    """The view of each zone by id, "" for none; without those that named has nowhere. zones: that are wanted.

    Raises Temporary where named has to be asked and does not answer.
    """
    known = changes.maybe_ours(deployed)
    keys = {*zones, *known}
    versions = Counter(map(name_of, keys))
    found = {}
    for key in keys:
        candidates = _candidates(known.get(key, ()), zones.get(key))
        recorded = key in deployed.zones and not deployed.pending
        if len(candidates) == 1 and (recorded or versions[name_of(key)] == 1):
            found[key] = candidates[0]
        elif (home := _asked(ctx, key, candidates)) is not None:
            found[key] = home
    return found


def _candidates(was: tuple[DeployedZone, ...], want: SiteZone | None) -> list[str]:
    """Views where it may be, the likeliest first."""
    homes = [zone.home for zone in reversed(was)]
    if not homes and want is not None:
        homes.append(want.home)
    return list(dict.fromkeys(homes))


def _asked(ctx: Context, key: str, candidates: list[str]) -> str | None:
    file = str(ctx.path(key))
    return next((home for home in candidates if ctx.rndc.status_in(key, home).file == file), None)
