"""Setting a node up: what dnsmasq's dhcp-script is told, and what is left to a person."""

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from reconciler import config, node_setup
from reconciler.cli import init
from reconciler.cli.next_steps import next_steps
from reconciler.node_yaml import node_yaml

ROOT = Path(__file__).resolve().parents[2]
STEP = "hooks/reconciler-dhcp-script /usr/lib/reconciler/reconciler-dhcp-script"


def settings(folder: Path, **dnsmasq: object) -> config.NodeConfig:
    path = folder / "node.yaml"
    values = {"node": "ns1", "repo": folder / "r", "state": folder / "s"}
    path.write_text(node_yaml({**values, "dnsmasq": {"directory": folder / "d", **dnsmasq}}))
    return config.load(path)


def test_the_script_is_told_socket_and_lease_file_once(tmp_path: Path) -> None:
    made = settings(tmp_path, dhcp_script="/usr/lib/x", lease_file=tmp_path / "leases")
    path = tmp_path / "dhcp-script.conf"
    assert list(node_setup.write_script_settings(made, tmp_path / "node.yaml")) == [f"wrote {path}"]
    assert path.read_text() == f"control /run/reconciler/control.sock\nleases {tmp_path}/leases\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    path.write_text("control /mine\n")
    assert list(node_setup.write_script_settings(made, tmp_path / "node.yaml")) == [f"kept {path}"]
    assert path.read_text() == "control /mine\n"


def test_without_the_script_nothing_is_written_and_the_step_is_told(tmp_path: Path) -> None:
    made = settings(tmp_path)
    assert list(node_setup.write_script_settings(made, tmp_path / "node.yaml")) == []
    assert not (tmp_path / "dhcp-script.conf").exists()
    assert STEP in next_steps(made, tmp_path / "node.yaml", "reconciler")
    assert STEP not in next_steps(settings(tmp_path, dhcp="no"), tmp_path / "node.yaml", "reconciler")
    there = settings(tmp_path, dhcp_script=node_setup.DHCP_SCRIPT)
    assert STEP not in next_steps(there, tmp_path / "node.yaml", "reconciler")
    assert STEP in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("installed", [True, False])
def test_init_uses_the_script_where_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    script = tmp_path / "reconciler-dhcp-script"
    if installed:
        script.write_text("")
    monkeypatch.setattr(node_setup, "DHCP_SCRIPT", script)
    user = node_setup.pwd.getpwuid(node_setup.os.geteuid()).pw_name
    argv = ["--config", str(tmp_path / "etc/node.yaml"), "--root", str(tmp_path / "srv"), "--user", user]
    done = CliRunner().invoke(init.command, [*argv, "--no-bind", "--dnsmasq"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    made = config.load(tmp_path / "etc/node.yaml")
    assert made.dnsmasq is not None
    assert made.dnsmasq.dhcp_script == (script if installed else None)
    assert (tmp_path / "etc/dhcp-script.conf").exists() is installed
