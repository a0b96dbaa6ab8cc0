"""Power cuts: of the primary, right after an acknowledgement, of both nodes; and the node that comes back."""

import pytest

from vm import drbd, evidence, failover, pair, site
from vm.load import Load, now
from vm.report import Report
from vm.trio import Trio

pytestmark = pytest.mark.vm
ASKED = {f"www.{site.NETWORK}": "10.77.0.10"}


def test_power_cut_of_the_primary_and_its_return(nodes: Trio, work: Load, report: Report) -> None:
    work.start_pushes()
    work.start_leases()
    work.start_questions(ASKED)
    work.wait(pushes=3, leases=3)
    cut = now()
    nodes.a.cut_power()
    right = work.wait_right(cut)
    pair.wait_primary(nodes.b)
    work.wait(leases=2)
    found = evidence.check(nodes.b, work)
    seconds = failover.parts(nodes.b, cut, right, first="heartbeat notices (deadtime 8)")
    seconds["without right answers"] = work.outage(cut)
    report.add("power cut of the primary under load", found, seconds)

    nodes.a.start()
    nodes.a.wait_up()
    drbd.wait_in_sync(nodes.b)
    # Refused while the peer was away, taken again now.
    work.wait(pushes=2, leases=2)
    assert pair.is_primary(nodes.b) and not pair.is_primary(nodes.a)
    for name in ("pushes", "leases"):
        work.stop(name)
    report.add("the node that was cut off returns", evidence.check(nodes.b, work))


def test_an_acknowledged_push_is_on_the_other_node(nodes: Trio, work: Load, report: Report) -> None:
    made = work.one_push()
    nodes.a.cut_power()
    pair.wait_primary(nodes.b)
    assert made.commit in evidence.commits(nodes.b)
    report.add("power cut right after a push was acknowledged", evidence.check(nodes.b, work))


@pytest.mark.parametrize("orderly", [True, False], ids=["shut down", "cut off"])
def test_both_nodes_off_and_on(nodes: Trio, work: Load, report: Report, orderly: bool) -> None:
    work.start_pushes()
    work.start_leases()
    work.wait(pushes=2, leases=2)
    for node in nodes.nodes:
        if orderly:
            node.shut_down()
        else:
            node.cut_power()
    for node in nodes.nodes:
        node.start()
    for node in nodes.nodes:
        node.wait_up()
    work.wait(pushes=1, leases=1)
    for name in ("pushes", "leases"):
        work.stop(name)
    primary = pair.wait_one_primary(nodes)
    words = "shut down" if orderly else "cut off"
    report.add(f"both nodes {words} and on again", evidence.check(primary, work))
