"""A whole node after a power cut: prepare, named, daemon, and all is as it was."""

import subprocess
import sys
from pathlib import Path

import pytest
from nodes import ENVIRONMENT, ask, reconciler, running_node, status

pytestmark = pytest.mark.real


def test_a_node_comes_back_from_a_power_cut(tmp_path: Path) -> None:
    with running_node(tmp_path) as (node, clone):
        named = node.named
        assert named is not None
        for number in range(3):
            lines = [
                f"server 127.0.0.1 {named.port}",
                "zone dyn.example.net",
                f"update add _acme-challenge.dyn.example.net 60 TXT token{number}",
                "send\n",
            ]
            argv = ["nsupdate", "-k", str(named.bind / "reconciler.key")]
            subprocess.run(argv, input="\n".join(lines), text=True, check=True, env=ENVIRONMENT)

        running = reconciler(node, "prepare")
        assert (running.returncode, "named is running" in running.stdout) == (0, True)

        named.kill()
        node.kill_daemon()
        (named.bind / "zones/example.net").write_text("torn")
        done = reconciler(node, "prepare")
        assert done.returncode == 0
        assert "zone dyn.example.net.: folded" in done.stdout, done.stdout
        assert "zone example.net.: wrote" in done.stdout, done.stdout
        named.start()
        assert ask(named.port, "_acme-challenge.dyn.example.net", "TXT") == [f'"token{n}"' for n in range(3)]
        assert ask(named.port, "ns.example.net") == ["192.168.10.2"]

        node.start_daemon()
        found = status(node)
        assert found["healthy"], found
        assert "applied" in clone.change({"zones/example.net.yaml": "ns: {type: A, value: 192.168.10.3}\n"})
        assert ask(named.port, "ns.example.net") == ["192.168.10.3"]


def test_settings_that_cannot_be_used_keep_no_server_from_starting(tmp_path: Path) -> None:
    config = tmp_path / "node.yaml"
    config.write_text("node: [")
    argv = [str(Path(sys.executable).parent / "reconciler"), "prepare", "--config", str(config)]
    done = subprocess.run(argv, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert (done.returncode, "nothing prepared" in done.stderr, "Traceback" in done.stderr) == (0, True, False)
