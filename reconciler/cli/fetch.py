"""`reconciler fetch`."""

from pathlib import Path

import click

from reconciler.cli.common import ask_daemon, config_option, settings_of


@click.command(epilog="Example: reconciler fetch")
@config_option
def command(config: Path) -> None:
    """Fetch from upstream now, and wait for what came to be applied; for a forge's webhook, or yourself.

    On a standby what came is fetched and checked. Exit code 1 when it could not be fetched or is not served.
    """
    raise SystemExit(ask_daemon(settings_of(config), "fetch"))
