"""Twenty orderly changes of the role, each with a push in flight: nothing is lost, doubled, set back or in the way."""

import threading
import time

import dns.exception
import dns.message
import dns.query
import pytest
from labs import Push, applied, missing, running

from reconciler.demo.lan import NAMESPACES, inside
from reconciler.lab.lab import Lab
from reconciler.lab.machine import until

pytestmark = [pytest.mark.net, pytest.mark.skipif(missing() is not None, reason=str(missing()))]

MOVES = 20
PHASES = ("", "check", "plan", "applied")
"""What the push has said when the role is given away."""


class Serials(threading.Thread):
    """Asks for the zone's serial at the virtual address all the time."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(daemon=True)
        self.seen: list[int] = []
        self._stop_now = threading.Event()
        self._namespace = NAMESPACES / lab.layout.namespace("admin")

    def run(self) -> None:
        query = dns.message.make_query("internal.example.net.", "SOA")
        with inside(self._namespace):
            while not self._stop_now.is_set():
                try:
                    answer = dns.query.udp(query, "192.168.10.4", timeout=0.2)
                except (dns.exception.DNSException, OSError):
                    time.sleep(0.02)
                    continue
                self.seen += [rdata.serial for rrset in answer.answer for rdata in rrset]
                time.sleep(0.01)

    def end(self) -> list[int]:
        self._stop_now.set()
        self.join(10)
        return self.seen


def test_switchovers_with_a_push_in_flight() -> None:
    with running(interval=0.2) as lab:
        serials = Serials(lab)
        serials.start()
        outcomes = {"acknowledged": 0, "stored": 0, "again": 0}
        pushes = []
        for number in range(MOVES):
            push = Push(lab, f"host{number}: {{ipv4: 192.168.10.{50 + number}}}")
            words = PHASES[number % len(PHASES)]
            until(lambda: words in push.said or push.process.poll() is not None, push.said)  # noqa: B023
            time.sleep(0.007 * number % 0.05)
            lab.switch()
            if push.end():
                outcomes["acknowledged"] += 1
                assert push.stored, f"an acknowledged push is lost: {push.said}"
            elif push.stored:
                outcomes["stored"] += 1
            else:
                outcomes["again"] += 1
                assert push.again(), push.said
            pushes.append(push.commit[:12])
            name, address = f"host{number}.internal.example.net", f"192.168.10.{50 + number}\n"
            until(lambda: lab.run(*lab.on("admin", "dig", "+short", "@192.168.10.4", name)) == address, name)  # noqa: B023
        seen = serials.end()
        print(outcomes, "serials", seen[0], "to", seen[-1])
        assert seen == sorted(seen), "a serial went back"
        audit = applied(lab)
        assert [audit.count(commit) for commit in pushes] == [1] * MOVES
        assert not list(lab.layout.folder.glob("nodes/*/log/umount-refused"))
