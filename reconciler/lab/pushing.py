"""A push from the working copy that leaves nothing in the way of the next one, whatever comes of it."""

import os
import subprocess

import click

from reconciler.demo.person import ENVIRONMENT
from reconciler.errors import ReconcilerError
from reconciler.lab.lab import Lab, append_host
from reconciler.lab.layout import NETWORKS


def push(lab: Lab, line: str | None, options: tuple[str, ...]) -> int:
    """Commit what was edited, after adding `line` to hosts.yaml, and push it before somebody's eyes; git's exit code.

    options: words to the server, as in `git push -o`. What the server refuses is committed no longer, and `line` is
    gone again; what was edited by hand stays. Raises ReconcilerError, before anything is committed, if no node has the
    virtual address.
    """
    if not any(node.has_addresses for node in lab.nodes.values()):
        raise ReconcilerError(
            f"nothing was committed or pushed: no node has the virtual address {NETWORKS[0].v4.ip}; "
            f"{lab.layout.told('status')} tells what each has"
        )
    hosts = lab.layout.clone / "hosts.yaml"
    before = hosts.read_bytes() if hosts.exists() else b""
    if line:
        append_host(lab, line, f"Add {line.partition(':')[0]}")
    elif lab.run(*lab.git("status", "--porcelain")):
        lab.run(*lab.git("add", "--all"))
        lab.run(*lab.git("commit", "--quiet", "--message", "Change"))
    code, said = _shown(lab.git("push", *(word for option in options for word in ("-o", option))))
    if "[remote rejected]" in said:
        lab.run(*lab.git("reset", "--quiet", "origin/main"))
        if line:
            hosts.write_bytes(before)
        left = "the line is out of hosts.yaml again" if line else f"what was edited is still in {lab.layout.clone}"
        click.echo(f"refused, so the commit is undone (reset to origin/main); {left}")
    elif code != 0:
        click.echo(f"not pushed; the commit stays in {lab.layout.clone}, and {lab.layout.told('push')} pushes it again")
    return code


def _shown(argv: list[str]) -> tuple[int, str]:
    """Run a command before somebody's eyes; its exit code, and what it said."""
    said = ""
    with subprocess.Popen(
        argv,
        env={**os.environ, **ENVIRONMENT},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            click.echo(line, nl=False)
            said += line
    return process.returncode, said
