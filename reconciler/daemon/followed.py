"""Commits that came from an upstream: what they say of themselves, and whether they go on from what is deployed."""

from reconciler import report
from reconciler.config import NodeConfig
from reconciler.daemon.pushes import Push
from reconciler.errors import Temporary
from reconciler.git.follow import ALLOW_TRAILER, said
from reconciler.git.repo import StateRepo

HOW = f'a commit upstream whose message ends with "{ALLOW_TRAILER}: yes", or reconciler apply --allow-mass-change'
"""How a mass change is let through there."""


class Followed:
    """Answers for one node; all of it is "nothing to say" where no upstream is followed."""

    def __init__(self, config: NodeConfig, repo: StateRepo) -> None:
        self._on = config.upstream is not None
        self._repo = repo
        self._last: tuple[str, Push] | None = None

    def push(self, commit: str) -> Push | None:
        """What stands in a push's place: the word for a mass change can be a trailer. None without an upstream."""
        if not self._on:
            return None
        if self._last is None or self._last[0] != commit:
            allows = said(self._repo.path, commit).allows
            self._last = commit, Push("", (report.ALLOW,) if allows else (), trigger="upstream")
        return self._last[1]

    def check(self, commit: str, deployed: str | None, push: Push | None) -> None:
        """Raise Temporary where `commit` does not build on what is deployed, and nobody said that this is meant.

        The other node may have fetched further before it lost the role. push: as remembered, without the trailer: a
        commit cannot say of itself that it is not an old one.
        """
        if not self._on or not deployed or deployed == commit or (push and report.ALLOW in push.options):
            return
        if not self._repo.builds_on(commit, deployed):
            raise Temporary(
                f"{commit[:12]}, the newest that this node has fetched, does not build on {deployed[:12]}, which is "
                "deployed: the newer one was not fetched yet, or upstream was rewritten; it goes on with the next "
                "fetch that has it, or by reconciler apply --allow-mass-change"
            )
