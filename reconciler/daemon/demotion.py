"""Giving the role away in order, while the disk is still here: the first half of what the pair's manager does.

Let running pushes end, have the servers write down what they hold, lay the role down (from then on the gate lets
nothing through), let go of the shared disk. The manager's scripts then stop the servers and unmount.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout

from reconciler import report
from reconciler.daemon.loop import Loop
from reconciler.daemon.stuck import Stuck
from reconciler.daemon.term import Terms

Show = Callable[[str], None]

PATIENCE = 20.0
"""Seconds that an apply has to end. Then the role is laid down all the same, which ends it."""

_THINKING = 1.0
"""Seconds that a pass has to end which touches nothing yet."""

_GLANCE = 0.1

PUSHES = 3.0
"""Seconds for pushes under way, and fetches, to end by themselves while all is still served."""

_GOODBYE = 1.0
"""Seconds for them to take their answer afterwards."""

_LAST = 10.0
"""Seconds for it to let go after that."""


def demote(terms: Terms, loop: Loop, by: str, show: Show) -> int:
    """Demote this node; the exit code for whoever asked. A standby has nothing to do."""
    if not terms.paired:
        show(report.line("refused", "this node has no partner that could take over; `reconciler pause` stops changes"))
        return 1
    if not terms.begun:
        show(report.line("standby", "this node is standby already; it holds nothing of the shared disk"))
        return 0
    # What is laid down is this role, not one that comes while this is under way.
    given = terms.duty.read().given
    reason = f"demoted by {by} at {time.strftime('%H:%M:%S')}"
    receiving = terms.passes.node.receiving
    receiving.refuse_new(f"this node was {reason}")
    receiving.wait(PUSHES)
    released = loop.submit(lambda: _release(terms, loop, reason, given))
    said = _while_applying(terms, released)
    if said is None:
        terms.duty.resign(reason, given)
        show(report.line("demote", "what was being done is stopped at its next step"))
        said = _result(released, _LAST)
    # Whoever waited for an outcome has been answered by now; what is left hangs on its pusher.
    for push in receiving.wait_or_end(_GOODBYE):
        who, refs = push.pushed_by or "somebody", ", ".join(push.refs) or "open"
        show(report.line("demote", f"ended a push by {who} ({refs})"))
    if said is None and _hangs(loop):
        text = "the shared disk does not answer, so it is not let go of yet; nothing more is done to it"
        show(report.line("failed", text))
        return 1
    for text in said or ():
        show(report.line("demote", f"{text}; its journals are folded in before it starts again"))
    text = "nothing of the shared disk is held; the servers can be stopped, then the disk unmounted"
    show(report.line("demoted", text))
    return 0


def _release(terms: Terms, loop: Loop, reason: str, given: str) -> list[str]:
    said = terms.release(reason, given)
    loop.renew()
    return said


def _while_applying(terms: Terms, released: "Future[list[str]]") -> list[str] | None:
    """What `_release` said. An apply may end; who only computes is not waited for, the gate stops it afterwards."""
    deadline = time.monotonic() + PATIENCE
    said = _result(released, _THINKING)
    while said is None and time.monotonic() < deadline and terms.passes.node.applier.busy:
        said = _result(released, _GLANCE)
    return said


def _hangs(loop: Loop) -> bool:
    stuck = Stuck(loop.thread)
    while not stuck.look():
        if not stuck.hangs:
            return False
        time.sleep(_GLANCE)
    return True


def _result(future: "Future[list[str]]", patience: float) -> list[str] | None:
    try:
        return future.result(timeout=patience)
    except FutureTimeout:
        return None
