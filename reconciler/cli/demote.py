"""`reconciler demote`."""

from pathlib import Path

import click

from reconciler.cli.common import ask_daemon, config_option, settings_of, show
from reconciler.daemon.client import NoDaemon


@click.command(epilog="Example: reconciler demote")
@config_option
def command(config: Path) -> None:
    """Give the primary role away: end running pushes, have the servers write down what they hold, let go of the disk.

    For the scripts of heartbeat, keepalived and Pacemaker, which then stop the servers and unmount. The role is taken
    up again when it has gone and come back. Without a daemon there is nothing to let go of.
    """
    try:
        code = ask_daemon(settings_of(config), "demote")
    except NoDaemon:
        show("demoted   no daemon runs here, so nothing of the shared disk is held")
        code = 0
    raise SystemExit(code)
