"""A node's side of an upstream: two threads that talk to the forge, and what there is to tell of it.

One fetches and moves the node's own branch forward, on a standby too; the other pushes history while this node is
primary. Neither is the loop's thread, because a forge may take minutes to answer: what they write is refs on this
node's own disk, each moved only from what it was just read to be, and the loop reads them anew in every pass.
"""

import random
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import TimeoutError as FutureTimeout
from datetime import datetime
from typing import Any

from reconciler import report
from reconciler.audit.exchange import PATTERNS, Exchange
from reconciler.config import NodeConfig
from reconciler.daemon.hatches import allowance
from reconciler.effects import Effects
from reconciler.errors import ConfigError, ReconcilerError, Refused, Temporary, words
from reconciler.evaluate import Evaluation, Evaluator
from reconciler.git import forge
from reconciler.git.follow import Moved, advance
from reconciler.git.maintain import maintain
from reconciler.git.repo import StateRepo
from reconciler.git.upstream import PATIENCE, Upstream
from reconciler.role.base import Role, RoleProvider
from reconciler.role.own import OwnDisk
from reconciler.watch.repeat import Repeater, growing

LONGEST = 600.0
"""Seconds between tries while upstream does not answer, unless `poll` is longer."""

_QUIET = 2.0
"""Seconds that history gathers before it is pushed."""
_FIRST_RETRY = 5.0
_BEFORE_RECORDING = 5.0
"""Seconds that the first entry of a term waits for upstream's history."""
_LAST_PUSH = 3.0
"""Seconds that laying the role down waits for history to be pushed."""
_RANDOM = random.SystemRandom()


class UpstreamSide:
    """Follows `config.upstream` from `start` to `stop`, whatever the role is meanwhile.

    role: of the pair. wake: called when the branch has moved. Raises ConfigError for an address that git is not to be
    given.
    """

    def __init__(self, config: NodeConfig, role: RoleProvider, wake: Callable[[], None]) -> None:
        settings = config.upstream
        if settings is None:
            raise ConfigError("node.yaml has no `upstream:`")
        if fault := forge.fault(settings.url):
            raise ConfigError(f"node.yaml: upstream.url: {forge.shown(settings.url)!r}: {fault}")
        self._config = config
        self._wake = wake
        self._role = role
        self._own = Effects(OwnDisk(), helper=config.helper)
        self._outside = Effects(self._role, helper=config.helper)
        self._reader = StateRepo(config.repo)
        self._upstream = Upstream(config.repo, settings.url, self._own, home=config.own)
        self._exchange = Exchange(config.repo, self._upstream, self._own, node=config.node)
        self._push_back = settings.push_back
        self._talking = threading.Lock()
        self._history_problem = ""
        self._waiting: tuple[str, ...] = ()
        self._checked: Evaluation | None = None
        self._fetching = Repeater(
            f"upstream {self.shown}",
            self._fetch,
            pause=lambda: settings.poll * _RANDOM.uniform(0.8, 1.2),
            tries=lambda: growing(float(settings.poll), LONGEST),
        )
        self._pushing = Repeater(
            f"history for {self.shown}",
            self._push,
            pause=lambda: None,
            tries=lambda: growing(_FIRST_RETRY, LONGEST),
            quiet=_QUIET,
        )

    @property
    def shown(self) -> str:
        """The address, without credentials."""
        return self._upstream.shown

    def start(self) -> None:
        """Begin; the first fetch is made at once."""
        self._fetching.start()
        if self._push_back:
            self._pushing.start()

    def stop(self) -> None:
        """End; a conversation with a forge that hangs is left to end by its own bound."""
        self._fetching.stop()
        self._pushing.stop()

    def alive(self) -> bool:
        """Whether it is at work."""
        return self._fetching.alive() and (self._pushing.alive() or not self._push_back)

    def fetch_now(self) -> Moved:
        """Fetch at once and say what came. Raises Refused and Temporary."""
        try:
            return self._fetching.now().result(timeout=PATIENCE + 10.0)
        except FutureTimeout:
            raise Temporary(f"{self.shown} has not answered yet; `reconciler status` tells how it ends") from None

    def history_changed(self) -> None:
        """Something may have been recorded: it is pushed soon."""
        if self._push_back:
            self._pushing.poke()

    def before_recording(self) -> str:
        """Take in what other nodes have recorded; why that was not possible in time, "" where it was."""
        if not self._push_back:
            return ""
        try:
            self._fetching.now().result(timeout=_BEFORE_RECORDING)
        except FutureTimeout:
            return f"no answer within {_BEFORE_RECORDING:.0f} s"
        except ReconcilerError as error:
            return self._history_problem or ("" if isinstance(error, Refused) else words(error))
        return self._history_problem

    def flush(self) -> bool:
        """Before the role is laid down: push what waits, for a moment; whether upstream has all of it."""
        if not self._push_back or not self._exchange.waiting():
            return True
        if self._pushing.problem is not None:
            return False
        try:
            self._pushing.now().result(timeout=_LAST_PUSH)
        except (FutureTimeout, ReconcilerError, OSError):
            return False
        return True

    def checked(self) -> tuple[bool, list[str]]:
        """On a standby: whether what was fetched is sound by itself, and what its check says."""
        found = self._checked if self._role.read().role is not Role.PRIMARY else None
        return (True, []) if found is None else (found.valid, report.check(found))

    def document(self) -> Mapping[str, Any]:
        """What status tells."""
        valid, lines = self.checked()
        return {
            "url": self.shown,
            "fetched": _time(self._fetching.last_good),
            "problem": self._fetching.problem,
            "check": lines,
            "pushed": _time(self._pushing.last_good),
            "waiting": list(self._waiting),
            "history_problem": self._pushing.problem or self._history_problem or None,
            "healthy": valid and not (self._fetching.problem or self._pushing.problem or self._history_problem),
        }

    def _fetch(self) -> Moved:
        ref = f"refs/heads/{self._config.branch}"
        with self._talking:
            listed = self._upstream.listed([ref, *(PATTERNS if self._push_back else ())])
            try:
                moved = self._follow(ref, listed)
            finally:
                self._take_history(listed)
        if self._role.read().role is not Role.PRIMARY:
            self._check(moved.new)
            maintain(self._config.repo, self._own)
        return moved

    def _follow(self, ref: str, listed: Mapping[str, str]) -> Moved:
        new = listed.get(ref)
        if new is None:
            raise Refused(f"{self.shown} has no branch {self._config.branch}; nothing was moved here")
        self._upstream.fetch({ref: new})
        moved = advance(self._config.repo, self._config.branch, new, self._own)
        if moved.old != moved.new:
            self._wake()
        return moved

    def _take_history(self, listed: Mapping[str, str]) -> None:
        """Whatever is wrong with it, the state is followed."""
        if not self._push_back:
            return
        try:
            self._exchange.fetch(listed)
            self._history_problem = ""
        except (ReconcilerError, OSError) as error:
            self._history_problem = words(error)
        self._look_what_waits()
        if self._waiting:
            self._pushing.poke()

    def _push(self) -> None:
        if self._role.read().role is Role.PRIMARY:
            with self._talking:
                try:
                    refused = self._exchange.push(self._outside)
                finally:
                    self._look_what_waits()
            if refused:
                raise Refused(f"{self.shown} does not take history: {refused}")

    def _look_what_waits(self) -> None:
        self._waiting = tuple(ref.removeprefix("refs/heads/") for ref in self._exchange.waiting())

    def _check(self, commit: str | None) -> None:
        """Without the servers' own checkers and without the manifest: those lie with the role."""
        if commit is None or (self._checked is not None and self._checked.commit == commit):
            return
        try:
            known = Evaluator((), allowance(self._config)).learn(commit, self._reader.tree(commit))
            self._checked = Evaluation(commit, known.problems, known.site, files_read=known.files_read)
        except Refused as error:
            self._checked = Evaluation(commit, complaints=(str(error),))


def _time(moment: float | None) -> str | None:
    return datetime.fromtimestamp(moment).astimezone().isoformat(timespec="seconds") if moment else None
