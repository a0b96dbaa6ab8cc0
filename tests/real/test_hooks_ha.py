"""The resource scripts by heartbeat's contract, on a disk that is really mounted and really held."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pairhooks import HOOKS, PairHooks
from servers import wait_until

from reconciler.role.base import Role
from reconciler.role.marker import Marker

pytestmark = [pytest.mark.real, pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")]

REAL = Path(sys.executable).parent / "reconciler"


@pytest.fixture
def bare(tmp_path) -> PairHooks:
    """Where the disk is not mounted."""
    # Processes of another user have to reach it.
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and str(folder).startswith("/tmp/pytest"):
            folder.chmod(0o755)
    return PairHooks(tmp_path)


@pytest.fixture
def pair(bare) -> Iterator[PairHooks]:
    """Where it is."""
    with bare.mounted():
        yield bare


def role(pair: PairHooks) -> Role:
    return Marker("heartbeat", pair.role).read().role


def test_prepare_is_owned_between_start_and_stop_only(pair):
    assert not pair.owned("reconciler-prepare")
    for _ in range(2):
        assert pair.call("reconciler-prepare", "start").returncode == 0
        assert pair.owned("reconciler-prepare")
    assert pair.calls == [f"reconciler prepare --config {pair.yaml}"] * 2
    for _ in range(2):
        assert pair.call("reconciler-prepare", "stop").returncode == 0
        assert not pair.owned("reconciler-prepare")


def test_prepare_is_not_owned_where_the_disk_has_gone(pair):
    pair.call("reconciler-prepare", "start")
    subprocess.run(["umount", str(pair.mount)], check=True)
    assert not pair.owned("reconciler-prepare")


@pytest.mark.parametrize("body", ["exit 1", "kill -9 $$", "sleep 300"])
def test_a_prepare_that_fails_does_not_send_the_group_away(pair, body):
    pair.configure(PREPARE_SECONDS="1")
    pair.stand_in(body)
    done = pair.call("reconciler-prepare", "start")
    assert done.returncode == 0 and pair.owned("reconciler-prepare")
    assert "going on" in done.stderr


def test_nothing_starts_without_the_disk(bare):
    for script in ("reconciler-prepare", "reconciler-active"):
        done = bare.call(script, "start")
        assert done.returncode == 1 and f"nothing is mounted at {bare.mount}" in done.stderr
        assert not bare.owned(script)
    assert not bare.calls and role(bare) is Role.STANDBY


def test_active_writes_the_role_that_the_daemon_reads(pair):
    assert not pair.owned("reconciler-active") and role(pair) is Role.STANDBY
    for _ in range(2):
        assert pair.call("reconciler-active", "start").returncode == 0
        assert pair.owned("reconciler-active") and role(pair) is Role.PRIMARY
    assert pair.role.stat().st_mode & 0o7777 == 0o644
    for _ in range(2):
        assert pair.call("reconciler-active", "stop").returncode == 0
        assert not pair.owned("reconciler-active") and role(pair) is Role.STANDBY
    assert pair.calls == [f"reconciler demote --config {pair.yaml}"] * 2


def test_active_is_not_owned_where_only_the_file_says_so(bare):
    bare.role.write_text("primary\n")
    assert not bare.owned("reconciler-active")


def test_role_is_still_there_while_the_daemon_is_asked_to_let_go(pair):
    pair.call("reconciler-active", "start")
    pair.stand_in(f"cat {pair.role} >{pair.folder}/seen")
    pair.call("reconciler-active", "stop")
    assert (pair.folder / "seen").read_text() == "primary\n"


@pytest.mark.parametrize("body", ["exit 1", "kill -9 $$", "trap '' TERM; sleep 300", None])
def test_the_role_goes_whatever_the_daemon_says(pair, body):
    pair.call("reconciler-active", "start")
    pair.configure(DEMOTE_SECONDS="1")
    if body is None:
        pair.program.unlink()
    else:
        pair.stand_in(body)
    done = pair.call("reconciler-active", "stop")
    assert done.returncode == 0 and role(pair) is Role.STANDBY
    assert "without the daemon's answer" in done.stderr


def test_a_stop_that_was_killed_is_repaired_by_the_next(pair):
    pair.call("reconciler-active", "start")
    pair.stand_in(f"touch {pair.folder}/asked; while [ -e {pair.folder}/asked ]; do sleep 0.1; done")
    process = pair.start("reconciler-active", "stop")
    wait_until((pair.folder / "asked").exists)
    process.kill()
    process.communicate()
    (pair.folder / "asked").unlink()
    assert pair.owned("reconciler-active"), "so it will be stopped again"
    pair.stand_in("exit 0")
    assert pair.call("reconciler-active", "stop").returncode == 0
    assert role(pair) is Role.STANDBY


def test_role_file_of_the_daemons_user_cannot_point_elsewhere(pair):
    """The folder is the daemon's: a link there must not make root write where it points."""
    victim = pair.folder / "victim"
    victim.write_text("precious")
    pair.role.symlink_to(victim)
    assert pair.call("reconciler-active", "start").returncode == 0
    assert victim.read_text() == "precious" and not pair.role.is_symlink()
    assert pair.call("reconciler-active", "stop").returncode == 0
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("script", ["reconciler-prepare", "reconciler-active"])
@pytest.mark.parametrize("arguments", [[], ["restart"], ["start", "extra"], ["", "start"], ["-x"], ["$(id)"]])
def test_other_words_are_a_usage_error(pair, script, arguments):
    done = pair.call(script, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"usage: {script} start|stop|status")
    assert not pair.calls


@pytest.mark.parametrize(
    "code",
    [
        "import os; os.chdir('{mount}')",
        "file = open('{mount}/file', 'w')",
        "file = open('{mount}/file', 'wb+'); file.write(b'x' * 4096); file.flush(); m = mmap.mmap(file.fileno(), 0)\n"
        "file.close()",
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); file = open('{mount}/file', 'w')",
    ],
    ids=["folder", "file", "map", "ignores SIGTERM"],
)
def test_what_pushes_left_behind_is_ended_and_the_disk_can_be_unmounted(pair, code):
    with pair.holder(code.format(mount=pair.mount)) as process:
        assert subprocess.run(["umount", str(pair.mount)], check=False, capture_output=True).returncode != 0
        done = pair.call("reconciler-active", "stop")
        assert done.returncode == 0 and f"process {process.pid} " in done.stderr
        assert process.wait(30) in (-signal.SIGTERM, -signal.SIGKILL)
        subprocess.run(["umount", str(pair.mount)], check=True)


def test_processes_of_others_are_named_and_left_alone(pair):
    with pair.holder(f"file = open('{pair.mount}/file', 'w')", user="root") as process:
        assert f"process {process.pid} " not in pair.call("reconciler-active", "stop").stderr
        done = pair.call("reconciler-prepare", "stop")
        assert done.returncode == 0 and f"process {process.pid} (python3, uid 0)" in done.stderr
        assert process.poll() is None


def test_a_push_in_flight_is_ended(pair):
    """git's receive-pack has its folder in the repository, waiting for a client that says nothing."""
    repo = pair.mount / "state.git"
    subprocess.run(["git", "init", "-q", "--bare", str(repo)], check=True)
    subprocess.run(["chown", "-R", "nobody", str(repo)], check=True)
    push = subprocess.Popen(
        ["git", "receive-pack", str(repo)],
        user="nobody",
        cwd="/",
        env={"PATH": os.environ["PATH"], "HOME": "/"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert push.stdout and push.stdout.read(4)
        assert pair.call("reconciler-active", "stop").returncode == 0
        assert push.wait(30) != 0
        subprocess.run(["umount", str(pair.mount)], check=True)
    finally:
        push.kill()
        push.communicate()


def test_the_real_commands_take_these_words(pair):
    for verb in ("demote", "prepare"):
        done = subprocess.run([REAL, verb, "--help"], capture_output=True, text=True, check=False, timeout=60)
        if "No such command" not in done.stderr:
            assert "--config" in done.stdout


def test_the_real_demote_without_a_daemon_lets_the_stop_go_through(pair):
    pair.yaml.write_text(
        f"node: a\nrepo: {pair.mount}/state.git\nstate: {pair.mount}/state\nrole: heartbeat\nrole_file: {pair.role}\n"
        f"mount: {pair.mount}\nown: {pair.folder}/own\ncontrol: {pair.folder}/control.sock\n"
    )
    pair.configure(RECONCILER=str(REAL))
    pair.call("reconciler-active", "start")
    done = pair.call("reconciler-active", "stop")
    assert done.returncode == 0 and role(pair) is Role.STANDBY
    assert "without the daemon's answer" not in done.stderr, done.stderr


SYSTEMCTL = """
state=$(cat {unit} 2>/dev/null || echo inactive)
case $* in
    "--quiet is-active "*) [ "$state" = active ] ;;
    "show --property=ActiveState --value "*) echo "$state" ;;
    "start "* | "restart "*) {start} ;;
    "stop "*) {stop} ;;
    "kill --signal=KILL "*) {kill} ;;
esac
"""


def systemd(pair: PairHooks, **jobs: str) -> Path:
    """A systemctl that keeps one unit's state in a file and notes how it was called; `jobs` are what a verb does."""
    unit = pair.folder / "unit"
    does = {"start": "echo active >{unit}", "stop": "echo inactive >{unit}", "kill": "echo failed >{unit}", **jobs}
    body = SYSTEMCTL.format(unit=unit, **{verb: job.format(unit=unit) for verb, job in does.items()})
    pair.stand_in(body, pair.folder / "bin/systemctl")
    return unit


def asked(pair: PairHooks) -> list[str]:
    """What systemd was asked to change."""
    words = [call.split()[1:] for call in pair.calls]
    return [f"{call[0]} {call[-1]}" for call in words if call[0] in ("start", "restart", "stop", "kill")]


def test_service_is_owned_between_start_and_stop(bare):
    systemd(bare)
    assert not bare.owned("reconciler-service", "named")
    for _ in range(2):
        assert bare.call("reconciler-service", "named", "start").returncode == 0
        assert bare.owned("reconciler-service", "named")
    for _ in range(2):
        assert bare.call("reconciler-service", "named", "stop").returncode == 0
        assert not bare.owned("reconciler-service", "named")
    assert asked(bare) == ["start named.service"] * 2 + ["stop named.service"] * 2
    assert all("--job-mode=ignore-dependencies" in call for call in bare.calls if " stop " in call)


def test_server_that_somebody_started_on_the_standby_is_not_owned_and_is_restarted(bare):
    unit = systemd(bare)
    unit.write_text("active\n")
    assert not bare.owned("reconciler-service", "named")
    assert bare.call("reconciler-service", "named", "start").returncode == 0
    assert asked(bare) == ["restart named.service"]


def test_service_whose_condition_is_not_met_is_not_started(bare):
    """systemctl says 0 then."""
    systemd(bare, start=":")
    assert bare.call("reconciler-service", "named", "start").returncode == 1
    assert not bare.owned("reconciler-service", "named")


def test_server_that_went_down_is_not_owned(bare):
    unit = systemd(bare)
    bare.call("reconciler-service", "named", "start")
    unit.write_text("failed\n")
    assert not bare.owned("reconciler-service", "named")
    assert bare.call("reconciler-service", "named", "stop").returncode == 0


def test_service_that_does_not_stop_is_killed(bare):
    systemd(bare, stop="sleep 300")
    bare.configure(SERVICE_SECONDS="1")
    bare.call("reconciler-service", "named", "start")
    assert bare.call("reconciler-service", "named", "stop").returncode == 0
    assert "kill named.service" in asked(bare)


def test_service_that_cannot_be_stopped_stays_owned(bare):
    """So that heartbeat knows that it has to reboot the node."""
    systemd(bare, stop="echo deactivating >{unit}; exit 1", kill=":")
    bare.call("reconciler-service", "named", "start")
    assert bare.call("reconciler-service", "named", "stop").returncode == 1
    assert bare.owned("reconciler-service", "named")


@pytest.mark.parametrize("arguments", [["named"], ["start"], ["-x", "start"], ["a b", "start"], ["named", "restart"]])
def test_service_refuses_other_words(bare, arguments):
    systemd(bare)
    done = bare.call("reconciler-service", *arguments)
    assert done.returncode == 2 and done.stderr.startswith("usage: reconciler-service")
    assert not asked(bare)


def test_mount_is_owned_where_it_is_mounted(bare):
    image = bare.folder / "image"
    image.write_bytes(b"")
    os.truncate(image, 8 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    arguments = (str(image), str(bare.mount))
    try:
        assert not bare.owned("reconciler-mount", *arguments)
        for _ in range(2):
            done = bare.call("reconciler-mount", *arguments, "start")
            if "loop" in done.stderr:
                pytest.skip("no loop devices here")
            assert done.returncode == 0 and bare.owned("reconciler-mount", *arguments)
        (bare.mount / "hook").write_text("#!/bin/sh\n")
        (bare.mount / "hook").chmod(0o755)
        assert os.access(bare.mount / "hook", os.X_OK), "git passes over hooks that it may not run"
        with bare.holder("", cwd=bare.mount):
            assert bare.call("reconciler-mount", *arguments, "stop").returncode == 0
        assert bare.call("reconciler-mount", *arguments, "stop").returncode == 0
        assert not bare.owned("reconciler-mount", *arguments)
        assert bare.call("reconciler-mount", "/dev/none", str(bare.mount), "start").returncode != 0
    finally:
        subprocess.run(["umount", "-q", str(bare.mount)], check=False)


def test_holders_knows_nothing_of_what_is_not_mounted(bare):
    done = subprocess.run([HOOKS / "reconciler-holders", str(bare.mount)], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"")
