"""`reconciler status`."""

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from reconciler.cli.common import config_option, json_option, request, settings_of, show
from reconciler.cli.wanlines import wan_lines
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
    for alarm in status["alarms"]:
        show(f"failed    {alarm['text']} (at {alarm['at']})")
    if status["pair"]:
        _pair(status["pair"])
    kept = len(status["kept_aside"])
    if kept:
        pushes = "1 push" if kept == 1 else f"{kept} pushes"
        show(f"waiting   {pushes} taken while the peer was away wait on this node's own disk")
    for text in _upstream(status["upstream"]):
        show(text)
    if status["trouble"]:
        show(f"failed    {status['trouble']}")
    if status["role"] == "primary":
        _deployed(status)
        _observed(status)
        _zones(status["zones"])


def _deployed(status: dict[str, Any]) -> None:
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


def _observed(status: dict[str, Any]) -> None:
    for item in status["drift"]:
        show(f"drift     {item['place']} {item['change']} {item['text']}")
    if status["leases"] is not None:
        click.echo(f"leases    {status['leases']}")
    for text in status["lease_problems"]:
        show(f"leases    {text}")
    for text in wan_lines(status["wan"]):
        show(text)
    _prefixes(status)
    for text in status["warnings"]:
        show(text)


def _prefixes(status: dict[str, Any]) -> None:
    for item in status["prefixes"]:
        known = f"{item['prefix']} since {item['since']}" if item["prefix"] else "not known yet"
        click.echo(f"prefix    {known}, from {item['interface']}, for {', '.join(item['networks'])}")
        for text in item["problems"]:
            show(f"prefix    {text}")
    for item in status["kept"]:
        click.echo(f"kept      {item['zone']} until {item['until']}")


def _pair(pair: dict[str, Any]) -> None:
    for text in pair["reasons"]:
        click.echo(f"role      {text}")
    if pair["since"]:
        click.echo(f"since     {pair['since']}")
    replication = pair["replication"]
    if replication:
        show(f"{'disks' if replication['in_sync'] else 'waiting':<9} {replication['text']}")
    if pair["became_primary"]:
        click.echo(f"failover  this node last became primary at {pair['became_primary']}")
    if pair["promoted"]:
        click.echo(f"promoted  {pair['promoted']}")


def _upstream(upstream: dict[str, Any] | None) -> list[str]:
    if upstream is None:
        return []
    lines = [f"upstream  {upstream['url']}, fetched {upstream['fetched'] or 'not yet'}"]
    lines += [f"waiting   {upstream['problem']}"] if upstream["problem"] else []
    lines += upstream["check"]
    if upstream["waiting"]:
        lines.append(f"history   not upstream yet: {', '.join(upstream['waiting'])}")
    return lines + ([f"failed    {upstream['history_problem']}"] if upstream["history_problem"] else [])


def _zones(zones: list[dict[str, Any]]) -> None:
    if not zones:
        return
    table = Table("zone", "serial", "records", "kind", box=None, pad_edge=False)
    for column in (1, 2):
        table.columns[column].justify = "right"
    for zone in zones:
        table.add_row(zone["name"], str(zone["serial"] or "-"), str(zone["records"]), zone["kind"])
    Console(highlight=False, soft_wrap=True).print(table)
