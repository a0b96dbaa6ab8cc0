"""What a node that took over has of everything that was acknowledged."""

import json
from dataclasses import dataclass

from vm import site
from vm.load import AT, PYTHON, Lease, Load, Push
from vm.machine import Machine
from vm.waiting import until

GIT = f"runuser -u reconciler -- git -C {site.REPOSITORY}"
LEASES = "/srv/drbd0/reconciler/leases/dnsmasq.leases"


@dataclass(frozen=True)
class Found:
    """Counts for the report."""

    pushes: int
    pushes_lost: int
    leases: int
    leases_lost: int


def check(node: Machine, work: Load, *, pushes: list[Push] | None = None) -> Found:
    """Raises AssertionError where anything acknowledged is missing, an answer is wrong or history is not one line.

    `pushes` are those that have to be there; all that were acknowledged by default.
    """
    expected, leases = work.pushes() if pushes is None else pushes, work.leases()
    lost = [push for push in expected if push.commit not in commits(node)]
    gone = missing_leases(node, leases)
    assert not lost, f"{node.card.name} lacks {len(lost)} of {len(expected)} acknowledged pushes: {lost}"
    assert not gone, f"{node.card.name} lacks {len(gone)} of {len(leases)} acknowledged leases: {gone}"
    right_answers(work, expected, leases)
    one_line(node)
    return Found(len(expected), len(lost), len(leases), len(gone))


def commits(node: Machine, branch: str = "main") -> set[str]:
    return set(node.run(f"{GIT} rev-list {branch}").split())


def missing_leases(node: Machine, leases: list[Lease]) -> list[Lease]:
    there = {tuple(line.split()[1:3]) for line in node.run(f"cat {LEASES}").splitlines()}
    return [lease for lease in leases if (lease.mac, lease.address) not in there]


def right_answers(work: Load, pushes: list[Push], leases: list[Lease]) -> None:
    """Every name, through the virtual address; those of leases may come a moment after the rest."""
    questions = {f"www.{site.NETWORK} A": "10.77.0.10", "10.0.77.10.in-addr.arpa PTR": f"www.{site.NETWORK}."}
    questions |= {f"push{push.number}.{site.NETWORK} CNAME": f"www.{site.NETWORK}." for push in pushes}
    questions |= {f"{lease.name}.{site.NETWORK} A": lease.address for lease in leases}
    work.client.put(f"{AT}/questions.json", json.dumps(questions))
    command = f"{PYTHON} {AT}/answers.py {site.VIRTUAL} {AT}/questions.json"
    wrong = ["not asked"]

    def right() -> bool:
        wrong[:] = work.client.ask(command, timeout=400).out.splitlines()
        return not wrong

    try:
        until(right, "all answers are right", 300, 2)
    except AssertionError as error:
        raise AssertionError(f"{error}: {wrong}") from None


def one_line(node: Machine) -> None:
    """The audit is one line of commits, and the repository is whole."""
    for branch in ("main", "audit"):
        found = node.run(f"{GIT} rev-list --parents {branch}").splitlines()
        forks = [line for line in found if len(line.split()) > 2]
        roots = [line for line in found if len(line.split()) == 1]
        assert not forks and len(roots) == 1, f"{branch}: {len(forks)} merges, {len(roots)} roots"
    broken = node.ask(f"{GIT} fsck --no-dangling", timeout=400)
    assert broken.code == 0, broken.out + broken.err
