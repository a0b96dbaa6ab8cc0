"""`reconciler delegation` on a node, which takes the state from what is deployed there."""

from pathlib import Path

import pytest
from nodes import HOSTS, reconciler, running_node

pytestmark = pytest.mark.real


def test_the_deployed_state_counts(tmp_path: Path) -> None:
    with running_node(tmp_path) as (node, clone):
        clone.commit({"hosts.yaml": HOSTS + "later: {ipv4: 192.168.10.99}\n", "zones/later.example.net.yaml": "{}\n"})
        done = reconciler(node, "delegation", "example.net", "--no-check")
        assert done.returncode == 0, done.stdout
        assert (
            "\n    example.net. 3600 IN NS ns.example.net.\n    ns.example.net. 3600 IN A 192.168.10.2\n" in done.stdout
        )
        done = reconciler(node, "delegation", "10.168.192.in-addr.arpa", "--no-check")
        assert "note      192.168.10.0/24 is private space (192.168.0.0/16)" in done.stdout
        done = reconciler(node, "delegation", "later.example.net", "--no-check")
        assert done.returncode == 1 and "zone later.example.net. is not in this state; its zones are:" in done.stdout
        node.stop_daemon()
        (node.root / "state/manifest.json").unlink()
        assert "nothing is deployed on this node yet" in reconciler(node, "delegation").stdout
