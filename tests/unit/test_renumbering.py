"""When a delegated prefix changes: what follows, what the guard says, which old reverse zones go on, how long."""

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv6Network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from state_trees import tree_of

from reconciler.build import build, renumbered
from reconciler.deployed import Deployed, DeployedZone
from reconciler.dns import reverse
from reconciler.evaluate import Evaluation, Evaluator
from reconciler.site import KnownPrefix, Site
from reconciler.state.hatches import HatchAllowance
from reconciler.state.load import load

SITE = """\
version: 1
site: home
networks:
  lan:
    domain: lan.example.org
    ipv4: 192.168.1.0/24
    ipv6: {prefix_from: wan0, subnet: 1, length: 56, keep_old: 1d}
"""
HOSTS = "".join(f'h{n}: {{ipv4: 192.168.1.{n}, ipv6: "::{n}"}}\n' for n in range(10, 30))
FILES = {"site.yaml": SITE, "hosts.yaml": HOSTS}
ONE, TWO, THREE = (IPv6Network(f"2001:db8:{n}00::/56") for n in (1, 2, 3))
DAY = 86400


def zone(prefix: IPv6Network) -> str:
    return reverse.zones_for(list(prefix.subnets(new_prefix=64))[1])[0]


def deployed_of(site: Site, commit: str = "1") -> Deployed:
    zones = {name: DeployedZone(item.zone, item.dynamic, 1, leases=item.leases) for name, item in site.zones.items()}
    return Deployed(commit, zones, prefixes=site.prefixes, kept=site.kept)


class Node:
    """An evaluator, what it sees, and what it has deployed."""

    def __init__(self) -> None:
        self.seen: dict[str, KnownPrefix] = {}
        self.deployed = Deployed()
        self._evaluator = Evaluator((), HatchAllowance(), prefixes=lambda: self.seen)

    def see(self, prefix: IPv6Network) -> None:
        self.seen = {"wan0": KnownPrefix(prefix)}

    def evaluate(self, files: Mapping[str, str] = FILES, commit: str = "1") -> Evaluation:
        return self._evaluator.evaluate(commit, tree_of(files), self.deployed)

    def apply(self, files: Mapping[str, str] = FILES, commit: str = "1") -> Evaluation:
        evaluation = self.evaluate(files, commit)
        assert evaluation.site is not None, evaluation.problems
        self.deployed = deployed_of(evaluation.site, commit)
        return evaluation


@pytest.fixture
def node() -> Node:
    made = Node()
    made.see(ONE)
    made.apply()
    return made


def test_the_first_prefix_is_told() -> None:
    node = Node()
    assert node.apply().moves == ()
    node.see(ONE)
    evaluation = node.apply()
    assert evaluation.moves == ("prefix of lan: 2001:db8:100:1::/64 (wan0)",)
    assert evaluation.guard_reasons == ()
    assert node.evaluate().moves == ()
    assert node.evaluate().plan is not None
    assert node.evaluate().plan.empty  # type: ignore[union-attr]


def test_the_guard_never_stops_a_prefix_that_moves(node: Node) -> None:
    node.see(TWO)
    evaluation = node.apply()
    assert evaluation.plan is not None
    assert evaluation.plan.counts[1] == 20, "every AAAA changes"
    assert evaluation.guard_reasons == ()
    assert evaluation.moves[0] == "prefix of lan: 2001:db8:100:1::/64 → 2001:db8:200:1::/64 (wan0)"
    assert evaluation.moves[1].startswith(f"reverse zone {zone(ONE)} is kept until ")
    assert evaluation.moves[0] in evaluation.plan.notes
    assert node.deployed.kept.keys() == {zone(ONE)}
    assert node.evaluate().plan.empty  # type: ignore[union-attr]


def test_the_guard_sees_what_a_push_does_meanwhile(node: Node) -> None:
    few = {**FILES, "hosts.yaml": "".join(HOSTS.splitlines(keepends=True)[:5])}
    before = node.evaluate(few, "2").guard_reasons
    assert before
    node.see(TWO)
    assert node.evaluate(few, "2").guard_reasons == before
    renamed = {**FILES, "site.yaml": SITE.replace("subnet: 1", "subnet: 2")}
    assert any("would be removed" in text for text in node.evaluate(renamed, "3").guard_reasons)


def test_a_silent_interface_changes_nothing(node: Node) -> None:
    node.seen = {}
    evaluation = node.evaluate()
    assert (evaluation.moves, evaluation.plan and evaluation.plan.empty) == ((), True)
    fresh = Node()
    fresh.deployed = node.deployed
    assert fresh.evaluate().plan.empty  # type: ignore[union-attr]


def test_what_does_not_fit_is_told_and_changes_nothing(node: Node) -> None:
    narrow = {**FILES, "site.yaml": SITE.replace(", length: 56", "")}
    node.apply(narrow, "2")
    node.see(IPv6Network("2001:db8:900::/64"))
    evaluation = node.evaluate(narrow, "2")
    assert evaluation.plan is not None
    assert evaluation.plan.empty
    assert any("there is no subnet 1 in a /64" in text for text in evaluation.misfits)


def test_the_old_zone_is_removed_by_itself(node: Node) -> None:
    node.see(TWO)
    node.apply()
    kept = node.deployed.zones[zone(ONE)].zone
    node.deployed = replace(node.deployed, kept={zone(ONE): 1})
    evaluation = node.evaluate()
    assert evaluation.plan is not None
    assert [(item.name, item.kind) for item in evaluation.plan.zones] == [(zone(ONE), "removed")]
    assert evaluation.guard_reasons == ()
    assert evaluation.moves == (f"reverse zone {zone(ONE)} of an old prefix is not kept any longer",)
    assert kept.rrsets


def test_a_prefix_that_comes_back_is_no_old_one(node: Node) -> None:
    for prefix in (TWO, ONE):
        node.see(prefix)
        evaluation = node.apply()
        assert evaluation.guard_reasons == ()
    assert node.deployed.kept.keys() == {zone(TWO)}
    assert zone(ONE) in node.deployed.zones


def test_nothing_is_kept_where_nobody_wants_it(node: Node) -> None:
    files = {**FILES, "site.yaml": SITE.replace("keep_old: 1d", "keep_old: 0")}
    node.apply(files, "2")
    node.see(TWO)
    assert node.apply(files, "2").guard_reasons == ()
    assert zone(ONE) not in node.deployed.zones


def test_a_written_prefix_that_becomes_a_delegated_one_is_no_move() -> None:
    node = Node()
    written = {**FILES, "site.yaml": SITE.partition("    ipv6: ")[0] + "    ipv6: '2001:db8:100:1::/64'\n"}
    node.apply(written)
    node.see(ONE)
    evaluation = node.evaluate(FILES, "2")
    assert evaluation.plan is not None
    assert evaluation.plan.zones == ()
    assert evaluation.guard_reasons == ()


LOADED = load(tree_of(FILES)).state


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, DAY)), min_size=1, max_size=20))
def test_an_old_zone_answers_as_long_as_it_should(steps: list[tuple[int, int]]) -> None:
    """Whatever prefixes come: each reverse zone stays for its time after its prefix went, with what was in it."""
    assert LOADED is not None
    deployed, now = Deployed(), 1_000_000
    ends: dict[str, int] = {}
    contents: dict[str, object] = {}
    current = ""
    for number, wait in steps:
        now += wait
        prefix = list(IPv6Network("2001:db8::/48").subnets(new_prefix=56))[number]
        site = build(LOADED, {"wan0": KnownPrefix(prefix)}).site
        assert site is not None
        if current not in ("", zone(prefix)):
            ends[current] = now + DAY
        current = zone(prefix)
        ends.pop(current, None)
        site = renumbered.with_kept(site, renumbered.kept(site, deployed, now), deployed)
        contents[current] = site.zones[current].zone
        ends = {name: end for name, end in ends.items() if end > now}
        assert site.kept == ends
        served = {name for name in site.zones if name.endswith("ip6.arpa.")}
        assert served == {current, *ends}
        assert all(site.zones[name].zone == contents[name] for name in served)
        deployed = deployed_of(site)


def test_not_without_end() -> None:
    assert LOADED is not None
    deployed = Deployed()
    for number, prefix in enumerate(list(IPv6Network("2001:db8::/48").subnets(new_prefix=56))[: renumbered.MOST + 5]):
        site = build(LOADED, {"wan0": KnownPrefix(prefix)}).site
        assert site is not None
        site = renumbered.with_kept(site, renumbered.kept(site, deployed, number), deployed)
        deployed = deployed_of(site)
    assert len(site.kept) == renumbered.MOST
    assert min(site.kept.values()) == 5 + DAY
