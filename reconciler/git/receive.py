"""What a push may do to which ref. Pure; the texts are read by the person who pushed."""

from collections.abc import Callable, Sequence
from enum import Enum
from typing import NamedTuple

RESERVED = (
    "refs/heads/audit",
    "refs/heads/leases",
    "refs/heads/lost",
    "refs/tags/lost",
    "refs/notes/reconciler",
    "refs/replace",
)
"""Refs that only the reconciler writes, with all below them (refs/replace: nobody, it falsifies history)."""

LOST = ("refs/heads/lost", "refs/tags/lost")
"""What lies below these is for people to look through, and theirs to delete when they have."""

IsAncestor = Callable[[str, str], bool]
"""(ancestor, descendant) → whether the second contains the first."""


class Update(NamedTuple):
    """One ref that a push moves, as git tells pre-receive: `old` is all zeros for a new ref, `new` for a
    deletion."""

    old: str
    new: str
    ref: str

    @property
    def creates(self) -> bool:
        """There is no such ref yet."""
        return not self.old.strip("0")

    @property
    def deletes(self) -> bool:
        """The ref is to go."""
        return not self.new.strip("0")


class Action(Enum):
    """What is to be done about an update."""

    APPLY = "check, plan and, once it is stored, apply"
    CHECK = "check and plan, for information"
    IGNORE = "let through"
    REFUSE = "refuse the push"


class Verdict(NamedTuple):
    """The decision about one update; `reason` says why and what to do when it is REFUSE."""

    update: Update
    action: Action
    reason: str = ""


def judge(updates: Sequence[Update], deployed_branch: str, is_ancestor: IsAncestor) -> list[Verdict]:
    """Decide about each update of a push. git stores all or none: one REFUSE refuses the push."""
    return [_judge(update, deployed_branch, is_ancestor) for update in updates]


def _judge(update: Update, branch: str, is_ancestor: IsAncestor) -> Verdict:
    deployed = f"refs/heads/{branch}"
    reserved = next((name for name in RESERVED if _within(update.ref, name) or _within(name, update.ref)), None)
    if reserved in LOST and update.deletes and update.ref != reserved and _within(update.ref, reserved):
        return Verdict(update, Action.IGNORE)
    if reserved:
        return Verdict(update, Action.REFUSE, f"{update.ref} is kept for the reconciler; use another name")
    if update.ref == deployed:
        return _judge_deployed(update, branch, is_ancestor)
    if _within(update.ref, deployed) or _within(deployed, update.ref):
        return Verdict(update, Action.REFUSE, f"{update.ref} would stand in the way of {deployed}; use another name")
    if update.ref.startswith("refs/heads/") and not update.deletes:
        return Verdict(update, Action.CHECK)
    return Verdict(update, Action.IGNORE)


def _judge_deployed(update: Update, branch: str, is_ancestor: IsAncestor) -> Verdict:
    if update.deletes:
        return Verdict(
            update,
            Action.REFUSE,
            f"{branch} is the branch that is deployed, it cannot be deleted; to take something out of "
            "service, push a commit that removes it",
        )
    if not update.creates and not is_ancestor(update.old, update.new):
        return Verdict(
            update,
            Action.REFUSE,
            f"{branch} would lose commits that are deployed (not a fast-forward); `git pull --rebase` and "
            "push again. To go back to an earlier state, `git revert` and push",
        )
    return Verdict(update, Action.APPLY)


def _within(ref: str, folder: str) -> bool:
    return ref == folder or ref.startswith(f"{folder}/")
