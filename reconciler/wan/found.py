"""From what sources say to the address that is believed, and since when."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from reconciler.wan.public import Address, Refusal

JITTER = 0.1
"""Part of the time between two questions by which the next one is late at most, so that nodes do not ask in step."""

_LONGEST = 3600.0
"""Seconds between two questions to a source that fails, unless it is to be asked more rarely anyway."""


class Answer(NamedTuple):
    """What one source said last."""

    source: str
    said: Address | Refusal


class Verdict(NamedTuple):
    """What the sources say together: an address with those who said it, or a refusal."""

    said: Address | Refusal
    by: tuple[str, ...] = ()


def agree(sources: Sequence[Callable[[], Answer]], need: int) -> tuple[Verdict, tuple[Answer, ...]]:
    """Ask in order until `need` of them say the same address; the verdict, and every answer that was had.

    With `need` 1 that is the first that gives a valid address. Otherwise it takes that many equal answers: those
    that say something else, or nothing, do not count.
    """
    answers: list[Answer] = []
    for ask in sources:
        answers.append(ask())
        said = answers[-1].said
        by = tuple(answer.source for answer in answers if answer.said == said)
        if not isinstance(said, Refusal) and len(by) >= need:
            return Verdict(said, by), tuple(answers)
    return Verdict(Refusal(_why(answers, need))), tuple(answers)


def _why(answers: Sequence[Answer], need: int) -> str:
    told = {answer.said: answer.source for answer in answers if not isinstance(answer.said, Refusal)}
    if len(told) > 1:
        said = ", ".join(f"{address} ({source})" for address, source in told.items())
        return f"they disagree: {said}"
    if told:
        return f"only one of them says an address, and {need} have to"
    return "; ".join(f"{answer.source}: {answer.said.reason}" for answer in answers if isinstance(answer.said, Refusal))


@dataclass(frozen=True, slots=True)
class Found:
    """The address that is believed. since: Unix time of when it was first said; by: who says so."""

    address: Address
    since: float
    by: tuple[str, ...]


def follow(before: Found | None, verdict: Verdict, now: float) -> Found | None:
    """What is believed after a verdict. A refusal changes nothing: what was the address stays it."""
    if isinstance(verdict.said, Refusal):
        return before
    if before is not None and before.address == verdict.said:
        return replace(before, by=verdict.by) if before.by != verdict.by else before
    return Found(verdict.said, now, verdict.by)


def settled(found: Found, settle: float) -> float:
    """Unix time from which a found address may be published: one that came for seconds only never is."""
    return found.since + settle


def next_question(asked: float, every: float, failures: int, chance: float) -> float:
    """When a source is to be asked again: never before `every` is over, later each time that it fails again.

    failures: how often it failed in a row. chance: from 0 to 1, by which the question is late.
    """
    wait = max(every, min(every * 2.0 ** min(max(failures - 1, 0), 20), _LONGEST))
    return math.fsum((asked, wait, wait * JITTER * chance))
