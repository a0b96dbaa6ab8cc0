"""The root helper and its stand-in: the same words on the socket, and nothing else gets through."""

import importlib.machinery
import importlib.util
import inspect
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.demo.helper import Helper
from reconciler.effects import Effects
from reconciler.errors import ReconcilerError, Temporary
from reconciler.role.always import Always

SCRIPT = Path(__file__).parents[2] / "systemd" / "reconciler-helper"

BAD = [
    b"",
    b"restart dnsmasq",
    b"stop dnsmasq\n",
    b"restart\n",
    b"restart sshd\n",
    b"restart dnsmasq extra\n",
    b"restart --help\n",
    b"restart " + b"x" * 300 + b"\n",
    b"\xff\xfe\n",
]


class Server:
    def __init__(self):
        self.calls = []

    def restart(self):
        self.calls.append("restart")

    def reload(self):
        raise ReconcilerError("it does\nnot run")


@pytest.fixture
def stand_in(tmp_path):
    server = Server()
    helper = Helper(tmp_path / "helper.sock", {"dnsmasq": server})
    helper.start()
    yield helper, server
    helper.stop()


@pytest.fixture
def programs(tmp_path):
    """A folder for PATH with a systemctl that notes how it was called, and a journalctl with last words."""
    log = tmp_path / "called"
    for name, body in (
        ("systemctl", f'echo "$@" >> {log}; [ "$2" != bad.service ] || {{ echo "Job failed" >&2; exit 1; }}'),
        ("journalctl", "echo 'dnsmasq: unknown interface ghost0'"),
    ):
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return tmp_path / "bin", log


def ask_script(programs, request: bytes, *more: str) -> str:
    argv = [
        sys.executable,
        "-I",
        str(SCRIPT),
        "--unit",
        "dnsmasq=dnsmasq.service",
        "--unit",
        "broken=bad.service",
        *more,
    ]
    environment = {"PATH": f"{programs[0]}:{os.environ['PATH']}"}
    ended = subprocess.run(argv, input=request, capture_output=True, env=environment, check=True, timeout=20)
    return ended.stdout.decode()


@pytest.mark.parametrize("request_line", BAD)
def test_anything_else_is_refused_by_both(programs, stand_in, request_line):
    assert ask_script(programs, request_line).startswith("error: ")
    assert stand_in[0].answer(request_line).startswith("error: ")
    assert not programs[1].exists() and not stand_in[1].calls


def test_endless_request_is_not_read_to_its_end(programs, stand_in):
    for answer in (
        ask_script(programs, b"restart " + b" " * 300 + b"dnsmasq\n"),
        stand_in[0].answer(b" " * 300 + b"\n"),
    ):
        assert "at most 128 bytes" in answer


def test_script_restarts_and_signals_by_its_own_table(programs):
    assert ask_script(programs, b"restart dnsmasq\n") == "ok\n"
    assert ask_script(programs, b"reload dnsmasq\n") == "ok\n"
    assert programs[1].read_text().splitlines() == [
        "restart dnsmasq.service",
        "kill --signal=HUP --kill-who=main dnsmasq.service",
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a file that is root's")
def test_script_restarts_the_dnsmasqs_that_root_has_set_up(programs, tmp_path):
    files = f"{tmp_path}/defaults."
    for name, mode in (("guest", 0o644), ("open", 0o666), ("other", 0o644)):
        path = Path(f"{files}{name}")
        path.write_text("")
        path.chmod(mode)
    os.chown(f"{files}other", 65534, -1)
    Path(f"{files}link").symlink_to(f"{files}guest")
    options = ("--instances", files)
    assert ask_script(programs, b"restart dnsmasq@guest\n", *options) == "ok\n"
    assert ask_script(programs, b"reload dnsmasq@guest\n", *options) == "ok\n"
    for name in ("open", "other", "link", "none", "", "../x", "x/../guest", "guest.service extra", "-guest"):
        said = ask_script(programs, f"restart dnsmasq@{name}\n".encode(), *options)
        assert said == "error: no such unit here\n", name
    assert ask_script(programs, b"restart dnsmasq@guest\n") == "error: no such unit here\n"
    assert programs[1].read_text().splitlines() == [
        "restart dnsmasq@guest.service",
        "kill --signal=HUP --kill-who=main dnsmasq@guest.service",
    ]


def test_script_tells_the_servers_last_words(programs):
    answer = ask_script(programs, b"restart broken\n")
    assert answer == "error: Job failed (dnsmasq: unknown interface ghost0)\n"


def test_script_refuses_a_table_that_is_none():
    loader = importlib.machinery.SourceFileLoader("reconciler_helper", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("reconciler_helper", loader))
    loader.exec_module(module)
    for text in ("dnsmasq", "=x.service", "a=b", "a=-x.service"):
        with pytest.raises(SystemExit):
            module.parse_arguments(["--unit", text])


def test_effects_and_stand_in_understand_each_other(stand_in):
    helper, server = stand_in
    effects = Effects(Always(), helper=helper.path)
    effects.ask_helper("restart", "dnsmasq")
    assert server.calls == ["restart"] and helper.done == ["restart dnsmasq"]
    with pytest.raises(Temporary, match="it does not run"):
        effects.ask_helper("reload", "dnsmasq")
    with pytest.raises(Temporary, match="no such unit"):
        effects.ask_helper("restart", "other")


def test_effects_wait_for_as_long_as_the_script_may_take():
    loader = importlib.machinery.SourceFileLoader("reconciler_helper", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("reconciler_helper", loader))
    loader.exec_module(module)
    longest = module.PATIENCE + module.LAST_WORDS
    assert inspect.signature(Effects.ask_helper).parameters["timeout"].default > longest


def test_stopped_stand_in_is_not_there(tmp_path, stand_in):
    stand_in[0].stop()
    with pytest.raises(Temporary, match="helper"):
        Effects(Always(), helper=stand_in[0].path).ask_helper("restart", "dnsmasq")
