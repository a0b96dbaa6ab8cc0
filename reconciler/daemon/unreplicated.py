"""Pushes taken while the peer could not have them: asked for, and kept as bundles on this node's own disk.

Two nodes that do not see each other cannot know which of them DRBD will let keep its data. A bundle lies where DRBD
does not reach, and is there before the push is acknowledged. It goes when the peer has the push.
"""

import contextlib
import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from reconciler import report
from reconciler.daemon.node import Node
from reconciler.effects import Effects
from reconciler.git import bundle
from reconciler.git.receive import Update
from reconciler.git.repo import Quarantine
from reconciler.role.base import Replication, Role, RoleReport

ACCEPT = "accept-unreplicated"
"""The push option that takes a push which the peer does not have."""

FOLDER = "unreplicated"
OFFERED = "offered"

_KEEP = 90 * 86400.0
"""Seconds that a bundle is kept after it has become a branch."""

_STAMP = "%Y%m%d-%H%M%S"

_STRAY = 3600.0
"""Seconds after which a description without its bundle is what a crash has left."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether a push may come in: not with a `refusal`. unreplicated: only this node will have it at first."""

    refusal: tuple[str, ...] = ()
    unreplicated: Replication | None = None


def gate(role: RoleReport, options: Sequence[str], policy: str) -> Gate:
    """Decide by role and replication, before anything is looked at. policy: node.yaml's `unreplicated`. Pure."""
    if role.role is not Role.PRIMARY:
        why = f"this node is on standby: {'; '.join(role.reasons) or 'its role cannot be determined'}"
        return Gate((report.line("refused", why), report.line("", "nothing was stored; push to the primary")))
    peer = role.replication
    if peer is None or peer.in_sync:
        return Gate()
    if ACCEPT not in options and policy == "refuse":
        lost = "if this node is lost now, or the pair splits, so is what you push"
        why = f"the peer does not have what is stored here ({peer.text}): {lost}"
        how = f"nothing was stored; push when the peer is back, or if it cannot wait: git push -o {ACCEPT}"
        return Gate((report.line("refused", why), report.line("", how)))
    return Gate(unreplicated=peer)


@dataclass(frozen=True, slots=True)
class Kept:
    """A bundle on the node's own disk. refs: what was pushed, object id by full ref name; when: Unix time."""

    path: Path
    refs: Mapping[str, str]
    pushed_by: str
    when: float

    @property
    def description(self) -> Path:
        """The file beside it that says who pushed, for people too."""
        return self.path.with_suffix(".json")

    @property
    def stamp(self) -> str:
        """When it was pushed: `20261130-140441`, in UTC."""
        return datetime.fromtimestamp(self.when, UTC).strftime(_STAMP)


def keep(node: Node, updates: Sequence[Update], pushed_by: str, quarantine: Quarantine | None) -> Path | None:
    """Write durably what a push brings; None where it only deletes. Raises BadRepository or OSError."""
    refs = {update.ref: update.new for update in updates if not update.deletes}
    if not refs:
        return None
    deployed = f"refs/heads/{node.config.branch}"
    # Once stored, the deployed branch is itself what was pushed.
    head = None if deployed in refs else node.repo.head(node.config.branch)
    known = dict.fromkeys([*(update.old for update in updates if not update.creates), *([head] if head else [])])
    content = bundle.make(node.config.repo, refs, list(known), quarantine)
    folder, when = node.config.own / FOLDER, time.time()
    first = refs.get(deployed) or next(iter(refs.values()))
    moment = datetime.fromtimestamp(when, UTC).strftime(f"{_STAMP}-%f")
    path = folder / f"{moment}-{first[:12]}-{secrets.token_hex(2)}.bundle"
    node.effects.make_folder(folder, mode=0o700)
    about = {"pushed_by": pushed_by, "when": when, "node": node.config.node, "refs": refs}
    # The bundle last: where it is, its description is.
    node.effects.replace(path.with_suffix(".json"), json.dumps(about, indent=1).encode(), mode=0o600)
    node.effects.replace(path, content, mode=0o600)
    return path


def has(node: Node, updates: Sequence[Update]) -> bool:
    """Whether all that these bring is kept."""
    kept = {commit for each in waiting(node.config.own) for commit in each.refs.values()}
    return kept.issuperset(update.new for update in updates if not update.deletes)


def waiting(own: Path) -> list[Kept]:
    """Pushes that wait on this node's own disk until the peer has them, or this node can offer them. Oldest first.

    Reads the folder `own` alone, never the shared disk. A file that is no bundle is left out.
    """
    found = []
    for path in sorted((own / FOLDER).glob("[!.]*.bundle")):
        with contextlib.suppress(OSError, ValueError):
            found.append(_kept(path))
    return found


def settle(node: Node, replication: Replication | None) -> None:
    """Remove bundles whose push the peer has by now, offered ones after 90 days, and what crashes left."""
    if replication is not None and replication.in_sync:
        for kept in waiting(node.config.own):
            if all(node.repo.contains(commit) for commit in kept.refs.values()):
                remove(kept, node.effects)
    folder, now = node.config.own / FOLDER, time.time()
    for path in _older((folder / OFFERED).glob("[!.]*"), now - _KEEP):
        node.effects.unlink(path)
    strays = [*folder.glob(".*.tmp"), *(path for path in folder.glob("*.json") if not _has_bundle(path))]
    for path in _older(strays, now - _STRAY):
        node.effects.unlink(path)


def remove(kept: Kept, effects: Effects) -> None:
    """The push is safe elsewhere."""
    effects.unlink(kept.path)
    effects.unlink(kept.description)


def put_away(node: Node, kept: Kept) -> None:
    """The push has become a branch: out of the way, and still there for a while."""
    folder = node.config.own / FOLDER / OFFERED
    node.effects.make_folder(folder, mode=0o700)
    node.effects.swap(kept.path, folder / kept.path.name)
    if kept.description.exists():
        node.effects.swap(kept.description, folder / kept.description.name)


def _kept(path: Path) -> Kept:
    refs = bundle.read(path).refs
    # From the name, which stays: branches are called by it.
    when = datetime.strptime(path.name[:15], _STAMP).replace(tzinfo=UTC).timestamp()
    try:
        pushed_by = str(json.loads(path.with_suffix(".json").read_bytes())["pushed_by"])
    except (OSError, ValueError, KeyError, TypeError):
        pushed_by = "unknown"
    return Kept(path, refs, pushed_by, when)


def _has_bundle(description: Path) -> bool:
    return description.with_suffix(".bundle").exists()


def _older(paths: Sequence[Path] | Iterator[Path], limit: float) -> Iterator[Path]:
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < limit:
                yield path
