"""DRBD's handler: the alarm reaches the daemon, and DRBD never waits for long, whatever the daemon does."""

import os
import socket
import subprocess
import time
from pathlib import Path

import pytest

from reconciler.daemon.control import ControlServer
from reconciler.daemon.protocol import Request

pytestmark = pytest.mark.real

HOOKS = Path(__file__).resolve().parents[2] / "hooks"
BOUND = 20.0
"""Seconds; DRBD is held up for a few at most. Far above that, for a machine under load."""


def handle(folder: Path, *arguments: str, **environment: str) -> None:
    """Call it as drbdadm does: it must be silent, soon over and say 0."""
    began = time.monotonic()
    done = subprocess.run(
        [str(HOOKS / "reconciler-drbd-handler"), *arguments],
        env={
            "PATH": os.environ["PATH"],
            "RECONCILER_HOOKS": str(HOOKS),
            "RECONCILER_CONTROL": str(folder / "control.sock"),
            **environment,
        },
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert time.monotonic() - began < BOUND


@pytest.fixture
def alarms(tmp_path):
    heard: list[str] = []

    def alarm(request: Request, show: object) -> int:
        heard.append(request.one("text"))
        return 0

    control = ControlServer(tmp_path / "control.sock", {"alarm": alarm})
    control.start()
    yield heard
    control.stop()


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ("split-brain", "does not connect until one side is given up"),
        ("initial-split-brain", "looks whether it can mend that"),
        ("pri-lost-after-sb", "to be given up after a split brain"),
        ("local-io-error", "the disk under DRBD failed"),
        ("some-new-event", "'some-new-event'"),
    ],
)
def test_alarm_says_what_happened_and_where(tmp_path, alarms, event, words):
    handle(tmp_path, event, DRBD_RESOURCE="r0", DRBD_VOLUME="0", DRBD_PEER="node-b")
    (text,) = alarms
    assert words in text and text.endswith("(DRBD resource r0, volume 0; peer node-b)")


def test_names_of_drbd_9_are_told_too(tmp_path, alarms):
    handle(tmp_path, "split-brain", DRBD_RESOURCE="r0", DRBD_PEER_ADDRESS="10.77.0.2", DRBD_CSTATE="Connecting")
    assert alarms[0].endswith("(DRBD resource r0; peer 10.77.0.2; connection Connecting)")


@pytest.mark.parametrize("value", ["", "-n", "a\nverb demote\n\n", "%0A%00", "$(id)", "x" * 20_000, "ü\x1b[2J"])
def test_no_value_speaks_the_protocol_or_breaks_it(tmp_path, alarms, value):
    handle(tmp_path, "split-brain", DRBD_RESOURCE=value)
    handle(tmp_path, value or "split-brain", DRBD_RESOURCE="r0")
    assert len(alarms) == 2 and all(len(text) <= 500 for text in alarms)


def test_without_a_daemon_it_is_over_all_the_same(tmp_path):
    handle(tmp_path, "split-brain", DRBD_RESOURCE="r0")
    handle(tmp_path)


def test_a_daemon_that_says_nothing_does_not_hold_drbd_up(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "control.sock"))
        listener.listen(4)
        handle(tmp_path, "split-brain", DRBD_RESOURCE="r0")


def test_alarm_needs_words():
    done = subprocess.run([HOOKS / "reconciler-alarm"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.startswith("usage: ")
