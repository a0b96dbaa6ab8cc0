"""`reconciler apply`."""

from pathlib import Path

import click

from reconciler.cli.common import as_owner, ask_daemon, config_option, settings_of, show
from reconciler.config import NodeConfig
from reconciler.daemon.lock import exclusive
from reconciler.daemon.node import assemble
from reconciler.daemon.outcome import Wake
from reconciler.daemon.passes import Passes
from reconciler.errors import Temporary


@click.command(epilog="Example: reconciler apply")
@config_option
@click.option(
    "--allow-mass-change",
    is_flag=True,
    help="Let a change through that the guard holds back, or a branch that was rewritten.",
)
def command(config: Path, allow_mass_change: bool) -> None:
    """Make one thorough pass now: apply the branch's head, look for drift.

    The daemon makes it where one runs, else this command itself.
    """
    settings = settings_of(config)
    try:
        code = ask_daemon(settings, "apply", {"allow": "yes" if allow_mass_change else "no"})
    except Temporary:
        code = _alone(settings, allow_mass_change)
    raise SystemExit(code)


def _alone(settings: NodeConfig, allow: bool) -> int:
    as_owner(settings)
    with exclusive(settings.control):
        passes = Passes(assemble(settings))
        passes.pause.recall()
        report = passes.make(Wake("operator", thorough=True, allow=allow), show)
    for text in report.lines:
        show(text)
    return 0 if report.result.good else 1
