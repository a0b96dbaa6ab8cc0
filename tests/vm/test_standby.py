"""An orderly switch-over under load, with the hardened units running, there and back."""

import pytest

from vm import drbd, evidence, failover, pair, site
from vm.load import Load, now
from vm.machine import Machine
from vm.report import Report
from vm.trio import Trio

pytestmark = pytest.mark.vm
ASKED = {f"www.{site.NETWORK}": "10.77.0.10"}


def test_orderly_standby_under_load(nodes: Trio, work: Load, report: Report) -> None:
    work.start_pushes()
    work.start_leases()
    work.start_questions(ASKED)
    boots = [boot_id(node) for node in nodes.nodes]
    for old in nodes.nodes:
        new = nodes.other(old)
        work.wait(pushes=2, leases=1)
        began = now()
        old.run(pair.STANDBY)
        pair.wait_primary(new)
        right = work.wait_right(began)
        assert drbd.role(old) == "Secondary/Primary"
        assert not refused(old, began), "an unmount was refused, or something was killed to let it through"
        work.wait(pushes=1, leases=1)
        seconds = failover.parts(new, began, right, first="heartbeat begins", old=old)
        seconds["without right answers"] = work.outage(began)
        report.add(f"orderly standby of {old.card.name} under load", evidence.check(new, work), seconds)
    assert boots == [boot_id(node) for node in nodes.nodes], "a node was rebooted"


def boot_id(node: Machine) -> str:
    return node.run("cat /proc/sys/kernel/random/boot_id")


def refused(node: Machine, since: float) -> list[str]:
    words = ("target is busy", "Couldn't unmount", "No processes on", "Device is held open", "Killed")
    return [line.text for line in failover.journal(node, since) if any(word in line.text for word in words)]
