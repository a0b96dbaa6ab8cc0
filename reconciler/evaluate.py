"""Evaluating a commit: read, build, render, plan, guard, and the servers' own checkers. No effect on anything."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler import guard, plan
from reconciler.build import build, delegated, renumbered
from reconciler.deployed import Deployed
from reconciler.join import LeaseRecords, join
from reconciler.plan import Plan
from reconciler.services.base import File, Service
from reconciler.services.dnsmasq.isolate import instance, isolated
from reconciler.site import Site
from reconciler.state.hatches import HatchAllowance
from reconciler.state.load import LoadCache, load
from reconciler.state.model import State
from reconciler.state.problem import Problem, Severity
from reconciler.state.tree import Tree

_REMEMBERED = 8
"""Commits whose site is kept: the deployed one, the head, and those being pushed."""

_PREFIXES_REMEMBERED = 3
"""Delegated prefixes with which a commit's site is kept: the old one, the new one, and that of the guard."""


_NOTHING = Deployed()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one commit means against what is deployed.

    complaints are the servers' own words; guard_reasons need somebody's word. `site` and `plan` are None
    where the state has errors.
    """

    commit: str
    problems: tuple[Problem, ...] = ()
    site: Site | None = None
    """With names of leases in its zones."""
    files: Mapping[str, File] = field(default_factory=dict)
    plan: Plan | None = None
    complaints: tuple[str, ...] = ()
    guard_reasons: tuple[str, ...] = ()
    files_read: int = 0
    moves: tuple[str, ...] = ()
    """What has changed in delegated prefixes since the last apply, as sentences."""
    misfits: tuple[str, ...] = ()
    """Why a delegated prefix that was seen is of no use, as sentences."""

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Problems that refuse the commit."""
        return tuple(problem for problem in self.problems if problem.severity is Severity.ERROR)

    @property
    def valid(self) -> bool:
        """No mistake was found; the guard may still hold it back."""
        return self.site is not None and not self.errors and not self.complaints


@dataclass(frozen=True, slots=True)
class Known:
    """A commit's site as the state says it, None where it has errors."""

    problems: tuple[Problem, ...]
    site: Site | None
    files: Mapping[str, File]
    files_read: int
    misfits: tuple[str, ...] = ()


@dataclass(slots=True)
class _Commit:
    """A commit as last built. state: only where it has delegated prefixes, so that it is built again with others.

    valid: its state has no error, whatever the prefixes.
    """

    known: Known
    state: State | None = None
    problems: tuple[Problem, ...] = ()
    valid: bool = False
    by_prefixes: OrderedDict[tuple[object, ...], Known] = field(default_factory=OrderedDict)


Observe = Callable[[Site], LeaseRecords]
"""Gives the records of the leases in force, for the site as the state says it."""


def nobody(site: Site) -> LeaseRecords:
    """No leases: there is no DHCP server."""
    return {}


Prefixes = Callable[[], delegated.Known]
"""Gives the delegated prefixes as they are seen now."""


def unseen() -> delegated.Known:
    """No prefix is seen: those of the last apply count."""
    return {}


Remark = Callable[[Site | None, Site, Plan], Sequence[str]]
"""Notes for a plan from what is observed: given the site that is served, if it is known, and the planned one."""


def silent(old: Site | None, new: Site, planned: Plan) -> Sequence[str]:
    """No remark."""
    return ()


Examine = Callable[[Site], Sequence[str]]
"""Complaints about what this node could not do of a site, beside those of the servers' checkers."""


def content(site: Site) -> Sequence[str]:
    """No complaint."""
    return ()


class Evaluator:
    """Evaluates commits; remembers what it parsed and built, by blob and by commit."""

    def __init__(
        self,
        services: Sequence[Service],
        allow: HatchAllowance,
        observe: Observe = nobody,
        remark: Remark = silent,
        *,
        examine: Examine = content,
        prefixes: Prefixes = unseen,
    ) -> None:
        self._services = services
        self._observe = observe
        self._remark = remark
        self._examine = examine
        self._prefixes = prefixes
        self._allow = allow
        self._cache = LoadCache()
        self._built: OrderedDict[str, _Commit] = OrderedDict()
        self._kept: tuple[Site, tuple[object, ...], Known] | None = None
        self._good: Site | None = None

    def known(self, commit: str) -> bool:
        """Whether `evaluate` needs no tree for this commit."""
        return commit in self._built

    def forget(self) -> None:
        """Build and check anew the next time: secrets or the servers' own configuration may have changed."""
        self._built.clear()
        self._good = None

    def evaluate(self, commit: str, tree: Tree, deployed: Deployed) -> Evaluation:
        """Evaluate; `tree` is not looked at where the commit is known."""
        built = self.learn(commit, tree, deployed)
        if built.site is None:
            return Evaluation(commit, built.problems, files_read=built.files_read, misfits=built.misfits)
        served = self._built.get(deployed.commit) if deployed.commit else None
        before = served.known.site if served else None
        base, files = self._with_kept(built.site, built.files, deployed)
        site = join(base, self._observe(base))
        files = files if site is base else self._files(site)
        planned = plan.make(site, {path: file.digest for path, file in files.items()}, deployed)
        moves = renumbered.moves(base, deployed)
        notes = (*moves, *self._remark(before, base, planned))
        planned = replace(planned, notes=(*planned.notes, *notes)) if notes else planned
        return Evaluation(
            commit=commit,
            problems=built.problems,
            site=site,
            files=files,
            plan=planned,
            complaints=self._complaints(base, deployed),
            guard_reasons=self._unmoved(commit, deployed) if moves else guard.reasons(planned),
            files_read=built.files_read,
            moves=moves,
            misfits=built.misfits,
        )

    def learn(self, commit: str, tree: Tree, deployed: Deployed = _NOTHING) -> Known:
        """Build and remember, for a later `evaluate`; `tree` is not looked at where the commit is known."""
        built = self._built.get(commit) or self._build(tree)
        self._built[commit] = built
        self._built.move_to_end(commit)
        while len(self._built) > _REMEMBERED:
            self._built.popitem(last=False)
        if built.state is not None:
            candidates = (self._prefixes(), deployed.trying, deployed.prefixes)
            chosen, misfits = delegated.choose(built.state, *candidates)
            built.known = replace(self._at(built, built.state, chosen), misfits=misfits)
        return built.known

    def _build(self, tree: Tree) -> _Commit:
        loaded = load(tree, allow=self._allow, cache=self._cache)
        if loaded.state is None:
            return _Commit(Known(loaded.problems, None, {}, len(tree)))
        if delegated.delegations(loaded.state):
            return _Commit(Known((), None, {}, len(tree)), loaded.state, loaded.problems)
        return _Commit(self._known(loaded.state, loaded.problems, {}, len(tree)))

    def _at(self, commit: _Commit, state: State, known: delegated.Known) -> Known:
        """The commit with these prefixes."""
        key = tuple(sorted(known.items()))
        if key not in commit.by_prefixes:
            made = self._known(state, commit.problems, known, commit.known.files_read, valid=commit.valid)
            commit.valid = commit.valid or made.site is not None
            commit.by_prefixes[key] = made
        commit.by_prefixes.move_to_end(key)
        while len(commit.by_prefixes) > _PREFIXES_REMEMBERED:
            commit.by_prefixes.popitem(last=False)
        return commit.by_prefixes[key]

    def _known(
        self, state: State, before: Sequence[Problem], prefixes: delegated.Known, read: int, *, valid: bool = False
    ) -> Known:
        built = build(state, prefixes, valid=valid)
        problems = (*before, *built.problems)
        if built.site is None or any(problem.severity is Severity.ERROR for problem in problems):
            return Known(problems, None, {}, read)
        return Known(problems, built.site, self._files(built.site), read)

    def _with_kept(self, site: Site, files: Mapping[str, File], deployed: Deployed) -> tuple[Site, Mapping[str, File]]:
        """The site with the reverse zones of old prefixes, and its files; the same objects while nothing changes."""
        names = renumbered.kept(site, deployed, time.time())
        if not names:
            return site, files
        key = (*names.items(), *(deployed.zones[name].zone.digest for name in names))
        if self._kept is None or self._kept[0] is not site or self._kept[1] != key:
            kept = renumbered.with_kept(site, names, deployed)
            self._kept = site, key, Known((), kept, self._files(kept), 0)
        known = self._kept[2]
        assert known.site is not None
        return known.site, known.files

    def _unmoved(self, commit: str, deployed: Deployed) -> tuple[str, ...]:
        """What the guard says of what the commit changes, as if no prefix had changed: that it never stops."""
        built = self._built[commit]
        if built.state is None or built.known.site is None:
            return ()
        chosen, _ = delegated.choose(built.state, deployed.prefixes, built.known.site.prefixes)
        site = self._at(built, built.state, chosen).site
        if site is None:
            return ()
        kept = {name: end for name, end in deployed.kept.items() if name in deployed.zones and name not in site.zones}
        return guard.reasons(plan.make(renumbered.with_kept(site, kept, deployed), {}, deployed))

    def _files(self, site: Site) -> dict[str, File]:
        return {
            f"{service.name}/{path}": file for service in self._services for path, file in service.files(site).items()
        }

    def _complaints(self, site: Site, deployed: Deployed) -> tuple[str, ...]:
        if not self._services:
            return tuple(self._examine(site))
        present = {service.name for service in self._services}
        missing = _servers_needed(site) - present
        if missing:
            return tuple(
                f"site.yaml: dns: needs {name}, but this node's node.yaml has no `{name}:` section; "
                "add one, or change `clients_ask` or `authoritative`"
                for name in sorted(missing)
            )
        if alone := [name for name in isolated(site) if instance(name) not in present]:
            return tuple(map(_instance_needed, alone))
        # What a push has just passed is not checked once more for its pass, nor for leases; staging does so anyway.
        if self._good is site:
            return ()
        said = (complaint for service in self._services for complaint in service.check(site, deployed))
        # Two instances of one server may say the same.
        complaints = (*dict.fromkeys(said), *self._examine(site))
        self._good = None if complaints else site
        return complaints


def _servers_needed(site: Site) -> set[str]:
    return {site.dns.clients_ask, *({"bind"} if site.dns.authoritative == "bind" else ())}


def _instance_needed(network: str) -> str:
    return (
        f'site.yaml: network "{network}" is isolated, which takes a dnsmasq of its own, and this node\'s node.yaml '
        f"names none; root adds `isolated: {{{network}: {{address: 127.0.1.3}}}}` under `dnsmasq:` there (an address "
        f"that no other has) and sets the unit {instance(network)} up, as docs/state.md tells (Isolated networks); "
        "or set `isolated: no`"
    )
