"""Going back to an older state without a clone at hand: its content becomes a new commit on top of the branch.

History stays one line that only grows, so whoever pushes next builds on the rollback and sees it in the log.
"""

import re

from reconciler import report
from reconciler.daemon import unreplicated
from reconciler.daemon.node import Node
from reconciler.daemon.pushes import Push
from reconciler.errors import BadRepository, Refused
from reconciler.git import forge
from reconciler.git.command import git
from reconciler.git.receive import Update


def commit_older_state(node: Node, older: str, by: str, *, allow: bool) -> str:
    """Make the new commit and move the branch to it; return its id.

    Raises Refused, also for what the guard would hold back unless `allow` says that it is meant.
    """
    if node.config.upstream is not None:
        where = forge.shown(node.config.upstream.url)
        raise Refused(f"this node follows {where}; in a clone `git revert` what is to go, and push it there")
    # Before the repository is looked at: a standby opens nothing there.
    node.effects.check("roll back")
    repo, branch = node.repo, node.config.branch
    head = repo.head(branch)
    if head is None:
        raise Refused(f"branch {branch} has no commit yet, so there is nothing to go back to")
    commit = repo.resolve(older)
    if not repo.is_ancestor(commit, head):
        raise Refused(f"{commit[:12]} is not in the history of {branch}")
    evaluation = node.evaluator.evaluate(commit, repo.tree(commit), node.store.load())
    if not evaluation.valid:
        raise Refused("\n".join([*report.check(evaluation), f"{commit[:12]} cannot be applied any more"]))
    if evaluation.guard_reasons and not allow:
        how = "the same command with --allow-mass-change"
        raise Refused("\n".join(report.guarded(evaluation.guard_reasons, how=how)))
    message = f"Roll back to {commit[:12]}\n\nBrings back the state of {commit}, asked for by {by}.\n"
    new = _git(node, *_identity(by, node.config.node), "commit-tree", f"{commit}^{{tree}}", "-p", head, "-m", message)
    ref, peer = f"refs/heads/{branch}", node.role.read().replication
    alone = peer is not None and not peer.in_sync
    if alone:
        # Not refused, unlike a push: who asks for it stands at this node and sees that something has to be undone.
        unreplicated.keep(node, [Update(head, new, ref)], by, None)
    # Before the branch moves: a pass that sees it first has to know that this was meant.
    push = Push(by, (report.ALLOW,) if allow else (), trigger="rollback", unreplicated=alone)
    node.pushes.remember(new, push, node.effects)
    _git(node, "update-ref", "-m", "rollback", ref, new, head)
    return new


def _git(node: Node, *arguments: str) -> str:
    result = node.effects.run(git(node.config.repo, *arguments))
    if result.code:
        raise BadRepository(f"{node.config.repo}: the rollback was not committed: {result.text}")
    return result.stdout.strip()


def _identity(by: str, node: str) -> tuple[str, ...]:
    """git's options for whom a commit made here is by."""
    name = re.sub(r"[^A-Za-z0-9._-]", "", by) or "reconciler"
    return ("-c", f"user.name={name}", "-c", f"user.email={name}@{node}")
