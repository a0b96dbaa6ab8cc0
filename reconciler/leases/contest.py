"""Two clients with one name: who keeps it, and who gets a numbered one."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from itertools import count

from reconciler.leases.labels import MAX_LABEL

_NUMBERED = re.compile(r"(.+)-([2-9]|[1-9][0-9]+)")

Holders = Mapping[str, str]
"""By absolute name, who holds it: the client's keys, with blanks between them (see `reconciler.leases.clients`)."""


def stem(label: str) -> str:
    """What a label with numbers behind it is made of; the label itself where it has none."""
    while match := _NUMBERED.fullmatch(label):
        label = match[1]
    return label


@dataclass(slots=True)
class Claims:
    """Who says which name (absolute). Nearly all names are said by one client only."""

    sole: dict[str, str] = field(default_factory=dict)
    contested: dict[str, set[str]] = field(default_factory=dict)

    def add(self, owner: str, client: str) -> None:
        """Enter a client's name."""
        first = self.sole.setdefault(owner, client)
        if first != client:
            self.contested.setdefault(owner, {first}).add(client)

    def by(self, owner: str) -> set[str]:
        """The clients that say a name, of which there is one at least."""
        return self.contested.get(owner) or {self.sole[owner]}


@dataclass(frozen=True, slots=True)
class Rules:
    """What a contest is decided by.

    previous: holders until now. keys: all that a client was ever known by. numbered: the (name, client) whose
    network gives numbered names to losers. taken: whether a name can be nobody's (it is the state's).
    """

    previous: Holders
    keys: Callable[[str], Set[str]]
    numbered: Set[tuple[str, str]]
    taken: Callable[[str], bool]


@dataclass(slots=True)
class Outcome:
    """winners: client by name, of contested names. others: the name of each (name, client) that lost, if any."""

    winners: dict[str, str] = field(default_factory=dict)
    others: dict[tuple[str, str], str | None] = field(default_factory=dict)

    def name(self, owner: str, client: str) -> str | None:
        """The name that the client gets for the one it says."""
        return owner if self.winners.get(owner, client) == client else self.others.get((owner, client))


def decide(claims: Claims, rules: Rules) -> Outcome:
    """Give every contested name to one client: to its holder, else to the one whose key is the least.

    A client that holds a numbered name keeps that as long as its own is taken, even where another says it.
    """
    outcome = Outcome()
    if not claims.contested:
        return outcome
    kept = _kept(claims, rules)
    asked = {name for name in kept.values() if name in claims.sole}
    held: set[str] = set()
    # A numbered name is longer than the one it is made of, so that one is decided first.
    for owner in sorted({*claims.contested, *asked}, key=lambda name: (len(name), name)):
        contenders = claims.by(owner)
        if owner in held:
            winner = outcome.winners[owner]
        else:
            winner = outcome.winners[owner] = _winner(owner, contenders, rules)
        for client in contenders - {winner}:
            number = kept.get((owner, client))
            outcome.others[owner, client] = number
            if number is not None:
                held.add(number)
                outcome.winners[number] = client
    _number(claims, rules, held, outcome)
    return outcome


def _winner(owner: str, contenders: Set[str], rules: Rules) -> str:
    before = set(rules.previous.get(owner, "").split())

    def rank(client: str) -> tuple[bool, bool, bool, str]:
        # A DUID is no secret: who only shows one that the holder had comes after the holder.
        return client not in before, before.isdisjoint(rules.keys(client)), not client.startswith("mac:"), client

    return min(contenders, key=rank)


def _kept(claims: Claims, rules: Rules) -> dict[tuple[str, str], str]:
    """The numbered names held until now, by (name they are made of, client); of several the lowest number."""
    known: dict[str, dict[str, str]] = {}
    found: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    for name, holder in rules.previous.items():
        label, _, domain = name.partition(".")
        match = _NUMBERED.fullmatch(label)
        base = f"{match[1]}.{domain}" if match else ""
        if match is None or base not in claims.sole or rules.taken(name):
            continue
        if base not in known:
            known[base] = {key: client for client in sorted(claims.by(base)) for key in rules.keys(client)}
        for key in holder.split():
            client = known[base].get(key)
            says_it = name in claims.sole and client in claims.by(name)
            if client is not None and (base, client) in rules.numbered and not says_it:
                found[base, client].append((int(match[2]), name))
                break
    return _distinct(found)


def _distinct(found: Mapping[tuple[str, str], Iterable[tuple[int, str]]]) -> dict[tuple[str, str], str]:
    """One name for each, and none for two: a holder's text can name keys of two clients."""
    given: set[str] = set()
    result = {}
    for key, names in sorted(found.items()):
        name = next((name for _, name in sorted(names) if name not in given), None)
        if name is not None:
            given.add(name)
            result[key] = name
    return result


def _number(claims: Claims, rules: Rules, held: Set[str], outcome: Outcome) -> None:
    """Give numbered names to the losers that have none and may have one."""
    waiting = sorted(key for key, name in outcome.others.items() if name is None and key in rules.numbered)
    candidates: dict[str, Iterator[str]] = {}
    for owner, client in waiting:
        names = candidates.setdefault(owner, _candidates(owner))
        free = (name for name in names if name not in claims.sole and name not in held and not rules.taken(name))
        outcome.others[owner, client] = next(free, None)


def _candidates(owner: str) -> Iterator[str]:
    label, _, domain = owner.partition(".")
    for number in count(2):
        numbered = f"{label}-{number}"
        if len(numbered) > MAX_LABEL:
            return
        yield f"{numbered}.{domain}"
