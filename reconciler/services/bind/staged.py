"""A staged change of BIND, and its way to the server: zones that are served first, then the configuration."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from reconciler.deployed import DeployedZone
from reconciler.dns.versions import shown, split
from reconciler.errors import ApplyFailed, NotPrimary, NotPutBack, ReconcilerError, Temporary, words
from reconciler.services.base import Drift, Outcome, Say
from reconciler.services.bind import dynamic, static, update, zonefile
from reconciler.services.bind.changes import ZoneChange
from reconciler.services.bind.configure import Configuration
from reconciler.services.bind.context import Context
from reconciler.services.bind.drift import Watch
from reconciler.services.bind.serve import Done
from reconciler.services.bind.update import Update


@dataclass
class BindStaged:
    """Fulfils services.base.Staged.

    served: zones that named has. files: staged ones of static zones. updates: of dynamic zones that take the change
    that way. configuration: None where it stays. unchanged: what the manifest says of all others.
    """

    ctx: Context
    served: Mapping[str, ZoneChange]
    files: Mapping[str, Path]
    updates: Mapping[str, Update]
    configuration: Configuration | None
    unchanged: Mapping[str, DeployedZone]
    digests: Mapping[str, str]
    watch: Watch
    _done: dict[str, Done] = field(default_factory=dict)

    @property
    def pending(self) -> Mapping[str, DeployedZone]:
        """The zones that will be served anew. Of a dynamic one the file is not known before it is frozen."""
        new = self.configuration.new if self.configuration else ()
        moving = self.configuration.moving if self.configuration else {}
        return {
            **{
                name: replace(self.unchanged[name], home=home)
                for name, home in moving.items()
                if name in self.unchanged
            },
            **{
                change.name: DeployedZone(
                    change.want.zone,
                    change.want.dynamic,
                    change.serial,
                    leases=change.want.leases,
                    home=change.want.home,
                )
                for change in (*self.served.values(), *new)
            },
        }

    @property
    def first(self) -> bool:
        """See services.base.Staged."""
        return False

    def commit(self, say: Say) -> Outcome:
        """Serve the zones one by one, then take over the configuration."""
        try:
            self._commit(say)
        except NotPrimary:
            raise
        except Temporary:
            self._thaw_held()
            raise
        except ReconcilerError as error:
            _, troubles = self._put_back(say)
            self._thaw_held()
            if not troubles and isinstance(error, ApplyFailed):
                raise
            raise _joined([error, *troubles]) from error
        except OSError as error:
            self._put_back(say)
            self._thaw_held()
            raise Temporary(f"BIND's files: {error}") from error
        outcome = self._outcome()
        self.watch.applied(outcome, self._doubtful())
        return outcome

    def _doubtful(self) -> list[str]:
        over = {name: done.over for name, done in self._done.items() if done.over}
        return [name for name, serials in over.items() if not self.watch.clean(self.served[name].was, serials)]

    def undo(self, say: Say) -> Outcome:
        """Serve again what was served before. Raises ApplyFailed or Temporary where that does not go well."""
        restored: dict[str, DeployedZone] = {}
        if self.configuration:
            restored = self.configuration.undo()
            say("bind: configuration put back")
        zones, troubles = self._put_back(say)
        zones = {**restored, **zones}
        self.watch.doubt(zones.keys())
        if troubles:
            raise _joined(troubles)
        return Outcome(zones=zones)

    def discard(self) -> None:
        """Remove staged files that were not swapped in."""
        for path in self.files.values():
            if path.exists():
                self.ctx.effects.unlink(path)

    def _commit(self, say: Say) -> None:
        for name, change in self.served.items():
            self._done[name] = self._serve(change)
            say(f"bind: zone {shown(name)} served with serial {self._done[name].deployed.serial}")
        if self.configuration:
            self.configuration.apply()
            say("bind: configuration taken over")

    def _serve(self, change: ZoneChange) -> Done:
        if change.name in self.updates:
            return update.change(self.ctx, change, self.updates[change.name], self.ctx.key(change.name))
        if self._is_dynamic(change):
            return dynamic.change(self.ctx, change, self.ctx.key(change.name), thaw=change.want.dynamic)
        path = self.ctx.path(change.name)
        text = change.want.zone.text(change.serial).encode()
        staged = self.files.get(change.name) or self.ctx.effects.stage(path, text, mode=zonefile.MODE)
        return static.change(self.ctx, change, staged)

    def _is_dynamic(self, change: ZoneChange) -> bool:
        """Whether named takes the zone as dynamic now; asked where what we know leaves it open."""
        if change.was and len(change.kinds) == 1:
            return change.want.dynamic
        return self.ctx.rndc.status(change.name).dynamic

    def _put_back(self, say: Say) -> tuple[dict[str, DeployedZone], list[ReconcilerError]]:
        """Undo the zones that went well; what they are then, and what went wrong with others."""
        zones: dict[str, DeployedZone] = {}
        troubles: list[ReconcilerError] = []
        for name, done in reversed(self._done.items()):
            if done.undo is None:
                troubles.append(
                    NotPutBack(f"zone {shown(name)} could not be put back: its content from before is not known")
                )
                continue
            try:
                zones[name] = replace(done.undo(), home=self.ctx.homes.get(name, ""))
                say(f"bind: zone {shown(name)} put back, serial {zones[name].serial}")
            except NotPrimary:
                raise
            except (ReconcilerError, OSError) as error:
                kind = Temporary if isinstance(error, Temporary | OSError) else NotPutBack
                troubles.append(kind(f"putting zone {shown(name)} back did not go well: {words(error)}"))
        return zones, troubles

    def _thaw_held(self) -> None:
        """Zones that were to become static were left frozen until the configuration changed, which it did not."""
        becoming = self.configuration.becoming if self.configuration else {}
        for name, to_dynamic in becoming.items():
            if name in self._done and not to_dynamic:
                with suppress(ReconcilerError):
                    self.ctx.rndc.thaw(name)

    def _outcome(self) -> Outcome:
        zones = {**self.unchanged, **{name: done.deployed for name, done in self._done.items()}}
        drift: list[Drift] = [item for done in self._done.values() for item in done.drift]
        drift += [item for name, done in self._done.items() if done.over for item in self.watch.standing(name)]
        actions = [self._action(change) for change in self.served.values()]
        if self.configuration:
            zones.update(self.configuration.deployed)
            drift += self.configuration.drift
            actions.append("rndc reconfig")
        homes = self.ctx.homes
        zones = {name: replace(zone, home=homes.get(name, "")) for name, zone in zones.items()}
        return Outcome(zones=zones, files=dict(self.digests), actions=tuple(actions), drift=tuple(drift))

    def _action(self, change: ZoneChange) -> str:
        zone, view = split(change.name)
        name = (zone.removesuffix(".") or ".") + (f" ({view})" if view else "")
        if self._done[change.name].over:
            return f"dynamic update of {name}"
        return f"rndc freeze, reload, thaw {name}" if change.want.dynamic else f"rndc reload {name}"


def _joined(errors: list[ReconcilerError]) -> ReconcilerError:
    """One for all: worth another try where one of them is."""
    kinds = (kind for kind in (Temporary, NotPutBack) if any(isinstance(error, kind) for error in errors))
    return next(kinds, ApplyFailed)("; ".join(map(str, errors)))
