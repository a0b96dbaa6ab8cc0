"""Pushes that DRBD has discarded with this side's data, offered again as branches `lost/NODE/…`."""

import logging
from pathlib import Path

from reconciler.daemon import unreplicated
from reconciler.daemon.node import Node
from reconciler.daemon.recorder import Recorder
from reconciler.daemon.unreplicated import Kept
from reconciler.errors import BadRepository, NotPrimary, ReconcilerError, Temporary, words
from reconciler.git import bundle, locks
from reconciler.git.command import git

log = logging.getLogger(__name__)

_SETTINGS = (
    # Our own writing asks no hook.
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.fsync=all"),
)


def begin_term(node: Node, recorder: Recorder) -> None:
    """What the repository needs when a node has become primary: pushes are taken, lost ones offered.

    Raises NotPrimary; all else that goes wrong stands in the log, for it must not keep the servers from being served.
    """
    try:
        node.receiving.allow()
        offer(node, recorder)
    except NotPrimary:
        raise
    except (ReconcilerError, OSError) as error:
        log.error("%s", words(error))


def clear_locks(node: Node) -> bool:
    """Remove what git left on the node that was primary before; False where that has to be tried again.

    Who fetches or pushes at the very begin of a term must not keep the branch locked for all of it. Raises NotPrimary.
    """
    try:
        for path in locks.clear(node.config.repo, node.receiving.busy, node.effects):
            log.warning("removed %s, which a git that was killed has left", path)
    except NotPrimary:
        raise
    except Temporary as error:
        log.debug("%s", error)
        return False
    except (ReconcilerError, OSError) as error:
        log.error("%s", words(error))
    return True


def offer(node: Node, recorder: Recorder) -> list[str]:
    """Make a branch of each push kept on this node's own disk that the repository does not have; say which.

    The oldest first, for later ones may build on it. One that cannot be offered stays, and is told in the log.
    """
    offered: list[tuple[Kept, list[str]]] = []
    waiting = [(kept, branches(kept, node.config.node)) for kept in unreplicated.waiting(node.config.own)]
    # The branch itself tells of a run that ended in the middle. Asked before this run makes any: two pushes of one
    # commit within a second are called the same.
    begun = {kept.path for kept, names in waiting if any(node.repo.ref(name) for name in names.values())}
    for kept, names in waiting:
        if kept.path not in begun and all(node.repo.contains(commit) for commit in kept.refs.values()):
            continue
        try:
            _fetch(node, kept.path, names)
        except BadRepository as error:
            log.error("%s", error)
            continue
        offered.append((kept, list(names.values())))
    lines = [line for kept, names in offered for line in _lines(kept, names)]
    for line in lines:
        log.warning("lost: %s", line)
    if offered:
        recorder.lost(lines, len(offered))
    for kept, _ in offered:
        unreplicated.put_away(node, kept)
    return lines


def branches(kept: Kept, node: str) -> dict[str, str]:
    """Full name of the ref that each pushed ref is offered as: a branch as a branch, anything else as a tag. Pure."""
    names: dict[str, str] = {}
    for ref, commit in kept.refs.items():
        kind = "heads" if ref.startswith("refs/heads/") else "tags"
        name = f"refs/{kind}/lost/{node}/{kept.stamp}-{commit[:9]}"
        names[ref] = name if name not in names.values() else f"{name}-{len(names)}"
    return names


def _fetch(node: Node, path: Path, names: dict[str, str]) -> None:
    repo = node.config.repo
    reason = bundle.verify(repo, path)
    if not reason:
        specs = [f"{ref}:{name}" for ref, name in names.items()]
        fetch = (*_SETTINGS, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance")
        result = node.effects.run(git(repo, *fetch, str(path), *specs), timeout=120, cwd=Path("/"))
        reason = " ".join(result.text.split()) or f"git fetch ended with {result.code}" if result.code else ""
    if reason:
        raise BadRepository(
            f"{path}: a push that is not in {repo} any more cannot be offered as a branch: {reason}; the file stays, "
            f"`git -C {repo} bundle verify {path}` tells what it needs"
        )
    node.effects.run(["sync", "-f", str(repo)], timeout=120)


def _lines(kept: Kept, names: list[str]) -> list[str]:
    return [f"{name.removeprefix('refs/heads/')} pushed by {kept.pushed_by} at {kept.stamp} UTC" for name in names]
