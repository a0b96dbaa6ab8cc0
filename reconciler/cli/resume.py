"""`reconciler resume`."""

from pathlib import Path

import click

from reconciler.cli.common import ask_daemon, config_option, settings_of


@click.command(epilog="Example: reconciler resume")
@config_option
def command(config: Path) -> None:
    """End a pause and apply what was pushed meanwhile."""
    raise SystemExit(ask_daemon(settings_of(config), "resume"))
