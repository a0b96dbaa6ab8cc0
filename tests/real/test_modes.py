"""Every server is optional: dnsmasq alone, BIND alone; both together is what the other tests have."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from nodes import HOSTS, SITE, Clone, ask, reconciler, running_node, status

from reconciler.demo.pocket import PocketSite

pytestmark = pytest.mark.real

ALONE = SITE.replace("{clients_ask: dnsmasq, authoritative: bind", "{clients_ask: dnsmasq, authoritative: none")
ALONE = ALONE[: ALONE.index("zones:")]
BIND_ONLY = SITE.replace("{clients_ask: dnsmasq, ", "{clients_ask: bind, ")


@pytest.fixture
def dnsmasq_alone(tmp_path: Path) -> Iterator[tuple[PocketSite, Clone]]:
    with running_node(tmp_path, site=ALONE, bind=False) as made:
        yield made


@pytest.fixture
def bind_alone(tmp_path: Path) -> Iterator[tuple[PocketSite, Clone]]:
    with running_node(tmp_path, site=BIND_ONLY, dnsmasq=False) as made:
        yield made


def test_dnsmasq_alone_serves_all_of_it_without_serials(dnsmasq_alone: tuple[PocketSite, Clone]) -> None:
    node, clone = dnsmasq_alone
    assert node.dnsmasq
    pid = node.dnsmasq.pid
    said = clone.change({"hosts.yaml": HOSTS + "new: {ipv4: 192.168.10.99, aliases: [other]}\n"})
    assert node.dnsmasq.pid == pid
    assert "serials" not in said
    assert "verified against dnsmasq" in said
    assert ask(node.dnsmasq.port, "new.office.example.net") == ["192.168.10.99"]
    assert ask(node.dnsmasq.port, "other.office.example.net") == ["192.168.10.99"]
    assert ask(node.dnsmasq.port, "99.10.168.192.in-addr.arpa", "PTR") == ["new.office.example.net."]
    clone.change({"hosts.yaml": HOSTS})
    assert ask(node.dnsmasq.port, "new.office.example.net") == []
    assert status(node)["healthy"]


def test_bind_alone_serves_all_of_it(bind_alone: tuple[PocketSite, Clone]) -> None:
    node, clone = bind_alone
    assert node.named
    said = clone.change({"hosts.yaml": HOSTS + "new: {ipv4: 192.168.10.99, aliases: [other]}\n"})
    assert "verified against bind" in said
    assert ask(node.named.port, "other.office.example.net") == ["192.168.10.99", "new.office.example.net."]
    assert ask(node.named.port, "99.10.168.192.in-addr.arpa", "PTR") == ["new.office.example.net."]
    assert status(node)["healthy"]


def test_a_site_that_needs_a_server_which_this_node_has_not_is_refused(
    bind_alone: tuple[PocketSite, Clone],
) -> None:
    node, clone = bind_alone
    clone.commit({"site.yaml": SITE})
    done = clone.push()
    assert done.returncode != 0
    assert "needs dnsmasq, but this node's node.yaml has no `dnsmasq:` section" in done.stdout
    assert reconciler(node, "status").returncode == 0
