"""`reconciler status`."""

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from reconciler.cli.common import config_option, json_option, request, settings_of, show
from reconciler.daemon.client import ask


@click.command(epilog="Example: reconciler status --json | jq .healthy")
@config_option
@json_option
def command(config: Path, as_json: bool) -> None:
    """Show what this node serves, since when, and what is wrong. Exit code 1 when a person is needed."""
    settings = settings_of(config)
    received: list[str] = []
    code = ask(settings.control, request("status"), received.append)
    document = json.loads("".join(received))
    if as_json:
        click.echo(json.dumps(document, indent=2))
    else:
        _print(document)
    raise SystemExit(code)


def _print(status: dict[str, Any]) -> None:
    state = "well" if status["healthy"] else "needs a look"
    click.secho(f"node {status['node']} ({status['role']}): {state}", fg="green" if status["healthy"] else "red")
    deployed = status["deployed"]
    click.echo(f"deployed  {deployed[:12] if deployed else 'nothing yet'} of branch {status['branch']}")
    if status["paused"]:
        show(f"paused    {status['paused']}")
    if status["busy_since"]:
        click.echo(f"busy      since {status['busy_since']}")
    if status["last_applied"]:
        click.echo(f"applied   at {status['last_applied']['finished']}")
    last = status["last"]
    if last and last["result"] not in ("applied", "unchanged"):
        click.echo(f"last try  at {last['finished']}:")
        for text in last["lines"]:
            show(text)
    if status["retry_in"] is not None:
        click.echo(f"retry     in {status['retry_in']} s")
    if status["trouble"]:
        show(f"failed    {status['trouble']}")
    for item in status["drift"]:
        show(f"drift     {item['place']} {item['change']} {item['text']}")
    if status["leases"] is not None:
        click.echo(f"leases    {status['leases']}")
    for text in status["lease_problems"]:
        show(f"leases    {text}")
    for text in status["warnings"]:
        show(text)
    _zones(status["zones"])


def _zones(zones: list[dict[str, Any]]) -> None:
    if not zones:
        return
    table = Table("zone", "serial", "records", "kind", box=None, pad_edge=False)
    for column in (1, 2):
        table.columns[column].justify = "right"
    for zone in zones:
        table.add_row(zone["name"], str(zone["serial"] or "-"), str(zone["records"]), zone["kind"])
    Console(highlight=False, soft_wrap=True).print(table)
