"""`reconciler check`."""

import json
from pathlib import Path

import click

from reconciler import folder, report
from reconciler.cli.common import json_option, show
from reconciler.deployed import Deployed
from reconciler.evaluate import Evaluation, Evaluator
from reconciler.state.hatches import HatchAllowance


@click.command(epilog="Example: reconciler check ~/network")
@click.argument("path", type=click.Path(path_type=Path), default=".")
@json_option
def command(path: Path, as_json: bool) -> None:
    """Check the working copy of a state repository at PATH (the current folder by default).

    Needs no server and no node.yaml. All mistakes are reported in one run, as file:line:column.
    """
    evaluation = Evaluator((), HatchAllowance()).evaluate("working copy", folder.read(path), Deployed())
    if as_json:
        click.echo(json.dumps(problems(evaluation), indent=2))
    else:
        for text in report.check(evaluation):
            show(text)
    raise SystemExit(0 if evaluation.valid else 1)


def problems(evaluation: Evaluation) -> dict[str, object]:
    """The check's outcome as JSON."""
    return {
        "valid": evaluation.valid,
        "problems": [
            {
                "file": problem.where.path,
                "line": problem.where.line,
                "column": problem.where.column,
                "severity": problem.severity.name.lower(),
                "what": problem.what,
                "fix": problem.fix,
            }
            for problem in sorted(evaluation.problems)
        ],
        "complaints": list(evaluation.complaints),
    }
