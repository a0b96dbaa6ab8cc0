"""`reconciler rollback`."""

from pathlib import Path

import click

from reconciler.cli.common import ask_daemon, config_option, settings_of


@click.command(epilog="Example: reconciler rollback HEAD~1   (on the server, when no clone is at hand)")
@config_option
@click.option("--allow-mass-change", is_flag=True, help="Let it delete or change many records.")
@click.argument("commit")
def command(config: Path, allow_mass_change: bool, commit: str) -> None:
    """Bring the state of an older COMMIT back.

    Its content becomes a new commit on top of the branch, and that is applied: history only grows, and the next push
    builds on it.
    """
    arguments = {"commit": commit, "allow": "yes" if allow_mass_change else "no"}
    raise SystemExit(ask_daemon(settings_of(config), "rollback", arguments))
