"""`reconciler plan`."""

import json
from pathlib import Path

import click

from reconciler import folder, report
from reconciler.cli.check import problems
from reconciler.cli.common import as_owner, config_option, json_option, refuse_standby, settings_of, show
from reconciler.daemon.node import Node, assemble
from reconciler.daemon.push import serials
from reconciler.dns.versions import shown
from reconciler.evaluate import Evaluation


@click.command(epilog="Example: reconciler plan --dir ~/network")
@config_option
@click.option("--dir", "working_copy", type=click.Path(path_type=Path), help="Plan a working copy, not a commit.")
@click.argument("commit", required=False)
@json_option
def command(config: Path, working_copy: Path | None, commit: str | None, as_json: bool) -> None:
    """Show what COMMIT (the branch's head by default) would change here, and run the servers' own checkers on it.

    Nothing is changed. Exit code 1 when it would be refused or held back.
    """
    if commit and working_copy:
        raise click.UsageError("name a commit or --dir, not both")
    settings = settings_of(config)
    # What it would change here is told by the manifest, which lies on the shared disk.
    refuse_standby(settings)
    node = assemble(settings)
    evaluation = _evaluate(node, working_copy, commit)
    if as_json:
        click.echo(json.dumps(_document(node, evaluation), indent=2))
    else:
        for text in _lines(node, evaluation):
            show(text)
    raise SystemExit(0 if evaluation.valid and not evaluation.guard_reasons else 1)


def _evaluate(node: Node, working_copy: Path | None, commit: str | None) -> Evaluation:
    deployed = node.store.load()
    if working_copy:
        return node.evaluator.evaluate("working copy", folder.read(working_copy), deployed)
    as_owner(node.config)
    if node.leases is not None and deployed.commit and node.repo.contains(deployed.commit):
        # Against it the plan tells which of its reservations and names meet a lease.
        node.evaluator.learn(deployed.commit, node.repo.tree(deployed.commit), deployed)
    found = node.repo.resolve(commit or node.config.branch)
    return node.evaluator.evaluate(found, node.repo.tree(found), deployed)


def _lines(node: Node, evaluation: Evaluation) -> list[str]:
    lines = report.check(evaluation)
    if evaluation.plan is not None:
        lines += report.plan(evaluation.plan, serials(node, evaluation), records_shown=10_000)
        added, changed, deleted = evaluation.plan.counts
        lines.append(report.line("total", f"+{added} ~{changed} -{deleted} records"))
    if evaluation.guard_reasons:
        lines += report.guarded(evaluation.guard_reasons, how=f"git push -o {report.ALLOW}")
    return lines


def _document(node: Node, evaluation: Evaluation) -> dict[str, object]:
    expected = serials(node, evaluation)
    zones = evaluation.plan.zones if evaluation.plan else ()
    return {
        **problems(evaluation),
        "zones": [
            {
                "name": shown(zone.name),
                "kind": zone.kind,
                "serial": expected.get(zone.name),
                "changes": [{"sign": change.sign, "record": change.line} for change in zone.state_diff.changes],
            }
            for zone in zones
        ],
        "files": [{"sign": sign, "path": path} for sign, path in (evaluation.plan.files if evaluation.plan else ())],
        "notes": list(evaluation.plan.notes) if evaluation.plan else [],
        "guard": list(evaluation.guard_reasons),
    }
