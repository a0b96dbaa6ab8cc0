"""Applying as a transaction over all servers: everything is staged and checked before anything is served.

When one server does not come to serve what it was given, it puts its own last good state back; what other servers
had already taken is then put back too, so that what is served is always the state of one commit.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from reconciler.deployed import Deployed, DeployedZone
from reconciler.dns import serials
from reconciler.effects import Effects
from reconciler.errors import NotPrimary, NotPutBack, ReconcilerError, Temporary, words
from reconciler.manifest import ManifestStore
from reconciler.services.base import Drift, Outcome, Say, Service, Staged
from reconciler.site import Site


@dataclass(frozen=True, slots=True)
class Applied:
    """What an apply did. changed: names of zones whose serial was raised, with old and new serial."""

    deployed: Deployed
    changed: Mapping[str, tuple[int, int]]
    actions: tuple[str, ...]
    drift: tuple[Drift, ...]


class Applier:
    """Carries out applies and keeps the manifest."""

    def __init__(self, services: Sequence[Service], store: ManifestStore, effects: Effects) -> None:
        self.busy = False
        """Whether an apply is under way. Any thread may look."""
        self._services = services
        self._store = store
        self._effects = effects

    def apply(self, site: Site, commit: str, say: Say, *, recorded: bool = False) -> Applied:
        """Bring all servers to `site`. recorded: this apply needs no entry in the audit (it changes leases only).

        Raises Refused (a checker said no, nothing was touched), ApplyFailed (put back), Temporary (put back, worth
        another try; also a full or read-only disk) or NotPrimary (stopped where it was; the next apply finishes it).
        Until `ManifestStore.note_recorded` is called the manifest says that the audit lacks this apply.
        """
        self.busy = True
        try:
            return self._apply(site, commit, say, recorded=recorded)
        except OSError as error:
            raise Temporary(words(error)) from error
        finally:
            self.busy = False

    def _apply(self, site: Site, commit: str, say: Say, *, recorded: bool) -> Applied:
        before = self._store.load()
        staged = self._stage(site, before)
        outcomes = self._commit(staged, before, say)
        after = _after(site, commit, before, outcomes, [service.name for service in self._services])
        # What the audit lacked before, it still lacks.
        self._store.save(after, self._effects, recorded=recorded and not before.unrecorded)
        return Applied(
            deployed=after,
            changed=_raised(before, after),
            actions=tuple(action for outcome in outcomes.values() for action in outcome.actions),
            drift=tuple(drift for outcome in outcomes.values() for drift in outcome.drift),
        )

    def _stage(self, site: Site, before: Deployed) -> list[tuple[Service, Staged]]:
        staged: list[tuple[Service, Staged]] = []
        try:
            for service in self._services:
                stage = service.stage(site, before, self._effects)
                if stage is not None:
                    staged.append((service, stage))
            staged.sort(key=lambda pair: not pair[1].first)
            self._store.begin(_merge(stage.pending for _, stage in staged), self._effects, site.prefixes)
        except (ReconcilerError, OSError):
            for _, stage in staged:
                stage.discard()
            raise
        return staged

    def _commit(self, staged: Sequence[tuple[Service, Staged]], before: Deployed, say: Say) -> dict[str, Outcome]:
        outcomes: dict[str, Outcome] = {}
        done: list[Staged] = []
        try:
            for service, stage in staged:
                outcomes[service.name] = stage.commit(say)
                done.append(stage)
        except NotPrimary:
            # Nothing further may be touched. The pending zones are on disk: whoever is primary next finishes.
            raise
        except (ReconcilerError, OSError) as error:
            troubles = self._undo([stage for _, stage in staged], len(done), before, say, error)
            if not troubles:
                raise
            text = "; ".join([words(error), *(f"putting back did not go well: {words(other)}" for other in troubles)])
            raise (Temporary if _may_pass(error, *troubles) else NotPutBack)(text) from error
        return outcomes

    def _undo(
        self, staged: Sequence[Staged], done: int, before: Deployed, say: Say, cause: Exception
    ) -> list[Exception]:
        """Put back what the first `done` of `staged` did; all that goes wrong with it."""
        troubles: list[Exception] = []
        restored: dict[str, DeployedZone] = {}
        for stage in staged[done:]:
            with _noted(troubles):
                stage.discard()
        for stage in reversed(staged[:done]):
            with _noted(troubles):
                restored.update(stage.undo(say).zones)
        zones = {**before.zones, **restored}
        retired = _retired(before, zones, _merge(stage.pending for stage in staged))
        after = replace(before, zones=zones, pending={}, unrecorded=False, retired=retired, trying={})
        # A server that went away may have taken more than it could tell.
        certain = not (troubles or _may_pass(cause) or isinstance(cause, NotPutBack))
        certain = certain and restored.keys() >= before.pending.keys()
        with _noted(troubles):
            self._store.save(after, self._effects, recorded=not before.unrecorded, ended=certain)
        return troubles


@contextmanager
def _noted(troubles: list[Exception]) -> Iterator[None]:
    try:
        yield
    except NotPrimary:
        raise
    except (ReconcilerError, OSError) as error:
        troubles.append(error)


def _may_pass(*errors: Exception) -> bool:
    return any(isinstance(error, Temporary | OSError) for error in errors)


def _merge(parts: Iterable[Mapping[str, DeployedZone]]) -> dict[str, DeployedZone]:
    return {name: zone for part in parts for name, zone in part.items()}


def _after(
    site: Site, commit: str, before: Deployed, outcomes: Mapping[str, Outcome], services: Sequence[str]
) -> Deployed:
    reported = _merge(outcome.zones for outcome in outcomes.values())
    zones = {}
    for name, item in site.zones.items():
        known = reported.get(name) or before.zones.get(name)
        serial = known.serial if known else 0
        digest = known.file_digest if known else ""
        zones[name] = DeployedZone(item.zone, item.dynamic, serial, digest, item.leases, item.home)
    files = {
        path: digest
        for path, digest in before.files.items()
        if path.partition("/")[0] in services and path.partition("/")[0] not in outcomes
    }
    for outcome in outcomes.values():
        files.update(outcome.files)
    retired = _retired(before, zones, {})
    return Deployed(commit, zones, files, retired=retired, prefixes=site.prefixes, kept=site.kept)


def _retired(before: Deployed, zones: Mapping[str, DeployedZone], tried: Mapping[str, DeployedZone]) -> dict[str, int]:
    """The last serials of zones that are not served; of one that came back until it has a newer one.

    tried: zones that may have been served for a moment.
    """
    known = dict(before.retired)
    pending = ((name, zone) for name, items in before.pending.items() for zone in items)
    for name, zone in (*before.zones.items(), *pending, *tried.items()):
        if name not in zones and zone.serial and (name not in known or serials.newer(zone.serial, known[name])):
            known[name] = zone.serial
    back = {name: zone.serial for name, zone in zones.items() if zone.serial}
    return {name: last for name, last in known.items() if name not in back or not serials.newer(back[name], last)}


def _raised(before: Deployed, after: Deployed) -> dict[str, tuple[int, int]]:
    raised = {}
    for name, zone in after.zones.items():
        old = before.zones.get(name)
        if old is None or old.serial != zone.serial or old.zone != zone.zone:
            raised[name] = (old.serial if old else 0, zone.serial)
    return raised
