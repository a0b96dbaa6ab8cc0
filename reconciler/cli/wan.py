"""`reconciler wan`."""

import json
from pathlib import Path
from typing import Any

import click

from reconciler.cli.common import ask_daemon, config_option, json_option, refuse_standby, request, settings_of, show
from reconciler.cli.wanlines import wan_lines
from reconciler.config import NodeConfig
from reconciler.daemon.client import ask


@click.command(epilog="Example: reconciler wan publish")
@click.argument("action", type=click.Choice(["show", "publish"]), default="show")
@config_option
@click.option("--alone", is_flag=True, help="Publish this address also while the other node is not connected.")
@json_option
def command(action: str, config: Path, alone: bool, as_json: bool) -> None:
    """Show the public address, since when, who says so, and what was published and confirmed when.

    `publish` publishes it though that failed, was refused, or is believed to be done already; the provider's minimum
    intervals stay in force. With --alone you say that the other node is not primary too. Exit code 1 when a person is
    needed.
    """
    settings = settings_of(config)
    if action == "publish":
        raise SystemExit(ask_daemon(settings, "publish", {"alone": "yes"} if alone else {}))
    if alone:
        raise click.UsageError("--alone is for `publish`")
    raise SystemExit(_show(settings, as_json=as_json))


def _show(settings: NodeConfig, *, as_json: bool) -> int:
    refuse_standby(settings)
    received: list[str] = []
    ask(settings.control, request("status"), received.append)
    document: dict[str, Any] | None = json.loads("".join(received))["wan"]
    if as_json:
        click.echo(json.dumps(document, indent=2))
    elif document is None:
        click.echo("site.yaml has no `wan:`, so nothing is watched or published")
    for text in () if as_json else wan_lines(document, everything=True):
        show(text)
    return 0 if document is None or document["healthy"] else 1
