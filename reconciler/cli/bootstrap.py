"""`reconciler bootstrap`."""

from pathlib import Path

import click

from reconciler import folder as working_copy
from reconciler.bootstrap import folder, secret
from reconciler.bootstrap.tree import tree
from reconciler.build import build
from reconciler.cli.common import show
from reconciler.errors import Refused
from reconciler.report import plural
from reconciler.state.hatches import HatchAllowance
from reconciler.state.load import load
from reconciler.state.model import State
from reconciler.state.problem import Severity

SECRETS = Path("/etc/reconciler/secrets")


@click.command(epilog="Example: sudo reconciler bootstrap ns1 -o ~/ns1 ~/network")
@click.argument("node")
@click.argument("path", metavar="[STATE-DIR]", type=click.Path(path_type=Path), default=".")
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder to write: a new or empty one, or one that this command has made, which is replaced.",
)
@click.option(
    "--secrets",
    type=click.Path(path_type=Path, file_okay=False),
    default=SECRETS,
    show_default=True,
    help="Where `secret: NAME` is looked for.",
)
def command(node: str, path: Path, output: Path, secrets: Path) -> None:
    """Write what NODE needs before the daemon can run, from the working copy at STATE-DIR.

    Files of DRBD, heartbeat, keepalived or Pacemaker, interfaces, firewall, ssh, units and the servers' own
    configuration, in the places that they have below /, and README.md with the commands in order. Nothing outside DIR
    is written. Run it on the node and as root: secrets are read there; where one is missing, the file that needs it
    cannot be used.
    """
    state = _state(path)
    found = {name: folder.read_secret(secrets / name) for name in secret.wanted(state.site.pair)}
    here, files = tree(state, node, {name: text for name, text in found.items() if text is not None})
    folder.write(output, files)
    for note in here.notes:
        click.echo(f"note: {note}")
    for name in secret.missing(here):
        click.echo(f"note: cannot read {secrets / name}; {output}/README.md tells how to make it")
    click.echo(f"{plural(len(files), 'file')} in {output}; begin with {output}/README.md")


def _state(path: Path) -> State:
    """The working copy, without a mistake; else they are told, and nothing is written."""
    loaded = load(working_copy.read(path), allow=HatchAllowance())
    problems = list(loaded.problems)
    if loaded.state is not None:
        problems += build(loaded.state).problems
    mistakes = [problem for problem in sorted(problems) if problem.severity is Severity.ERROR]
    for problem in mistakes:
        show(str(problem))
    if mistakes or loaded.state is None:
        raise Refused(f"{plural(len(mistakes), 'mistake')} found in {path}; nothing was written")
    return loaded.state
