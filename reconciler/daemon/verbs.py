"""What the control socket understands. Each verb runs in the thread of its connection; effects go to the loop."""

import contextlib
import json
import queue
import time
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeout
from functools import partial
from ipaddress import ip_address
from typing import TypeVar

from reconciler import report
from reconciler.daemon import demotion, push, rollback, status
from reconciler.daemon.control import Answer
from reconciler.daemon.hook_request import interpret
from reconciler.daemon.loop import Listener, Loop
from reconciler.daemon.node import Node
from reconciler.daemon.outcome import PassReport, Wake
from reconciler.daemon.protocol import Request
from reconciler.daemon.term import Terms
from reconciler.errors import ReconcilerError, Refused, Temporary
from reconciler.role.base import Role

T = TypeVar("T")
Show = Callable[[str], None]

PATIENCE = 120.0
"""Seconds that a push or command waits for its outcome; the work goes on after that."""

CHECK_PATIENCE = 50.0
"""Seconds for a push to be checked; less than its hook waits."""

QUIET = 2.0
"""Seconds before progress is shown."""


class Verbs:
    """The verbs of one daemon."""

    def __init__(self, terms: Terms, loop: Loop) -> None:
        self._terms = terms
        self._loop = loop

    @property
    def _node(self) -> Node:
        """The node as it is put together for this term."""
        return self._terms.passes.node

    def table(self) -> dict[str, Answer]:
        """Verb to what answers it."""
        return {
            "pre-receive": self.pre_receive,
            "post-receive": self.post_receive,
            "status": self.status,
            "apply": self.apply,
            "pause": self.pause,
            "resume": self.resume,
            "rollback": self.rollback,
            "leases": self.leases,
            "hint": self.hint,
            "role": self.role,
            "demote": self.demote,
            "alarm": self.alarm,
            "fetch": self.fetch,
            "publish": self.publish,
        }

    def pre_receive(self, request: Request, show: Show) -> int:
        """Check and plan a push."""

        # Shown when the loop is done with it: who pushes may be slow to read, and the loop must not wait for that.
        said: list[str] = []
        try:
            code = self._in_loop(
                lambda: push.pre_receive(self._node, interpret(request), said.append), patience=CHECK_PATIENCE
            )
        except (ReconcilerError, OSError) as error:
            code = push.failed(error, said.append)
        for text in said:
            show(text)
        return code

    def post_receive(self, request: Request, show: Show) -> int:
        """Wait for what was pushed to be applied, and tell."""
        ref = f"refs/heads/{self._node.config.branch}"
        hook = interpret(request)
        said: list[str] = []
        with contextlib.suppress(ReconcilerError, OSError):
            self._in_loop(lambda: push.stored(self._node, hook, said.append))
        for text in said:
            show(text)
        for update in hook.updates:
            if update.ref == ref:
                listener = self._loop.listen(update.new)
                self._loop.wake(Wake("push", by=push.pusher(hook)))
                return self._await(listener, show)
        return 0

    def status(self, request: Request, show: Show) -> int:
        """The status as JSON; exit code 1 when something needs a person. Never waits for the loop."""
        document = status.document(self._terms, self._loop)
        show(json.dumps(document))
        return 0 if document["healthy"] else 1

    def apply(self, request: Request, show: Show) -> int:
        """Make a thorough pass now."""
        listener = self._loop.listen(None)
        allow = request.one("allow") == "yes"
        self._loop.wake(Wake("operator", thorough=True, allow=allow, again=True, by=push.pusher(interpret(request))))
        return self._await(listener, show)

    def pause(self, request: Request, show: Show) -> int:
        """Apply nothing until `resume`."""
        reason = request.one("reason")
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime())
        text = f"by {push.pusher(interpret(request))} since {since}" + (f" ({reason})" if reason else "")
        self._in_loop(lambda: self._terms.passes.pause.begin(text))
        show(report.line("paused", f"{text}; pushes are checked and stored, and applied at `reconciler resume`"))
        return 0

    def resume(self, request: Request, show: Show) -> int:
        """End a pause, and make a pass."""
        self._in_loop(self._terms.passes.pause.end)
        return self.apply(request, show)

    def rollback(self, request: Request, show: Show) -> int:
        """Put the state of an older commit on top of the branch, and apply that."""
        by = push.pusher(interpret(request))
        allow, older = request.one("allow") == "yes", request.one("commit")
        commit = self._in_loop(lambda: rollback.commit_older_state(self._node, older, by, allow=allow))
        show(report.line("commit", f"{commit[:12]} brings back the state of {older}"))
        listener = self._loop.listen(commit)
        self._loop.wake(Wake("rollback", allow=allow, by=by))
        return self._await(listener, show)

    def leases(self, request: Request, show: Show) -> int:
        """Who is connected, as JSON. Never waits for the loop."""
        show(json.dumps(status.leases(self._node)))
        return 0

    def hint(self, request: Request, show: Show) -> int:
        """A DHCP server says that a lease changed; the file tells which, but not always what was given back."""
        leases = self._node.leases
        if leases is not None:
            for text in request.all("released"):
                with contextlib.suppress(ValueError):
                    self._loop.submit(partial(leases.release, ip_address(text)))
        self._loop.wake(Wake("lease"))
        return 0

    def role(self, request: Request, show: Show) -> int:
        """The role and its conditions as JSON; exit code 1 for a standby. Never waits for the loop."""
        document = status.role(self._terms)
        show(json.dumps(document))
        return 0 if document["role"] == Role.PRIMARY.value else 1

    def alarm(self, request: Request, show: Show) -> int:
        """A script says that a person is needed."""
        self._terms.alarms.sound(request.one("text") or "an alarm without words")
        return 0

    def publish(self, request: Request, show: Show) -> int:
        """Publish the public address though that failed or is believed to be done. Does not wait for the outcome."""
        alone = request.one("alone") == "yes"
        self._node.wan.publish(push.pusher(interpret(request)), alone=alone)
        show(report.line("asked", "it is published now, as the provider's intervals allow; `reconciler wan` tells"))
        return 0

    def demote(self, request: Request, show: Show) -> int:
        """Lay the role down and let go of the shared disk; see daemon/demotion.py."""
        return demotion.demote(self._terms, self._loop, push.pusher(interpret(request)), show)

    def fetch(self, request: Request, show: Show) -> int:
        """Fetch from upstream now; on the primary, wait for what came to be applied."""
        upstream = self._node.upstream
        if upstream is None:
            raise Refused("node.yaml has no `upstream:`; this node is pushed to")
        moved = upstream.fetch_now()
        where = f"{self._node.config.branch} is {moved.new[:12] if moved.new else 'empty'}"
        came = report.plural(moved.commits, "commit") if moved.old != moved.new else "up to date"
        show(report.line("fetch", f"{came}, {where}"))
        if not self._terms.begun:
            valid, lines = upstream.checked()
            for text in lines:
                show(text)
            return 0 if valid else 1
        if moved.old == moved.new:
            return 0
        listener = self._loop.listen(moved.new)
        self._loop.wake(Wake("commit"))
        return self._await(listener, show)

    def _in_loop(self, work: Callable[[], T], patience: float = PATIENCE) -> T:
        """Have the loop's thread do `work`; return or raise what it does."""
        future = self._loop.submit(work)
        try:
            return future.result(timeout=patience)
        except FutureTimeout:
            if future.cancel():
                text = "the daemon is busy with something long, so nothing was done; `reconciler status` tells what"
            else:
                text = "the daemon is still at it; `reconciler status` tells how it ends"
            raise Temporary(text) from None

    def _await(self, listener: Listener, show: Show) -> int:
        """Show the outcome; progress only where it takes long enough for somebody to wonder."""
        begun = time.monotonic()
        try:
            while True:
                item = listener.queue.get(timeout=max(begun + PATIENCE - time.monotonic(), 0.01))
                if isinstance(item, PassReport):
                    for text in item.lines:
                        show(text)
                    return 0 if item.result.good else 1
                if time.monotonic() - begun > QUIET:
                    show(report.line("", item))
        except queue.Empty:
            show(report.line("waiting", "still at work; `reconciler status` tells when it is done"))
            return 1
        finally:
            self._loop.dismiss(listener)
