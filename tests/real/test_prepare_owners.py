"""Owners on the shared disk, where users have other numbers on this node. Root only."""

import os
import pwd
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.effects import Effects
from reconciler.node_setup import Owner
from reconciler.node_yaml import node_yaml
from reconciler.prepare.owners import Repair, lines, rules
from reconciler.role.always import Always

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away"),
]

STRANGER = 54321
DAEMON = Owner("daemon", pwd.getpwnam("daemon").pw_uid, pwd.getpwnam("daemon").pw_gid)
NAMED = Owner("bind", pwd.getpwnam("bind").pw_uid, pwd.getpwnam("bind").pw_gid)


def laid_out(mount: Path) -> list[Path]:
    """Repository, state and BIND's folder, all of them a stranger's."""
    files = ["state.git/HEAD", "state.git/objects/aa/bb", "state/manifest.json", "bind/keys.conf"]
    files += ["bind/zones/example.net", "bind/zones/dyn.example.net", "bind/zones/dyn.example.net.jnl"]
    for name in files:
        path = mount / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    everything = sorted(path for name in ("state.git", "state", "bind") for path in (mount / name).rglob("*"))
    everything += [mount / name for name in ("state.git", "state", "bind")]
    for path in everything:
        os.chown(path, STRANGER, STRANGER)
    return everything


def repaired(mount: Path, *, patience: float = 30.0) -> list[str]:
    repair = Repair(mount, Effects(Always(), helper=Path(os.devnull)), deadline=time.monotonic() + patience)
    found = rules(mount / "state.git", mount / "state", mount / "bind", [mount / "dnsmasq"], DAEMON, NAMED)
    for rule in found:
        repair.below(rule, tuple(each.path for each in found))
    return list(lines(repair.found))


def owner(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_uid, status.st_gid


def test_each_file_goes_to_whose_it_is_and_nothing_is_said_the_next_time(tmp_path: Path) -> None:
    everything = laid_out(tmp_path)
    # What named has written stays named's.
    os.chown(tmp_path / "bind/zones/dyn.example.net", NAMED.uid, NAMED.gid)
    assert repaired(tmp_path)
    for path in everything:
        if path.suffix == ".jnl" or path.name == "dyn.example.net":
            assert owner(path) == (NAMED.uid, NAMED.gid), path
        else:
            assert owner(path) == (DAEMON.uid, NAMED.gid if "bind" in path.parts else DAEMON.gid), path
    assert (tmp_path / "bind").stat().st_mode & 0o7777 == 0o2750
    assert (tmp_path / "bind/zones").stat().st_mode & 0o7777 == 0o2770
    assert repaired(tmp_path) == []


def test_neither_links_nor_files_with_several_names_are_given_away(tmp_path: Path) -> None:
    mount, outside = tmp_path / "mount", tmp_path / "outside"
    mount.mkdir()
    outside.mkdir()
    laid_out(mount)
    for name in ("secret", "linked"):
        (outside / name).write_text("root's")
    (mount / "state/to-file").symlink_to(outside / "secret")
    (mount / "state/to-folder").symlink_to(outside)
    (mount / "bind/zones/evil.jnl").hardlink_to(outside / "linked")
    os.mkfifo(mount / "state/pipe")
    (mount / "dnsmasq").symlink_to(outside)
    said = repaired(mount)
    for path in (outside, outside / "secret", outside / "linked"):
        assert owner(path) == (0, 0), path
    assert any("evil.jnl" in text and "to-file" in text for text in said), said


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that any user may enter, so not below pytest's own."""
    folder = Path("/tmp") / f"reconciler-prepare-{os.getpid()}"
    folder.mkdir(mode=0o755)
    yield folder
    shutil.rmtree(folder)


def test_the_command_in_a_mount_namespace(place: Path) -> None:
    """On a mounted disk all of it; where nothing is mounted, nothing."""
    mount, run = place / "mount", place / "run"
    mount.mkdir()
    run.mkdir()
    os.chown(run, DAEMON.uid, DAEMON.gid)
    config = place / "node.yaml"
    settings = {
        "node": "ns1",
        "role": "file",
        "repo": mount / "state.git",
        "state": mount / "state",
        "mount": mount,
        "control": run / "control.sock",
        "bind": {"directory": mount / "bind", "rndc_port": 1, "named_conf": place / "named.conf"},
    }
    config.write_text(node_yaml(settings))
    reconciler = f"{Path(sys.executable).parent / 'reconciler'} prepare --config {config}"
    inside = f"""
        set -e
        {reconciler}
        mount -t tmpfs none {mount}
        mkdir -p {mount}/state {mount}/bind/zones
        chown -R {STRANGER} {mount}/state {mount}/bind
        {reconciler}
        stat -c %U {mount}/state {mount}/bind/zones
        {reconciler}
        mount -o remount,ro {mount}
        {reconciler}
    """
    argv = ["unshare", "--mount", "sh", "-c", inside]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    if "unshare failed" in done.stderr or "permission denied" in done.stderr:
        pytest.skip("no mount namespaces here")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    said = done.stdout.splitlines()
    assert said[0] == f"nothing done: nothing is mounted at {mount}"
    assert any("gave 1 file below" in text for text in said[1:4]), said
    assert said[-4:-2] == ["daemon", "daemon"]
    assert said[-2].startswith("ready: 0 zones")
    assert "read-only" in said[-1]
