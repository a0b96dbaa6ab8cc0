"""One pass: from whatever is the head of the branch now to servers that serve it, and a record of it.

A pass reads everything anew; what woke it matters only for the record. It never raises for what can go wrong on
the way: the report says how it ended and whether another try makes sense.
"""

import logging
import time
from dataclasses import replace

from reconciler import report
from reconciler.apply import Applied
from reconciler.daemon import followed, lost, record, unreplicated
from reconciler.daemon.lock import at_work
from reconciler.daemon.node import Node
from reconciler.daemon.outcome import PassReport, Result, Wake
from reconciler.daemon.pause import Pause
from reconciler.daemon.pushes import Push
from reconciler.daemon.recorder import Recorder
from reconciler.deployed import Deployed
from reconciler.errors import NotPrimary, ReconcilerError, Temporary, words
from reconciler.evaluate import Evaluation
from reconciler.git.maintain import maintain
from reconciler.role.base import Role
from reconciler.services.base import Drift, Say
from reconciler.site import KnownPrefix

log = logging.getLogger(__name__)

_PREPARING = 2.0
"""Seconds to wait for `reconciler prepare`; after that the pass is tried again later, as with a server that is down."""

_LOCKED = 2.0
"""Seconds between looks at locks of git that may be stale, and may be of somebody who is at work."""


class Passes:
    """Makes passes over one node. Not for use by two threads at once."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.recorder = Recorder(node)
        self.pause = Pause(node.config.state, node.effects)
        self._begun = False
        self._locked: bool | None = None
        self._followed = followed.Followed(node.config, node.repo)
        node.wan.paused = lambda: self.pause.text
        self._recovered = False
        self._drift: tuple[Drift, ...] = ()
        self._given_up: dict[str, PassReport] = {}
        self._seen: dict[str, KnownPrefix] = {}
        """The delegated prefixes at the last try."""

    def evaluate(self, commit: str) -> Evaluation:
        """Evaluate a commit of the repository against what is deployed."""
        tree = {} if self.node.evaluator.known(commit) else self.node.repo.tree(commit)
        return self.node.evaluator.evaluate(commit, tree, self.node.store.load())

    def make(self, wake: Wake, say: Say) -> PassReport:
        """Make one pass."""
        commit: str | None = None
        try:
            role = self.node.role.read()
            if role.role is not Role.PRIMARY:
                return self._end(Result.STANDBY, None, [report.line("standby", "; ".join(role.reasons))])
            if self._locked is not False:
                self._locked = not lost.clear_locks(self.node)
            if not self._begun:
                lost.begin_term(self.node, self.recorder)
                self._begun = True
            commit = self.node.repo.head(self.node.config.branch)
            if commit is None:
                text = f"branch {self.node.config.branch} has no commit yet; push one"
                return self._end(Result.EMPTY, None, [report.line("empty", text)])
            with at_work(self.node.config.control, _PREPARING):
                made = self._towards(commit, wake, say)
            if wake.housekeeping:
                self._keep_house()
            return made
        except NotPrimary as error:
            return self._end(Result.STANDBY, commit, [report.line("standby", str(error))])
        except (Temporary, OSError) as error:
            # A full or read-only disk, or one that fails, may be mended at any time.
            return self._end(Result.WAITING, commit, [report.line("waiting", words(error))])
        except ReconcilerError as error:
            return self._end(Result.FAILED, commit, [report.line("failed", str(error))])

    def _keep_house(self) -> None:
        """What must be done now and then, however the pass ended."""
        try:
            maintain(self.node.config.repo, self.node.effects)
            self.node.pushes.prune(self.node.effects)
            unreplicated.settle(self.node, self.node.role.read().replication)
        except NotPrimary:
            raise
        except (ReconcilerError, OSError) as error:
            log.error("%s", words(error))

    def _towards(self, commit: str, wake: Wake, say: Say) -> PassReport:
        if self.pause.text:
            text = f"{self.pause.text}: nothing is applied until `reconciler resume`"
            return self._end(Result.PAUSED, commit, [report.line("paused", text)])
        self._recover(say)
        deployed = self.node.store.load()
        given_up = self._given_up.get(commit)
        seen = dict(self.node.prefixes.observed())
        if given_up is not None and seen == self._seen and not wake.allow and not wake.again:
            self._apply_observed(deployed, wake, say)
            return replace(given_up, finished=time.time(), again_at=self._next_end())
        self._given_up.clear()
        self._seen = seen
        if wake.allow:
            self._allow(commit, wake)
        if wake.again:
            self.node.evaluator.forget()
        push = self.node.pushes.find(commit)
        try:
            self._followed.check(commit, deployed.commit, push)
        except Temporary:
            self._apply_observed(deployed, wake, say)
            raise
        push = push or self._followed.push(commit)
        found = self._look_for_drift(commit, deployed) if wake.thorough else None
        evaluation = self.evaluate(commit)
        if evaluation.site is not None:
            self.node.prefixes.want(evaluation.site, deployed)
        refusal = self._refusal(evaluation, deployed, push)
        if refusal is not None:
            self._apply_observed(deployed, wake, say)
            refusal = replace(refusal, again_at=self._next_end())
            return self._record_failure(refusal, evaluation, wake, push)
        heal = any(not drift.healed for drift in found or ()) and self._heals(evaluation, found or ())
        assert evaluation.plan is not None
        same = deployed.commit == commit and not deployed.pending
        if evaluation.moves and deployed.commit == commit:
            wake = replace(wake, trigger="address")
        elif evaluation.plan.empty and same:
            if not heal:
                self._settle(evaluation)
                return self._unchanged(commit, evaluation, found, wake)
            wake = replace(wake, trigger="drift")
        elif same and evaluation.plan.only_leases and not heal:
            return self._lease_pass(evaluation, found, say)
        return self._apply(evaluation, deployed, wake, push, found, say)

    def _recover(self, say: Say) -> None:
        """Before the first effect, and after an apply that did not end well: leave nothing half done."""
        deployed = self.node.store.load()
        if not self._recovered:
            self.node.store.recover(self.node.effects)
            self.node.pushes.recover(self.node.effects)
            for service in self.node.services:
                service.recover(deployed, self.node.effects, say)
            self._recovered = True
        if deployed.unrecorded:
            known = deployed.commit is not None and self._readable(deployed.commit)
            self.recorder.missed(deployed, self.evaluate(deployed.commit) if known and deployed.commit else None)

    def _look_for_drift(self, commit: str, deployed: Deployed) -> tuple[Drift, ...]:
        if deployed.commit is None or deployed.pending:
            return ()
        evaluation = self.evaluate(deployed.commit if self._readable(deployed.commit) else commit)
        if evaluation.site is None:
            return ()
        site, effects = evaluation.site, self.node.effects
        return tuple(d for service in self.node.services for d in service.drift(site, deployed, effects))

    def _readable(self, commit: str) -> bool:
        return self.node.evaluator.known(commit) or self.node.repo.contains(commit)

    def _heals(self, evaluation: Evaluation, found: tuple[Drift, ...]) -> bool:
        assert evaluation.site is not None
        zones = evaluation.site.zones
        return any(drift.place in zones and (drift.lost or zones[drift.place].drift == "heal") for drift in found)

    def _allow(self, commit: str, wake: Wake) -> None:
        """The operator's word is for this commit, until it is applied, and for no other."""
        push = self.node.pushes.find(commit) or Push(wake.by, trigger=wake.trigger)
        if report.ALLOW not in push.options:
            allowed = replace(push, options=(*push.options, report.ALLOW))
            self.node.pushes.remember(commit, allowed, self.node.effects)

    def _refusal(self, evaluation: Evaluation, deployed: Deployed, push: Push | None) -> PassReport | None:
        if not evaluation.valid:
            return self._end(Result.REFUSED, evaluation.commit, report.check(evaluation))
        if push is not None and report.ALLOW in push.options:
            return None
        reasons = list(evaluation.guard_reasons)
        if deployed.commit and deployed.commit != evaluation.commit and not self._forward(deployed.commit, evaluation):
            reasons.append(
                f"{evaluation.commit[:12]} does not build on {deployed.commit[:12]}, which is deployed: "
                "history was rewritten or an old copy came back"
            )
        if not reasons:
            return None
        how = followed.HOW if self.node.config.upstream else "reconciler apply --allow-mass-change"
        lines = report.guarded(reasons, how=how)
        return self._end(Result.HELD, evaluation.commit, lines)

    def _forward(self, deployed: str, evaluation: Evaluation) -> bool:
        return self.node.repo.builds_on(evaluation.commit, deployed)

    def _unchanged(
        self, commit: str, evaluation: Evaluation, found: tuple[Drift, ...] | None, wake: Wake
    ) -> PassReport:
        lines = [report.line("unchanged", f"{commit[:12]} is what is served")]
        if found is not None:
            silent = [text for text in (service.unreached() for service in self.node.services) if text]
            if silent:
                raise Temporary("; ".join(silent))
            lines += record.drift_lines(found)
            if found and found != self._drift:
                self.recorder.drift(wake.trigger, commit, found)
            self._drift = found
        return self._end(Result.UNCHANGED, commit, lines, found, warnings=self._warnings(evaluation))

    def _apply(
        self,
        evaluation: Evaluation,
        deployed: Deployed,
        wake: Wake,
        push: Push | None,
        found: tuple[Drift, ...] | None,
        say: Say,
    ) -> PassReport:
        assert evaluation.site is not None
        started = time.monotonic()
        commit = evaluation.commit
        self._recovered = False
        try:
            applied = self.node.applier.apply(evaluation.site, commit, say)
            self._recovered = True
        except NotPrimary:
            raise
        except Temporary as error:
            self.recorder.waiting(_trigger(wake, push), commit, push, by=wake.by, text=str(error))
            raise
        except ReconcilerError as error:
            failure = self._end(Result.FAILED, commit, record.failed_lines(str(error)))
            return self._record_failure(failure, evaluation, wake, push)
        self._settle(evaluation)
        duration = time.monotonic() - started
        superseded = self._superseded(deployed, commit)
        audit = self.recorder.applied(
            _trigger(wake, push),
            evaluation,
            deployed,
            applied,
            push,
            by=wake.by,
            duration=duration,
            superseded=superseded,
        )
        silent = {service.name: service.unreached() for service in self.node.services}
        servers = [name for name, text in silent.items() if not text]
        lines = record.applied_lines(self.node.config.node, servers, applied, duration)
        lines += [report.line("waiting", f"{text}; it serves this once it is back") for text in silent.values() if text]
        lines += [report.line("moved", text) for text in evaluation.moves]
        lines.append(report.line("audit", f"{audit[:9]} (git log origin/audit)" if audit else self.recorder.trouble))
        drift = self._drift = _standing(self._drift if found is None else found, applied)
        warnings = self._warnings(evaluation)
        return self._end(Result.APPLIED, commit, lines, drift, superseded, warnings)

    def _lease_pass(self, evaluation: Evaluation, found: tuple[Drift, ...] | None, say: Say) -> PassReport:
        """Only leases changed: they have a history of their own, so the audit gets no entry."""
        started = time.monotonic()
        self._recovered = False
        assert evaluation.site is not None
        assert evaluation.plan is not None
        applied = self.node.applier.apply(evaluation.site, evaluation.commit, say, recorded=True)
        self._recovered = True
        self._settle(evaluation)
        lines = record.lease_lines(evaluation.plan, applied, time.monotonic() - started)
        self._drift = found if found is not None else self._drift
        return self._end(Result.APPLIED, evaluation.commit, lines, self._drift, warnings=self._warnings(evaluation))

    def _apply_observed(self, deployed: Deployed, wake: Wake, say: Say) -> None:
        """While the head cannot be applied, leases and prefixes are followed in the state that is served."""
        if deployed.commit is None or deployed.pending or not self._readable(deployed.commit):
            return
        try:
            evaluation = self.evaluate(deployed.commit)
            if evaluation.moves and evaluation.valid and not evaluation.guard_reasons:
                self._apply(evaluation, deployed, replace(wake, trigger="address"), None, None, say)
                return
            if evaluation.site is not None and evaluation.plan is not None and evaluation.plan.only_leases:
                self.node.applier.apply(evaluation.site, deployed.commit, say, recorded=True)
            self._settle(evaluation)
        except NotPrimary:
            raise
        except ReconcilerError as error:
            log.error("what was observed could not be served: %s", error)

    def _settle(self, evaluation: Evaluation) -> None:
        """This is what is served now."""
        if self.node.leases is not None:
            self.recorder.begin()
            self.node.leases.settle(self.node.effects)
        if evaluation.site is not None:
            self.node.wan.follow(evaluation.site)

    def _superseded(self, deployed: Deployed, commit: str) -> tuple[str, ...]:
        if not deployed.commit or deployed.commit == commit or not self.node.repo.contains(deployed.commit):
            return ()
        return tuple(other for other in self.node.repo.between(deployed.commit, commit) if other != commit)

    def _record_failure(self, failure: PassReport, evaluation: Evaluation, wake: Wake, push: Push | None) -> PassReport:
        """Record a refusal or failure once; the same commit is not tried again until something changes."""
        trigger, text = _trigger(wake, push), "\n".join(failure.lines)
        self.recorder.failed(trigger, evaluation.commit, push, by=wake.by, result=failure.result.value, text=text)
        self._given_up[evaluation.commit] = failure
        return failure

    @property
    def drift(self) -> tuple[Drift, ...]:
        """Drift that stands, as last found."""
        return self._drift

    def _end(
        self,
        result: Result,
        commit: str | None,
        lines: list[str],
        drift: tuple[Drift, ...] | None = None,
        superseded: tuple[str, ...] = (),
        warnings: tuple[str, ...] = (),
    ) -> PassReport:
        if self.node.upstream is not None and result is not Result.STANDBY:
            self.node.upstream.history_changed()
        return PassReport(result, commit, tuple(lines), time.time(), drift, superseded, warnings, self._next_end())

    def _warnings(self, evaluation: Evaluation) -> tuple[str, ...]:
        found = [*map(str, evaluation.problems), *evaluation.misfits]
        own, nodes = self.node.config.node, evaluation.site.nodes if evaluation.site else ()
        if nodes and own not in nodes:
            found.append(f"this node is {own} by its node.yaml, which is none of site.yaml's nodes: {', '.join(nodes)}")
        return tuple(found)

    def _next_end(self) -> float | None:
        """When the next lease ends, or an old prefix's reverse zone, or locks of git are looked at again."""
        ends: list[float] = [*self.node.store.last.kept.values()]
        if self.node.leases is not None and self.node.leases.ends is not None:
            ends.append(self.node.leases.ends)
        if self._locked:
            ends.append(time.time() + _LOCKED)
        return min(ends, default=None)


def _standing(before: tuple[Drift, ...], applied: Applied) -> tuple[Drift, ...]:
    """Drift that stands after an apply: what it saw itself, and what was known of places that it did not touch."""
    touched = {*applied.changed, *(item.place for item in applied.drift)}
    elsewhere = tuple(item for item in before if item.place not in touched)
    return (*elsewhere, *(item for item in applied.drift if not item.healed))


def _trigger(wake: Wake, push: Push | None) -> str:
    """A pushed commit is often seen by the watcher, or by a start, before the push's own hook tells of it."""
    return push.trigger if push is not None and wake.trigger in ("commit", "start", "retry", "lease") else wake.trigger
