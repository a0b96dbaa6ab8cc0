"""Setting a node up: what dnsmasq's dhcp-script is told, and what is left to a person."""

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from reconciler import config, node_setup
from reconciler.cli import init
from reconciler.cli.next_steps import next_steps
from reconciler.errors import ConfigError, NotPrimary
from reconciler.node_yaml import node_yaml

ROOT = Path(__file__).resolve().parents[2]
USER = node_setup.pwd.getpwuid(node_setup.os.geteuid()).pw_name
STEP = "hooks/reconciler-dhcp-script /usr/lib/reconciler/reconciler-dhcp-script"


def settings(folder: Path, **dnsmasq: object) -> config.NodeConfig:
    path = folder / "node.yaml"
    values = {"node": "ns1", "repo": folder / "r", "state": folder / "s"}
    path.write_text(node_yaml({**values, "dnsmasq": {"directory": folder / "d", **dnsmasq}}))
    return config.load(path)


def test_a_shared_disk_that_went_in_the_middle_is_not_written_below(tmp_path: Path) -> None:
    alone = settings(tmp_path)
    node_setup.before_role(alone).replace(tmp_path / "x", b"")
    pair = alone.model_copy(update={"mount": tmp_path, "role": "heartbeat"})
    with pytest.raises(NotPrimary, match="nothing is mounted"):
        node_setup.before_role(pair).replace(tmp_path / "y", b"")
    assert not (tmp_path / "y").exists()


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


def init_pair(folder: Path, *options: str) -> str:
    user = node_setup.pwd.getpwuid(node_setup.os.geteuid()).pw_name
    argv = ["--config", str(folder / "etc/node.yaml"), "--user", user, "--role", "heartbeat", *options]
    done = CliRunner().invoke(init.command, argv, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_on_the_node_without_the_disk_only_its_own_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_setup, "make_own", lambda settings, who: [])
    mount = tmp_path / "mount"
    said = init_pair(tmp_path, "--mount", str(mount), "--drbd", "r0", "--bind", "--dnsmasq")
    assert f"nothing is mounted at {mount}" in said
    assert not mount.exists()
    made = config.load(tmp_path / "etc/node.yaml")
    assert (made.role, made.mount, made.drbd) == ("heartbeat", mount, config.DrbdSettings(resource="r0"))
    assert made.bind is not None
    assert made.bind.directory == mount / "bind"
    assert made.dnsmasq is not None
    assert made.dnsmasq.lease_file == mount / "reconciler/leases/dnsmasq.leases"


def test_where_the_disk_is_all_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_setup, "make_own", lambda settings, who: [])
    said = init_pair(tmp_path, "--mount", "/", "--root", str(tmp_path / "root"), "--no-bind", "--no-dnsmasq")
    assert "made a git repository" in said
    assert "Installing on a pair" in said


def test_the_folder_on_the_nodes_own_disk_is_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "node.yaml"
    path.write_text(node_yaml({"node": "a", "repo": "/r", "state": "/s", "role": "file", "own": tmp_path / "own"}))
    assert list(node_setup.make_own(config.load(path), node_setup.owner(USER))) == [f"created {tmp_path}/own"]
    assert stat.S_IMODE((tmp_path / "own").stat().st_mode) == 0o750
    assert list(node_setup.make_own(config.load(path), node_setup.owner(USER))) == []


def test_the_daemon_is_never_let_into_the_mount_itself(tmp_path: Path) -> None:
    values = {"node": "ns1", "repo": "/disk/r0/r", "state": "/disk/r0/s", "mount": "/disk/r0", "role": "file"}
    path = tmp_path / "node.yaml"
    path.write_text(node_yaml({**values, "bind": {"directory": "/disk/r0/bind"}}))
    assert "ReadWritePaths=/disk\n" in next_steps(config.load(path), path, "reconciler")
    assert "/disk/r0/bind/zones/** rw," in next_steps(config.load(path), path, "reconciler")


def test_a_node_that_follows_an_upstream_is_told_how_it_gets_in_there(tmp_path: Path) -> None:
    path = tmp_path / "node.yaml"
    values = {"node": "ns1", "repo": tmp_path / "r", "state": tmp_path / "s", "own": tmp_path / "own"}
    path.write_text(node_yaml({**values, "upstream": {"url": "https://ann:hush@forge.test/x.git"}}))
    made = config.load(path)
    text = next_steps(made, path, "reconciler")
    assert "https://forge.test/x.git" in text
    assert "hush" not in text
    assert f"-f {tmp_path}/own/ssh/id_ed25519" in text
    assert "reconciler fetch" in text
    assert "authorized_keys" not in text
    who = node_setup.owner(node_setup.pwd.getpwuid(node_setup.os.geteuid()).pw_name)
    assert list(node_setup.make_own(made, who)) == [f"created {tmp_path}/own"]


def test_a_repository_that_follows_an_upstream_does_not_lie_on_the_shared_disk(tmp_path: Path) -> None:
    path = tmp_path / "node.yaml"
    values = {"node": "ns1", "repo": "/srv/disk/r", "state": "/srv/disk/s", "mount": "/srv/disk", "role": "file"}
    path.write_text(node_yaml({**values, "upstream": {"url": "/srv/forge.git"}}))
    with pytest.raises(ConfigError, match="which must not lie on `mount:`"):
        config.load(path)


def test_a_dnsmasq_of_an_isolated_network_begins_without_a_socket(tmp_path: Path) -> None:
    made = settings(tmp_path, isolated={"guest": {"address": "127.0.1.3"}})
    list(node_setup.make_folders(made, tmp_path, node_setup.owner(USER)))
    list(node_setup.make_repository(made, tmp_path / "node.yaml"))
    folder = tmp_path / "d/isolated/guest"
    assert (tmp_path / "d/dnsmasq.conf").read_text() == ""
    assert "port=0" in (folder / "dnsmasq.conf").read_text().splitlines()
    text = next_steps(made, tmp_path / "node.yaml", "reconciler")
    assert f'DNSMASQ_OPTS="--conf-file={folder}/dnsmasq.conf"' in text
    assert "systemctl enable --now dnsmasq@guest" in text


def test_options_that_a_kept_node_yaml_leaves_without_effect_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    default = tmp_path / "default"
    monkeypatch.setattr(init, "ROOT", default)
    user = node_setup.pwd.getpwuid(node_setup.os.geteuid()).pw_name
    argv = ["--config", str(tmp_path / "etc/node.yaml"), "--user", user, "--no-bind"]

    def run(*options: str) -> str:
        done = CliRunner().invoke(init.command, [*argv, *options], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    first = ["--node", "ns1", "--dnsmasq", "--root", str(tmp_path / "root")]
    assert "no effect" not in run(*first) + run(*first)
    said = run("--node", "other", "--no-dnsmasq", "--mount", "/mnt", "--role", "file")
    assert f"kept {tmp_path}/etc/node.yaml: --node, --mount, --role, --no-dnsmasq have no effect" in said
    assert "--root has no effect" in run("--root", str(tmp_path / "else"))
    assert not default.exists()
    assert not (tmp_path / "else").exists()
    assert config.load(tmp_path / "etc/node.yaml").node == "ns1"
