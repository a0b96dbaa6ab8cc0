"""`reconciler secondary`."""

from pathlib import Path

import click

from reconciler import folder, report
from reconciler.cli.common import show
from reconciler.deployed import Deployed
from reconciler.evaluate import Evaluator
from reconciler.services.bind.secondary import named_conf
from reconciler.state.hatches import HatchAllowance


@click.command(epilog="Example: reconciler secondary ns2 ~/network > named.conf")
@click.argument("name")
@click.argument("path", type=click.Path(path_type=Path), default=".")
def command(name: str, path: Path) -> None:
    """Print the named.conf with which secondary NAME begins to copy the zones.

    NAME stands under `secondaries:` in the working copy at PATH (the current folder by default). Needs no server and
    no node.yaml. No secret is printed: the file says where to put it.
    """
    evaluation = Evaluator((), HatchAllowance()).evaluate("working copy", folder.read(path), Deployed())
    if evaluation.site is None:
        for text in report.check(evaluation):
            show(text)
        raise SystemExit(1)
    click.echo(named_conf(evaluation.site, name), nl=False)
