"""The zones' part: which zones there are, each healed, within the time."""

from dataclasses import dataclass
from pathlib import Path

from reconciler.dns import versions
from reconciler.dns.versions import shown
from reconciler.effects import Effects
from reconciler.errors import BadName, NotPrimary, ReconcilerError, Temporary, words
from reconciler.manifest import Entry, ManifestError, ManifestStore
from reconciler.services import aside
from reconciler.services.base import Say
from reconciler.services.bind.heal import Healer
from reconciler.services.bind.judge import KnownZone
from reconciler.services.bind.render import zone_path

_JOURNAL = ".jnl"
_SIGNED = ".signed"
_NAMED = 8


@dataclass(frozen=True, slots=True)
class Zones:
    """BIND's folder and the manifest's. deadline: on the clock time.monotonic()."""

    directory: Path
    state: Path
    deadline: float

    def heal(self, effects: Effects, say: Say) -> int:
        """Make all zones ready; how many were looked at. Raises NotPrimary where this must not go on."""
        # Only to see whether it is for us, before anything is looked at.
        effects.check("look at zones")
        try:
            for path in aside.remove_staged(self.directory, effects):
                say(f"zones: removed {path}, which something that was cut off had left")
        except OSError as error:
            say(f"bind: {words(error)}")
        try:
            zones = known(ManifestStore(self.state).outline())
        except ManifestError as error:
            say(f"zones: only journals are looked at: {error}")
            zones = {}
        for name in self._strangers(say):
            zones.setdefault(name, KnownZone(name, dynamic=True))
        healer = Healer(self.directory, effects, deadline=self.deadline, say=say)
        try:
            healer.check_together(zones.values())
        except (ReconcilerError, OSError) as error:
            say(f"zones: not checked together: {words(error)}")
        late = [name for name, zone in sorted(zones.items()) if not _healed(healer, zone, say)]
        if late:
            more = f" and {len(late) - _NAMED} more" if len(late) > _NAMED else ""
            say(f"zones: left as they are: {', '.join(map(shown, late[:_NAMED]))}{more}")
        return len(zones)

    def _strangers(self, say: Say) -> list[str]:
        """Names of zones that have a journal: also of those that were dropped."""
        found = []
        try:
            files = sorted(path for path in (self.directory / "zones").iterdir() if path.suffix == _JOURNAL)
        except OSError as error:
            say(f"zones: {words(error)}")
            return []
        for path in files:
            if path.stem.endswith(_SIGNED):
                continue
            try:
                name = versions.from_filename(path.stem)
            except BadName as error:
                say(f"zones: {path} is left as it is: {error}")
                continue
            # Some programs would take it for an option.
            if zone_path(self.directory, name) == path.with_suffix("") and not name.startswith("-"):
                found.append(name)
        return found


def known(outline: dict[str, tuple[Entry, ...]]) -> dict[str, KnownZone]:
    """What the manifest tells of the zones that BIND serves."""
    found = {}
    for name, (first, *begun) in outline.items():
        if any(entry.file_digest or entry.serial for entry in (first, *begun)) and not name.startswith("-"):
            found[name] = KnownZone(
                name,
                dynamic=first.dynamic or any(entry.dynamic for entry in begun),
                serial=first.serial if not first.pending else 0,
                begun=tuple(entry.serial for entry in (first, *begun)),
                digests=frozenset(entry.file_digest for entry in (first, *begun)) - {""},
                content=first.content if not first.pending else None,
            )
    return found


def _healed(healer: Healer, zone: KnownZone, say: Say) -> bool:
    """False where it was not come to in time."""
    try:
        healer.heal(zone)
    except Temporary as error:
        say(f"zone {shown(zone.name)}: {error}")
        return False
    except NotPrimary:
        raise
    except (ReconcilerError, OSError) as error:
        say(f"zone {shown(zone.name)}: not made ready: {words(error)}")
    return True
