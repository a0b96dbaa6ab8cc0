"""`reconciler schema`."""

import json
from typing import Literal

import click

from reconciler.state.reference import json_schema, markdown


@click.command(epilog="Example: reconciler schema site > site.schema.json")
@click.argument("what", type=click.Choice(["site", "hosts", "reference"]), default="site")
def command(what: Literal["site", "hosts", "reference"]) -> None:
    """Print the JSON Schema of site.yaml or of hosts files, so that an editor completes and checks as you type.

    `reference` prints the same as Markdown.
    """
    click.echo(markdown() if what == "reference" else json.dumps(json_schema(what), indent=2))
