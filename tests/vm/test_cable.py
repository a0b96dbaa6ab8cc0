"""A pulled cable: for a moment, and for so long that both nodes act (a split brain), with its resolution."""

import pytest

from vm import drbd, evidence, pair, site
from vm.load import UNREPLICATED, Load
from vm.machine import Machine
from vm.report import Report
from vm.trio import Trio
from vm.waiting import until

pytestmark = pytest.mark.vm


def test_a_cable_pulled_for_a_moment(nodes: Trio, work: Load, report: Report) -> None:
    work.start_pushes()
    work.start_leases()
    work.wait(pushes=2, leases=2)
    nodes.b.cable(plugged=False)
    drbd.wait_connection(nodes.a, "WFConnection", "NetworkFailure", "Unconnected", "Timeout")
    nodes.b.cable(plugged=True)
    drbd.wait_in_sync(nodes.a)
    work.wait(pushes=2, leases=2)
    for name in ("pushes", "leases"):
        work.stop(name)
    report.add("cable pulled for a moment", evidence.check(nodes.a, work))


def test_split_brain_and_its_resolution(nodes: Trio, work: Load, report: Report) -> None:
    """node-a is cut off from the other node and the clients; what is pushed on it is discarded, and offered again."""
    work.start_pushes(UNREPLICATED)
    work.wait(pushes=1)
    nodes.a.cable(plugged=False)
    pair.wait_primary(nodes.b)
    discarded = push_on(nodes.a)
    work.wait(pushes=1)
    nodes.a.cable(plugged=True)
    until(lambda: "StandAlone" in {drbd.connection(node) for node in nodes.nodes}, "DRBD finds the split brain")
    resolve(nodes)
    primary = pair.wait_one_primary(nodes)
    work.stop("pushes")
    report.add("split brain, after node-a's side was discarded", evidence.check(primary, work))
    assert discarded not in evidence.commits(primary)
    # Only the node that has them kept aside can offer them, once it is primary again.
    if primary is nodes.b:
        nodes.b.run(pair.STANDBY)
        pair.wait_primary(nodes.a)
    until(lambda: discarded in lost_commits(nodes.a), "the push is offered again as a branch lost/node-a/…", 600, 2)


def push_on(node: Machine) -> str:
    """Push on the node itself, which is all that reaches a node without its cable; the commit."""
    script = (
        f"git clone -q {site.REPOSITORY} /tmp/local && cd /tmp/local"
        " && echo 'onlyhere: {ipv4: 10.77.0.99}' >> hosts.yaml"
        f" && git -c user.name=Ada -c user.email=ada@vm.example commit -qam 'On {node.card.name} alone'"
        f" && git push -q {UNREPLICATED} origin HEAD:main"
    )
    node.run(f'runuser -u reconciler -- sh -c "{script}"', timeout=400)
    return node.run("git -c safe.directory='*' -C /tmp/local rev-parse HEAD").strip()


def resolve(nodes: Trio) -> None:
    """node-a gives up its side, as docs/operations.md says.

    heartbeat finds by itself that both nodes hold the group, and starts itself anew on one: which node is primary
    afterwards is its affair.
    """
    nodes.a.run("systemctl stop heartbeat", timeout=400)
    nodes.a.ask(f"drbdadm disconnect {drbd.RESOURCE}; drbdadm secondary {drbd.RESOURCE}")
    nodes.a.run(f"drbdadm connect --discard-my-data {drbd.RESOURCE}")
    nodes.b.ask(f"drbdadm connect {drbd.RESOURCE}")
    drbd.wait_in_sync(nodes.b)
    nodes.a.run("systemctl start heartbeat", timeout=400)


def lost_commits(node: Machine) -> set[str]:
    branches = node.run(f"{evidence.GIT} for-each-ref --format='%(objectname)' 'refs/heads/lost/'")
    return set(branches.split())
