"""The thread that asks for the public address, and what it believes."""

import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from reconciler.daemon.address.store import Store
from reconciler.daemon.address.worker import Worker
from reconciler.state.wan import Family, Wan, WanSource
from reconciler.wan.found import Answer, Found, Verdict, agree, follow, next_question, settled
from reconciler.wan.news import News
from reconciler.wan.public import Address, Held, Refusal
from reconciler.watch import whoami

if TYPE_CHECKING:
    from reconciler.watch.addresses import Addresses

_IDLE = 3600.0


@dataclass
class _Asked:
    """One source, and what it said. next: monotonic time before which it is not asked again."""

    source: WanSource
    answer: Answer | None = None
    next: float = 0.0
    failures: int = 0


class AddressWatch:
    """Asks the sources of `wan` from a thread of its own.

    commands: programs by the names that the state uses. changed: called when another address is believed than before.
    news: takes what is to be recorded.
    """

    def __init__(
        self,
        wan: Wan,
        ours: Collection[Address],
        commands: Mapping[str, Sequence[str]],
        store: Store,
        changed: Callable[[], None],
        news: Callable[[News], None],
    ) -> None:
        self._wan = wan
        self._ours = ours
        self._commands = commands
        self._store = store
        self._changed = changed
        self._news = news
        self._asked = [_Asked(source) for source in wan.watch]
        self._found: dict[Family, Found] = {}
        self._verdicts: dict[Family, Verdict] = {}
        self._announced: dict[Family, Address] = {}
        self._worker = Worker("watch of the public address", self._step)
        self._interfaces = self._listener()

    def _listener(self) -> "Addresses | None":
        if all(source.interface is None for source in self._wan.watch):
            return None
        # Only here: it takes 23 MB of memory.
        from reconciler.watch.addresses import Addresses  # noqa: PLC0415

        return Addresses(self._worker.kick)

    def start(self) -> None:
        """Begin. Raises Temporary when the kernel does not let us listen."""
        if self._interfaces is not None:
            self._interfaces.start()
        self._worker.start()

    def stop(self) -> None:
        """End."""
        if self._interfaces is not None:
            self._interfaces.stop()
        self._worker.stop()

    def alive(self) -> bool:
        """Whether nothing is missed."""
        return self._worker.alive() and (self._interfaces is None or self._interfaces.alive())

    def found(self, family: Family) -> Found | None:
        """What is believed, by what was said since `start`. Any thread may ask."""
        return self._found.get(family)

    def document(self) -> list[dict[str, Any]]:
        """For the status: each family with its address, who said so, and what is wrong. Any thread may ask."""
        return [self._family(family) for family in Family if any(item.source.family is family for item in self._asked)]

    def _family(self, family: Family) -> dict[str, Any]:
        found, verdict = self._found.get(family), self._verdicts.get(family)
        refused = verdict.said.reason if verdict is not None and isinstance(verdict.said, Refusal) else ""
        answers = [item.answer for item in self._asked if item.source.family is family and item.answer is not None]
        return {
            "family": family.value,
            "address": str(found.address) if found else None,
            "since": found.since if found else None,
            "by": list(found.by) if found else [],
            "problem": self._worker.trouble or refused,
            "answers": [
                {
                    "source": answer.source,
                    "address": None if isinstance(answer.said, Refusal) else str(answer.said),
                    "problem": answer.said.reason if isinstance(answer.said, Refusal) else "",
                }
                for answer in answers
            ],
        }

    def _step(self) -> float:
        wait = _IDLE
        for family in Family:
            sources = [item for item in self._asked if item.source.family is family]
            if sources:
                wait = min(wait, self._look(family, sources))
        return wait

    def _look(self, family: Family, sources: Sequence[_Asked]) -> float:
        verdict, answers = agree([partial(self._ask, item) for item in sources], self._wan.agree)
        if self._worker.stopping.is_set():
            return _IDLE
        now = time.time()
        before = self._found.get(family)
        found = follow(before, verdict, now)
        self._verdicts[family] = verdict
        if found is not None and (before is None or found.address != before.address):
            kept = self._store.found(family) if before is None else None
            if kept is not None and kept.address == found.address:
                # The other node's clock may be ahead.
                found = replace(found, since=min(kept.since, now))
                self._announced[family] = found.address
            self._found[family] = found
            self._changed()
        elif found is not None:
            self._found[family] = found
        wait = self._announce(family, found, now) if found is not None else _IDLE
        polled = [item.next for item in sources[: len(answers)] if item.source.interface is None]
        return min([wait, *(due - time.monotonic() for due in polled)])

    def _announce(self, family: Family, found: Found, now: float) -> float:
        """Record an address that has come to stay. Seconds until that can be told."""
        if self._announced.get(family) == found.address:
            return _IDLE
        if now < settled(found, self._wan.settle):
            return settled(found, self._wan.settle) - now
        before = self._store.found(family)
        self._store.keep_found(family, found)
        self._announced[family] = found.address
        text = f"Address {found.address} found" + (f", was {before.address}" if before else "")
        self._news(News("found", str(found.address), text, found.by))
        return _IDLE

    def _ask(self, item: _Asked) -> Answer:
        """The source's answer: a new one where it may be asked, else what it said last."""
        now = time.monotonic()
        if item.answer is not None and now < item.next and item.source.interface is None:
            return item.answer
        item.answer = whoami.ask(item.source, self._of, self._ours, self._commands)
        failed = isinstance(item.answer.said, Refusal)
        item.failures = item.failures + 1 if failed else 0
        item.next = next_question(now, self._wan.every, item.failures, random.random())  # noqa: S311  no secret
        return item.answer

    def _of(self, interface: str) -> Sequence[Held]:
        return self._interfaces.of(interface) if self._interfaces is not None else ()
