"""`reconciler doctor`."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click

from reconciler import node_role
from reconciler.cli.common import any_config_option, json_option, request
from reconciler.config import NodeConfig, load
from reconciler.daemon.client import ask
from reconciler.daemon.node import assemble
from reconciler.doctor.examine import CHECKS, SETTINGS, examine, without_settings
from reconciler.doctor.finding import Finding, Level, broken, chapter, quoted, well
from reconciler.doctor.finding import command as remedy_command
from reconciler.doctor.node import Node, daemon_account
from reconciler.errors import ConfigError, Temporary, visible
from reconciler.site import Site

_COLOURS = {Level.WELL: "green", Level.SKIPPED: None, Level.WARNING: "yellow", Level.BROKEN: "red"}
_ASKED = 4.0
_NAMES = (SETTINGS, *(check.name for check in CHECKS))


@click.command(epilog="Example: sudo reconciler doctor; sudo reconciler doctor --only hooks --json")
@any_config_option
@json_option
@click.option(
    "--only", metavar="CHECK", type=click.Choice(_NAMES), multiple=True, help="Make this check alone; may be repeated."
)
def command(config: Path, as_json: bool, only: tuple[str, ...]) -> None:
    """Say what is wrong on this node, from the ground up, each with a remedy to copy.

    Looks only, and changes nothing. Works while the daemon, a server or the network is down. What this user may not see
    is not looked at, so run it as root. On a standby whatever lies on the shared disk or asks a server is left out.

    \b
    The checks:
    {checks}

    Exit code 1 if something is broken, 0 if all is well or there are warnings only.
    """
    found = findings(config.absolute(), only)
    level = _as_json(found) if as_json else _as_text(found)
    raise SystemExit(1 if level is Level.BROKEN else 0)


command.help = (command.help or "").replace(
    "{checks}",
    "\n    ".join(
        f"{name:<14} {about}" for name, about in ((SETTINGS, "node.yaml"), *((c.name, c.about) for c in CHECKS))
    ),
)


def findings(config: Path, only: tuple[str, ...] = ()) -> Iterator[Finding]:
    """What the checks find, or `only` these; node.yaml first."""
    try:
        settings = load(config)
    except ConfigError as error:
        yield from map(_named, _unusable(config, error))
        yield from without_settings()
        return
    if not only or SETTINGS in only:
        yield _named(_closed(config) or well(f"{config}: node {settings.node}"))
    yield from examine(node_of(config, settings), tuple(name for name in only if name != SETTINGS) or _unless(only))


def _unusable(config: Path, error: ConfigError) -> Iterator[Finding]:
    """Why there are no settings: each mistake a finding, and after the last one what to do."""
    again, why = remedy_command(config, "doctor"), error.__cause__
    if isinstance(why, FileNotFoundError):
        yield broken(f"{config} is not there", remedy_command(config, "init"), chapter("Files and folders"))
    elif isinstance(why, OSError):
        yield broken(f"{config} cannot be read: {why.strerror}", again, chapter("Files and folders"))
    elif not config.is_file():
        yield broken(str(error), "# name the file with the settings: sudo reconciler doctor --config FILE")
    else:
        *others, last = str(error).splitlines()
        yield from map(broken, others)
        yield broken(last, f"sudoedit {quoted(config)}", again, chapter("node.yaml has a mistake"))


def _unless(only: tuple[str, ...]) -> tuple[str, ...]:
    """No name chosen means all; the settings alone, none of the others."""
    return (SETTINGS,) if only else ()


def _named(finding: Finding) -> Finding:
    return Finding(finding.level, finding.what, finding.remedy, SETTINGS)


def _closed(config: Path) -> Finding | None:
    """That nobody else may say which programs the daemon runs."""
    mode = config.stat().st_mode & 0o777
    if mode & 0o022:
        return broken(
            f"{config} can be written by others than its owner (mode {mode:04o}), and it names programs that are run",
            f"sudo chmod go-w {quoted(config)}",
            chapter("Files and folders"),
        )
    return None


def node_of(config: Path, settings: NodeConfig) -> Node:
    """What checks are given."""
    return Node(
        config=config,
        settings=settings,
        role=node_role.provider(settings).read(),
        daemon=daemon_account(settings),
        status=partial(_status, settings),
        site=partial(_site, settings),
    )


def _site(settings: NodeConfig) -> Site | None:
    node = assemble(settings)
    deployed = node.store.load()
    if deployed.commit is None:
        return None
    return node.evaluator.learn(deployed.commit, node.repo.tree(deployed.commit), deployed).site


def _status(settings: NodeConfig) -> dict[str, Any]:
    received: list[str] = []
    ask(settings.control, request("status"), received.append, timeout=_ASKED)
    try:
        document: dict[str, Any] = json.loads("".join(received))
    except ValueError:
        raise Temporary("the daemon's answer is no status") from None
    return document


def _as_json(findings: Iterable[Finding]) -> Level:
    found = list(findings)
    worst = _worst(found)
    document = {"broken": worst is Level.BROKEN, "findings": [asdict(item) for item in found]}
    click.echo(json.dumps(document, indent=2))
    return worst


def _as_text(findings: Iterable[Finding]) -> Level:
    found = []
    for item in findings:
        found.append(item)
        _print(item)
    counts = {level: sum(item.level is level for item in found) for level in Level}
    told = ", ".join(f"{count} {level}" for level, count in counts.items() if count)
    click.echo(f"\n{told}")
    return _worst(found)


def _print(item: Finding) -> None:
    head = click.style(f"{item.level:<8}", fg=_COLOURS[item.level])
    lines = visible(item.what).splitlines() or [""]
    click.echo(f"{head} {item.check:<14} {lines[0]}")
    for line in lines[1:]:
        click.echo(f"{'':<24}{line}")
    for line in item.remedy.splitlines():
        click.echo(f"    {visible(line)}")


def _worst(found: list[Finding]) -> Level:
    order = list(Level)
    return max((item.level for item in found), key=order.index, default=Level.WELL)
