"""When what happened while the role moved: each thing is looked at on its own, many times a second."""

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import dns.exception
import dns.message
import dns.query
import dns.rdatatype

from reconciler.demo.lan import NAMESPACES, inside
from reconciler.errors import ReconcilerError
from reconciler.lab.files import NAMED_PORT
from reconciler.lab.lab import Lab
from reconciler.lab.layout import CLIENTS, NETWORKS
from reconciler.lab.machine import Machine

ANSWERED = "right answers in both networks, v4 and v6"
MOVED = "virtual addresses moved"

_POLL = 0.01
_ANSWER = 0.2
_LIMIT = 60.0


@dataclass(slots=True)
class Timeline:
    """Seconds since the beginning, by what happened; `silent`: the longest time without a right answer."""

    node: str
    seconds: dict[str, float] = field(default_factory=dict)
    silent: float = 0.0

    @property
    def lines(self) -> list[str]:
        """For people, in the order of time."""
        ordered = sorted(self.seconds.items(), key=lambda pair: pair[1])
        return [*(f"{seconds:6.2f} s  {what}" for what, seconds in ordered), f"{self.silent:6.2f} s  without an answer"]


def takeover(
    lab: Lab, taking: Machine, action: Callable[[], None], *, also: Callable[[Lab, Machine], bool] | None = None
) -> Timeline:
    """Do what moves the role to `taking`, and time what follows. Raises ReconcilerError if it does not come about.

    also: what else has to hold for the answers to be right.
    """
    timeline = Timeline(taking.name)
    stop = threading.Event()
    begun = time.monotonic()
    things = _things(lab, taking, also or (lambda lab, node: True))

    def look(what: str, there: Callable[[], bool]) -> None:
        while not stop.is_set():
            if there():
                timeline.seconds[what] = time.monotonic() - begun
                return
            time.sleep(_POLL)

    watching = [threading.Thread(target=look, args=item, daemon=True) for item in things.items()]
    asking = threading.Thread(target=_ask_on, args=(lab, stop, timeline), daemon=True)
    for thread in (asking, *watching):
        thread.start()
    try:
        action()
        while any(thread.is_alive() for thread in watching) and time.monotonic() < begun + _LIMIT and lab.exists:
            time.sleep(_POLL)
    finally:
        stop.set()
        asking.join()
    missing = things.keys() - timeline.seconds.keys()
    if missing:
        seconds, what = time.monotonic() - begun, ", ".join(sorted(missing))
        raise ReconcilerError(f"within {seconds:.0f} s {taking.name} did not come to this: {what}")
    return timeline


def answers(lab: Lab, machine: str, server: str, name: str, port: int = 53) -> list[str] | None:
    """Addresses that a server gives for a name, asked from a machine; None if it is not asked with success."""
    query = dns.message.make_query(name, dns.rdatatype.A)
    with (
        contextlib.suppress(dns.exception.DNSException, OSError),
        inside(NAMESPACES / lab.layout.namespace(machine)),
    ):
        answer = dns.query.udp(query, server, port=port, timeout=_ANSWER)
        return sorted(rdata.to_text() for rrset in answer.answer for rdata in rrset)
    return None


def right_everywhere(lab: Lab) -> bool:
    """The DHCP clients' networks get right answers at all virtual addresses."""
    networks = {network.name: network for network in NETWORKS}
    asked = [(client, networks[where]) for client, (where, _) in CLIENTS.items()]
    return all(_right(lab, client, str(ip)) for client, net in asked for ip in (net.v4.ip, net.v6.ip))


def _things(lab: Lab, taking: Machine, also: Callable[[Lab, Machine], bool]) -> Mapping[str, Callable[[], bool]]:
    return {
        MOVED: lambda: taking.has_addresses,
        "disk mounted": lambda: taking.has_disk,
        "named answers": lambda: bool(answers(lab, taking.name, "127.0.0.1", _NAME, NAMED_PORT)),
        ANSWERED: lambda: taking.has_addresses and right_everywhere(lab) and also(lab, taking),
        "reconciler acts": lambda: taking.has_disk and (taking.status() or {}).get("role") == "primary",
    }


_NAME = "printer.internal.example.net."


def _right(lab: Lab, machine: str, server: str) -> bool:
    return answers(lab, machine, server, _NAME) == ["192.168.10.40"]


def _ask_on(lab: Lab, stop: threading.Event, timeline: Timeline) -> None:
    last = begun = time.monotonic()
    while time.monotonic() < begun + _LIMIT and lab.exists:
        good = _right(lab, "laptop", str(NETWORKS[0].v4.ip))
        now = time.monotonic()
        timeline.silent = max(timeline.silent, now - last)
        if good:
            last = now
            if stop.is_set():
                return
        time.sleep(_POLL)
