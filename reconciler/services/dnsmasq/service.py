"""dnsmasq as a managed server (see services.base.Service)."""

import socket
from collections.abc import Mapping
from pathlib import Path

from reconciler.config import BindSettings, DnsmasqSettings
from reconciler.deployed import Deployed, DeployedZone
from reconciler.effects import Effects
from reconciler.errors import Refused, Temporary
from reconciler.services.base import Drift, File, Outcome, Say
from reconciler.services.dnsmasq import trial
from reconciler.services.dnsmasq.check import judge
from reconciler.services.dnsmasq.compare import difference, from_inside, only_adds, seen_by, zones_differ
from reconciler.services.dnsmasq.folder import Folder, Swap, digest, swaps_between
from reconciler.services.dnsmasq.isolate import instance
from reconciler.services.dnsmasq.render import CONF, IDLE, RESERVATIONS, Rendered, render
from reconciler.services.dnsmasq.served import Mode, expected, mode
from reconciler.services.dnsmasq.staged import Action, Change, Server, StagedChange
from reconciler.services.dnsmasq.verify import Asker
from reconciler.site import Site

_REMEMBERED = 32


class Dnsmasq:
    """One dnsmasq: alone, before BIND (`bind` says where that answers), or for DHCP only.

    network: the isolated network whose instance it is; `settings` are that instance's then. While the network is not
    isolated the instance runs and does nothing.
    """

    def __init__(self, settings: DnsmasqSettings, *, bind: BindSettings | None, network: str | None = None) -> None:
        self.name = instance(network)
        self._network = network
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
        if conf == IDLE or conf.digest == deployed.files.get(f"{self.name}/{CONF}"):
            return []
        if conf.digest not in self._judged:
            while len(self._judged) >= _REMEMBERED:
                self._judged.pop(next(iter(self._judged)))
            self._judged[conf.digest] = judge(site, self._settings, self._bind, self._network)
        return self._judged[conf.digest]

    def notes(self, site: Site) -> tuple[str, ...]:
        """What a person should know: checks left out, and interfaces that this node does not have."""
        found = []
        obstacle = trial.obstacle()
        if obstacle:
            found.append(f"{self.name}: no trial start, syntax was checked only: {obstacle}")
        if self._settings.dhcp:
            present = {name for _, name in socket.if_nameindex()}
            for network in site.networks.values():
                interface = network.settings.interface
                if interface and interface not in present:
                    found.append(
                        f"{self.name}: network {network.name}: this node has no interface {interface} now; "
                        "it is served as soon as there is one"
                    )
        return tuple(found)

    def stage(self, site: Site, deployed: Deployed, effects: Effects) -> StagedChange | None:
        """Lay ready what differs from `deployed` or the disk. Raises Refused on a checker's complaint."""
        rendered = self._render(site)
        present = self._folder.present()
        swaps = swaps_between(rendered.files, present)
        seen = seen_by(rendered.view, from_inside(site, deployed))
        action = self._action(rendered, swaps, seen)
        if not swaps and action is Action.NOTHING and self._outcome_files(rendered) == self._own(deployed):
            return None
        complaints = self.check(site, deployed)
        if complaints:
            raise Refused("\n".join(complaints))
        if self._was_idle(deployed) and rendered.view is not None:
            self._knock(effects)
        self._folder.prepare(effects)
        aside = self._save_edited(swaps, deployed, effects)
        self._folder.stage(swaps, effects)
        change = self._change(seen, rendered=rendered, swaps=swaps, action=action, aside=aside)
        server = Server(self.name, self._folder, self._asker, self._settings.unit)
        return StagedChange(change, server, effects)

    def recover(self, deployed: Deployed, effects: Effects, say: Say) -> None:
        """Remove staged files of an apply that did not end; the next `stage` settles what was swapped in."""
        for path in self._folder.leftovers():
            effects.unlink(path)
            say(f"{self.name}: removed {path.name}, staged and never used")

    def unreached(self) -> str:
        """That dnsmasq does not answer; "" when it does, serves DHCP alone, or is not known yet to serve anything."""
        last = self._last
        if last is None or not _asks(last[1]) or self._asker.alive():
            return ""
        return f"{self.name} does not answer at {self._settings.address}:{self._settings.port}"

    def flush(self, effects: Effects) -> None:
        """Nothing: dnsmasq writes each lease at once."""

    def drift(self, site: Site, deployed: Deployed, effects: Effects) -> tuple[Drift, ...]:
        """Files edited, removed or added by hand; a file is read again only when its inode changed."""
        known, rendered = self._own(deployed), self._render(site).files
        found = []
        for path in sorted(known.keys() | set(self._folder.paths())):
            now = self._digest(path)
            place = f"{self.name}/{path}"
            if path not in known:
                found.append(Drift(place, "+", "not our file; the next change moves it aside"))
            elif now is None:
                found.append(Drift(place, "-", "the file is gone; the next change writes it anew"))
            elif now != known[path]:
                text = difference(rendered.get(path), self._folder.read(path) or b"", known[path])
                found.append(Drift(place, "~", f"{text}; the next change saves it aside and writes it anew"))
        return tuple(found)

    def _render(self, site: Site) -> Rendered:
        if self._last is None or self._last[0] is not site:
            self._last = (site, render(site, self._settings, self._bind, self._network))
        return self._last[1]

    def _own(self, deployed: Deployed) -> dict[str, str]:
        prefix = f"{self.name}/"
        return {path.removeprefix(prefix): value for path, value in deployed.files.items() if path.startswith(prefix)}

    def _was_idle(self, deployed: Deployed) -> bool:
        return self._own(deployed).get(CONF) == IDLE.digest

    def _knock(self, effects: Effects) -> None:
        """Before anything is touched: whether the unit is there that is to take the network over."""
        try:
            effects.ask_helper("reload", self._settings.unit)
        except Temporary as error:
            raise Temporary(
                f'{self._settings.unit} is to serve network "{self._network}" and does not run: {error}; it is set up '
                "and started once by root (docs/state.md, Isolated networks)"
            ) from error

    def _action(self, rendered: Rendered, swaps: Mapping[str, Swap], deployed: Deployed) -> Action:
        files, known, view = rendered.files, self._own(deployed), rendered.view
        if CONF not in files or (view is None and CONF not in known):
            return Action.NOTHING  # A unit that never had a network need not be there yet.
        differing = {path for path, file in files.items() if known.get(path) != file.digest}
        touched = differing | swaps.keys() | (known.keys() - files.keys())
        if CONF in touched:
            return Action.RESTART
        forward = view if view is not None and mode(view.site) is Mode.FORWARD else None
        if forward and zones_differ(forward, deployed, with_leases=not self._settings.dhcp):
            return Action.RELOAD  # Old answers of BIND are in the cache.
        for path in touched:
            if path.startswith(f"{RESERVATIONS}/") and not only_adds(swaps.get(path)):
                return Action.RELOAD
        return Action.NOTHING

    def _change(
        self,
        deployed: Deployed,
        *,
        rendered: Rendered,
        swaps: Mapping[str, Swap],
        action: Action,
        aside: list[str],
    ) -> Change:
        own, site = self._own(deployed), rendered.view.site if rendered.view else None
        part = mode(site) if site else Mode.DHCP
        before = expected(deployed.zones.values(), part) if own and not self._was_idle(deployed) else {}
        zones = {}
        if site and self._network is None and part is not Mode.DHCP and site.dns.authoritative == "none":
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
            after=expected(site.zones.values(), part) if site else {},
            asks=_asks(rendered),
            asked=not self._was_idle(deployed),
            own=part is Mode.ALONE,
            first=rendered.view is None,
            outcome=Outcome(zones, files, tuple(actions)),
            outcome_before=Outcome(
                {name: zone for name, zone in deployed.zones.items() if name in zones},
                {f"{self.name}/{path}": value for path, value in own.items()},
                (f"put back {self.name}",),
            ),
            notes=(
                *(self.notes(site) if site and action is Action.RESTART else ()),
                *(f"{self.name}: kept what stood there before: {path}" for path in aside),
            ),
        )

    def _save_edited(self, swaps: Mapping[str, Swap], deployed: Deployed, effects: Effects) -> list[str]:
        """Keep contents that are neither what was deployed nor what will be."""
        known = self._own(deployed)
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


def _asks(rendered: Rendered) -> bool:
    """Whether it answers DNS with these files."""
    return rendered.view is not None and CONF in rendered.files and mode(rendered.view.site) is not Mode.DHCP
