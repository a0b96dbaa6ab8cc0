"""Asking dnsmasq on the port that clients use, until it answers as the site says."""

import socket
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

from reconciler.dns.rdata import canonical
from reconciler.errors import ReconcilerError
from reconciler.services.dnsmasq.served import Answers

SAMPLE = 200
"""Expectations that are asked for; of more, an even sample."""

_QUERY = 1.0
_POLLS = (0.002, 0.005, 0.01, 0.02, 0.05)


@dataclass(frozen=True, slots=True)
class Expectation:
    """Data that has to be in the answer, and data that may not be in it any more."""

    owner: str
    rtype: str
    wanted: frozenset[str]
    gone: frozenset[str]

    def __str__(self) -> str:
        return f"{self.owner} {self.rtype}"


def expectations(old: Answers, new: Answers) -> list[Expectation]:
    """What a change from `old` to `new` lets clients expect, at most SAMPLE; sorted."""
    wildcards = {owner[2:] for owner, _ in new if owner.startswith("*.")}
    found = []
    for owner, rtype in sorted(old.keys() | new.keys()):
        before, after = frozenset(old.get((owner, rtype), ())), frozenset(new.get((owner, rtype), ()))
        if before == after or (not after and _covered(owner, wildcards)):
            continue
        found.append(Expectation(owner, rtype, after, before - after))
    if len(found) <= SAMPLE:
        return found
    return [found[index * len(found) // SAMPLE] for index in range(SAMPLE)]


def _covered(owner: str, wildcards: Iterable[str]) -> bool:
    return any(owner.endswith(f".{domain}") for domain in wildcards)


class Asker:
    """Asks one server."""

    def __init__(self, address: str, port: int) -> None:
        self._address = address
        self._port = port

    def data(self, owner: str, rtype: str) -> frozenset[str] | None:
        """Canonical data of this type in the answer, aliases followed; None when no proper answer came."""
        query = dns.message.make_query(owner, rtype)
        try:
            answer, _ = dns.query.udp_with_fallback(query, self._address, timeout=_QUERY, port=self._port)
        except (dns.exception.DNSException, OSError):
            return None
        if answer.rcode() == dns.rcode.SERVFAIL:
            return None
        wanted = dns.rdatatype.from_text(rtype)
        try:
            return frozenset(
                canonical(rtype, item.to_text(), ".")
                for rrset in answer.answer
                if rrset.rdtype == wanted
                for item in rrset
            )
        except ReconcilerError:
            return None

    def alive(self) -> bool:
        """Whether it answers at all, whatever it says."""
        family = socket.AF_INET6 if ":" in self._address else socket.AF_INET
        query = dns.message.make_query("localhost.", "A").to_wire()
        # Connected, so that a port where nobody listens says so at once.
        with socket.socket(family, socket.SOCK_DGRAM) as connection:
            connection.settimeout(_QUERY)
            try:
                connection.connect((self._address, self._port))
                connection.send(query)
                return connection.recv(2)[:2] == query[:2]
            except OSError:
                return False

    def unmet(self, expected: Sequence[Expectation]) -> list[Expectation]:
        """Those that it does not answer as expected at this moment."""
        return [item for item in expected if not self._met(item)]

    def _met(self, item: Expectation) -> bool:
        got = self.data(item.owner, item.rtype)
        return got is not None and item.wanted <= got and not item.gone & got


def until(predicate: Callable[[], bool], seconds: float) -> bool:
    """Poll, first quickly, until `predicate` holds or the time is over; whether it holds."""
    deadline = time.monotonic() + seconds
    turn = 0
    while not predicate():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLLS[min(turn, len(_POLLS) - 1)])
        turn += 1
    return True


def settle(asker: Asker, expected: Sequence[Expectation], seconds: float) -> list[Expectation]:
    """Ask until all are met or the time is over; return what is not met."""
    open_ones = list(expected)

    def met() -> bool:
        nonlocal open_ones
        open_ones = asker.unmet(open_ones)
        return not open_ones

    until(met, seconds)
    return open_ones
