"""A change that passes every checker and is yet not served: put back, told, and applied once its cause is gone."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from nodes import HOSTS, Clone, ask, reconciler, running_node, status

from reconciler.demo.pocket import PocketSite

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be another user than named"),
]


@pytest.fixture
def node_and_clone() -> Iterator[tuple[PocketSite, Clone]]:
    # pytest's own folder is closed to other users, and named runs as one here.
    folder = Path(tempfile.mkdtemp(prefix="reconciler-test-"))
    folder.chmod(0o755)
    try:
        with running_node(folder, named_user="bind") as made:
            yield made
    finally:
        shutil.rmtree(folder)


def test_a_zone_file_that_named_cannot_read_keeps_the_old_answers(node_and_clone: tuple[PocketSite, Clone]) -> None:
    node, clone = node_and_clone
    assert node.named
    assert node.dnsmasq
    zones = node.named.bind / "zones"
    before = {zone["name"]: zone["serial"] for zone in status(node)["zones"]}
    os.chown(zones, 0, 0)
    zones.chmod(0o755)  # new files are root's now, mode 0640: named-checkzone, run by root, reads them; named cannot

    clone.commit({"hosts.yaml": HOSTS.replace("host10: {ipv4: 192.168.10.10}", "host10: {ipv4: 192.168.10.77}")})
    said = clone.push().stdout

    assert "failed" in said
    assert "office.example.net" in said
    assert "cannot read" in said or "permission" in said.lower()
    for port in (node.named.port, node.dnsmasq.port):
        assert ask(port, "host10.office.example.net") == ["192.168.10.10"]
    assert not status(node)["healthy"]

    shutil.chown(zones, 0, "bind")
    zones.chmod(0o2770)
    assert reconciler(node, "apply").returncode == 0
    assert ask(node.named.port, "host10.office.example.net") == ["192.168.10.77"]
    after = {zone["name"]: zone["serial"] for zone in status(node)["zones"]}
    assert after["office.example.net."] > before["office.example.net."]
