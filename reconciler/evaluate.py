"""Evaluating a commit: read, build, render, plan, guard, and the servers' own checkers. No effect on anything."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler import guard, plan
from reconciler.build import build
from reconciler.deployed import Deployed
from reconciler.join import LeaseRecords, join
from reconciler.plan import Plan
from reconciler.services.base import File, Service
from reconciler.site import Site
from reconciler.state.hatches import HatchAllowance
from reconciler.state.load import LoadCache, load
from reconciler.state.problem import Problem, Severity
from reconciler.state.tree import Tree

_REMEMBERED = 8
"""Commits whose site is kept: the deployed one, the head, and those being pushed."""


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


Observe = Callable[[Site], LeaseRecords]
"""Gives the records of the leases in force, for the site as the state says it."""


def nobody(site: Site) -> LeaseRecords:
    """No leases: there is no DHCP server."""
    return {}


Remark = Callable[[Site | None, Site, Plan], Sequence[str]]
"""Notes for a plan from what is observed: given the site that is served, if it is known, and the planned one."""


def silent(old: Site | None, new: Site, planned: Plan) -> Sequence[str]:
    """No remark."""
    return ()


class Evaluator:
    """Evaluates commits; remembers what it parsed and built, by blob and by commit."""

    def __init__(
        self,
        services: Sequence[Service],
        allow: HatchAllowance,
        observe: Observe = nobody,
        remark: Remark = silent,
    ) -> None:
        self._services = services
        self._observe = observe
        self._remark = remark
        self._allow = allow
        self._cache = LoadCache()
        self._built: OrderedDict[str, Known] = OrderedDict()
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
        built = self.learn(commit, tree)
        if built.site is None:
            return Evaluation(commit, built.problems, files_read=built.files_read)
        site = join(built.site, self._observe(built.site))
        files = built.files if site is built.site else self._files(site)
        planned = plan.make(site, {path: file.digest for path, file in files.items()}, deployed)
        served = self._built.get(deployed.commit) if deployed.commit else None
        notes = self._remark(served.site if served else None, built.site, planned)
        planned = replace(planned, notes=(*planned.notes, *notes)) if notes else planned
        return Evaluation(
            commit=commit,
            problems=built.problems,
            site=site,
            files=files,
            plan=planned,
            complaints=self._complaints(built.site, deployed),
            guard_reasons=guard.reasons(planned),
            files_read=built.files_read,
        )

    def learn(self, commit: str, tree: Tree) -> Known:
        """Build and remember, for a later `evaluate`; `tree` is not looked at where the commit is known."""
        built = self._built.get(commit) or self._build(tree)
        self._built[commit] = built
        self._built.move_to_end(commit)
        while len(self._built) > _REMEMBERED:
            self._built.popitem(last=False)
        return built

    def _build(self, tree: Tree) -> Known:
        loaded = load(tree, allow=self._allow, cache=self._cache)
        if loaded.state is None:
            return Known(loaded.problems, None, {}, len(tree))
        built = build(loaded.state)
        problems = (*loaded.problems, *built.problems)
        if built.site is None or any(problem.severity is Severity.ERROR for problem in problems):
            return Known(problems, None, {}, len(tree))
        return Known(problems, built.site, self._files(built.site), len(tree))

    def _files(self, site: Site) -> dict[str, File]:
        return {
            f"{service.name}/{path}": file for service in self._services for path, file in service.files(site).items()
        }

    def _complaints(self, site: Site, deployed: Deployed) -> tuple[str, ...]:
        if not self._services:
            return ()
        missing = _servers_needed(site) - {service.name for service in self._services}
        if missing:
            return tuple(
                f"site.yaml: dns: needs {name}, but this node's node.yaml has no `{name}:` section; "
                "add one, or change `clients_ask` or `authoritative`"
                for name in sorted(missing)
            )
        # What a push has just passed is not checked once more for its pass, nor for leases; staging does so anyway.
        if self._good is site:
            return ()
        complaints = tuple(complaint for service in self._services for complaint in service.check(site, deployed))
        self._good = None if complaints else site
        return complaints


def _servers_needed(site: Site) -> set[str]:
    return {site.dns.clients_ask, *({"bind"} if site.dns.authoritative == "bind" else ())}
