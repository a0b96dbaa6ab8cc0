"""How the daemon ends: asked to, and by a mistake of its own."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from servers import wait_until

from reconciler.daemon.client import ask
from reconciler.daemon.protocol import Request
from reconciler.errors import ReconcilerError
from reconciler.node_yaml import node_yaml

pytestmark = pytest.mark.real

_RUN = "import sys; from pathlib import Path; from reconciler.daemon import run, term; {}; run.run(Path(sys.argv[1]))"
_MISTAKE = "term.Terms.tend = lambda self: 1 / 0"
_SLOWLY = f"import time; {_MISTAKE}; end = run._run_loop; run._run_loop = lambda *given: (end(*given), time.sleep(1))"
"""The loop's thread is alive for a while after it has told of its end."""


def start(folder: Path, before: str) -> "subprocess.Popen[str]":
    config = folder / "node.yaml"
    places = {name: folder / name for name in ("repo", "state", "secrets", "own", "helper")}
    config.write_text(node_yaml({"node": "ns1", "control": folder / "run/control", **places}))
    argv = [sys.executable, "-c", _RUN.format(before), str(config)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.parametrize("mistake", [_MISTAKE, _SLOWLY])
def test_a_mistake_in_the_loop_ends_it_as_a_failure_so_that_it_is_started_again(tmp_path: Path, mistake: str) -> None:
    daemon = start(tmp_path, mistake)
    try:
        said, _ = daemon.communicate(timeout=60)
    finally:
        daemon.kill()
    assert daemon.returncode != 0, said
    assert "the loop ended" in said


def test_asked_to_it_ends_well(tmp_path: Path) -> None:
    daemon = start(tmp_path, "pass")

    def answers() -> bool:
        try:
            ask(tmp_path / "run/control", Request("role"), lambda text: None, timeout=5)
        except ReconcilerError:
            return False
        return True

    wait_until(answers, timeout=60)
    daemon.send_signal(signal.SIGTERM)
    said, _ = daemon.communicate(timeout=60)
    assert daemon.returncode == 0, said
