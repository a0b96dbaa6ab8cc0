"""`reconciler bootstrap`: all files or none, their modes, what it replaces and what it leaves alone."""

import os
import stat
from pathlib import Path

import pytest
from bootstrap_sites import EXAMPLES, OFFICE, rendered
from click.testing import CliRunner, Result

from reconciler.bootstrap import folder
from reconciler.bootstrap.text import NodeFile
from reconciler.cli import bootstrap
from reconciler.errors import Refused


def run(*argv: object) -> Result:
    return CliRunner().invoke(bootstrap.command, [str(word) for word in argv])


@pytest.fixture
def state(tmp_path: Path) -> Path:
    path = tmp_path / "state"
    path.mkdir()
    (path / "site.yaml").write_text(OFFICE)
    return path


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    path = tmp_path / "secrets"
    path.mkdir()
    (path / "drbd").write_text("handshake\n")
    return path


def everything(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_a_tree_with_its_modes_whatever_the_umask(tmp_path: Path, state: Path, secrets: Path):
    out = tmp_path / "deep/node"
    before = os.umask(0o077)
    try:
        done = run("ns1", "-o", out, state, "--secrets", secrets)
    finally:
        os.umask(before)
    assert done.exit_code == 0, done.output
    assert f"cannot read {secrets}/vrrp" in done.output
    assert "drbd" not in done.output.replace("secrets/vrrp", "")
    for path, file in rendered(OFFICE, "ns1", {"drbd": "handshake"})[1].items():
        assert (out / path).read_text() == file.text
        assert stat.S_IMODE((out / path).stat().st_mode) == file.mode
    assert 'shared-secret "handshake"' in (out / "etc/drbd.d/r0.res").read_text()
    assert [path.name for path in out.parent.iterdir()] == ["node"]


def test_the_example_as_its_readme_says(tmp_path: Path):
    done = run("lsvm1", "-o", tmp_path / "lsvm1", EXAMPLES / "home", "--secrets", tmp_path)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "lsvm1/etc/ha.d/ha.cf").exists()


def test_its_own_folder_is_replaced_whole(tmp_path: Path, state: Path, secrets: Path):
    out = tmp_path / "node"
    out.mkdir()
    assert run("ns1", "-o", out, state, "--secrets", secrets).exit_code == 0
    (state / "site.yaml").write_text(
        OFFICE.replace("keepalived", "heartbeat").replace("{secret: vrrp}", "{secret: drbd}")
    )
    (out / "ufw.sh").write_text("edited")
    assert run("ns1", "-o", out, state, "--secrets", secrets).exit_code == 0
    assert not (out / "etc/keepalived").exists()
    assert (out / "etc/ha.d/ha.cf").exists()
    assert (out / "ufw.sh").read_text() != "edited"
    assert [path.name for path in tmp_path.iterdir() if "node" in path.name] == ["node"]


@pytest.mark.parametrize("foreign", ["notes.txt", "etc/drbd.d/other.res"])
def test_others_files_are_left_alone(tmp_path: Path, state: Path, secrets: Path, foreign: str):
    out = tmp_path / "node"
    assert run("ns1", "-o", out, state, "--secrets", secrets).exit_code == 0
    (out / foreign).write_text("mine")
    before = everything(out)
    done = run("ns1", "-o", out, state, "--secrets", secrets)
    assert isinstance(done.exception, Refused)
    assert f"holds {foreign}" in str(done.exception)
    assert everything(out) == before


def test_a_folder_that_it_has_not_made_or_no_folder(tmp_path: Path, state: Path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/a").write_text("")
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "full")
    for name in ("full", "file", "link"):
        done = run("ns1", "-o", tmp_path / name, state, "--secrets", tmp_path)
        assert isinstance(done.exception, Refused), name


def test_a_mistake_in_the_state_writes_nothing(tmp_path: Path, state: Path):
    (state / "site.yaml").write_text(OFFICE.replace("192.168.10.3", "192.168.10.2"))
    done = run("ns1", "-o", tmp_path / "node", state)
    assert "site.yaml:6:18: 192.168.10.2 is already the address of node" in done.output
    assert isinstance(done.exception, Refused)
    assert not (tmp_path / "node").exists()


def test_a_failure_half_way_leaves_what_was_there(tmp_path: Path):
    out = tmp_path / "node"
    folder.write(out, {"a": NodeFile("old\n")})
    with pytest.raises(OSError):
        folder.write(out, {"a": NodeFile("new\n"), "a/b": NodeFile("in a file\n")})
    assert (out / "a").read_text() == "old\n"
    assert [path.name for path in tmp_path.iterdir()] == ["node"]


def test_a_folder_that_cannot_be_put_in_place_gives_way_to_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    out = tmp_path / "node"
    folder.write(out, {"a": NodeFile("old\n")})
    replace = Path.replace

    def fail(self: Path, target: Path) -> Path:
        if target == out and (self / "a").read_text() == "new\n":
            raise OSError(5, "Input/output error")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="Input/output"):
        folder.write(out, {"a": NodeFile("new\n")})
    assert (out / "a").read_text() == "old\n"
    assert [path.name for path in tmp_path.iterdir()] == ["node"]


def test_secrets_that_are_no_secrets(tmp_path: Path):
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for name in ("empty", "binary"):
        with pytest.raises(Refused):
            folder.read_secret(tmp_path / name)
    assert folder.read_secret(tmp_path / "missing") is None
