"""The project's own files agree with each other and with the code: lock, Makefile, scripts, units."""

import os
import re
import shutil
import subprocess
import tomllib
from collections import defaultdict
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from reconciler.cli import init
from reconciler.cli.main import cli
from reconciler.config import DnsmasqSettings, NodeConfig

ROOT = Path(__file__).resolve().parents[2]
UNITS = tuple(
    sorted(path.name for path in (ROOT / "systemd").iterdir() if path.suffix in (".service", ".socket", ".target"))
)
PAIR = ("reconciler-prepare.service", "reconciler-active.service")
DROP_INS = ("named-pair.conf", "dnsmasq-pair.conf")
HA_SCRIPTS = sorted(
    path
    for path in (ROOT / "hooks").iterdir()
    # One of them is Python behind a head of sh.
    if path.is_file() and path.read_text().startswith("#!/bin/sh") and "python3" not in path.read_text()
)
SCRIPTS = sorted([*ROOT.glob("scripts/*.sh"), ROOT / ".ci/run"])
LOCK = (ROOT / "requirements.lock").read_text()


def settings(unit: str) -> dict[str, list[str]]:
    """Values of each setting of a unit, in order, by SECTION.NAME."""
    found: dict[str, list[str]] = defaultdict(list)
    section = ""
    for line in (ROOT / "systemd" / unit).read_text().splitlines():
        if match := re.fullmatch(r"\[(\w+)]", line):
            section = match[1]
        elif line and not line.startswith("#"):
            name, equals, value = line.partition("=")
            assert equals and section, f"{unit}: {line!r} is no setting"
            found[f"{section}.{name}"].append(value)
    return found


def single(unit: str, name: str) -> str:
    (value,) = settings(unit)[name]
    return value


def locked() -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+)==", LOCK, re.MULTILINE))


def test_lock_has_every_requirement_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {re.split(r"[<>=;\[ ]", text)[0].lower() for text in wanted}
    assert names <= locked()


def test_lock_has_a_hash_for_every_package() -> None:
    blocks = re.split(r"^(?=[a-z0-9-]+==)", LOCK, flags=re.MULTILINE)[1:]
    assert blocks and all("--hash=sha256:" in block for block in blocks)


def test_lock_names_no_index_and_no_place_on_a_disk() -> None:
    assert not re.search(r"://|file:|--(extra-)?index|--find-links|@ /", LOCK)


def test_help_lists_every_target() -> None:
    make = shutil.which("make")
    assert make
    text = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    listed = subprocess.run([make, "-C", str(ROOT)], capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^make ([\w-]+) ", listed, re.MULTILINE)) == set(phony.split())


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_parse_and_can_be_run(script: Path) -> None:
    subprocess.run(["bash", "-n", str(script)], check=True, capture_output=True)
    sourced = not script.read_text().startswith("#!")
    assert os.access(script, os.X_OK) is not sourced


def test_daemon_is_started_by_a_command_that_exists() -> None:
    program, *arguments = single("reconciler.service", "Service.ExecStart").split()
    assert Path(program).name == "reconciler"
    assert CliRunner().invoke(cli, [*arguments, "--help"]).exit_code == 0
    command = cli.get_command(click.Context(cli), arguments[0])
    assert command is not None
    command.make_context("run", arguments[1:])


def test_helper_knows_the_unit_that_the_daemon_asks_for() -> None:
    program, *arguments = single("reconciler-helper@.service", "Service.ExecStart").split()
    unit = DnsmasqSettings.model_fields["unit"].default
    assert f"{unit}={unit}.service" in arguments
    helper = [str(ROOT / "systemd" / Path(program).name), *arguments]
    for request, answer in (
        (f"sing {unit}\n", "error: the verb"),
        ("restart other\n", "error: no such unit"),
    ):
        done = subprocess.run(helper, input=request, capture_output=True, text=True, check=True)
        assert done.stdout.startswith(answer)


def test_sockets_are_where_the_settings_expect_them() -> None:
    assert single("reconciler-helper.socket", "Socket.ListenStream") == str(NodeConfig.model_fields["helper"].default)
    control: Path = NodeConfig.model_fields["control"].default
    assert control.parent == Path("/run", single("reconciler.service", "Service.RuntimeDirectory"))
    assert f"d {control.parent} 0750" in (ROOT / "systemd/reconciler.tmpfiles").read_text()


def test_the_watchdog_waits_longer_than_the_longest_step() -> None:
    minutes = single("reconciler.service", "Service.WatchdogSec").removesuffix("min")
    assert int(minutes) * 60 > 600, "git gc may take as long"


def test_only_the_daemons_user_reaches_the_helper() -> None:
    user = single("reconciler.service", "Service.User")
    assert single("reconciler-helper.socket", "Socket.SocketUser") == user
    assert single("reconciler-helper.socket", "Socket.SocketMode") == "0600"
    assert f"\nu {user} " in (ROOT / "systemd/reconciler.sysusers").read_text()


def test_writable_paths_are_no_mounts() -> None:
    """A folder that `init` proposes may be the mount of a replicated disk: only its parent may be named."""
    root, bind = (path.parent for path in (init.ROOT, init.BIND))
    assert single("reconciler.service", "Service.ReadWritePaths") == f"{root} -{bind}"


@pytest.mark.parametrize("unit", ["reconciler.service", "reconciler-helper@.service"])
def test_services_have_no_rights_to_give_away(unit: str) -> None:
    assert single(unit, "Service.NoNewPrivileges") == "yes"
    assert single(unit, "Service.CapabilityBoundingSet") == ""
    assert single(unit, "Service.ProtectSystem") == "strict"


def test_mount_is_the_same_in_units_drop_ins_and_examples() -> None:
    mounts = {single(unit, "Unit.ConditionPathIsMountPoint") for unit in (*PAIR, *DROP_INS)}
    (mount,) = mounts
    group = re.search(r'^GROUP="(.*)"$', (ROOT / "hooks/ha.conf.example").read_text(), re.MULTILINE)
    assert group and f"reconciler-mount::/dev/drbd0::{mount} " in group[1]
    assert f"directory={mount} " in (ROOT / "hooks/pacemaker.example").read_text()
    writable = single("reconciler.service", "Service.ReadWritePaths").split()
    assert str(Path(mount).parent) in writable and mount not in writable


def test_group_of_the_example_is_the_units_and_scripts_that_there_are() -> None:
    group = re.search(r'^GROUP="(.*)"$', (ROOT / "hooks/ha.conf.example").read_text(), re.MULTILINE)
    assert group
    scripts = [word.partition("::")[0] for word in group[1].split()]
    assert [name for name in scripts if not (ROOT / "hooks" / name).exists()] == ["drbddisk"]
    assert scripts[-1] == "reconciler-active" and scripts.index("reconciler-prepare") < scripts.index(
        "reconciler-service"
    )


@pytest.mark.parametrize("unit", PAIR)
def test_units_of_the_pair_run_the_script_of_their_name(unit: str) -> None:
    script = f"/usr/lib/reconciler/{unit.removesuffix('.service')}"
    assert single(unit, "Service.ExecStart") == f"{script} start"
    assert single(unit, "Service.ExecStop") == f"{script} stop"
    assert single(unit, "Service.RemainAfterExit") == "yes"


def test_the_daemons_own_folder_is_where_the_settings_expect_it() -> None:
    own: Path = NodeConfig.model_fields["own"].default
    assert own == Path("/var/lib", single("reconciler.service", "Service.StateDirectory"))


def test_who_moves_the_disk_is_stopped_before_what_it_stops() -> None:
    needed = {"reconciler.service", "named.service", "dnsmasq.service", "drbd.service"}
    assert needed <= set(single("heartbeat-pair.conf", "Unit.After").split())
    assert needed <= set(single("reconciler-keepalived.service", "Unit.After").split())


@pytest.mark.parametrize("script", HA_SCRIPTS, ids=lambda path: path.name)
def test_hooks_parse_as_posix_sh_and_can_be_run(script: Path) -> None:
    subprocess.run(["sh", "-n", str(script)], check=True, capture_output=True)
    assert os.access(script, os.X_OK)


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
def test_shellcheck_finds_nothing_in_the_hooks() -> None:
    argv = ["shellcheck", "-x", "-P", str(ROOT), str(ROOT / "hooks/reconciler-ha.sh"), *map(str, HA_SCRIPTS)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_understands_the_units() -> None:
    paths = [str(ROOT / "systemd" / unit) for unit in UNITS]
    done = subprocess.run(
        ["systemd-analyze", "--man=no", "verify", *paths], capture_output=True, text=True, check=False
    )
    # The programs are not installed where tests run.
    ours = [line for line in done.stderr.splitlines() if "reconciler" in line and "is not executable" not in line]
    assert not ours


def test_named_is_not_prepared_for_twice() -> None:
    """The drop-in looks for what the pair's script leaves."""
    prepared = single("named-prepare.conf", "Service.ExecStartPre")
    script = (ROOT / "hooks/reconciler-prepare").read_text()
    shared = (ROOT / "hooks/reconciler-ha.sh").read_text()
    (run,) = re.findall(r"^RUN=(\S+)$", shared, re.MULTILINE)
    (name,) = re.findall(r"^state=\$RUN/(\w+)$", script, re.MULTILINE)
    assert f"test -e {run}/{name} ||" in prepared
