"""`reconciler run`."""

from pathlib import Path

import click

from reconciler.cli.common import as_owner, config_option, settings_of
from reconciler.daemon.run import run


@click.command(epilog="Example: reconciler run --config /etc/reconciler/node.yaml")
@config_option
def command(config: Path) -> None:
    """Run the daemon in the foreground, until SIGTERM. SIGHUP reads node.yaml anew."""
    config = config.absolute()
    as_owner(settings_of(config))
    run(config)
