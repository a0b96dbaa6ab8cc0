"""`reconciler role`."""

import json
from pathlib import Path
from typing import Any

import click

from reconciler import node_role
from reconciler.cli.common import config_option, json_option, request, settings_of
from reconciler.config import NodeConfig
from reconciler.daemon.client import ask
from reconciler.daemon.status import role_report
from reconciler.errors import Temporary


@click.command(epilog="Example: reconciler role && echo this node serves")
@config_option
@json_option
def command(config: Path, as_json: bool) -> None:
    """Say whether this node is primary and, condition by condition, why.

    Asks the daemon; where none runs, reads the role itself. Exit code 0 for the primary, 1 for a standby.
    """
    document = _read(settings_of(config))
    if as_json:
        click.echo(json.dumps(document, indent=2))
    else:
        _print(document)
    raise SystemExit(0 if document["role"] == "primary" else 1)


def _read(settings: NodeConfig) -> dict[str, Any]:
    received: list[str] = []
    try:
        ask(settings.control, request("role"), received.append)
    except Temporary:
        provider = node_role.provider(settings)
        return {"node": settings.node, "provider": provider.name, **role_report(provider.read())}
    document: dict[str, Any] = json.loads("".join(received))
    return document


def _print(document: dict[str, Any]) -> None:
    primary = document["role"] == "primary"
    click.secho(f"node {document['node']}: {document['role']}", fg="green" if primary else "yellow")
    for condition in document["conditions"]:
        click.secho(
            f"  {'yes' if condition['met'] else 'NO '} {condition['text']}", fg=None if condition["met"] else "red"
        )
    found = document["replication"]
    if found:
        click.echo(f"  peer: {found['connection']}, {found['peer_role']}, disk {found['peer_disk']}")
