"""A change that lies ready for dnsmasq: the least disturbing way to have it served, and the way back."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from reconciler.deployed import DeployedZone
from reconciler.effects import Effects
from reconciler.errors import ApplyFailed, NotPrimary, ReconcilerError, Temporary
from reconciler.services.base import Outcome, Say
from reconciler.services.dnsmasq.folder import Folder, Swap
from reconciler.services.dnsmasq.served import Answers
from reconciler.services.dnsmasq.verify import Asker, Expectation, expectations, settle, until

_PATIENCE = 5.0
_FIRST_LOOK = 1.5


class Action(IntEnum):
    """What dnsmasq needs to take a change in, least disturbing first."""

    NOTHING = 0
    """It sees the files by itself (inotify)."""
    RELOAD = 1
    """SIGHUP: reads hosts and reservations anew, empties its cache; no query is lost."""
    RESTART = 2
    """It does not answer for some tens of milliseconds, and its cache is lost."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change: files, action, and what clients get before and after it.

    asks: dnsmasq answers DNS. asked: it did so before. own: it answers from its own files, so putting those back brings
    the old answers back. first: it gives up what another server takes.
    """

    swaps: Mapping[str, Swap]
    action: Action
    before: Answers
    after: Answers
    asks: bool
    own: bool
    outcome: Outcome
    outcome_before: Outcome
    asked: bool = True
    first: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Server:
    """The dnsmasq that is meant: its name for people, its files, who asks it, and its unit."""

    name: str
    folder: Folder
    asker: Asker
    unit: str


class StagedChange:
    """See services.base.Staged."""

    def __init__(self, change: Change, server: Server, effects: Effects) -> None:
        self._change = change
        self._name = server.name
        self._folder = server.folder
        self._asker = server.asker
        self._unit = server.unit
        self._effects = effects
        self._action = change.action

    @property
    def pending(self) -> Mapping[str, DeployedZone]:
        """Nothing: dnsmasq keeps no serials, and after a crash its files tell where it stands."""
        return {}

    @property
    def first(self) -> bool:
        """See services.base.Staged."""
        return self._change.first

    def commit(self, say: Say) -> Outcome:
        """Swap the files in, have dnsmasq read them, ask it. See services.base.Staged for what it raises."""
        change = self._change
        was_alive = not (change.asks and change.asked) or self._asker.alive()
        if not was_alive:
            say(f"{self._name} does not answer; restarting {self._unit}")
            self._action = Action.RESTART
        try:
            self._folder.carry_out(change.swaps, self._effects)
            self._act()
            self._verify(change.before, change.after, asks=change.asks)
        except NotPrimary:
            raise
        except (ReconcilerError, OSError) as error:
            restored = self._put_back(say)
            if restored and was_alive and not isinstance(error, OSError):
                raise ApplyFailed(f"{self._name}: {error}; its old files are back and it answers as before") from error
            raise Temporary(f"{self._name}: {error}; its old files are back") from error
        for line in change.notes:
            say(line)
        return change.outcome

    def undo(self, say: Say) -> Outcome:
        """See services.base.Staged."""
        if not self._put_back(say):
            say(f"{self._name}: the old files are back, but it does not answer as before")
        return self._change.outcome_before

    def discard(self) -> None:
        """See services.base.Staged."""
        self._folder.discard(self._change.swaps, self._effects)

    def _act(self) -> None:
        if self._action is Action.RESTART:
            self._effects.ask_helper("restart", self._unit)
        elif self._action is Action.RELOAD:
            self._effects.ask_helper("reload", self._unit)

    def _verify(self, before: Answers, after: Answers, *, asks: bool) -> None:
        if not asks:
            return
        if self._action is Action.RESTART and not until(self._asker.alive, _PATIENCE):
            raise Temporary("it does not answer after the restart")
        expected = expectations(before, after)
        unmet = settle(self._asker, expected, _PATIENCE if self._action is Action.RESTART else _FIRST_LOOK)
        if unmet and self._action is not Action.RESTART:
            # An inotify event was lost (its queue can overflow), or BIND's answer from before the change came in
            # after the cache was emptied: have everything read anew before giving up.
            with contextlib.suppress(Temporary):
                self._effects.ask_helper("reload", self._unit)
            unmet = settle(self._asker, unmet, _PATIENCE)
        if unmet:
            item = unmet[0]
            got = self._asker.data(item.owner, item.rtype)
            said = "nothing" if got is None else ", ".join(sorted(got)) or "no such record"
            wanted = ", ".join(sorted(item.wanted)) or f"no {', '.join(sorted(item.gone))} any more"
            raise ReconcilerError(f"asked for {item}, it says {said} instead of {wanted}{self._why(item, got)}")

    def _why(self, item: Expectation, got: frozenset[str] | None) -> str:
        if got or not item.wanted or not self._asker.data(item.owner, "CNAME"):
            return ""
        return (
            "; it is an alias into another zone, which named does not follow: write `recursion yes; "
            "allow-recursion { localhost; };` into its options"
        )

    def _put_back(self, say: Say) -> bool:
        """Bring back the old files, and the old answers where they are dnsmasq's own; whether that worked."""
        change = self._change
        before, after = (change.after, change.before) if change.own else ({}, {})
        try:
            self._folder.put_back(change.swaps, self._effects)
            say(f"{self._name}: put the old files back")
            self._act()
            self._verify(before, after, asks=change.asked and (change.asks or change.first))
        except NotPrimary:
            raise
        except (ReconcilerError, OSError) as error:
            say(f"{self._name}: putting back: {error}")
            return False
        return True
