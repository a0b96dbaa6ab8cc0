"""`reconciler log`."""

import json
from pathlib import Path

import click

from reconciler.audit.history import history
from reconciler.cli.common import as_owner, config_option, json_option, refuse_standby, settings_of


@click.command(epilog="Example: reconciler log -n 5")
@config_option
@click.option("-n", "--number", type=click.IntRange(min=1), default=20, show_default=True, help="How many entries.")
@json_option
def command(config: Path, number: int, as_json: bool) -> None:
    """Show the history of applies, newest first: when, what, why, by whom, with which result.

    `git log audit` in the repository (`git log origin/audit` in a clone) shows the same, `git show` the exact
    difference.
    """
    settings = settings_of(config)
    if settings.upstream is None:
        refuse_standby(settings)
    as_owner(settings)
    entries = history(settings.repo, limit=number)
    if as_json:
        documents = [{**entry._asdict(), "when": entry.when.isoformat()} for entry in entries]
        click.echo(json.dumps(documents, indent=2))
        return
    if not entries:
        click.echo("nothing was applied yet")
    for entry in entries:
        when = entry.when.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        click.secho(f"{entry.commit[:9]}  {when}  {entry.subject}", bold=True)
        for key, value in entry.trailers:
            click.echo(f"    {key + ':':<11} {value}")
