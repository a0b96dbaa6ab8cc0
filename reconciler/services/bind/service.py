"""BIND as a managed server: what it is to serve, checking that, and staging what differs."""

from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from reconciler.config import BindSettings
from reconciler.deployed import Deployed
from reconciler.effects import Effects
from reconciler.errors import BadName, Refused, Temporary
from reconciler.services.base import Drift, File, Say
from reconciler.services.bind import changes, homes, update, zonefile
from reconciler.services.bind.changes import ZoneChange
from reconciler.services.bind.check import Checker
from reconciler.services.bind.choose import choose
from reconciler.services.bind.configure import Configuration
from reconciler.services.bind.context import Context
from reconciler.services.bind.difference import RRsetChange, difference
from reconciler.services.bind.drift import Watch
from reconciler.services.bind.dynamic import keep_of
from reconciler.services.bind.keys import read_key_file, site_keys, view_key
from reconciler.services.bind.query import Server
from reconciler.services.bind.recover import recover
from reconciler.services.bind.render import EMPTY, EMPTY_TEXT, FRAGMENT, KEYS, TsigKey, fragment, keys_file
from reconciler.services.bind.rndc import Rndc
from reconciler.services.bind.servers import Servers
from reconciler.services.bind.staged import BindStaged
from reconciler.services.bind.update import Update
from reconciler.site import Site, SiteZone

OWN_KEY_FILE = "reconciler.key"
_PATIENCE = 5.0

RRsetChanges = tuple[RRsetChange, ...]


class Bind:
    """Fulfils services.base.Service.

    secrets: folder of the files that `secret: NAME` refers to. patience: seconds that named has to load a zone.
    """

    name = "bind"

    def __init__(self, settings: BindSettings, *, secrets: Path, patience: float = _PATIENCE) -> None:
        self._settings = settings
        self._secrets = secrets
        self._patience = patience
        self._servers = Servers(settings.address, settings.port, self._own_key)
        self._checker = Checker(settings)
        self._watch = Watch()

    def files(self, site: Site) -> Mapping[str, File]:
        """The configuration, as far as it can be rendered; `check` says what stands in the way of the rest."""
        try:
            return self._render(site)
        except Refused:
            return {}

    def check(self, site: Site, deployed: Deployed) -> list[str]:
        """Complaints of named-checkzone and named-checkconf, and about keys."""
        zones = changes.served(site)
        return self._complaints(site, deployed, _differences(zones, deployed, ()))

    def _complaints(self, site: Site, deployed: Deployed, differences: Mapping[str, RRsetChanges]) -> list[str]:
        complaints = list(site_keys(site.keys, self._secrets).complaints)
        zones = changes.served(site)
        try:
            files = self._render(site)
            for zone in zones.values():
                keep_of(zone)
        except (Refused, BadName) as error:
            return [*complaints, str(error)]
        if complaints:
            return complaints
        complaints += self._checker.zones(
            zones[name].zone for name, found in differences.items() if not _proven(zones[name], deployed, found)
        )
        return complaints + self._checker.conf({name: file.content.decode() for name, file in files.items()})

    def stage(self, site: Site, deployed: Deployed, effects: Effects) -> BindStaged | None:
        """Lay ready what differs; see services.base.Service. Raises Temporary when named does not answer."""
        zones = changes.served(site)
        names = _differences(zones, deployed, self._watch.again)
        if complaints := self._complaints(site, deployed, names):
            raise Refused("\n".join(complaints))
        files = self._render(site)
        gone = changes.gone(zones, deployed)
        digests = {f"{self.name}/{name}": file.digest for name, file in files.items()}
        conf_differs = self._differs(files, digests, deployed) or bool(deployed.pending)
        if not names and not gone and not conf_differs:
            return None
        ctx = self._context(effects, site, deployed)
        ctx.also(gone)
        effects.make_folder(self._settings.directory / "zones")
        versions = changes.by_name({*deployed.zones, *deployed.pending, *deployed.retired})
        found = [choose(ctx, zones[name], deployed, versions) for name in names]
        served = {change.name: change for change in found if change.serving}
        new = tuple(change for change in found if not change.serving)
        becoming = {name: change.want.dynamic for name, change in served.items() if len(change.kinds) > 1}
        configuration = None
        moving = {
            name: zones[name].home
            for name in zones.keys() & changes.maybe_ours(deployed).keys() - {change.name for change in new}
            if ctx.homes.get(name, "") != zones[name].home
        }
        if conf_differs or new or gone or becoming or moving:
            dropped = {name: changes.was(name, deployed)[-1] for name in gone}
            configuration = Configuration(ctx, files, new, dropped, becoming, moving)
        return BindStaged(
            ctx=ctx,
            served=served,
            files=self._stage_files(ctx, served),
            # Before our key is in named's configuration it takes none.
            updates=self._updates(served, names) if self._on_disk(KEYS) == files[KEYS].content else {},
            configuration=configuration,
            unchanged={
                name: replace(deployed.zones[name], leases=zones[name].leases) for name in zones.keys() - names.keys()
            },
            digests=digests,
            watch=self._watch,
        )

    def recover(self, deployed: Deployed, effects: Effects, say: Say) -> None:
        """Leave no zone frozen and no staged file lying about."""
        known = changes.maybe_ours(deployed)
        dynamic = sorted(name for name, zones in known.items() if any(zone.dynamic for zone in zones))
        try:
            ctx = self._context(effects, None, deployed)
        except Temporary as error:
            say(f"bind: cannot look for frozen zones: {error}")
            ctx = self._empty_context(effects)
        recover(ctx, [name for name in dynamic if name in ctx.homes], say)

    def unreached(self) -> str:
        """That named does not answer; "" when it does."""
        with closing(Server(self._settings.address, self._settings.port)) as server:
            return "" if server.alive(timeout=1.0) else f"named does not answer at {server}"

    def flush(self, effects: Effects) -> None:
        """Have named fold its journals into the zone files (`rndc sync`)."""
        answer = Rndc(self._settings, effects).sync()
        if not answer.ok:
            raise Temporary(f"`rndc sync` said {answer.words!r}")

    def drift(self, site: Site, deployed: Deployed, effects: Effects) -> tuple[Drift, ...]:
        """What others changed in zones and files."""
        zones = {
            name: (item, changes.served(site)[name])
            for name, item in changes.ours(deployed.zones).items()
            if name in changes.served(site)
        }
        found = self._watch.look(self._context(effects, site, deployed), zones)
        return (*self._edited_files(deployed), *found)

    def _render(self, site: Site) -> dict[str, File]:
        """Raises Refused for what cannot be written, or when the node's own key cannot be read."""
        zones = list(changes.served(site).values())
        views = site.views if zones else ()
        text = fragment(self._settings.directory, zones, site.keys.keys(), site.bind_hatches, views)
        own = self._own_key()
        of_views = (view_key(own, view.name) for view in views)
        keys = keys_file([own, *of_views, *site_keys(site.keys, self._secrets).keys])
        files = {KEYS: File(keys.encode(), secret=True), FRAGMENT: File(text.encode())}
        return files | ({EMPTY: File(EMPTY_TEXT.encode())} if any(view.empty for view in views) else {})

    def _own_key(self) -> TsigKey:
        return read_key_file(self._settings.directory / OWN_KEY_FILE)

    def _context(self, effects: Effects, site: Site | None, deployed: Deployed) -> Context:
        """Raises Temporary where named has to be asked for its views and does not answer."""
        ctx = self._empty_context(effects)
        if site is not None:
            ctx.names[""] = {item.zone.name for item in changes.served(site).values()}
            ctx.names.update({view.name: {*view.zones, *view.empty} for view in site.views})
        ctx.homes.update(homes.now(ctx, changes.served(site) if site else {}, deployed))
        return ctx

    def _empty_context(self, effects: Effects) -> Context:
        places: dict[str, str] = {}
        rndc = Rndc(self._settings, effects, places)
        return Context(self._settings, effects, self._servers, rndc, self._checker, self._patience, places)

    def _differs(self, files: Mapping[str, File], digests: Mapping[str, str], deployed: Deployed) -> bool:
        """Whether the configuration on disk, or what the manifest says of it, is not what it should be."""
        mine = {path: digest for path, digest in deployed.files.items() if path.startswith(f"{self.name}/")}
        if mine != dict(digests):
            return True
        return any(self._on_disk(name) != file.content for name, file in files.items())

    def _on_disk(self, name: str) -> bytes | None:
        try:
            return (self._settings.directory / name).read_bytes()
        except OSError:
            return None

    def _updates(self, served: Mapping[str, ZoneChange], differences: Mapping[str, RRsetChanges]) -> dict[str, Update]:
        """The changes that named can take as updates. What is broken or to be healed needs a new file."""
        planned = {
            name: update.plan(change.want, change.was, differences[name])
            for name, change in served.items()
            if not change.broken and name not in self._watch.again
        }
        return {name: found for name, found in planned.items() if found is not None}

    def _stage_files(self, ctx: Context, served: Mapping[str, ZoneChange]) -> dict[str, Path]:
        """Files of static zones; what a dynamic one is to hold is known when it is frozen."""
        staged: dict[str, Path] = {}
        for name, change in served.items():
            if change.kinds == {False}:
                text = change.want.zone.text(change.serial).encode()
                staged[name] = ctx.effects.stage(ctx.path(name), text, mode=zonefile.MODE)
        return staged

    def _edited_files(self, deployed: Deployed) -> list[Drift]:
        found = []
        for name in (FRAGMENT,):
            expected = deployed.files.get(f"{self.name}/{name}")
            content = self._on_disk(name)
            if expected and content is not None and zonefile.digest(content) != expected:
                path = self._settings.directory / name
                found.append(Drift(f"{self.name}/{name}", "+", f"{path} was edited by hand"))
        return found


def _differences(zones: Mapping[str, SiteZone], deployed: Deployed, again: Collection[str]) -> dict[str, RRsetChanges]:
    """Zones that have to be served anew, and what changes in each against what may be deployed."""
    return {
        name: difference([zone.zone.rrsets for zone in changes.was(name, deployed)], zones[name].zone.rrsets)
        for name in changes.differing(zones, deployed, again)
    }


def _proven(want: SiteZone, deployed: Deployed, found: RRsetChanges) -> bool:
    """Whether there is nothing for named-checkzone to see: deployed zones were checked, leases are good one by one."""
    was = changes.was(want.zone.id, deployed)
    if not found and was and was[-1].zone.soa == want.zone.soa:
        return True
    return bool(was) and update.is_lease_change(want, was, found)
