"""`reconciler pause`."""

from pathlib import Path

import click

from reconciler.cli.common import ask_daemon, config_option, settings_of


@click.command(epilog='Example: reconciler pause --reason "moving the rack"')
@config_option
@click.option("--reason", default="", help="Shown in status and to whoever pushes meanwhile.")
def command(config: Path, reason: str) -> None:
    """Apply nothing until `reconciler resume`.

    Pushes are still checked and stored. A pause outlives restarts.
    """
    raise SystemExit(ask_daemon(settings_of(config), "pause", {"reason": reason}))
