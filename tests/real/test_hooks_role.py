"""reconciler-active with a real daemon behind it: what the script writes is what the daemon does."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from nodes import ENVIRONMENT, HOSTS, SITE, ZONES, Clone, ask, status
from servers import wait_until
from test_hostile_push import host

from reconciler.demo.pocket import PocketSite

pytestmark = [pytest.mark.real, pytest.mark.skipif(os.geteuid() != 0, reason="the scripts run as root")]

HOOKS = Path(__file__).resolve().parents[2] / "hooks"


class Scripts:
    """reconciler-active as the node has it; the disk is a folder."""

    def __init__(self, node: PocketSite, folder: Path) -> None:
        self.node = node
        self.conf = folder / "ha.conf"
        program = node.command()[0]
        self.conf.write_text(
            f"RECONCILER={program}\nNODE_YAML={node.config}\nROLE_FILE={node.role_file}\nRUN={folder}/ha\n"
        )

    def active(self, verb: str) -> str:
        environment = {**ENVIRONMENT, "RECONCILER_HOOKS": str(HOOKS), "RECONCILER_HA_CONF": str(self.conf)}
        done = subprocess.run(
            [HOOKS / "reconciler-active", verb],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == (3 if done.stdout == "stopped\n" else 0), done
        return done.stdout + done.stderr

    def wait(self, role: str) -> None:
        wait_until(lambda: status(self.node)["role"] == role, timeout=60, what=role)


@pytest.fixture
def scripts(tmp_path) -> Iterator[Scripts]:
    node = PocketSite(tmp_path, role="file")
    try:
        done = subprocess.run(node.init_command(), env=ENVIRONMENT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        made = Scripts(node, tmp_path)
        made.active("start")
        node.start()
        yield made
    finally:
        node.stop()
    assert "Traceback" not in node.log.read_text()


def test_start_and_stop_are_what_the_daemon_does(scripts, tmp_path):
    node = scripts.node
    clone = Clone(node, tmp_path / "clone")
    clone.change({"site.yaml": SITE, "hosts.yaml": HOSTS, **ZONES})
    assert scripts.active("status") == "running\n"
    said = scripts.active("stop")
    assert "demoted" in said and "without the daemon's answer" not in said
    assert scripts.active("status") == "stopped\n"
    scripts.wait("standby")
    commit = clone.commit(host("refused", 120))
    pushed = subprocess.run(["git", "push", "origin", f"{commit}:main"], cwd=clone.path, env=ENVIRONMENT, check=False)
    assert pushed.returncode != 0
    scripts.active("start")
    scripts.wait("primary")
    subprocess.run(["git", "push", "origin", f"{commit}:main"], cwd=clone.path, env=ENVIRONMENT, check=True)
    assert ask(node.named.port, "refused.office.example.net") == ["192.168.10.120"]


def test_stop_goes_through_where_the_daemon_does_not_run(scripts):
    scripts.node.kill_daemon()
    scripts.active("stop")
    assert not scripts.node.role_file.exists()
