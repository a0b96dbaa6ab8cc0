"""`reconciler init`."""

import shutil
import socket
from pathlib import Path
from typing import NamedTuple

import click

from reconciler import node_setup
from reconciler.cli.common import config_option
from reconciler.cli.next_steps import next_steps
from reconciler.config import NodeConfig, load
from reconciler.example import EXAMPLES, example_folder
from reconciler.node_yaml import node_yaml, usual_values

ROOT = Path("/srv/reconciler")
BIND = Path("/var/lib/bind/reconciler")
"""Where AppArmor's profile of Debian and Ubuntu lets named read and write."""


@click.command(epilog="Example of a pair: sudo reconciler init --mount /srv/drbd0 --drbd r0 --role heartbeat")
@config_option
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for repository, manifest and dnsmasq's files.  [default: /srv/reconciler, or MOUNT/reconciler]",
)
@click.option(
    "--bind-directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for what named reads and writes.  [default: /var/lib/bind/reconciler, or MOUNT/bind]",
)
@click.option(
    "--mount",
    type=click.Path(path_type=Path, file_okay=False),
    help="On a pair: where the shared disk is mounted on the primary.",
)
@click.option("--drbd", metavar="RESOURCE", help="The DRBD resource of that disk.")
@click.option(
    "--role",
    type=click.Choice(["drbd", "heartbeat", "keepalived", "pacemaker", "file"]),
    help="On a pair: who says which node is primary.",
)
@click.option("--node", help="This node's name.  [default: host name]")
@click.option("--user", help="User that the daemon runs as.  [default: reconciler for root, else yourself]")
@click.option("--bind/--no-bind", default=None, help="Manage BIND here.  [default: if it is installed]")
@click.option("--dnsmasq/--no-dnsmasq", default=None, help="Manage dnsmasq here.  [default: if it is installed]")
@click.option("--example", type=click.Choice(EXAMPLES), help="Make the first commit from this example state.")
def command(
    config: Path,
    root: Path | None,
    bind_directory: Path | None,
    mount: Path | None,
    drbd: str | None,
    role: str | None,
    node: str | None,
    user: str | None,
    bind: bool | None,
    dnsmasq: bool | None,
    example: str | None,
) -> None:
    """Set this node up: node.yaml, a bare state repository with its hooks, folders, a TSIG key.

    Running it again repairs what is missing and harms nothing; an existing node.yaml is kept as it is, and options
    that say otherwise are named.
    Nothing is written to the servers' own configuration: what to add there is told at the end. On a pair, run it on the
    node where the disk is mounted, then on the other one.
    """
    if mount is not None and role is None:
        raise click.UsageError("--mount needs --role: who says which node has the disk")
    if drbd and mount is None:
        raise click.UsageError("--drbd needs --mount, where its disk is mounted")
    who = node_setup.owner(user)
    config = config.absolute()
    kept = config.exists()
    folder = bind_directory or (mount / "bind" if mount else BIND)
    values = usual_values(
        node or socket.gethostname().partition(".")[0],
        (root or (mount / "reconciler" if mount else ROOT)).absolute(),
        role=role,
        mount=mount.absolute() if mount else None,
        drbd=drbd,
        bind=folder.absolute() if _managed(bind, "named") else None,
        dnsmasq=_managed(dnsmasq, "dnsmasq"),
        dhcp_script=node_setup.DHCP_SCRIPT if node_setup.DHCP_SCRIPT.exists() else None,
    )
    for text in node_setup.write_config(config, node_yaml(values), who):
        click.echo(text)
    settings = load(config)
    if kept:
        asked = _Asked(node, mount, drbd, role, bind, bind_directory, dnsmasq, root)
        if idle := _without_effect(settings, asked):
            click.echo(f"kept {config}: {_listed(idle)} no effect; edit the file if that is what you want")
    for text in node_setup.write_script_settings(settings, config):
        click.echo(text)
    _make(settings, config, who, example=example)
    click.echo(next_steps(settings, config, who.name))


class _Asked(NamedTuple):
    """Options that are for a new node.yaml; None where not given."""

    node: str | None
    mount: Path | None
    drbd: str | None
    role: str | None
    bind: bool | None
    bind_directory: Path | None
    dnsmasq: bool | None
    root: Path | None


def _without_effect(settings: NodeConfig, asked: _Asked) -> list[str]:
    """The options that say other than the settings that were kept."""
    role = None if settings.role == "always" else settings.role
    directory = settings.bind.directory if settings.bind else None
    pairs = {
        "--node": (asked.node, settings.node),
        "--mount": (asked.mount and asked.mount.absolute(), settings.mount),
        "--drbd": (asked.drbd, settings.drbd and settings.drbd.resource),
        "--role": (asked.role, role),
        "--bind" if asked.bind else "--no-bind": (asked.bind, settings.bind is not None),
        "--bind-directory": (asked.bind_directory and asked.bind_directory.absolute(), directory),
        "--dnsmasq" if asked.dnsmasq else "--no-dnsmasq": (asked.dnsmasq, settings.dnsmasq is not None),
        "--root": (asked.root and asked.root.absolute(), _root(settings)),
    }
    return [name for name, (wanted, found) in pairs.items() if wanted is not None and wanted != found]


def _listed(names: list[str]) -> str:
    return f"{', '.join(names)} {'has' if len(names) == 1 else 'have'}"


def _root(settings: NodeConfig) -> Path:
    """The folder that the daemon's own lie in."""
    return settings.state.parent


def _managed(wish: bool | None, program: str) -> bool:
    return shutil.which(program) is not None if wish is None else wish


def _make(settings: NodeConfig, config: Path, who: node_setup.Owner, *, example: str | None) -> None:
    for text in node_setup.make_own(settings, who):
        click.echo(text)
    missing = node_setup.missing_disk(settings)
    if missing:
        click.echo(
            f"{missing}: what lies on the shared disk is made by the same command on the node where it is mounted"
        )
        return
    for text in node_setup.make_folders(settings, _root(settings), who):
        click.echo(text)
    node_setup.become(who)
    for text in node_setup.make_repository(settings, config):
        click.echo(text)
    if example:
        for text in node_setup.first_commit(settings, example_folder(example), who):
            click.echo(text)
