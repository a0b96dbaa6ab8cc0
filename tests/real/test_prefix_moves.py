"""A delegated prefix that changes, on real servers: killed at every step it converges, and nothing holds it up."""

import subprocess
from collections.abc import Iterator
from ipaddress import IPv6Network
from pathlib import Path

import pytest
from crashing import make_pass
from nodes import ENVIRONMENT, HOSTS, SITE, Clone, ask, running_node
from test_crash import MOST, Answers, Sweep

from reconciler.audit.history import history
from reconciler.demo.pocket import PocketSite
from reconciler.dns.reverse import ptr_name, zones_for

pytestmark = pytest.mark.real

MOVING = SITE.partition("zones:")[0].replace(
    "    ipv4: 192.168.10.0/24\n",
    "    ipv4: 192.168.10.0/24\n    ipv6: {prefix_from: wan0, subnet: 2, keep_old: 1h}\n",
)
ALONE = MOVING.replace("authoritative: bind, nameservers: [ns.example.net]", "authoritative: none")
NAS = "nas.office.example.net"
OTHER = 'nas: {ipv4: 192.168.10.50, ipv6: "::50"}\n'


def delegated(number: int) -> str:
    return f"2001:db8:{number:x}00::/56"


def home(number: int) -> IPv6Network:
    return list(IPv6Network(delegated(number)).subnets(new_prefix=64))[2]


class Moves(Sweep):
    """A node without its daemon, whose provider gives it another prefix at each step."""

    def __init__(self, node: PocketSite, clone: Clone) -> None:
        self.node, self.clone = node, clone
        self.challenge = ""
        clone.change({"hosts.yaml": HOSTS + OTHER})
        self.head = clone.head()
        node.stop_daemon()

    def expected(self, number: int) -> Answers:
        """The names of this prefix, and the reverse names of the one before."""
        found = {(NAS, "AAAA"): str(home(number)[0x50]), (ptr_name(home(number)[0x50]), "PTR"): f"{NAS}."}
        if number > 1:
            found[ptr_name(home(number - 1)[0x50]), "PTR"] = f"{NAS}."
        return found

    def run(self) -> int:
        made = make_pass(self.node.config, wan0=delegated(1), allow=False)
        assert made.result == "applied", made
        for number in range(2, MOST):
            made = make_pass(self.node.config, fatal=number - 1, wan0=delegated(number), allow=False)
            assert made.killed or made.result == "applied", made
            # The kernel has nothing to say at first after the start: what is served is one or the other, and whole.
            silent = make_pass(self.node.config, allow=False)
            assert silent.result in ("applied", "unchanged"), f"{made}, then {silent}"
            either = [self._wrong_answers(self.expected(item)) for item in (number - 1, number)]
            assert not all(either), f"{made}, then {silent}: {either}"
            again = make_pass(self.node.config, wan0=delegated(number), allow=False)
            where = f"killed before effect {number - 1} ({made.killed}), then {silent}, then {again}"
            assert again.result in ("applied", "unchanged"), where
            assert not (problems := self.problems(self.head, self.expected(number))), f"{where}: {problems}"
            if not made.killed:
                return number - 2
        raise AssertionError(f"an apply has more than {MOST} effects")


@pytest.mark.parametrize("bind", [True, False], ids=["bind and dnsmasq", "dnsmasq alone"])
def test_killed_before_any_effect_it_converges(tmp_path: Path, bind: bool) -> None:
    with running_node(tmp_path, site=MOVING if bind else ALONE, bind=bind) as (node, clone):
        assert Moves(node, clone).run() > 8


@pytest.fixture
def moves(tmp_path: Path) -> Iterator[Moves]:
    with running_node(tmp_path, site=MOVING.replace("clients_ask: dnsmasq", "clients_ask: bind"), dnsmasq=False) as (
        node,
        clone,
    ):
        yield Moves(node, clone)


def trailers(node: PocketSite) -> dict[str, str]:
    (entry,) = history(node.repo, limit=1)
    return dict(entry.trailers)


def test_the_audit_says_what_moved(moves: Moves) -> None:
    for number in (1, 2):
        assert make_pass(moves.node.config, wan0=delegated(number), allow=False).result == "applied"
    said = trailers(moves.node)
    assert said["Trigger"] == "address"
    assert f"prefix of office: {home(1)} → {home(2)} (wan0)" in said["Moved"]
    assert f"reverse zone {zones_for(home(1))[0]} is kept until" in said["Moved"]


def test_a_head_that_is_refused_keeps_no_prefix_from_moving(moves: Moves) -> None:
    node = moves.node
    assert node.named
    assert make_pass(node.config, wan0=delegated(1)).result == "applied"
    broken = moves.clone.commit({"hosts.yaml": "nas: {ipv4: nonsense}\n"})
    assert moves.clone.run("push", "--no-verify", "origin", f"{broken}:refs/heads/broken").returncode == 0
    argv = ["git", f"--git-dir={node.repo}", "update-ref", "refs/heads/main", broken]
    subprocess.run(argv, check=True, env=ENVIRONMENT)
    made = make_pass(node.config, wan0=delegated(2), allow=False)
    assert made.result == "refused"
    assert ask(node.named.port, NAS, "AAAA") == [str(home(2)[0x50])]
    assert ask(node.named.port, ptr_name(home(1)[0x50]), "PTR") == [f"{NAS}."]
    entries = [dict(entry.trailers) for entry in history(node.repo, limit=2)]
    assert [entry["Result"] for entry in entries] == ["refused", "applied"]
    assert entries[1]["State"] == moves.head
    assert entries[1]["Trigger"] == "address"


def test_a_prefix_that_has_no_such_subnet_is_told_and_changes_nothing(moves: Moves) -> None:
    node = moves.node
    assert node.named
    assert make_pass(node.config, wan0=delegated(1)).result == "applied"
    made = make_pass(node.config, wan0="2001:db8:ff00::/64")
    assert made.result == "unchanged", made
    assert ask(node.named.port, NAS, "AAAA") == [str(home(1)[0x50])]
