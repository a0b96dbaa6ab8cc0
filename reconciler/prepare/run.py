"""`reconciler prepare`: the order of things. Nothing here keeps a server from starting: what goes wrong is told."""

import contextlib
import os
import pwd
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from reconciler import node_role
from reconciler.config import NodeConfig
from reconciler.daemon.lock import at_work
from reconciler.effects import Effects
from reconciler.errors import NotPrimary, ReconcilerError, Temporary, words
from reconciler.node_setup import Owner
from reconciler.prepare import leases, owners, running
from reconciler.prepare.child import as_user, bounded, user_of
from reconciler.prepare.owners import Repair
from reconciler.prepare.zones import Zones
from reconciler.role.base import Condition, Role
from reconciler.role.here import Here
from reconciler.services.base import Say

BUDGET = 60.0
"""Seconds for all of it."""
_WAIT = 20.0
"""Seconds of these that a pass of the daemon is waited for."""
_OVER = 5.0
"""Seconds after its time until the work is killed."""
_BIND_USER = "bind"


def prepare(settings: NodeConfig, say: Say, *, budget: float = BUDGET) -> None:
    """Make files ready for named and dnsmasq, in at most about `budget` seconds; `say` gets one line for each thing.

    Raises nothing that could be foreseen.
    """
    begun = time.monotonic()
    here = Here(node_role.disk(settings)).read()
    if here.role is not Role.PRIMARY:
        say(f"nothing done: {'; '.join(here.reasons)}")
        return
    work = _Work(settings, say, begun + budget)
    try:
        with _alone(settings, min(_WAIT, budget)):
            bounded(work.all, begun + budget + _OVER - time.monotonic())
    except (ReconcilerError, OSError) as error:
        say(f"prepare {words(error)}" if isinstance(error, Temporary) else words(error))


@contextmanager
def _alone(settings: NodeConfig, patience: float) -> Iterator[None]:
    # Without the folder there is no daemon, and nobody to tell the folder's owner from.
    with at_work(settings.control, patience) if settings.control.parent.is_dir() else contextlib.nullcontext():
        yield


class _Work:
    """The steps; each fails alone."""

    def __init__(self, settings: NodeConfig, say: Say, deadline: float) -> None:
        self._settings = settings
        self._say_to = say
        self._deadline = deadline
        self._said = 0
        self._begun = time.monotonic()

    def all(self) -> None:
        """Owners, zones, leases."""
        who = self._step("owners", self._daemon_user)
        mount = self._settings.mount
        if who is not None and mount is not None:
            self._step("owners", partial(self._owners, mount, who))
        zones = self._step("zones", partial(self._zones, who)) if self._settings.bind else None
        for place in leases.places(self._settings):
            self._step("leases", partial(self._leases, place, who))
        if not self._said:
            took = time.monotonic() - self._begun
            self._say_to(f"ready: {zones or 0} zones looked at, nothing to do, in {took:.2f} s")

    def _say(self, text: str) -> None:
        self._said += 1
        self._say_to(text)

    def _step(self, name: str, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except (ReconcilerError, OSError) as error:
            self._say(f"{name}: {words(error)}")
        except Exception as error:
            self._say(f"{name}: a mistake in this program, please report it: {error!r}")
        return None

    def _daemon_user(self) -> Owner | None:
        """Who the daemon runs as, on this node: the owner of the folder that its socket is in.

        None where that is who we are. On the shared disk the owners may be the other node's.
        """
        if os.geteuid() != 0 or not self._settings.control.parent.is_dir():
            return None
        found = self._settings.control.parent.stat()
        return user_of(found.st_uid, found.st_gid) if found.st_uid else None

    def _owners(self, mount: Path, who: Owner) -> None:
        bind, dnsmasq = self._settings.bind, self._settings.dnsmasq
        rules = owners.rules(
            self._settings.repo,
            self._settings.state,
            bind.directory if bind else None,
            [dnsmasq.directory, *(dnsmasq.instance(name).directory for name in dnsmasq.isolated)] if dnsmasq else [],
            who,
            _account(_BIND_USER),
        )
        repair = Repair(mount, self._effects(), deadline=self._deadline)
        inner = tuple(rule.path for rule in rules)
        try:
            for rule in rules:
                repair.below(rule, inner)
        finally:
            for text in owners.lines(repair.found):
                self._say(text)

    def _zones(self, who: Owner | None) -> Any:
        bind = self._settings.bind
        assert bind is not None
        effects = self._effects(partial(running.named_away, bind))
        zones = Zones(bind.directory, self._settings.state, self._deadline)

        def heal() -> tuple[int, int]:
            return zones.heal(effects, self._say), self._said

        try:
            # With no more rights than the daemon has: its folders are not root's.
            count, self._said = as_user(who, heal)
        except NotPrimary as error:
            self._say(f"zones: nothing done: {_why(error)}")
            return 0
        return count

    def _leases(self, place: leases.Place, who: Owner | None) -> None:
        effects = self._effects(partial(running.not_held, place.path))

        def history() -> Any:
            return as_user(who, leases.recorder(self._settings.repo))

        try:
            leases.mend(self._settings, place, effects, self._say, history)
        except NotPrimary as error:
            self._say(f"leases: nothing done: {_why(error)}")

    def _effects(self, *also: Callable[[], Condition]) -> Effects:
        """Acts where the disk is here; who is primary is decided only after this."""
        return Effects(Here(node_role.disk(self._settings), *also), helper=Path(os.devnull))


def _account(name: str) -> Owner | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Owner(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _why(error: NotPrimary) -> str:
    """The conditions that did not hold; that the role is not decided yet goes without saying here."""
    text = str(error)
    return text.partition(": ")[2] or text
