"""`reconciler lab`."""

import contextlib
import os
import time
from datetime import datetime
from pathlib import Path

import click

from reconciler.errors import ConfigError, ReconcilerError
from reconciler.lab import pushing
from reconciler.lab.lab import Lab
from reconciler.lab.layout import CLIENTS, DEFAULT_FOLDER, NODES
from reconciler.lab.machine import Machine, until
from reconciler.lab.node import environment
from reconciler.lab.tour import overview, tour

_PATIENCE = 30.0
_NODE = click.argument("node", type=click.Choice(list(NODES)))


@click.group(invoke_without_command=True, epilog="Example: sudo reconciler lab tour --keep")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_FOLDER,
    show_default=True,
    help="Everything of the lab lies here; `down` removes it.",
)
@click.option("--keep", is_flag=True, help="After the tour leave everything running for play.")
@click.pass_context
def command(ctx: click.Context, folder: Path, keep: bool) -> None:
    """A pair on one machine: two nodes in namespaces, with named, dnsmasq, keepalived, and one disk.

    Without a command: the tour. It pushes, cuts the primary's power, changes roles, and tells how long each took. For
    root only; nothing of this machine's own name servers, network or /etc is touched.
    """
    ctx.obj = Lab(folder.resolve())
    if keep and ctx.invoked_subcommand not in (None, tour_command.name):
        raise click.UsageError("--keep is for the tour")
    if ctx.invoked_subcommand is None:
        raise SystemExit(tour(folder.resolve(), keep=keep))


@command.command("tour")
@click.option("--keep", is_flag=True, help="Leave everything running for play, and tell how to.")
@click.pass_context
def tour_command(ctx: click.Context, keep: bool) -> None:
    """Show a pair at work and failing; ends by itself, and leaves nothing."""
    before = ctx.parent is not None and ctx.parent.params["keep"]
    raise SystemExit(tour(ctx.obj.layout.folder, keep=keep or before))


@command.command()
@click.pass_obj
def up(lab: Lab) -> None:
    """Make the lab, start both nodes, push its first state, and have laptop and tablet lease addresses."""
    try:
        lab.up()
        lab.clone()
        if lab.show(lab.git("push", "--quiet", "-u", "origin", "main")) != 0:
            raise ReconcilerError("the first push did not go through")
        for client in CLIENTS:
            click.echo(f"{client} has leased {lab.start_client(client)}")
    except BaseException:
        # Not one that was there before.
        if lab.mine:
            lab.down()
        raise
    _tell(lab)
    click.echo(f"the state lies in {lab.layout.clone}; edit it, then {lab.layout.told('push')}")


@command.command()
@click.pass_obj
def down(lab: Lab) -> None:
    """Stop everything and remove it."""
    if not lab.layout.mark.exists():
        raise ConfigError(f"there is no lab in {lab.layout.folder}")
    lab.down()


@command.command()
@click.argument("line", required=False)
@click.option("-o", "options", multiple=True, help="A word to the server, as in `git push -o`.")
@click.pass_obj
def push(lab: Lab, line: str | None, options: tuple[str, ...]) -> None:
    """Commit what was edited in the working copy, and push it to the virtual address.

    LINE, where given, is added to hosts.yaml before: "camera: {ipv4: 192.168.10.45}". After a refusal the commit is
    undone, and LINE removed; what was edited by hand stays, to be corrected.
    """
    _there(lab)
    raise SystemExit(pushing.push(lab, line, options))


@command.command()
@_NODE
@click.pass_obj
def fail(lab: Lab, node: str) -> None:
    """Cut a node's power: everything in it is killed, what it had not synced is lost.

    Waits until the other node is primary, where it runs, for half a minute at most.
    """
    _there(lab)
    lab.nodes[node].fail()
    if any(machine.pid is not None for machine in lab.nodes.values()):
        try:
            until(lambda: lab.primary() is not None, "", patience=_PATIENCE)
        except ReconcilerError:
            click.echo(f"the other node has not taken over yet; {lab.layout.told('watch')} tells how it goes on")
    _tell(lab)


@command.command()
@_NODE
@click.pass_obj
def back(lab: Lab, node: str) -> None:
    """Start a node that is down, and wait until it is up and a node is primary, for half a minute at most."""
    _there(lab)
    machine = lab.nodes[node]
    machine.start()
    try:
        until(lambda: machine.status() is not None and lab.primary() is not None, "", patience=_PATIENCE)
    except ReconcilerError:
        click.echo(f"{node} is starting; {lab.layout.told('watch')} tells how it goes on")
    _tell(lab)


@command.command()
@click.pass_obj
def switch(lab: Lab) -> None:
    """Have the primary give the role to the other node, in order."""
    _there(lab)
    if lab.primary() is None:
        raise ReconcilerError(f"no node is primary; {lab.layout.told('status')} tells what each has")
    begun = time.monotonic()
    giving, taking = lab.switch()
    click.echo(f"{giving} gave the role to {taking} in {time.monotonic() - begun:.2f} s")


@command.command()
@click.pass_obj
def status(lab: Lab) -> None:
    """Which node is primary, what each has, and what the primary's daemon says."""
    _there(lab)
    primary = _tell(lab)
    if primary is not None:
        lab.show(primary.command(*lab.reconciler("status")))


@command.command()
@click.pass_obj
def watch(lab: Lab) -> None:
    """Tell what each node is and has, whenever that changes; until Ctrl-C."""
    _there(lab)
    before: list[str] = []
    with contextlib.suppress(KeyboardInterrupt):
        while lab.exists:
            now = overview(lab)
            if now != before:
                moment = datetime.now().strftime("%H:%M:%S.%f")[:-4]
                _show([f"{moment}  {line}" for line in now if line not in before])
                before = now
            time.sleep(0.05)


@command.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog="Examples: reconciler lab on ns1 reconciler role; reconciler lab on ns1 server named stop",
)
@click.argument("machine")
@click.argument("argv", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_obj
def on(lab: Lab, machine: str, argv: tuple[str, ...]) -> None:
    """Run a command on a machine: ns1, ns2, admin, laptop (network internal) or tablet (network guest).

    On a node, `reconciler role`, `status`, `demote` and the like are about that node, never about a daemon of this
    machine's own; and `server named|dnsmasq start|stop|restart|reload` does what systemctl does elsewhere.
    """
    _there(lab)
    path = os.pathsep.join((str(lab.layout.programs), os.environ.get("PATH", os.defpath)))
    # Elsewhere than on a node there is no such file, and so no daemon either.
    own = {"PATH": path, "RECONCILER_CONFIG": str(lab.layout.config), **environment(lab.layout)}
    raise SystemExit(lab.show(lab.on(machine, *argv), **own))


def _there(lab: Lab) -> None:
    if not lab.exists:
        raise ConfigError(f"there is no lab in {lab.layout.folder}; {lab.layout.told('up')} makes one")


def _tell(lab: Lab) -> Machine | None:
    """Say who is primary, and what each node has; the primary."""
    primary = lab.primary()
    click.echo(f"{primary.name} is primary" if primary is not None else "no node is primary")
    _show(overview(lab))
    return primary


def _show(lines: list[str]) -> None:
    for line in lines:
        click.echo(line)
