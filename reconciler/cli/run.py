"""`reconciler run`."""

from pathlib import Path

import click

from reconciler.cli.common import config_option
from reconciler.daemon.run import run


@click.command(epilog="Example: reconciler run --config /etc/reconciler/node.yaml")
@config_option
def command(config: Path) -> None:
    """Run the daemon in the foreground, until SIGTERM. SIGHUP reads node.yaml anew."""
    run(config)
