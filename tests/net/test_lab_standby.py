"""A standby is silent: seen in every system call of its daemon, from its start on, while the primary works."""

import re
from pathlib import Path

import pytest
from labs import Push, cli, missing, running
from servers import wait_until

from reconciler.lab import scripts
from reconciler.lab.lab import Lab

pytestmark = [pytest.mark.net, pytest.mark.skipif(missing() is not None, reason=str(missing()))]

HARMLESS = ('["git", "version"]', '"/sbin/ldconfig", "-p"]')
"""What GitPython and ctypes.util.find_library run when libraries are imported."""
TRACED = (
    "%file,%process,%network,kill,tkill,tgkill,pidfd_send_signal,rt_sigqueueinfo,ioctl,inotify_add_watch,fanotify_mark"
)
CALL = re.compile(r"^\d+ +(\w+)\((.*)$")


def traced_program(trace: Path) -> str:
    """The reconciler as the nodes call it, its daemon under strace."""
    plain = scripts.program_script().splitlines()[1]
    seen = plain.replace("exec ", f"exec strace -f -qq -s 512 -e signal=none -e trace={TRACED} -o {trace} ", 1)
    return f'#!/bin/sh\n[ "$1" = run ] || {plain}\n{seen}\n'


def sins(lab: Lab, trace: str) -> list[str]:
    """System calls that a standby does not make."""
    disk = str(lab.layout.disk)
    found = []
    for line in trace.splitlines():
        match = CALL.match(line)
        if match is None or "resumed>" in line:
            continue
        name, arguments = match.groups()
        on_disk = f'"{disk}' in arguments
        acts = name in ("execve", "execveat", "kill", "tkill", "pidfd_send_signal", "rt_sigqueueinfo")
        outside = name in ("socket", "connect", "bind", "sendto", "sendmsg") and re.search(
            r"AF_(?:INET6?|NETLINK|PACKET)", arguments
        )
        if on_disk or acts or outside:
            found.append(line)
    return found


def own_start(trace: str) -> list[str]:
    """How the daemon itself was started: the one program that may be executed."""
    return [line for line in trace.splitlines() if "execve(" in line and "reconciler.cli.main" in line]


def test_a_standby_is_silent() -> None:
    with running(interval=0.3) as lab:
        primary = lab.await_primary()
        standby = next(node for node in lab.nodes.values() if node is not primary)
        trace = lab.layout.folder / "trace"
        standby.fail()
        (lab.layout.programs / "reconciler").write_text(traced_program(trace))
        standby.start()
        wait_until(lambda: (standby.status() or {}).get("role") == "standby", timeout=60)
        lab.start_client("laptop")
        for number in range(3):
            push = Push(lab, f"quiet{number}: {{ipv4: 192.168.10.{50 + number}}}")
            assert push.end(), push.said
        for command in ("status", "role"):
            lab.run("sh", "-c", '"$@" || true', "sh", *standby.command(*lab.reconciler(command)))
        # Longer than the daemon's own looks at the role and its loop's ticks.
        wait_until(lambda: len(LOOKS.findall(trace.read_text())) >= 4, timeout=60, what="it looks at its role")
        text = trace.read_text()
        assert len(own_start(text)) == 1, own_start(text)
        found = [
            line for line in sins(lab, text) if line not in own_start(text) and not any(h in line for h in HARMLESS)
        ]
        assert not found, "\n".join(found)
        # The same eyes see a primary at work.
        assert "gave the role" in cli(lab.layout.folder, "switch").stdout
        push = Push(lab, "loud: {ipv4: 192.168.10.60}")
        assert push.end(), push.said
        seen = sins(lab, trace.read_text()[len(text) :])
        for words in ("rndc", f"{lab.layout.disk}/state.git", "AF_INET"):
            assert any(words in line for line in seen), words


LOOKS = re.compile(r'openat\(.*"/[^"]*/run/role"')
