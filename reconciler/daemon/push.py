"""A push from the server's side: judge, check, plan and refuse before it is stored; tell the outcome after."""

import pwd
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from reconciler import report
from reconciler.daemon import unreplicated
from reconciler.daemon.hook_request import HookRequest
from reconciler.daemon.node import Node
from reconciler.daemon.pushes import Push
from reconciler.dns.serials import next_serial
from reconciler.errors import BadRepository, ReconcilerError, Temporary, words
from reconciler.evaluate import Evaluation
from reconciler.git import forge
from reconciler.git.receive import Action, Update, judge
from reconciler.git.repo import Quarantine, StateRepo
from reconciler.role.base import Replication, Role

Show = Callable[[str], None]

_CHECKED = 10
"""Branches of one push that are checked besides the deployed one; meanwhile other pushes wait."""


def pusher(request: HookRequest) -> str:
    """Who pushes: the ssh key's name, else the local user."""
    if request.pushed_by:
        return request.pushed_by
    try:
        return pwd.getpwuid(request.uid).pw_name if request.uid is not None else "unknown"
    except (KeyError, OverflowError):
        return f"uid {request.uid}"


def pre_receive(node: Node, request: HookRequest, show: Show) -> int:
    """Decide on a push; 0 lets it in. Its objects are still in quarantine (githooks(5), git-receive-pack(1))."""
    if node.config.upstream is not None:
        where = forge.shown(node.config.upstream.url)
        show(report.line("refused", f"this node follows {where}: push there, and it is fetched from there"))
        return 1
    before = _gate(node, request, show)
    if before.refusal:
        return 1
    quarantine = Quarantine.parse(request.environment, node.config.repo)
    with node.repo.quarantined(quarantine).opened() as repo:
        accepted = _judge(node, repo, request, show)
    if not accepted:
        return 1
    _remember(node, request, alone=before.unreplicated is not None)
    # Asked again, for a check takes its time. A peer that went meanwhile is known by now to have gone: what was just
    # synced to the shared disk came back when the peer had it, or had been given up.
    now = _gate(node, request, show)
    if now.refusal or (now.unreplicated and not _keep_aside(node, request, quarantine, now.unreplicated, show)):
        return 1
    if now.unreplicated and not before.unreplicated:
        _remember(node, request, alone=True)
    node.receiving.accept(request.pid, request.updates, pusher(request))
    return 0


def stored(node: Node, request: HookRequest, show: Show) -> None:
    """After a push: if the peer went just while git moved the refs, keep it aside now."""
    role = node.role.read()
    peer = role.replication
    # A standby does not look into the repository; what it let in when it was primary is durable on the disk.
    if role.role is not Role.PRIMARY or peer is None or peer.in_sync or unreplicated.has(node, request.updates):
        return
    if _keep_aside(node, request, None, peer, show):
        _remember(node, request, alone=True)


def _gate(node: Node, request: HookRequest, show: Show) -> unreplicated.Gate:
    gate = unreplicated.gate(node.role.read(), request.options, node.config.unreplicated)
    if not gate.refusal and node.receiving.closed:
        gate = unreplicated.Gate((report.line("refused", node.receiving.closed),))
    for text in gate.refusal:
        show(text)
    return gate


def _keep_aside(node: Node, request: HookRequest, quarantine: Quarantine | None, peer: Replication, show: Show) -> bool:
    """Before git is told yes: if this side's data is discarded, this file is all that is left of the push."""
    try:
        path = unreplicated.keep(node, request.updates, pusher(request), quarantine)
    except (BadRepository, Temporary, OSError) as error:
        word = "refused" if quarantine else "warning"
        show(report.line(word, f"the peer does not have it, and no copy could be kept aside: {words(error)}"))
        return False
    show(report.line("warning", f"the peer does not have this push yet ({peer.text})"))
    if path is not None:
        show(report.line("", f"until it has, a copy is kept on {node.config.node}'s own disk: {path.name}"))
    return True


def _judge(node: Node, repo: StateRepo, request: HookRequest, show: Show) -> bool:
    accepted = True
    others: list[Update] = []
    for verdict in judge(request.updates, node.config.branch, repo.is_ancestor):
        if verdict.action is Action.REFUSE:
            show(report.line("refused", verdict.reason))
            accepted = False
        elif verdict.action is Action.CHECK:
            others.append(verdict.update)
        elif verdict.action is Action.APPLY:
            refusal = _tell(node, _evaluate(node, repo, verdict.update.new), request, show)
            if refusal:
                show(report.line("refused", refusal))
                accepted = False
    if accepted:
        _inform(node, repo, others, request, show)
    return accepted


def _inform(node: Node, repo: StateRepo, updates: Sequence[Update], request: HookRequest, show: Show) -> None:
    """Show check and plan of branches that are not deployed. Whatever is wrong with them, they are stored."""
    for update in updates[:_CHECKED]:
        try:
            _tell(node, _evaluate(node, repo, update.new), request, show)
        except ReconcilerError as error:
            show(report.line("check", f"{update.ref} could not be deployed as it is: {words(error)}"))
        show(report.line("stored", f"{update.ref} is not the deployed branch, so it is not applied"))
    rest = len(updates) - _CHECKED
    if rest > 0:
        show(report.line("", f"… and {rest} more {'branch' if rest == 1 else 'branches'}, not checked"))


def _evaluate(node: Node, repo: StateRepo, commit: str) -> Evaluation:
    tree = {} if node.evaluator.known(commit) else repo.tree(commit)
    return node.evaluator.evaluate(commit, tree, node.store.load())


def _tell(node: Node, evaluation: Evaluation, request: HookRequest, show: Show) -> str:
    """Show check and plan; why the deployed branch may not become this, or ""."""
    for text in report.check(evaluation):
        show(text)
    if not evaluation.valid:
        return "nothing was stored; mend it, commit, push again"
    assert evaluation.plan is not None
    for text in report.plan(evaluation.plan, serials(node, evaluation)):
        show(text)
    if evaluation.guard_reasons:
        if report.ALLOW in request.options:
            show(report.line("guard", f"let through by push option {report.ALLOW}"))
        else:
            how = f"git push -o {report.ALLOW}"
            for text in report.guarded(evaluation.guard_reasons, how=how):
                show(text)
            return "nothing was stored"
    return ""


def serials(node: Node, evaluation: Evaluation) -> dict[str, int]:
    """Serials that the plan's zones are expected to get; none where no server keeps serials."""
    if evaluation.site is None or evaluation.plan is None or evaluation.site.dns.authoritative == "none":
        return {}
    deployed = node.store.load().zones
    return {
        zone.name: next_serial(
            evaluation.site.zones[zone.name].serial,
            [deployed[key].serial for key in (zone.name, zone.was) if key in deployed],
            datetime.now(UTC),
        )
        for zone in evaluation.plan.zones
        if zone.name in evaluation.site.zones
    }


def _remember(node: Node, request: HookRequest, *, alone: bool) -> None:
    """Durably, before git is told yes: name and options must outlive a restart."""
    push = Push(pusher(request), request.options, unreplicated=alone)
    for update in request.updates:
        if update.ref == f"refs/heads/{node.config.branch}":
            node.pushes.remember(update.new, push, node.effects)


def failed(error: ReconcilerError | OSError, show: Show) -> int:
    """A push that could not even be judged is refused: nothing is stored unchecked."""
    show(report.line("refused", f"the push could not be checked: {words(error)}"))
    return 1
