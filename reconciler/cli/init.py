"""`reconciler init`."""

import shutil
import socket
from pathlib import Path
from typing import Any

import click

from reconciler import node_setup
from reconciler.cli.common import config_option
from reconciler.cli.next_steps import next_steps
from reconciler.config import load
from reconciler.example import example_folder
from reconciler.node_yaml import node_yaml


@click.command(epilog="Example: sudo reconciler init --root /srv/reconciler --example")
@config_option
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("/srv/reconciler"),
    show_default=True,
    help="Folder for the repository, the manifest and what dnsmasq reads. On a pair: on the replicated disk.",
)
@click.option(
    "--bind-directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("/var/lib/bind/reconciler"),
    show_default=True,
    help="Folder for what named reads and writes. AppArmor's profile of Debian and Ubuntu lets named into the default.",
)
@click.option("--node", help="This node's name.  [default: host name]")
@click.option("--user", help="User that the daemon runs as.  [default: reconciler for root, else yourself]")
@click.option("--bind/--no-bind", default=None, help="Manage BIND here.  [default: if it is installed]")
@click.option("--dnsmasq/--no-dnsmasq", default=None, help="Manage dnsmasq here.  [default: if it is installed]")
@click.option("--example", is_flag=True, help="Make the first commit from the example state.")
def command(
    config: Path,
    root: Path,
    bind_directory: Path,
    node: str | None,
    user: str | None,
    bind: bool | None,
    dnsmasq: bool | None,
    example: bool,
) -> None:
    """Set this node up: node.yaml, a bare state repository with its hooks, folders, a TSIG key.

    Running it again repairs what is missing and harms nothing; an existing node.yaml is kept as it is.
    Nothing is written to the servers' own configuration: what to add there is told at the end.
    """
    who = node_setup.owner(user)
    config = config.absolute()
    name = node or socket.gethostname().partition(".")[0]
    values: dict[str, Any] = {"node": name, "repo": root.absolute() / "state.git", "state": root.absolute() / "state"}
    if bind or (bind is None and shutil.which("named")):
        values["bind"] = {"directory": bind_directory.absolute()}
    if dnsmasq or (dnsmasq is None and shutil.which("dnsmasq")):
        values["dnsmasq"] = {"directory": root.absolute() / "dnsmasq"}
        if node_setup.DHCP_SCRIPT.exists():
            values["dnsmasq"]["dhcp_script"] = node_setup.DHCP_SCRIPT
    for text in node_setup.write_config(config, node_yaml(values), who):
        click.echo(text)
    settings = load(config)
    for text in node_setup.write_script_settings(settings, config):
        click.echo(text)
    for text in node_setup.make_folders(settings, root.absolute(), who):
        click.echo(text)
    node_setup.become(who)
    for text in node_setup.make_repository(settings, config):
        click.echo(text)
    if example:
        for text in node_setup.first_commit(settings, example_folder(), who):
            click.echo(text)
    click.echo(next_steps(settings, config, who.name))
