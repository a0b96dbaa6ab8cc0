"""`reconciler doctor` and the delegation of public zones, by the name servers of test_delegation.py."""

from collections.abc import Callable
from pathlib import Path

import pytest
from test_delegation import FORWARD, RESOLVER, REVERSE, World, pytestmark, running, world

from reconciler.config import NodeConfig
from reconciler.doctor.examine import examine
from reconciler.doctor.finding import Finding, Level
from reconciler.doctor.node import Node
from reconciler.role.base import Condition, RoleReport
from reconciler.site import Site

__all__ = ["pytestmark", "running", "world"]


@pytest.fixture
def look(world: World, tmp_path: Path) -> Callable[..., list[Finding]]:
    """What the doctor finds of the delegation, on a node that asks this resolver."""
    settings = NodeConfig.model_validate({"node": "ns1", "repo": "/nowhere/state.git", "state": "/nowhere/state"})
    (tmp_path / "proc/net").mkdir(parents=True)
    (tmp_path / "etc").mkdir()

    def looked(
        *, resolver: str = RESOLVER, route: str = "eth0 00000000 0101A8C0\n", site: Site | None = world.site
    ) -> list[Finding]:
        (tmp_path / "etc/resolv.conf").write_text(f"nameserver {resolver}\n")
        (tmp_path / "proc/net/route").write_text("Iface Destination Gateway\n" + route)
        (tmp_path / "proc/net/ipv6_route").write_text("")
        role = RoleReport((Condition(True, "alone"),))
        node = Node(Path("/nowhere/node.yaml"), settings, role, None, dict, lambda: site, tmp_path)
        with world.lan.entered():
            return list(examine(node, ["delegation"]))

    return looked


def test_zones_that_the_world_finds(look: Callable[..., list[Finding]]) -> None:
    (found,) = look()
    assert (found.level, found.what) == (Level.WELL, f"{REVERSE}, {FORWARD}: delegated to us")


def test_a_zone_that_its_parent_does_not_delegate(world: World, look: Callable[..., list[Finding]]) -> None:
    world.parent("^example.* NS .*$", "", zone="org.")
    found = [item for item in look() if "does not delegate" in item.what]
    assert len(found) == 1
    assert found[0].level is Level.BROKEN
    assert FORWARD in found[0].what
    assert "sudo reconciler delegation example.org --config /nowhere/node.yaml" in found[0].remedy


def test_a_name_server_that_does_not_serve_the_zone(world: World, look: Callable[..., list[Finding]]) -> None:
    world.serve("127.0.0.5", {FORWARD: world.ours()[FORWARD]})
    found = [item for item in look() if item.level is Level.BROKEN]
    assert found
    assert all(item.what.startswith(REVERSE) and "127.0.0.5" in item.what for item in found)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"resolver": "127.0.0.77"}, "no resolver answered"),
        ({"resolver": "127.0.0.4"}, "resolvers answer, but are no help"),
        ({"route": ""}, "this node has no route to anywhere else"),
        ({"site": None}, "nothing is deployed"),
    ],
)
def test_offline_nothing_is_called_broken(
    look: Callable[..., list[Finding]], changes: dict[str, str], says: str
) -> None:
    (found,) = look(**changes)
    assert found.level is Level.SKIPPED
    assert says in found.what
