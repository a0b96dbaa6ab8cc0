"""Putting passes on record: in the audit, with a note on the commit, once for what repeats itself."""

import logging
from collections.abc import Sequence

from reconciler.apply import Applied
from reconciler.audit.entry import Entry
from reconciler.daemon import record
from reconciler.daemon.node import Node
from reconciler.daemon.pushes import Push
from reconciler.deployed import Deployed
from reconciler.errors import NotPrimary, ReconcilerError, words
from reconciler.evaluate import Evaluation
from reconciler.git.follow import said
from reconciler.services.base import Drift
from reconciler.wan.news import News

log = logging.getLogger(__name__)


class Recorder:
    """Writes the audit of one node. What is served stays valid when that fails: it shows in `trouble` and the log."""

    def __init__(self, node: Node) -> None:
        self.trouble = ""
        """Why the last entry could not be written; "" when it could."""
        self._node = node
        self._waiting: tuple[str, str] = ("", "")
        self._following = node.config.upstream is not None
        self._begun = False
        self._unseen = ""
        self._tree: str | None = None

    def begin(self) -> None:
        """Before this node writes any history, leases' too, what other nodes wrote is fetched; once, for some time."""
        if not self._begun and self._node.upstream is not None:
            self._unseen = self._node.upstream.before_recording()
        self._begun = True

    def applied(
        self,
        trigger: str,
        evaluation: Evaluation,
        before: Deployed,
        applied: Applied,
        push: Push | None,
        *,
        by: str,
        duration: float,
        superseded: Sequence[str],
    ) -> str:
        """An apply that went well; the id of its entry, "" where it could not be written."""
        entry = record.applied_entry(
            trigger=trigger,
            node=self._node.config.node,
            evaluation=evaluation,
            recorded=before if self._holds(before) else None,
            applied=applied,
            pushed_by=record.pushed_by(push, by),
            duration=duration,
            superseded=superseded,
            unreplicated=record.unreplicated(push),
        )
        written = self._write(entry)
        if written:
            self._done([evaluation.commit, *superseded])
        return written

    def missed(self, deployed: Deployed, rendered: Evaluation | None) -> None:
        """An apply after which this program ended, or could not write to the audit."""
        commit = deployed.commit or ""
        push = self._node.pushes.find(commit)
        entry = record.missed_entry(
            node=self._node.config.node,
            deployed=deployed,
            files=rendered.files if rendered else {},
            pushed_by=record.pushed_by(push, ""),
            unreplicated=record.unreplicated(push),
        )
        if self._write(entry):
            self._done([commit])

    def failed(self, trigger: str, commit: str, push: Push | None, *, by: str, result: str, text: str) -> None:
        """An apply that did not happen or did not hold."""
        self._write(
            record.failure_entry(
                trigger=trigger,
                node=self._node.config.node,
                commit=commit,
                pushed_by=record.pushed_by(push, by),
                result=result,
                text=text,
                unreplicated=record.unreplicated(push),
            )
        )

    def waiting(self, trigger: str, commit: str, push: Push | None, *, by: str, text: str) -> None:
        """The first of a row of tries that failed in the same way; a server may be away for a night."""
        if self._waiting != (commit, text):
            self._waiting = (commit, text)
            self.failed(trigger, commit, push, by=by, result="waiting", text=text)

    def drift(self, trigger: str, commit: str, found: Sequence[Drift]) -> None:
        """What somebody changed behind the repository's back."""
        node = self._node.config.node
        self._write(record.drift_entry(trigger=trigger, node=node, commit=commit, found=found))

    def lost(self, lines: Sequence[str], count: int) -> None:
        """Pushes that the shared disk had lost were made branches."""
        self._write(record.lost_entry(node=self._node.config.node, lines=lines, count=count))

    def address(self, news: News) -> None:
        """Something that happened to the public address."""
        self._write(record.address_entry(node=self._node.config.node, news=news))

    def _holds(self, deployed: Deployed) -> bool:
        """Whether the audit's files are those of what is deployed; not after an entry that could not be written."""
        try:
            if deployed.unrecorded:
                return False
            # Another node may have written since: its entries come from upstream.
            return self._node.audit.tip() is not None if not self._following else self._has_own_tree()
        except ReconcilerError:
            return False

    def _has_own_tree(self) -> bool:
        return self._tree is not None and self._node.audit.tree() == self._tree

    def _done(self, commits: list[str]) -> None:
        self._node.store.note_recorded(self._node.effects)
        self._node.pushes.forget(commits, self._node.effects)

    def _write(self, entry: Entry) -> str:
        try:
            commit = self._node.audit.record(self._signed(entry) if self._following else entry)
            if self._following and entry.files:
                self._tree = self._node.audit.tree()
        except NotPrimary:
            raise
        except (ReconcilerError, OSError) as error:
            self.trouble = words(error)
            log.error("%s", self.trouble)
            return ""
        self.trouble = ""
        return commit

    def _signed(self, entry: Entry) -> Entry:
        """With what is known of a fetched commit."""
        self.begin()
        problem, self._unseen = self._unseen, ""
        state = next((value for key, value in entry.trailers if key == "State"), "")
        here = bool(state) and self._node.repo.contains(state)
        return record.fetched(entry, said(self._node.config.repo, state).committer if here else "", problem)
