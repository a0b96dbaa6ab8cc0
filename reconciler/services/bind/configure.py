"""Changing BIND's configuration: new and removed zones, kinds, keys, raw text. `rndc reconfig` takes it over.

reconfig loads new zones, drops removed ones and leaves all others alone. It says 0 also when a new zone's file cannot
be loaded, so every new zone is asked for.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from reconciler.deployed import DeployedZone
from reconciler.dns import serials
from reconciler.dns.serials import SerialStyle
from reconciler.dns.versions import name_of, shown
from reconciler.dns.zone import Zone
from reconciler.errors import ApplyFailed, NotPrimary, ReconcilerError, Temporary
from reconciler.services.base import Drift, File
from reconciler.services.bind import zonefile
from reconciler.services.bind.aside import save_aside
from reconciler.services.bind.changes import ZoneChange
from reconciler.services.bind.context import Context
from reconciler.services.bind.dynamic import drift_of, merge, thaw
from reconciler.services.bind.holding import hold, holds_only, theirs_in
from reconciler.services.bind.query import Live, Presence
from reconciler.services.bind.serve import cause
from reconciler.services.bind.static import set_hand_edit_aside
from reconciler.services.bind.verify import wrong_answers


@dataclass
class Configuration:
    """One change of the configuration.

    files: by name inside the folder. new: zones to be added. gone: zones to be dropped. becoming: zones whose kind
    changes, and whether they are to be dynamic; those that become static are frozen when `apply` is called. moving:
    zones that get another view as their home, and which. deployed, drift: filled by `apply`.
    """

    ctx: Context
    files: Mapping[str, File]
    new: tuple[ZoneChange, ...]
    gone: Mapping[str, DeployedZone]
    becoming: Mapping[str, bool]
    moving: Mapping[str, str] = field(default_factory=dict)
    deployed: dict[str, DeployedZone] = field(default_factory=dict)
    drift: list[Drift] = field(default_factory=list)
    _before: dict[Path, bytes | None] = field(default_factory=dict)
    _written: dict[str, Zone] = field(default_factory=dict)
    _frozen: list[str] = field(default_factory=list)
    _homes: dict[str, str] = field(default_factory=dict)
    """Where zones were that have moved; empty before they have."""
    _taken: bool = False
    """named has had the new configuration."""

    def apply(self) -> None:
        """Carry it out. Raises ApplyFailed after putting back what was there, Temporary when named is gone."""
        try:
            self._apply()
        except NotPrimary:
            raise
        except Temporary:
            self._restore(reachable=False)
            raise
        except ReconcilerError as error:
            raise ApplyFailed(f"{error}; {self._put_back()}") from error

    def undo(self) -> dict[str, DeployedZone]:
        """After `apply`: put the configuration from before back; zones that are not as before then.

        Raises ApplyFailed or Temporary.
        """
        for name in self.moving:
            self._hold(name)
        restored = self._restore(reachable=True)
        for name in (*self.gone, *self.moving):
            self._wait_served(name)
        return restored

    def _apply(self) -> None:
        folder = self.ctx.settings.directory
        for name, was in self.gone.items():
            self._remember_gone(name, was)
        for change in self.new:
            self._write_zone(change)
        for name in self.moving:
            self._hold(name)
        for name, dynamic in self.becoming.items():
            if dynamic:
                self._drop_journal(self.ctx.path(name))
        for name, file in self.files.items():
            self._remember(folder / name)
            self.ctx.effects.replace(folder / name, file.content, mode=file.mode)
        if complaints := self.ctx.checker.installed():
            raise ApplyFailed("; ".join(complaints))
        self._reconfigure()
        self._taken = True
        self._move()
        for change in self.new:
            self._verify(change)
        for name, dynamic in self.becoming.items():
            self._verify_kind(name, dynamic=dynamic)
        self._frozen.clear()
        for name in self.gone:
            self.ctx.effects.unlink(self.ctx.path(name))
            self._drop_journal(self.ctx.path(name))

    def _write_zone(self, change: ZoneChange) -> None:
        """Write a new zone's file; where one lies there already, nothing that others put into it is lost."""
        ctx, want, path, serial = self.ctx, change.want, self.ctx.path(change.name), change.serial
        zone = want.zone
        self._remember(path)
        for base, theirs in theirs_in(ctx, change, self.gone):
            merged = merge(replace(want, zone=zone), base, theirs)
            zone = replace(zone, rrsets=merged.rrsets)
            self.drift += drift_of(want, merged)
            if not serials.newer(serial, theirs.serial):
                serial = ctx.next_serial(want.serial, serial, theirs.serial)
        if zone.digest != want.zone.digest and (complaints := ctx.checker.zone(zone)):
            raise ApplyFailed(f"zone {shown(change.name)} with the records of others in it: {'; '.join(complaints)}")
        if not want.dynamic and path.exists():
            set_hand_edit_aside(ctx, change, path.read_bytes())
        self._drop_journal(path)
        text = zone.text(serial).encode()
        ctx.effects.replace(path, text, mode=zonefile.MODE)
        self._written[change.name] = zone
        digest = zonefile.digest(text)
        self.deployed[change.name] = DeployedZone(want.zone, want.dynamic, serial, digest, want.leases, home=want.home)

    def _remember_gone(self, name: str, was: DeployedZone) -> None:
        """Keep the file of a zone that goes; what others have in it is saved for good."""
        ctx, path = self.ctx, self.ctx.path(name)
        self._hold(name)
        self._remember(path)
        content = self._before[path]
        if content is not None and not holds_only(name, path, was.zone):
            save_aside(ctx, path, content)

    def _hold(self, name: str) -> None:
        # Noted first: where it ends in between, the zone is thawed all the same.
        self._frozen.append(name)
        if not hold(self.ctx, name):
            self._frozen.remove(name)

    def _move(self) -> None:
        """named has the zones in their new views now."""
        self._homes = {name: self.ctx.homes.get(name, "") for name in self.moving}
        self.ctx.homes.update(self.moving)
        for name in self.moving:
            self._wait_served(name)
            if name in self._frozen:
                thaw(self.ctx, name)

    def _reconfigure(self) -> None:
        answer = self.ctx.rndc.reconfig()
        if not answer.ok:
            raise ApplyFailed(f"named did not take the configuration: `rndc reconfig` said {answer.words!r}")

    def _verify(self, change: ZoneChange) -> None:
        ctx, name, zone = self.ctx, shown(change.name), self._written[change.name]
        serial = self.deployed[change.name].serial
        live = ctx.wait_for_serial(change.name, serial, later=change.want.dynamic, records=len(zone.rrsets))
        if live.presence is Presence.DOWN:
            raise Temporary(f"named went away while it loaded zone {name}: {live.words}")
        newer = change.want.dynamic and serials.newer(live.serial, serial)
        if live.presence is not Presence.SERVED or not (live.serial == serial or newer):
            raise ApplyFailed(
                f"zone {name}: named did not load it after `rndc reconfig`: expected serial {serial}, "
                f"found {live.words}{cause(ctx.path(change.name))}"
            )
        if not newer and (wrong := wrong_answers(ctx.server(zone.id), {}, zone, ctx.served(zone.id))):
            raise ApplyFailed(f"zone {name}: named answers otherwise than it should: {'; '.join(wrong)}")

    def _verify_kind(self, name: str, *, dynamic: bool) -> None:
        if not dynamic:
            thaw(self.ctx, name)
        if self.ctx.rndc.status(name).dynamic != dynamic:
            kind = "dynamic" if dynamic else "static"
            raise ApplyFailed(f"zone {shown(name)}: named does not take it as {kind} after `rndc reconfig`")

    def _wait_served(self, name: str) -> None:
        live = Live(Presence.DOWN, 0, "")

        def served() -> bool:
            nonlocal live
            live = self.ctx.server(name).live(name)
            return live.presence is Presence.SERVED

        if not self.ctx.wait(served):
            raise ApplyFailed(f"zone {shown(name)} is not served: {live.words}")

    def _put_back(self) -> str:
        try:
            self._restore(reachable=True)
        except NotPrimary:
            raise
        except ReconcilerError as error:
            return f"putting the configuration from before back did not go well either: {error}"
        return "the configuration from before is back"

    def _restore(self, *, reachable: bool) -> dict[str, DeployedZone]:
        new = {self.ctx.path(change.name) for change in self.new}
        for path in self._before.keys() - new:
            self._restore_file(path)
        restored = dict(self._raise_serials()) if self._taken else {}
        self.ctx.homes.update(self._homes)
        try:
            if reachable:
                self._reconfigure()
        finally:
            for path in self._before.keys() & new:
                self._restore_file(path)
                self._drop_journal(path)
        for name in dict.fromkeys(self._frozen) if reachable else ():
            thaw(self.ctx, name)
        return restored

    def _raise_serials(self) -> Iterator[tuple[str, DeployedZone]]:
        """Zones in whose place other versions were served for a moment come back with newer serials than those had."""
        for name, was in self.gone.items():
            path = self.ctx.path(name)
            others = [zone.serial for key, zone in self.deployed.items() if name_of(key) == name_of(name)]
            serial = zonefile.serial_in(path)
            if others and serial is not None:
                serial = serials.next_serial(SerialStyle.INCREMENT, [serial, *others], datetime.now(UTC))
                content = zonefile.with_serial(path.read_bytes(), serial)
                self._drop_journal(path)
                self.ctx.effects.replace(path, content, mode=zonefile.MODE)
                yield name, replace(was, serial=serial, file_digest=zonefile.digest(content))

    def _restore_file(self, path: Path) -> None:
        content = self._before[path]
        if content is None:
            self.ctx.effects.unlink(path)
        elif not path.exists() or path.read_bytes() != content:
            mode = self.files[path.name].mode if path.name in self.files else zonefile.MODE
            self.ctx.effects.replace(path, content, mode=mode)

    def _remember(self, path: Path) -> None:
        if path not in self._before:
            self._before[path] = path.read_bytes() if path.exists() else None

    def _drop_journal(self, path: Path) -> None:
        if zonefile.journal(path).exists():
            self.ctx.effects.unlink(zonefile.journal(path))
