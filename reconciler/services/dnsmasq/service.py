"""dnsmasq as a managed server (see services.base.Service)."""

import difflib
import socket
from collections.abc import Mapping
from pathlib import Path

from reconciler.config import BindSettings, DnsmasqSettings
from reconciler.deployed import Deployed, DeployedZone, without
from reconciler.effects import Effects
from reconciler.errors import Refused
from reconciler.services.base import Drift, File, Outcome, Say
from reconciler.services.dnsmasq import trial
from reconciler.services.dnsmasq.check import judge
from reconciler.services.dnsmasq.folder import Folder, Swap, digest, swaps_between
from reconciler.services.dnsmasq.render import CONF, RESERVATIONS, Rendered, render
from reconciler.services.dnsmasq.served import Mode, expected, mode, visible
from reconciler.services.dnsmasq.staged import Action, Change, StagedChange
from reconciler.services.dnsmasq.verify import Asker
from reconciler.site import Site

_REMEMBERED = 32


class Dnsmasq:
    """One dnsmasq: alone, before BIND (`bind` says where that answers), or for DHCP only."""

    name = "dnsmasq"

    def __init__(self, settings: DnsmasqSettings, *, bind: BindSettings | None) -> None:
        self._settings = settings
        self._bind = bind
        self._folder = Folder(settings.directory)
        self._asker = Asker(settings.address, settings.port)
        self._judged: dict[str, list[str]] = {}
        self._last: tuple[Site, Rendered] | None = None
        self._seen: dict[str, tuple[tuple[int, int, int], str]] = {}

    def files(self, site: Site) -> Mapping[str, File]:
        """All files, by path inside the folder."""
        return self._render(site).files

    def check(self, site: Site, deployed: Deployed) -> list[str]:
        """The renderer's complaints; where dnsmasq.conf changes, `dnsmasq --test`'s and a trial start's."""
        rendered = self._render(site)
        conf = rendered.files.get(CONF)
        if rendered.complaints or conf is None:
            return list(rendered.complaints)
        if conf.digest == deployed.files.get(f"{self.name}/{CONF}"):
            return []
        if conf.digest not in self._judged:
            while len(self._judged) >= _REMEMBERED:
                self._judged.pop(next(iter(self._judged)))
            self._judged[conf.digest] = judge(site, self._settings, self._bind)
        return self._judged[conf.digest]

    def notes(self, site: Site) -> tuple[str, ...]:
        """What a person should know: checks left out, and interfaces that this node does not have."""
        found = []
        obstacle = trial.obstacle()
        if obstacle:
            found.append(f"dnsmasq: no trial start, syntax was checked only: {obstacle}")
        if self._settings.dhcp:
            present = {name for _, name in socket.if_nameindex()}
            for network in site.networks.values():
                interface = network.settings.interface
                if interface and interface not in present:
                    found.append(
                        f"dnsmasq: network {network.name}: this node has no interface {interface} now; "
                        "it is served as soon as there is one"
                    )
        return tuple(found)

    def stage(self, site: Site, deployed: Deployed, effects: Effects) -> StagedChange | None:
        """Lay ready what differs from `deployed` or the disk. Raises Refused on a checker's complaint."""
        rendered = self._render(site)
        present = self._folder.present()
        swaps = swaps_between(rendered.files, present)
        action = self._action(site, rendered.files, swaps, deployed)
        if not swaps and action is Action.NOTHING and self._outcome_files(rendered) == _own(deployed):
            return None
        complaints = self.check(site, deployed)
        if complaints:
            raise Refused("\n".join(complaints))
        self._folder.prepare(effects)
        aside = self._save_edited(swaps, deployed, effects)
        self._folder.stage(swaps, effects)
        change = self._change(site, deployed, rendered=rendered, swaps=swaps, action=action, aside=aside)
        return StagedChange(change, self._folder, self._asker, self._settings.unit, effects)

    def recover(self, deployed: Deployed, effects: Effects, say: Say) -> None:
        """Remove staged files of an apply that did not end; the next `stage` settles what was swapped in."""
        for path in self._folder.leftovers():
            effects.unlink(path)
            say(f"dnsmasq: removed {path.name}, staged and never used")

    def unreached(self) -> str:
        """That dnsmasq does not answer; "" when it does, serves DHCP alone, or is not known yet to serve anything."""
        last = self._last
        if last is None or mode(last[0]) is Mode.DHCP or CONF not in last[1].files or self._asker.alive():
            return ""
        return f"dnsmasq does not answer at {self._settings.address}:{self._settings.port}"

    def flush(self, effects: Effects) -> None:
        """Nothing: dnsmasq writes each lease at once."""

    def drift(self, site: Site, deployed: Deployed, effects: Effects) -> tuple[Drift, ...]:
        """Files edited, removed or added by hand; a file is read again only when its inode changed."""
        known, rendered = _own(deployed), self._render(site).files
        found = []
        for path in sorted(known.keys() | set(self._folder.paths())):
            now = self._digest(path)
            place = f"{self.name}/{path}"
            if path not in known:
                found.append(Drift(place, "+", "not our file; the next change moves it aside"))
            elif now is None:
                found.append(Drift(place, "-", "the file is gone; the next change writes it anew"))
            elif now != known[path]:
                text = _difference(rendered.get(path), self._folder.read(path) or b"", known[path])
                found.append(Drift(place, "~", f"{text}; the next change saves it aside and writes it anew"))
        return tuple(found)

    def _render(self, site: Site) -> Rendered:
        if self._last is None or self._last[0] is not site:
            self._last = (site, render(site, self._settings, self._bind))
        return self._last[1]

    def _action(self, site: Site, files: Mapping[str, File], swaps: Mapping[str, Swap], deployed: Deployed) -> Action:
        if CONF not in files:
            return Action.NOTHING
        known = _own(deployed)
        differing = {path for path, file in files.items() if known.get(path) != file.digest}
        touched = differing | swaps.keys() | (known.keys() - files.keys())
        if CONF in touched:
            return Action.RESTART
        if mode(site) is Mode.FORWARD and _zones_differ(site, deployed, with_leases=not self._settings.dhcp):
            return Action.RELOAD  # Old answers of BIND are in the cache.
        for path in touched:
            if path.startswith(f"{RESERVATIONS}/") and not _only_adds(swaps.get(path)):
                return Action.RELOAD
        return Action.NOTHING

    def _change(
        self,
        site: Site,
        deployed: Deployed,
        *,
        rendered: Rendered,
        swaps: Mapping[str, Swap],
        action: Action,
        aside: list[str],
    ) -> Change:
        part = mode(site)
        before = expected(visible(deployed.zones).values(), part) if _own(deployed) else {}
        zones = {}
        if part is not Mode.DHCP and site.dns.authoritative == "none":
            zones = {
                name: DeployedZone(item.zone, item.dynamic, serial=0, leases=item.leases)
                for name, item in site.zones.items()
            }
        actions = [f"wrote {self.name}/{path}" for path, swap in swaps.items() if swap.new is not None]
        actions += [f"removed {self.name}/{path}" for path, swap in swaps.items() if swap.new is None]
        if action is not Action.NOTHING:
            actions.append(f"{action.name.lower()} {self._settings.unit}")
        if CONF not in rendered.files:
            actions.append(f"{self._settings.unit} has nothing to do any more: stop and disable its unit")
        files = {f"{self.name}/{path}": value for path, value in self._outcome_files(rendered).items()}
        return Change(
            swaps=swaps,
            action=action,
            before=before,
            after=expected(visible(site.zones).values(), part),
            asks=part is not Mode.DHCP and CONF in rendered.files,
            own=part is Mode.ALONE,
            outcome=Outcome(zones, files, tuple(actions)),
            outcome_before=Outcome(
                {name: zone for name, zone in deployed.zones.items() if name in zones},
                {f"{self.name}/{path}": value for path, value in _own(deployed).items()},
                (f"put back {self.name}",),
            ),
            notes=(
                *(self.notes(site) if action is Action.RESTART else ()),
                *(f"dnsmasq: kept what stood there before: {path}" for path in aside),
            ),
        )

    def _save_edited(self, swaps: Mapping[str, Swap], deployed: Deployed, effects: Effects) -> list[str]:
        """Keep contents that are neither what was deployed nor what will be."""
        known = _own(deployed)
        return [
            self._folder.save_aside(path, swap.old, effects)
            for path, swap in swaps.items()
            if swap.old is not None and digest(swap.old) != known.get(path)
        ]

    def _outcome_files(self, rendered: Rendered) -> dict[str, str]:
        return {path: file.digest for path, file in rendered.files.items()}

    def _digest(self, path: str) -> str | None:
        full: Path = self._folder.root / path
        try:
            status = full.stat()
        except FileNotFoundError:
            return None
        stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
        known = self._seen.get(path)
        if known is None or known[0] != stamp:
            known = (stamp, digest(full.read_bytes()))
            self._seen[path] = known
        return known[1]


def _own(deployed: Deployed) -> dict[str, str]:
    prefix = f"{Dnsmasq.name}/"
    return {path.removeprefix(prefix): value for path, value in deployed.files.items() if path.startswith(prefix)}


def _zones_differ(site: Site, deployed: Deployed, *, with_leases: bool) -> bool:
    """Leases count where another server hands them out: dnsmasq drops what it knows of a name that its own one gets."""
    wanted, there = visible(site.zones), visible(deployed.zones)
    if wanted.keys() != there.keys():
        return True
    pairs = [(item, there[name]) for name, item in wanted.items()]
    differing = [(now, old) for now, old in pairs if now.zone.digest != old.zone.digest]
    if with_leases:
        return bool(differing)
    return any(without(now.zone, now.leases).digest != old.state.digest for now, old in differing)


def _only_adds(swap: Swap | None) -> bool:
    """dnsmasq takes new reservations in by itself; it forgets none, and keeps the first for an address."""
    if swap is None or swap.new is None:
        return False
    return set((swap.old or b"").splitlines()) <= set(swap.new.splitlines())


def _difference(file: File | None, now: bytes, known: str) -> str:
    if file is None or file.digest != known:
        return "changed by hand"
    before, after = (content.decode(errors="replace").splitlines() for content in (file.content, now))
    lines = [line for line in difflib.ndiff(before, after) if line[:2] in ("+ ", "- ")]
    return f"changed by hand, {len(lines)} lines, first: {lines[0][:100]}" if lines else "changed by hand"
