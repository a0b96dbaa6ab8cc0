"""node.yaml: mistakes are told where they stand, each as a sentence; and what the doctor makes of them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from reconciler.cli.main import cli
from reconciler.config import NodeConfig, parse
from reconciler.errors import ConfigError

BASE = "node: ns1\nrepo: /srv/r/state.git\nstate: /srv/r/state\n"
FILE = Path("/etc/reconciler/node.yaml")


def read(text: str) -> NodeConfig:
    return parse(text.encode(), FILE)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "1:1: expected a mapping of keys to values, found nothing"),
        ("foo: [bar\nx: 1\n", "1:6: not valid YAML: what opens here is not closed by ']'"),
        (BASE + "bind:\n  directory: /b\n  prot: 53\n", "6:3: unknown key 'prot'; did you mean 'port'?"),
        (BASE + "node: ns2\n", "4:1: key 'node' stands twice; it stands first in line 1"),
        (BASE + "bind:\n  directory: /b\n  address: foo\n", "6:12: 'foo' is not an IP address"),
        (BASE + "bind:\n  directory: /b\n  rndc_address: localhost\n", "6:17: 'localhost' is not an IP address"),
        (BASE + "dnsmasq:\n  directory: /d\n  address: 1.2.3\n", "6:12: '1.2.3' is not an IPv4 address"),
        (BASE + "bind:\n  directory: [b]\n", "5:3: expected a single value, found a list"),
        (BASE + "role: hearbeat\n", "did you mean 'heartbeat'?"),
        (BASE + "commands: [a]\n", "4:1: expected a mapping of 'commands' by name, found a list"),
        ("node: ns1\n", "1:1: the file has no 'repo'; add the key 'repo'"),
    ],
)
def test_a_mistake_is_a_sentence_with_its_place(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert f"{FILE}:{says}" in str(caught.value) or says in str(caught.value)
    assert all(line.startswith(f"{FILE}:") for line in str(caught.value).splitlines())


def test_addresses_are_text_in_one_form() -> None:
    bind = read(BASE + "bind: {directory: /b, address: '::1', rndc_address: '0:0::1'}\n").bind
    assert bind is not None
    assert (bind.address, bind.rndc_address) == ("::1", "::1")


def doctor(config: Path) -> list[dict[str, str]]:
    done = CliRunner().invoke(cli, ["doctor", "--json", "--config", str(config)])
    assert done.exit_code == 1, done.output
    return [item for item in json.loads(done.output)["findings"] if item["level"] == "broken"]


def test_each_mistake_is_one_finding_and_the_remedy_stands_once(tmp_path: Path) -> None:
    config = tmp_path / "node.yaml"
    config.write_text(BASE + "bogus: 1\nlgo: json\n")
    first, last = doctor(config)
    assert first["what"].startswith(f"{config}:4:1: unknown key 'bogus'")
    assert (last["what"], first["remedy"]) == (f"{config}:5:1: unknown key 'lgo'; did you mean 'log'?", "")
    assert last["remedy"].splitlines()[:2] == [f"sudoedit {config}", f"sudo reconciler doctor --config {config}"]
    config.write_text("foo: [bar\n  ^\n")
    (only,) = doctor(config)
    assert only["what"].startswith(f"{config}:1:6: not valid YAML")


def test_no_node_yaml_and_what_is_none(tmp_path: Path) -> None:
    (missing,) = doctor(tmp_path / "node.yaml")
    assert missing["what"] == f"{tmp_path}/node.yaml is not there"
    assert missing["remedy"].splitlines()[0] == f"sudo reconciler init --config {tmp_path}/node.yaml"
    (folder,) = doctor(tmp_path)
    assert folder["what"] == f"{tmp_path} is not a file"
    assert "sudoedit" not in folder["remedy"]


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", closed)
    (found,) = doctor(tmp_path / "node.yaml")
    assert found["what"] == f"{tmp_path}/node.yaml cannot be read: Permission denied"
    assert found["remedy"].splitlines()[0] == f"sudo reconciler doctor --config {tmp_path}/node.yaml"


def test_a_command_written_wrong_and_one_that_can_do_without_node_yaml(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["chek"])
    assert (done.exit_code, "No such command 'chek': did you mean check?" in done.output) == (2, True)
    with pytest.raises(ConfigError, match="name a working copy with --state"):
        CliRunner().invoke(cli, ["delegation", "--config", str(tmp_path / "no")], catch_exceptions=False)
