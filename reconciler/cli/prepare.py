"""`reconciler prepare`."""

from pathlib import Path

import click

from reconciler.cli.common import config_option, settings_of, show
from reconciler.errors import ConfigError
from reconciler.prepare.run import prepare


@click.command(epilog="Example: ExecStartPre=-+/opt/reconciler/bin/reconciler prepare")
@config_option
def command(config: Path) -> None:
    """Make zones and leases ready before named and dnsmasq start: at boot, on promotion, after a power cut.

    Folds journals, sets aside what does not fit, mends owners and a torn lease file. For root; does nothing where the
    shared disk is not mounted. The exit code is 0 whatever was found: one bad file must not keep servers from starting.
    """
    try:
        settings = settings_of(config)
    except ConfigError as error:
        click.echo(f"reconciler: nothing prepared: {error}", err=True)
        return
    prepare(settings, show)
