"""`reconciler delegation`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from reconciler import folder, report
from reconciler.cli.common import as_owner, config_option, json_option, refuse_standby, settings_of, show
from reconciler.daemon.node import assemble
from reconciler.delegation import expected, request
from reconciler.delegation.check import check
from reconciler.delegation.expected import Delegation
from reconciler.delegation.finding import Finding, Limits
from reconciler.deployed import Deployed
from reconciler.dns import names
from reconciler.errors import ConfigError, Refused, visible
from reconciler.evaluate import Evaluator
from reconciler.site import Site
from reconciler.state.addresses import ServerAddress, server_address
from reconciler.state.hatches import HatchAllowance
from reconciler.state.problem import Severity
from reconciler.state.types import Invalid

_COLOURS = {"ok": "green", "warning": "yellow", "error": "red"}


class _Server(click.ParamType[ServerAddress]):
    name = "address[:port]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ServerAddress:
        try:
            return server_address(value)
        except Invalid as error:
            self.fail(str(error), param, ctx)


@click.command(epilog="Example: reconciler delegation 192-255.100.51.198.in-addr.arpa")
@config_option
@click.option(
    "--state", type=click.Path(path_type=Path), help="Take the state from a working copy, not from this node."
)
@click.option("--no-check", is_flag=True, help="Print what to ask for; ask no name server.")
@click.option("--relative", is_flag=True, help="Write names relative to the parent zone, with an $ORIGIN line.")
@click.option("--resolver", type=_Server(), multiple=True, help="Ask this resolver, not the system's.")
@click.option("--parent-server", type=_Server(), multiple=True, help="A server of the parent zone, or of one above it.")
@click.option("--timeout", type=click.FloatRange(1, 3600), default=30.0, show_default=True, help="Seconds for a zone.")
@click.argument("zone", required=False)
@json_option
def command(
    config: Path,
    state: Path | None,
    no_check: bool,
    relative: bool,
    resolver: tuple[ServerAddress, ...],
    parent_server: tuple[ServerAddress, ...],
    timeout: float,
    zone: str | None,
    as_json: bool,
) -> None:
    """Say what the parent of ZONE has to hold, ready to be mailed to whoever runs it, and check what is answered.

    That are NS records, glue, and for a part of a /24 the CNAMEs of RFC 2317. Asked are the parent's servers, and all
    that they or the zone name. Without ZONE: each public zone of the state, and what is wrong with its delegation.
    Nothing is changed anywhere. Exit code 1 when something is broken, or could not be asked.
    """
    site = _working_copy(state) if state else _deployed(config)
    limits = Limits(total=timeout)
    found: list[tuple[Delegation, list[Finding]]] = []
    for name in [names.parse(zone.rstrip(".") + ".")] if zone else expected.public(site):
        item = expected.of(site, name)
        if zone and not as_json:
            _show_request(item, relative=relative)
        asked = [] if no_check else check(item, resolvers=resolver, parent_servers=parent_server, limits=limits)
        found.append((item, asked))
        if not as_json:
            _show_findings(item, asked, checked=not no_check, whole=bool(zone))
    if as_json:
        click.echo(json.dumps([_document(item, asked) for item, asked in found], indent=2))
    elif not found:
        click.echo("no zone of this state is public: all are private names, or reverse private addresses")
    raise SystemExit(1 if any(one.level == "error" for _, asked in found for one in asked) else 0)


def _working_copy(path: Path) -> Site:
    evaluation = Evaluator((), HatchAllowance()).evaluate("working copy", folder.read(path), Deployed())
    if evaluation.site is None:
        for text in report.check(evaluation):
            show(text)
        raise Refused(f"the state in {path} has mistakes; mend them first")
    return evaluation.site


def _deployed(config: Path) -> Site:
    if not config.exists():
        raise ConfigError(f"{config} is not there: name a working copy with --state, or another file with --config")
    settings = settings_of(config)
    refuse_standby(settings)
    as_owner(settings)
    node = assemble(settings)
    deployed = node.store.load()
    if deployed.commit is None:
        raise Refused("nothing is deployed on this node yet; name a working copy with --state")
    known = node.evaluator.learn(deployed.commit, node.repo.tree(deployed.commit), deployed)
    if known.site is None:
        first = next((str(problem) for problem in known.problems if problem.severity is Severity.ERROR), "")
        raise Refused(f"the deployed commit {deployed.commit[:12]} cannot be built any more: {first}")
    return known.site


def _show_request(item: Delegation, *, relative: bool) -> None:
    click.echo(request.letter(item, relative=relative))
    for text in request.notes(item):
        click.secho(f"note      {text}", fg="yellow")


def _show_findings(item: Delegation, findings: Sequence[Finding], *, checked: bool, whole: bool) -> None:
    wrong = [one for one in findings if one.level != "ok"]
    if not checked:
        if not whole:
            click.echo(f"{item.zone[:-1]}: below {item.parent}, name servers {', '.join(item.nameservers)}")
        return
    if not whole and not wrong:
        click.secho(f"ok        {item.zone[:-1]} is delegated", fg="green")
    elif not whole:
        click.echo(f"{item.zone[:-1]}:")
    for one in findings if whole else wrong:
        server = f"{one.server}: " if one.server else ""
        click.secho(visible(f"{one.level:<9} {server}{one.text}"), fg=_COLOURS[one.level])
        if one.remedy:
            click.echo(visible(f"          {one.who or 'you'}: {one.remedy}"))


def _document(item: Delegation, findings: Sequence[Finding]) -> dict[str, object]:
    return {
        "zone": item.zone,
        "parent": item.parent,
        "records": request.records(item),
        "other_names": list(item.others),
        "notes": request.notes(item),
        "findings": [one._asdict() for one in findings],
    }
