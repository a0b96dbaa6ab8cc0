"""When an address is sent to a provider: a function of what was found, sent, seen in public DNS, and of the time."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from reconciler.wan.public import Address

GRACE = 300.0
"""Seconds for which a sending whose end is unknown (a crash) may still show in public DNS before it is made again."""

PATIENCE = 3600.0
"""Seconds from a provider's yes to the address being seen, after which a person is told."""

_LOOKS = (1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0, 300.0)
"""Seconds between looks at public DNS while an address is awaited, then the last of them again and again."""

RECHECK = 3600.0
"""Seconds between looks at public DNS while all is well."""

_FIRST, _LAST = 300.0, 6 * 3600.0
"""Seconds to wait after a first failure, and at most; each further one doubles it. ddclient's own min-error-interval is
5 minutes, and providers of the dyndns2 protocol ask for half an hour after their own failures."""


_FARTHEST = 86_400.0
"""Seconds from now to the farthest time before which nothing is sent."""


class Outcome(StrEnum):
    """How the last sending ended."""

    NONE = ""
    SENDING = "sending"
    """It was begun; a record that says so after a restart means that its end is not known."""
    GOOD = "good"
    """The provider took it."""
    FAILED = "failed"
    """Worth another try, later."""
    REFUSED = "refused"
    """The provider said no (wrong password, blocked for abuse): nothing is sent until somebody changes something."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of one publication; it stands on the shared disk. Times are 0 where there was none.

    digest: of the settings that it was sent with. not_before: nothing is sent before this time. confirmed: the address
    that was seen last in public DNS after it was found.
    """

    address: str = ""
    sent: float = 0.0
    outcome: Outcome = Outcome.NONE
    text: str = ""
    failures: int = 0
    not_before: float = 0.0
    digest: str = ""
    confirmed: str = ""
    confirmed_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What the name servers said at one time. problem: why they could not be asked, or "".

    addresses: by name; empty for a name that has none.
    """

    at: float
    addresses: Mapping[str, Set[str]]
    problem: str = ""

    def shows(self, address: Address) -> bool:
        """Whether every name has this address and no other."""
        return not self.problem and all(found == {str(address)} for found in self.addresses.values())


class Cached(NamedTuple):
    """What ddclient's cache says of all names of a publication together."""

    address: str = ""
    """The address that all of them were set to; "" where they differ or it knows none."""
    good: bool = False
    """Whether the provider took it for each."""
    changed: float = 0.0
    wait_until: float = 0.0
    """The provider asked to be left alone until then."""


class Do(StrEnum):
    """What to do next."""

    WAIT = "wait"
    LOOK = "look"
    SEND = "send"
    CONFIRM = "confirm"
    """Public DNS shows the address: note it, if that is not noted yet."""
    ADOPT = "adopt"
    """ddclient's cache knows of a sending that the record does not: note it."""


class Step(NamedTuple):
    """What to do, or until when to wait and why. stuck: a person is needed."""

    do: Do
    until: float = 0.0
    why: str = ""
    stuck: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything that a decision rests on.

    seen: the last look since this node became primary and the address came, None before the first: a new primary looks
    before it does anything. looks: those in vain since. digest: of the settings. every: seconds.
    """

    address: Address
    settled_at: float
    record: Record
    seen: Seen | None
    cache: Cached
    digest: str
    every: float
    looks: int


def decide(case: Situation, now: float) -> Step:
    """What to do for one publication now."""
    if now < case.settled_at:
        return Step(Do.WAIT, case.settled_at, "the address is new")
    case = replace(case, record=_sane(case.record, now))
    seen = case.seen
    if seen is None or seen.at > now:
        return Step(Do.LOOK)
    shows = seen.shows(case.address) and not _overtaken(case, now)
    due = seen.at + (RECHECK if shows else look_again(case.looks))
    if now >= due:
        return Step(Do.LOOK)
    if shows:
        record = case.record
        known = record.confirmed == str(case.address) and record.confirmed_at >= record.sent
        return Step(Do.WAIT, due, "published") if known else Step(Do.CONFIRM)
    if seen.problem:
        return Step(Do.WAIT, due, f"nothing is sent before the name servers can be asked: {seen.problem}", True)
    return _unseen(case, due, now)


def _sane(record: Record, now: float) -> Record:
    """The record without times that a clock which has been set right since, or another node's, cannot have meant."""
    sent = record.sent if record.sent <= now + PATIENCE else 0.0
    not_before = record.not_before if record.not_before <= now + _FARTHEST else 0.0
    return replace(record, sent=sent, not_before=not_before)


def _overtaken(case: Situation, now: float) -> bool:
    """Whether another address is on its way, which public DNS will show in place of what it shows now."""
    record = case.record
    under_way = record.outcome in (Outcome.GOOD, Outcome.SENDING) and record.address != str(case.address)
    unseen = record.confirmed != record.address or record.confirmed_at < record.sent
    return under_way and unseen and now < record.sent + PATIENCE


def look_again(looks: int) -> float:
    """Seconds until the next look after this many in vain."""
    return _LOOKS[min(looks, len(_LOOKS) - 1)]


def _unseen(case: Situation, due: float, now: float) -> Step:
    """Public DNS says something else."""
    record, wanted = case.record, str(case.address)
    mine = record.address == wanted and record.digest == case.digest
    if mine and record.outcome is Outcome.GOOD:
        late = now - record.sent > PATIENCE
        why = "the provider took it, but the name servers do not show it" if late else "sent, not seen yet"
        return Step(Do.WAIT, due, why, late)
    if case.cache.good and case.cache.address == wanted and not (mine and record.outcome is Outcome.FAILED):
        return Step(Do.ADOPT)
    if record.outcome is Outcome.REFUSED and record.digest == case.digest:
        return Step(Do.WAIT, due, record.text, True)
    if record.outcome is Outcome.SENDING and now < record.sent + GRACE:
        return Step(Do.WAIT, min(due, record.sent + GRACE), "how the last sending ended is not known yet")
    start = max(
        record.not_before if record.digest == case.digest else 0.0,
        record.sent + case.every if record.sent else 0.0,
        case.cache.wait_until,
    )
    if now < start:
        failed = record.outcome is Outcome.FAILED
        return Step(Do.WAIT, min(due, start), record.text if failed else "sent a moment ago", failed)
    return Step(Do.SEND)


def after_failure(failures: int) -> float:
    """Seconds to wait after this many failures in a row."""
    return min(_FIRST * 2.0 ** min(max(failures - 1, 0), 20), _LAST)
